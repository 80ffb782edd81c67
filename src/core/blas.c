/*
 * blas.c: maps OpenBLAS at run time, and multiplies with it or, where it is missing, with plain
 * kernels.
 */
#include "core/blas.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/vector.h"

/* The two values of the CBLAS interface that are used here (cblas.h). */
#define CBLAS_ROW_MAJOR    101
#define CBLAS_NO_TRANSPOSE 111
#define CBLAS_TRANSPOSE    112

typedef void (*Sgemm)(int order, int transA, int transB, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c,
                      int ldc);

static Sgemm sgemm;
static bool tried;

#ifndef RECADV_NO_BLAS
/* A variable of the environment, set for a while. */
typedef struct Variable {
    const char *name;
    char *before; /* NULL: there was none */
} Variable;

static Variable SetVariable(const char *name, const char *value)
{
    const char *old = getenv(name);
    Variable variable = {name, old == NULL ? NULL : strdup(old)};

    setenv(name, value, 1);
    return variable;
}

static void ResetVariable(Variable *variable)
{
    if (variable->before == NULL)
        unsetenv(variable->name);
    else
        setenv(variable->name, variable->before, 1);
    free(variable->before);
}

/*
 * The library does not know processors that are younger than itself and takes AVX2 kernels for
 * them; where there is AVX-512, its oldest kernels for that run on all.  Who has chosen kernels
 * keeps them.
 */
static bool NamesKernels(void)
{
    return VectorLevel() == 2 && getenv("OPENBLAS_CORETYPE") == NULL;
}

static void *MapSingleThreaded(const char *library)
{
    bool names = NamesKernels();
    Variable threads, kernels;
    sigset_t all, mask;
    void *handle;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    threads = SetVariable("OPENBLAS_NUM_THREADS", "1");
    if (names)
        kernels = SetVariable("OPENBLAS_CORETYPE", "SkylakeX");
    handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (names)
        ResetVariable(&kernels);
    ResetVariable(&threads);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
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
#endif

bool BlasLoad(void)
{
#ifndef RECADV_NO_BLAS
    if (!tried) {
        void *handle = MapSingleThreaded("libopenblas.so.0");

        if (handle != NULL && IsSingleThreaded(handle))
            *(void **)&sgemm = dlsym(handle, "cblas_sgemm");
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
    if (sgemm != NULL && m <= INT_MAX && n <= INT_MAX && k <= INT_MAX) {
        sgemm(CBLAS_ROW_MAJOR, CBLAS_NO_TRANSPOSE, CBLAS_NO_TRANSPOSE, (int)m, (int)n, (int)k, 1.0f,
              a, (int)k, b, (int)n, 0.0f, out, (int)n);
        return;
    }
    for (size_t i = 0; i < m; i++)
        SumRowsVariants[VectorLevel()](a + i * k, 1, b, n, k, out + i * n);
}

void MultiplyColumns(const float *a, size_t pitch, const float *b, size_t m, size_t n, size_t k,
                     float *out)
{
    if (sgemm != NULL && pitch <= INT_MAX && m <= INT_MAX && n <= INT_MAX && k <= INT_MAX) {
        sgemm(CBLAS_ROW_MAJOR, CBLAS_TRANSPOSE, CBLAS_NO_TRANSPOSE, (int)m, (int)n, (int)k, 1.0f, a,
              (int)pitch, b, (int)n, 0.0f, out, (int)n);
        return;
    }
    for (size_t i = 0; i < m; i++)
        SumRowsVariants[VectorLevel()](a + i, pitch, b, n, k, out + i * n);
}
