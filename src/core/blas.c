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
