/*
 * matrix.h: products of matrices whose rows start anywhere, which may be parts of larger ones: by
 * OpenBLAS, once BlasLoad (core/blas.h) has mapped it, or by plain loops.
 */
#ifndef RECADV_ALGO_NET_MATRIX_H
#define RECADV_ALGO_NET_MATRIX_H

#include "algo/net/real.h"

/* Rows of a matrix that start every `pitch` numbers. */
typedef struct Matrix {
    const Real *data;
    size_t pitch;
} Matrix;

/* Is the product written, or added to what is there? */
typedef enum ProductSum { PRODUCT_IS, PRODUCT_ADDS } ProductSum;

/* out (m x n) = a (m x k) . b (k x n) */
extern void MatrixProduct(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,
                          Real *out, size_t pitch);

/* out (m x n) = a (m x k) . b^T; b: n x k */
extern void MatrixProductTransposed(Matrix a, Matrix b, size_t m, size_t n, size_t k,
                                    ProductSum sum, Real *out, size_t pitch);

/* out (m x n) = a^T . b; a: k x m, b: k x n */
extern void MatrixProductColumns(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,
                                 Real *out, size_t pitch);

/* The first two, never by the library, so with the same bytes in every process: for serving. */
extern void MatrixProductPlain(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,
                               Real *out, size_t pitch);
extern void MatrixProductTransposedPlain(Matrix a, Matrix b, size_t m, size_t n, size_t k,
                                         ProductSum sum, Real *out, size_t pitch);

#endif
