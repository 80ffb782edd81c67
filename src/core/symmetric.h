/*
 * symmetric.h: dense symmetric systems, in the lower triangle of a row-major matrix.
 *
 * By OpenBLAS, once BlasLoad (blas.h) has mapped it, or by plain kernels.  Callable from any
 * thread.
 */
#ifndef RECADV_CORE_SYMMETRIC_H
#define RECADV_CORE_SYMMETRIC_H

#include <stdbool.h>
#include <stddef.h>

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
