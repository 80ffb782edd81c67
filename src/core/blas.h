/*
 * blas.h: OpenBLAS, mapped at run time.
 *
 * The pthread flavour starts threads the moment it is mapped, with no signal blocked; a signal
 * handler of PostgreSQL could then run in one of them.  So it is not linked, but mapped with one
 * thread set in the environment and all signals blocked.  Without it, plain kernels do the work.
 */
#ifndef RECADV_CORE_BLAS_H
#define RECADV_CORE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* Maps the library if it is there; main thread only; later calls cost nothing. */
extern bool BlasLoad(void);

/*
 * out (m x n, row-major, leading dimension n) = a (m x k, leading dimension k) . b^T
 * (b: n x k, leading dimension k); k a multiple of 16, all 64-byte aligned.  Callable from any
 * thread after BlasLoad.
 */
extern void MultiplyTransposed(const float *a, const float *b, size_t m, size_t n, size_t k,
                               float *out);

/*
 * Dense symmetric systems in the lower triangle of a row-major matrix; all callable from any thread
 * after BlasLoad.  The plain kernels take over where the library lacks a function.
 */

/* a (n x n, leading dimension n) += rows^T rows; rows: count x n. */
extern void AddProducts(const float *rows, size_t count, size_t n, float *a);

/* a (count x count, leading dimension count) = rows rows^T; rows: count x n, n a multiple of 16. */
extern void RowProducts(const float *rows, size_t count, size_t n, float *a);

/* Solves a x = b by Cholesky's factors, which replace a; x replaces b.  False: not positive. */
extern bool SolvePositive(float *a, size_t n, float *b);

/*
 * Eigenvectors of the leading n x n of a (leading dimension `lead`): row k becomes the one of
 * values[k].  Main thread, not interruptible.  work: EigenWork(n) bytes.  False: no result.
 */
extern bool SymmetricEigen(float *a, size_t n, size_t lead, float *values, void *work);
extern size_t EigenWork(size_t n);

#endif
