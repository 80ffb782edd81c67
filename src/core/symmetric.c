/*
 * symmetric.c: sums of outer products, Cholesky's factors and eigenvectors, by OpenBLAS or, where
 * it or one of its functions is missing, by plain kernels.
 */
#include "core/symmetric.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/blas.h"
#include "core/vector.h"

/* NULL where the plain kernels have to do it. */
static const Blas *Enter(size_t n, size_t count)
{
    const Blas *blas = n > 0 && n <= INT_MAX && count <= INT_MAX ? BlasEnter() : NULL;

    if (blas == NULL || (blas->ssyrk != NULL && blas->spotrf != NULL && blas->spotrs != NULL &&
                         blas->ssyevd != NULL))
        return blas;
    BlasLeave();
    return NULL;
}

static void PlainAddProducts(const float *rows, size_t count, size_t n, float *a)
{
    for (size_t r = 0; r < count; r++) {
        const float *row = rows + r * n;

        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++)
                a[i * n + j] += row[i] * row[j];
    }
}

void AddProducts(const float *rows, size_t count, size_t n, float *a)
{
    const Blas *blas = Enter(n, count);

    if (blas == NULL) {
        PlainAddProducts(rows, count, n, a);
        return;
    }
    blas->ssyrk(CBLAS_ROW_MAJOR, CBLAS_LOWER, CBLAS_TRANSPOSE, (int)n, (int)count, 1.0f, rows,
                (int)n, 1.0f, a, (int)n);
    BlasLeave();
}

void RowProducts(const float *rows, size_t count, size_t n, float *a)
{
    const Blas *blas = Enter(n, count);

    if (blas != NULL) {
        blas->ssyrk(CBLAS_ROW_MAJOR, CBLAS_LOWER, CBLAS_NO_TRANSPOSE, (int)count, (int)n, 1.0f,
                    rows, (int)n, 0.0f, a, (int)count);
        BlasLeave();
        return;
    }
    for (size_t i = 0; i < count; i++)
        DotRows(rows + i * n, rows, i + 1, n, a + i * count);
}

static double PlainDot(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t k = 0; k < n; k++)
        sum += (double)a[k] * b[k];
    return sum;
}

/* a = L L^T, by rows; false where a pivot is not above zero. */
static bool PlainFactor(float *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float *row = a + i * n;

        for (size_t j = 0; j <= i; j++) {
            double rest = row[j] - PlainDot(row, a + j * n, j);

            if (j == i && !(rest > 0))
                return false;
            row[j] = (float)(j == i ? sqrt(rest) : rest / a[j * n + j]);
        }
    }
    return true;
}

/* L L^T x = b */
static void PlainSubstitute(const float *a, size_t n, float *b)
{
    for (size_t i = 0; i < n; i++)
        b[i] = (float)((b[i] - PlainDot(a + i * n, b, i)) / a[i * n + i]);
    for (size_t i = n; i-- > 0;) {
        b[i] /= a[i * n + i];
        for (size_t j = 0; j < i; j++)
            b[j] -= a[i * n + j] * b[i];
    }
}

bool SolvePositive(float *a, size_t n, float *b)
{
    int size = (int)n, one = 1, info = 0;
    const Blas *blas = Enter(n, n);

    if (blas == NULL) {
        if (!PlainFactor(a, n))
            return false;
        PlainSubstitute(a, n, b);
        return true;
    }
    blas->spotrf("U", &size, a, &size, &info);
    if (info == 0)
        blas->spotrs("U", &size, &one, a, &size, b, &size, &info);
    BlasLeave();
    return info == 0;
}

/* --- eigenvectors */

#define MOST_SWEEPS 60
#define SMALL_ANGLE 1e-12 /* of the off-diagonal's square, relative to the matrix's */

/* Rows (columns) p and q turn in their plane. */
static void Rotate(double *p, double *q, size_t n, size_t step, double c, double s)
{
    for (size_t k = 0; k < n * step; k += step) {
        double x = p[k], y = q[k];

        p[k] = c * x - s * y;
        q[k] = s * x + c * y;
    }
}

/* Makes a[p][q] zero (Golub and Van Loan 2013, section 8.5.2). */
static void Annihilate(double *a, double *vectors, size_t n, size_t p, size_t q)
{
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;

    Rotate(a + p, a + q, n, n, c, s);
    Rotate(a + p * n, a + q * n, n, 1, c, s);
    Rotate(vectors + p * n, vectors + q * n, n, 1, c, s);
}

/* Sums of squares: of all elements, and of those off the diagonal. */
static bool IsDiagonal(const double *a, size_t n)
{
    double all = 0, off = 0;

    for (size_t i = 0; i < n * n; i++) {
        all += a[i] * a[i];
        off += i % (n + 1) == 0 ? 0 : a[i] * a[i];
    }
    return off <= SMALL_ANGLE * SMALL_ANGLE * all;
}

static bool Jacobi(double *a, double *vectors, size_t n)
{
    for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
        if (IsDiagonal(a, n))
            return true;
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++)
                if (a[p * n + q] != 0)
                    Annihilate(a, vectors, n, p, q);
    }
    return false;
}

static bool PlainEigen(float *a, size_t n, size_t lead, float *values, double *work)
{
    double *vectors = work + n * n;
    bool done;

    memset(vectors, 0, n * n * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        vectors[i * n + i] = 1;
        for (size_t j = 0; j <= i; j++)
            work[i * n + j] = work[j * n + i] = a[i * lead + j];
    }
    done = Jacobi(work, vectors, n);
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)work[i * n + i];
        for (size_t j = 0; j < n; j++)
            a[i * lead + j] = (float)vectors[i * n + j];
    }
    return done;
}

/* Of LAPACK: 1 + 6n + 2n^2 floats and 3 + 5n integers. */
size_t EigenWork(size_t n)
{
    return 2 * n * n * sizeof(double) + (4 + 11 * n) * sizeof(float);
}

bool SymmetricEigen(float *a, size_t n, size_t lead, float *values, void *work)
{
    int size = (int)n, lda = (int)lead, info = 0;
    int floats = 1 + 6 * size + 2 * size * size, integers = 3 + 5 * size;
    float *space = work;
    const Blas *blas = Enter(n, lead);

    if (blas == NULL)
        return PlainEigen(a, n, lead, values, work);
    blas->ssyevd("V", "U", &size, a, &lda, values, space, &floats, (int *)(space + floats),
                 &integers, &info);
    BlasLeave();
    return info == 0;
}
