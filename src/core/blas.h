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

/* out (m x n) = a (m x k) . b (k x n), all without gaps; n a multiple of 16, b and out aligned. */
extern void MultiplyRows(const float *a, const float *b, size_t m, size_t n, size_t k, float *out);

/*
 * out (m x n) = a^T . b; a: k rows of m floats that start every `pitch` floats; b: k x n; n a
 * multiple of 16, b and out aligned.
 */
extern void MultiplyColumns(const float *a, size_t pitch, const float *b, size_t m, size_t n,
                            size_t k, float *out);

#endif
