/*
 * products.c: products of dense matrices, by OpenBLAS or, where it is missing, by plain kernels.
 */
#include "core/products.h"

#include <limits.h>
#include <stdbool.h>

#include "core/blas.h"
#include "core/vector.h"

#define VECTOR_KERNELS "core/products_kernels.h"
#include "core/vector_targets.h"

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

VECTOR_TABLE(SumRows,
             (const float *a, size_t step, const float *b, size_t n, size_t k, float *out));

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
