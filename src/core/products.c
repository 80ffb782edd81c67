/*
 * products.c: products of dense matrices, by OpenBLAS or, where it is missing, by plain kernels.
 */
#include "core/products.h"

#include <limits.h>
#include <stdbool.h>

#include "core/blas.h"
#include "core/vector.h"

/* How the first and the second factor lie. */
typedef enum Form { ROWS_BY_ROWS, ROWS_BY_COLUMNS, COLUMNS_BY_ROWS } Form;

/* out (m x n): sums over k terms; `pitch`: of a.  False where the plain kernels have to do it. */
static bool Product(Form form, const float *a, size_t pitch, const float *b, size_t m, size_t n,
                    size_t k, float *out)
{
    bool fits = n > 0 && pitch <= INT_MAX && m <= INT_MAX && n <= INT_MAX && k <= INT_MAX;
    const Blas *blas = fits ? BlasEnter() : NULL;

    if (blas == NULL)
        return false;
    blas->sgemm(CBLAS_ROW_MAJOR, form == COLUMNS_BY_ROWS ? CBLAS_TRANSPOSE : CBLAS_NO_TRANSPOSE,
                form == ROWS_BY_ROWS ? CBLAS_TRANSPOSE : CBLAS_NO_TRANSPOSE, (int)m, (int)n, (int)k,
                1.0f, a, (int)pitch, b, (int)(form == ROWS_BY_ROWS ? k : n), 0.0f, out, (int)n);
    BlasLeave();
    return true;
}

void MultiplyTransposed(const float *a, const float *b, size_t m, size_t n, size_t k, float *out)
{
    /* A single row is bound by memory: no call into the library, and its sums do not depend on it.
     */
    if (m > 1 && Product(ROWS_BY_ROWS, a, k, b, m, n, k, out))
        return;
    for (size_t i = 0; i < m; i++)
        DotRows(a + i * k, b, n, k, out + i * n);
}

/* Columns whose sums stay in registers, in vectors. */
#define SUMS 4

/* `count` is a constant where this is inlined. */
VECTOR_INLINE void SumColumns(const float *a, size_t step, const float *b, size_t n, size_t k,
                              const size_t count, float *out)
{
    Vector sum[SUMS] = {{0}};

    for (size_t x = 0; x < k; x++)
        for (size_t c = 0; c < count; c++)
            sum[c] += a[x * step] * ((const Vector *)(b + x * n))[c];
    for (size_t c = 0; c < count; c++)
        ((Vector *)out)[c] = sum[c];
}

/* out (n floats) = sum over x of a[x * step] b[x]; b: k x n */
VECTOR_INLINE void SumRowsBody(const float *a, size_t step, const float *b, size_t n, size_t k,
                               float *out)
{
    size_t first = 0;

    for (; first + SUMS * VECTOR_LANES <= n; first += SUMS * VECTOR_LANES)
        SumColumns(a, step, b + first, n, k, SUMS, out + first);
    for (; first < n; first += VECTOR_LANES)
        SumColumns(a, step, b + first, n, k, 1, out + first);
}

VECTOR_VARIANTS(SumRows,
                (const float *a, size_t step, const float *b, size_t n, size_t k, float *out),
                SumRowsBody(a, step, b, n, k, out))

void MultiplyRows(const float *a, const float *b, size_t m, size_t n, size_t k, float *out)
{
    if (Product(ROWS_BY_COLUMNS, a, k, b, m, n, k, out))
        return;
    for (size_t i = 0; i < m; i++)
        SumRowsVariants[VectorLevel()](a + i * k, 1, b, n, k, out + i * n);
}

void MultiplyColumns(const float *a, size_t pitch, const float *b, size_t m, size_t n, size_t k,
                     float *out)
{
    if (Product(COLUMNS_BY_ROWS, a, pitch, b, m, n, k, out))
        return;
    for (size_t i = 0; i < m; i++)
        SumRowsVariants[VectorLevel()](a + i, pitch, b, n, k, out + i * n);
}
