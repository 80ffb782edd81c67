/*
 * matrix.c: products of matrices; the plain loops are what the tests compare OpenBLAS with.
 */
#include "algo/net/matrix.h"

#include <limits.h>

#include "core/blas.h"

/* What is multiplied: out (m x n) [+]= sums over k terms. */
typedef struct Task {
    Matrix a, b;
    size_t m, n, k;
    ProductSum sum;
    Real *out;
    size_t pitch;
} Task;

#ifdef RECADV_DOUBLE
static bool ByLibrary(const Task *t, int a_form, int b_form)
{
    (void)t, (void)a_form, (void)b_form;
    return false;
}
#else
/*
 * False where the plain loops have to do it: also for a single row, which is bound by memory, and
 * whose sums then do not depend on the library: it is what serves.
 */
static bool ByLibrary(const Task *t, int a_form, int b_form)
{
    bool fits = t->m > 1 && t->n > 0 && t->k > 0 && t->m <= INT_MAX && t->n <= INT_MAX &&
                t->k <= INT_MAX && t->a.pitch <= INT_MAX && t->b.pitch <= INT_MAX &&
                t->pitch <= INT_MAX;
    const Blas *blas = fits ? BlasEnter() : NULL;

    if (blas == NULL)
        return false;
    blas->sgemm(CBLAS_ROW_MAJOR, a_form, b_form, (int)t->m, (int)t->n, (int)t->k, 1.0f, t->a.data,
                (int)t->a.pitch, t->b.data, (int)t->b.pitch, t->sum == PRODUCT_ADDS ? 1.0f : 0.0f,
                t->out, (int)t->pitch);
    BlasLeave();
    return true;
}
#endif

VECTOR_INLINE Real *RowOf(const Task *t, size_t i)
{
    Real *row = t->out + i * t->pitch;

    if (t->sum == PRODUCT_IS)
        RealClear(row, t->n);
    return row;
}

/* row += x * values */
VECTOR_INLINE void AddScaled(Real x, const Real *values, size_t n, Real *row)
{
    for (size_t j = 0; j < n; j++)
        row[j] += x * values[j];
}

/* Term x of a's row i is a.data[i * row + x * step]. */
VECTOR_INLINE void SumRows(const Task *t, size_t row, size_t step)
{
    for (size_t i = 0; i < t->m; i++) {
        Real *out = RowOf(t, i);

        for (size_t x = 0; x < t->k; x++)
            AddScaled(t->a.data[i * row + x * step], t->b.data + x * t->b.pitch, t->n, out);
    }
}

/* In sixteen partial sums, as core/vector_primitives.h has them. */
VECTOR_INLINE Real Dot(const Real *a, const Real *b, size_t k)
{
    Real lane[VECTOR_LANES] = {0}, sum = 0;
    size_t x = 0;

    for (; x + VECTOR_LANES <= k; x += VECTOR_LANES)
        for (size_t l = 0; l < VECTOR_LANES; l++)
            lane[l] += a[x + l] * b[x + l];
    for (; x < k; x++)
        lane[x % VECTOR_LANES] += a[x] * b[x];
    for (size_t l = 0; l < VECTOR_LANES; l++)
        sum += lane[l];
    return sum;
}

VECTOR_INLINE void DotAll(const Task *t)
{
    for (size_t i = 0; i < t->m; i++) {
        Real *out = RowOf(t, i);

        for (size_t j = 0; j < t->n; j++)
            out[j] += Dot(t->a.data + i * t->a.pitch, t->b.data + j * t->b.pitch, t->k);
    }
}

VECTOR_VARIANTS(PlainProduct, (const Task *t), SumRows(t, t->a.pitch, 1))
VECTOR_VARIANTS(PlainColumns, (const Task *t), SumRows(t, 1, t->a.pitch))
VECTOR_VARIANTS(PlainTransposed, (const Task *t), DotAll(t))

void MatrixProduct(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum, Real *out,
                   size_t pitch)
{
    Task t = {a, b, m, n, k, sum, out, pitch};

    if (!ByLibrary(&t, CBLAS_NO_TRANSPOSE, CBLAS_NO_TRANSPOSE))
        PlainProductVariants[VectorLevel()](&t);
}

void MatrixProductTransposed(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,
                             Real *out, size_t pitch)
{
    Task t = {a, b, m, n, k, sum, out, pitch};

    if (!ByLibrary(&t, CBLAS_NO_TRANSPOSE, CBLAS_TRANSPOSE))
        PlainTransposedVariants[VectorLevel()](&t);
}

void MatrixProductColumns(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,
                          Real *out, size_t pitch)
{
    Task t = {a, b, m, n, k, sum, out, pitch};

    if (!ByLibrary(&t, CBLAS_TRANSPOSE, CBLAS_NO_TRANSPOSE))
        PlainColumnsVariants[VectorLevel()](&t);
}

void MatrixProductPlain(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum, Real *out,
                        size_t pitch)
{
    PlainProductVariants[VectorLevel()](&(Task){a, b, m, n, k, sum, out, pitch});
}

void MatrixProductTransposedPlain(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,
                                  Real *out, size_t pitch)
{
    PlainTransposedVariants[VectorLevel()](&(Task){a, b, m, n, k, sum, out, pitch});
}
