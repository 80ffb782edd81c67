/*
 * blas.c: maps OpenBLAS at run time, multiplies with it and solves systems; where it, or one of its
 * functions, is missing, plain kernels do.
 */
#include "core/blas.h"

#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/vector.h"

/* The values of the CBLAS interface that are used here (cblas.h). */
#define CBLAS_ROW_MAJOR    101
#define CBLAS_NO_TRANSPOSE 111
#define CBLAS_TRANSPOSE    112
#define CBLAS_LOWER        122

typedef void (*Sgemm)(int order, int transA, int transB, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c,
                      int ldc);

typedef void (*Ssyrk)(int order, int triangle, int trans, int n, int k, float alpha, const float *a,
                      int lda, float beta, float *c, int ldc);

/* LAPACK's are Fortran's: by reference and by columns, so that our lower triangle is its upper. */
typedef void (*Spotrf)(const char *triangle, const int *n, float *a, const int *lda, int *info);
typedef void (*Spotrs)(const char *triangle, const int *n, const int *columns, const float *a,
                       const int *lda, float *b, const int *ldb, int *info);
typedef void (*Ssyevd)(const char *vectors, const char *triangle, const int *n, float *a,
                       const int *lda, float *values, float *work, const int *lwork, int *iwork,
                       const int *liwork, int *info);

static Sgemm sgemm;
static Ssyrk ssyrk;
static Spotrf spotrf;
static Spotrs spotrs;
static Ssyevd ssyevd;
static bool tried;

#ifndef RECADV_NO_BLAS
static void *MapSingleThreaded(const char *library)
{
    const char *variable = "OPENBLAS_NUM_THREADS";
    const char *old = getenv(variable);
    char *saved = old == NULL ? NULL : strdup(old);
    sigset_t all, mask;
    void *handle;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    setenv(variable, "1", 1);
    handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (saved == NULL)
        unsetenv(variable);
    else
        setenv(variable, saved, 1);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    free(saved);
    return handle;
}

/* The OpenMP flavour (2) has threads of its own; a library mapped by others may use several. */
static bool IsSingleThreaded(void *handle)
{
    int (*parallel)(void);
    void (*set_threads)(int);

    *(void **)&parallel = dlsym(handle, "openblas_get_parallel");
    *(void **)&set_threads = dlsym(handle, "openblas_set_num_threads");
    if (parallel == NULL || set_threads == NULL || parallel() == 2)
        return false;
    set_threads(1);
    return true;
}

/* A library without one of them has the plain kernel in its place. */
static void FindFunctions(void *handle)
{
    *(void **)&sgemm = dlsym(handle, "cblas_sgemm");
    *(void **)&ssyrk = dlsym(handle, "cblas_ssyrk");
    *(void **)&spotrf = dlsym(handle, "spotrf_");
    *(void **)&spotrs = dlsym(handle, "spotrs_");
    *(void **)&ssyevd = dlsym(handle, "ssyevd_");
}
#endif

bool BlasLoad(void)
{
#ifndef RECADV_NO_BLAS
    if (!tried) {
        void *handle = MapSingleThreaded("libopenblas.so.0");

        if (handle != NULL && IsSingleThreaded(handle))
            FindFunctions(handle);
    }
#endif
    tried = true;
    return sgemm != NULL;
}

void MultiplyTransposed(const float *a, const float *b, size_t m, size_t n, size_t k, float *out)
{
    /* A single row is bound by memory: no call into the library, and its sums do not depend on it.
     */
    if (sgemm != NULL && m > 1 && n > 0 && m <= INT_MAX && n <= INT_MAX && k <= INT_MAX) {
        sgemm(CBLAS_ROW_MAJOR, CBLAS_NO_TRANSPOSE, CBLAS_TRANSPOSE, (int)m, (int)n, (int)k, 1.0f, a,
              (int)k, b, (int)k, 0.0f, out, (int)n);
        return;
    }
    for (size_t i = 0; i < m; i++)
        DotRows(a + i * k, b, n, k, out + i * n);
}

/* --- symmetric systems */

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
    if (ssyrk != NULL && n <= INT_MAX && count <= INT_MAX)
        ssyrk(CBLAS_ROW_MAJOR, CBLAS_LOWER, CBLAS_TRANSPOSE, (int)n, (int)count, 1.0f, rows, (int)n,
              1.0f, a, (int)n);
    else
        PlainAddProducts(rows, count, n, a);
}

void RowProducts(const float *rows, size_t count, size_t n, float *a)
{
    if (ssyrk != NULL && n <= INT_MAX && count <= INT_MAX) {
        ssyrk(CBLAS_ROW_MAJOR, CBLAS_LOWER, CBLAS_NO_TRANSPOSE, (int)count, (int)n, 1.0f, rows,
              (int)n, 0.0f, a, (int)count);
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

    if (spotrf == NULL || spotrs == NULL || n > INT_MAX) {
        if (!PlainFactor(a, n))
            return false;
        PlainSubstitute(a, n, b);
        return true;
    }
    spotrf("U", &size, a, &size, &info);
    if (info == 0)
        spotrs("U", &size, &one, a, &size, b, &size, &info);
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

    if (ssyevd == NULL)
        return PlainEigen(a, n, lead, values, work);
    ssyevd("V", "U", &size, a, &lda, values, space, &floats, (int *)(space + floats), &integers,
           &info);
    return info == 0;
}
