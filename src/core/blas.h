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
 * Maps the library if it is there, multiplies rightly, and finds room in the address space;
 * reserves what products on so many threads at a time need.  Where there is less room, plain
 * kernels do what it cannot.  False: they do all.  Main thread only, while no product runs; later
 * calls cost next to nothing.
 */
extern bool BlasLoad(int threads);

/* Bytes that a product of these dimensions fills, on each thread, but for what it is given. */
extern size_t BlasMemory(size_t m, size_t n, size_t k);

/* cblas_sgemm (cblas.h). */
typedef void (*Sgemm)(int order, int transA, int transB, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c,
                      int ldc);

/* Compares products of some shapes with those of the plain kernels. */
extern bool SgemmIsRight(Sgemm product);

/*
 * out (m x n, row-major, leading dimension n) = a (m x k, leading dimension k) . b^T
 * (b: n x k, leading dimension k); k a multiple of 16, all 64-byte aligned.  Callable from any
 * thread after BlasLoad.
 */
extern void MultiplyTransposed(const float *a, const float *b, size_t m, size_t n, size_t k,
                               float *out);

/* out (m x n) = a (m x k) . b (k x n), all without gaps; n a multiple of 16, b and out aligned. */
extern void MultiplyRows(const float *a, const float *b, size_t m, size_t n, size_t k, float *out);

/*
 * out (m x n) = a^T . b; a: k rows of m floats that start every `pitch` floats; b: k x n; n a
 * multiple of 16, b and out aligned.
 */
extern void MultiplyColumns(const float *a, size_t pitch, const float *b, size_t m, size_t n,
                            size_t k, float *out);

#endif
