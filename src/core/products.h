/*
 * products.h: products of dense matrices.
 *
 * By OpenBLAS, once BlasLoad (blas.h) has mapped it, or by plain kernels.  Callable from any
 * thread.
 */
#ifndef RECADV_CORE_PRODUCTS_H
#define RECADV_CORE_PRODUCTS_H

#include <stddef.h>

/*
 * out (m x n, row-major, leading dimension n) = a (m x k, leading dimension k) . b^T
 * (b: n x k, leading dimension k); k a multiple of 16, all 64-byte aligned.
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
