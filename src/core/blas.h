/*
 * blas.h: OpenBLAS, mapped at run time.
 *
 * The pthread flavour starts threads the moment it is mapped, with no signal blocked; a signal
 * handler of PostgreSQL could then run in one of them.  So it is not linked, but mapped with one
 * thread set in the environment and all signals blocked.  Without it, plain kernels do the work.
 * Some of its builds choose kernels that are wrong on a processor that came later, and all of them
 * spin for ever without room for their buffers; so both are tried before it is used.
 */
#ifndef RECADV_CORE_BLAS_H
#define RECADV_CORE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The first call maps the library if it is there, multiplies rightly, and finds room in the address
 * space for itself and a buffer; what it finds holds for the process, so that no product of a
 * training depends on chance.  False: plain kernels do all.  Each call reserves what products on so
 * many threads at a time need; where there is less room, they wait for each other.  Main thread
 * only, while no product runs; later calls cost next to nothing.
 */
extern bool BlasLoad(int threads);

/* Bytes that a product of these dimensions fills, on each thread, but for what it is given. */
extern size_t BlasMemory(size_t m, size_t n, size_t k);

/* The values of the CBLAS interface that are used (cblas.h). */
#define CBLAS_ROW_MAJOR    101
#define CBLAS_NO_TRANSPOSE 111
#define CBLAS_TRANSPOSE    112
#define CBLAS_LOWER        122

typedef void (*Sgemm)(int order, int transA, int transB, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c,
                      int ldc);
typedef void (*Ssyrk)(int order, int triangle, int trans, int n, int k, float alpha, const float *a,
                      int lda, float beta, float *c, int ldc);

/* LAPACK's are Fortran's: by reference and by columns, so that our lower triangle is its upper. */
typedef void (*Spotrf)(const char *triangle, const int *n, float *a, const int *lda, int *info);
typedef void (*Spotrs)(const char *triangle, const int *n, const int *columns, const float *a,
                       const int *lda, float *b, const int *ldb, int *info);
typedef void (*Ssyevd)(const char *vectors, const char *triangle, const int *n, float *a,
                       const int *lda, float *values, float *work, const int *lwork, int *iwork,
                       const int *liwork, int *info);

/* What is used of the library.  NULL: this build of it has no such function. */
typedef struct Blas {
    Sgemm sgemm; /* never NULL */
    Ssyrk ssyrk;
    Spotrf spotrf;
    Spotrs spotrs;
    Ssyevd ssyevd;
} Blas;

/* Compares products of some shapes with those of the plain kernels. */
extern bool SgemmIsRight(Sgemm product);

/*
 * Admits a call, as soon as there is a buffer: what of the library it may use, until BlasLeave;
 * NULL where plain kernels do all the work.  Any thread, after BlasLoad; one call of the library at
 * a time.
 */
extern const Blas *BlasEnter(void);
extern void BlasLeave(void);

#endif
