/*
 * blas.c: maps OpenBLAS at run time, finds out whether it multiplies rightly, and lets as many
 * calls in at a time as it has buffers for.
 */
#include "core/blas.h"

#include <dlfcn.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/vector.h"

/*
 * The library takes a buffer for each product that runs, 128 MB of address space in its builds for
 * x86-64 and ARM, and keeps it; where there is no room it tries again for ever.
 */
#define BUFFER_ROOM ((size_t)256 << 20)

/* What it must find to be mapped: its code, and the buffer that some versions take at once. */
#define LIBRARY_ROOM (BUFFER_ROOM + ((size_t)64 << 20))

#define MAX_BUFFERS 128

/* What products were seen to fill of a buffer, with something to spare: small and any. */
#define LEAST_FILLED ((size_t)256 << 10)
#define MOST_FILLED  ((size_t)2 << 20)

#ifndef RECADV_NO_BLAS
/* What is used of the library, once it is mapped and fit to be used. */
static struct Library {
    Blas functions;
    void *(*take_buffer)(int);
    void (*give_buffer)(void *);
} library;

static int buffers;        /* that it has */
static sem_t free_buffers; /* of these */
static bool usable;        /* its products have been compared and are right */

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

static void *MapSingleThreaded(const char *name)
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
    handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (names)
        ResetVariable(&kernels);
    ResetVariable(&threads);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return handle;
}

static bool HasRoom(size_t size)
{
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (room != MAP_FAILED)
        munmap(room, size);
    return room != MAP_FAILED;
}

/* Has the library map so many buffers, or fewer: what it has free, it takes before it maps. */
static void Reserve(int wanted)
{
    void *taken[MAX_BUFFERS];
    int count = 0;

    wanted = wanted < MAX_BUFFERS ? wanted : MAX_BUFFERS;
    while (wanted > buffers && !HasRoom((size_t)(wanted - buffers) * BUFFER_ROOM))
        wanted--;
    if (wanted <= buffers)
        return;
    while (count < wanted && (taken[count] = library.take_buffer(0)) != NULL)
        count++;
    for (int i = 0; i < count; i++)
        library.give_buffer(taken[i]);
    for (; buffers < count; buffers++)
        sem_post(&free_buffers);
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
/* In some builds each thread has buffers of its own, which nobody can reserve for it. */
static bool SharesBuffers(void *handle)
{
    char *(*config)(void);

    *(void **)&config = dlsym(handle, "openblas_get_config");
    return config != NULL && strstr(config(), "USE_TLS") == NULL;
}

static void Map(void)
{
    void *handle = MapSingleThreaded("libopenblas.so.0");
    struct Library found;

    if (handle == NULL || !IsSingleThreaded(handle) || !SharesBuffers(handle))
        return;
    *(void **)&found.functions.sgemm = dlsym(handle, "cblas_sgemm");
    *(void **)&found.functions.ssyrk = dlsym(handle, "cblas_ssyrk");
    *(void **)&found.functions.spotrf = dlsym(handle, "spotrf_");
    *(void **)&found.functions.spotrs = dlsym(handle, "spotrs_");
    *(void **)&found.functions.ssyevd = dlsym(handle, "ssyevd_");
    *(void **)&found.take_buffer = dlsym(handle, "blas_memory_alloc");
    *(void **)&found.give_buffer = dlsym(handle, "blas_memory_free");
    if (found.functions.sgemm != NULL && found.take_buffer != NULL && found.give_buffer != NULL)
        library = found;
}

/* The first product needs its buffer, as all do. */
static void Find(int threads)
{
    if (!HasRoom(LIBRARY_ROOM) || sem_init(&free_buffers, 0, 0) != 0)
        return;
    Map();
    if (library.functions.sgemm == NULL)
        return;
    Reserve(threads);
    usable = buffers > 0 && SgemmIsRight(library.functions.sgemm);
}
#endif

bool BlasLoad(int threads)
{
#ifndef RECADV_NO_BLAS
    static bool tried = false;

    if (!tried)
        Find(threads);
    else if (usable)
        Reserve(threads);
    tried = true;
    return usable;
#else
    (void)threads;
    return false;
#endif
}

const Blas *BlasEnter(void)
{
#ifndef RECADV_NO_BLAS
    if (!usable)
        return NULL;
    while (sem_wait(&free_buffers) != 0) /* a signal */
        ;
    return &library.functions;
#else
    return NULL;
#endif
}

void BlasLeave(void)
{
#ifndef RECADV_NO_BLAS
    sem_post(&free_buffers);
#endif
}

/* Copies of what is multiplied, as far as caches hold them. */
size_t BlasMemory(size_t m, size_t n, size_t k)
{
    size_t copies = m + n < MOST_FILLED && k < MOST_FILLED ? (m + n) * k * sizeof(float) : SIZE_MAX;

    return copies < MOST_FILLED - LEAST_FILLED ? LEAST_FILLED + copies : MOST_FILLED;
}

/* ---- whether its products are right ---- */

/* Shapes that leave rest of every size to the kernels' blocks, one beyond a cache's. */
static const size_t shapes[][3] = {{2, 1, 16},    {3, 5, 16},    {5, 17, 48},
                                   {7, 33, 64},   {17, 31, 80},  {33, 65, 144},
                                   {64, 257, 48}, {97, 70, 400}, {16, 48, 1040}};

/* Floats for the greatest of them. */
#define MOST_A   (97 * 400)
#define MOST_B   (48 * 1040)
#define MOST_OUT (64 * 257 + 1) /* one beyond the end, which must stay as it is */

/* From 0.5 to 1.5, so that a lost or a wrong term changes a sum by more than rounding can. */
static void Fill(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = 0.5f + (float)(seed >> 8) / (float)(1u << 24);
    }
}

static bool ShapeIsRight(Sgemm product, const size_t shape[3], const float *a, const float *b,
                         float *out)
{
    size_t m = shape[0], n = shape[1], k = shape[2];
    float plain[257];

    for (size_t i = 0; i <= m * n; i++)
        out[i] = NAN;
    product(CBLAS_ROW_MAJOR, CBLAS_NO_TRANSPOSE, CBLAS_TRANSPOSE, (int)m, (int)n, (int)k, 1.0f, a,
            (int)k, b, (int)k, 0.0f, out, (int)n);
    for (size_t i = 0; i < m; i++) {
        DotRows(a + i * k, b, n, k, plain);
        for (size_t j = 0; j < n; j++) /* NaN is not within */
            if (!(fabsf(out[i * n + j] - plain[j]) <= (float)k * FLT_EPSILON * plain[j]))
                return false;
    }
    return isnan(out[m * n]);
}

bool SgemmIsRight(Sgemm product)
{
    size_t floats = MOST_A + MOST_B + MOST_OUT + 64;
    float *a = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
    float *b = a + MOST_A / 16 * 16 + 16, *out = b + MOST_B / 16 * 16 + 16;
    bool right = a != NULL;

    if (!right)
        return false;
    Fill(a, MOST_A, 1);
    Fill(b, MOST_B, 2);
    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]) && right; s++)
        right = ShapeIsRight(product, shapes[s], a, b, out);
    free(a);
    return right;
}
