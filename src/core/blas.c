/*
 * blas.c: maps OpenBLAS at run time, and multiplies with it or, where it is missing, with plain
 * kernels.
 */
#include "core/blas.h"

#include <dlfcn.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/vector.h"

/* The two values of the CBLAS interface that are used here (cblas.h). */
#define CBLAS_ROW_MAJOR    101
#define CBLAS_NO_TRANSPOSE 111
#define CBLAS_TRANSPOSE    112

/*
 * The library takes a buffer for each product that runs, 128 MB of address space in its builds for
 * x86-64 and ARM, and keeps it; where there is no room it tries again for ever.
 */
#define BUFFER_ROOM ((size_t)256 << 20)

#define MAX_BUFFERS 128

/* What products were seen to fill of a buffer, with something to spare: small and any. */
#define LEAST_FILLED ((size_t)256 << 10)
#define MOST_FILLED  ((size_t)2 << 20)

static Sgemm sgemm;            /* NULL: plain kernels do the work */
static int buffers;            /* that the library has */
static atomic_int in_products; /* threads that run a product, or are about to find no buffer */

#ifndef RECADV_NO_BLAS
/* What is used of the library, once it is mapped and fit to be used. */
static struct Library {
    Sgemm sgemm;
    void *(*take_buffer)(int);
    void (*give_buffer)(void *);
} library;

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
    buffers = count;
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
    *(void **)&found.sgemm = dlsym(handle, "cblas_sgemm");
    *(void **)&found.take_buffer = dlsym(handle, "blas_memory_alloc");
    *(void **)&found.give_buffer = dlsym(handle, "blas_memory_free");
    if (found.sgemm != NULL && found.take_buffer != NULL && found.give_buffer != NULL)
        library = found;
}

/* The first product needs its buffer, as all do. */
static void Check(void)
{
    if (sgemm == NULL && buffers > 0 && SgemmIsRight(library.sgemm))
        sgemm = library.sgemm;
    else if (sgemm == NULL && buffers > 0)
        library = (struct Library){0};
}
#endif

bool BlasLoad(int threads)
{
#ifndef RECADV_NO_BLAS
    static bool tried = false;

    if (!tried)
        Map();
    tried = true;
    if (library.sgemm != NULL) {
        Reserve(threads);
        Check();
    }
#else
    (void)threads;
#endif
    return sgemm != NULL;
}

/* Copies of what is multiplied, as far as caches hold them. */
size_t BlasMemory(size_t m, size_t n, size_t k)
{
    size_t copies = m + n < MOST_FILLED && k < MOST_FILLED ? (m + n) * k * sizeof(float) : SIZE_MAX;

    return copies < MOST_FILLED - LEAST_FILLED ? LEAST_FILLED + copies : MOST_FILLED;
}

/* ---- whether its products are right ---- */

/* How the first and the second factor lie. */
typedef enum Form { ROWS_BY_ROWS, ROWS_BY_COLUMNS, COLUMNS_BY_ROWS } Form;

/* out (m x n): sums over k terms; `pitch`: of the first factor. */
static void Call(Sgemm product, Form form, const float *a, size_t pitch, const float *b, size_t m,
                 size_t n, size_t k, float *out)
{
    product(CBLAS_ROW_MAJOR, form == COLUMNS_BY_ROWS ? CBLAS_TRANSPOSE : CBLAS_NO_TRANSPOSE,
            form == ROWS_BY_ROWS ? CBLAS_TRANSPOSE : CBLAS_NO_TRANSPOSE, (int)m, (int)n, (int)k,
            1.0f, a, (int)pitch, b, (int)(form == ROWS_BY_ROWS ? k : n), 0.0f, out, (int)n);
}

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
    Call(product, ROWS_BY_ROWS, a, k, b, m, n, k, out);
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

/* ---- products ---- */

/* A buffer is free for as long as fewer products run than there are buffers. */
static bool Enter(void)
{
    if (atomic_fetch_add(&in_products, 1) < buffers)
        return true;
    atomic_fetch_sub(&in_products, 1);
    return false;
}

/* False where the plain kernels have to do it. */
static bool Product(Form form, const float *a, size_t pitch, const float *b, size_t m, size_t n,
                    size_t k, float *out)
{
    if (sgemm == NULL || n == 0 || pitch > INT_MAX || m > INT_MAX || n > INT_MAX || k > INT_MAX ||
        !Enter())
        return false;
    Call(sgemm, form, a, pitch, b, m, n, k, out);
    atomic_fetch_sub(&in_products, 1);
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
