/* test_blas.c: the product of queries and items, with and without the library. */
#include "core/blas.h"
#include "core/pool.h"
#include "core/products.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "core/vector.h"
#include "support.h"
#include "tests.h"

static float *RandomMatrix(const Host *host, size_t rows, size_t columns, Random *random)
{
    float *matrix = HostAllocate(host, rows * columns, sizeof(float));

    for (size_t i = 0; i < rows * columns; i++)
        matrix[i] = (float)RandomNormal(random);
    return matrix;
}

/* Against sums in double precision; every element of out must have been written. */
static bool ProductIsRight(const Host *host, size_t m, size_t n, size_t k)
{
    Random random = TestStream(m * 1000 + n + k);
    float *a = RandomMatrix(host, m, k, &random), *b = RandomMatrix(host, n, k, &random);
    float *out = HostAllocate(host, m * n, sizeof(float));
    bool right = true;

    memset(out, 0xFF, m * n * sizeof(float)); /* NaN */
    MultiplyTransposed(a, b, m, n, k, out);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0, scale = 0;

            for (size_t x = 0; x < k; x++) {
                sum += (double)a[i * k + x] * b[j * k + x];
                scale += fabs((double)a[i * k + x] * b[j * k + x]);
            }
            right &= fabs(sum - out[i * n + j]) <= 1e-6 * scale + 1e-12;
        }
    HostRelease(host, a);
    HostRelease(host, b);
    HostRelease(host, out);
    return right;
}

static void CheckProducts(const Host *host, const char *how)
{
    static const size_t shapes[][3] = {{1, 1, 16},    {1, 300, 64},  {3, 7, 16},
                                       {64, 257, 48}, {17, 33, 128}, {64, 100, 4096}};

    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
        CHECK(ProductIsRight(host, shapes[s][0], shapes[s][1], shapes[s][2]),
              "%s: product of %zu queries and %zu items of width %zu", how, shapes[s][0],
              shapes[s][1], shapes[s][2]);
}

/* Both other products; `pitch` of the one whose first factor is transposed. */
static bool OthersAreRight(const Host *host, size_t m, size_t n, size_t k, size_t pitch)
{
    Random random = TestStream(m * 1000 + n + k + 500);
    float *a = RandomMatrix(host, m, k, &random), *at = RandomMatrix(host, k, pitch, &random);
    float *b = RandomMatrix(host, k, n, &random),
          *out = HostAllocate(host, 2 * m * n, sizeof(float));
    bool right = true;

    memset(out, 0xFF, 2 * m * n * sizeof(float)); /* NaN */
    MultiplyRows(a, b, m, n, k, out);
    MultiplyColumns(at, pitch, b, m, n, k, out + m * n);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double rows = 0, columns = 0, scale = 0;

            for (size_t x = 0; x < k; x++) {
                rows += (double)a[i * k + x] * b[x * n + j];
                columns += (double)at[x * pitch + i] * b[x * n + j];
                scale += fabs((double)a[i * k + x] * b[x * n + j]) +
                         fabs((double)at[x * pitch + i] * b[x * n + j]);
            }
            right &= fabs(rows - out[i * n + j]) <= 1e-6 * scale + 1e-12 &&
                     fabs(columns - out[m * n + i * n + j]) <= 1e-6 * scale + 1e-12;
        }
    HostRelease(host, a);
    HostRelease(host, at);
    HostRelease(host, b);
    HostRelease(host, out);
    return right;
}

static void CheckOthers(const Host *host, const char *how)
{
    static const size_t shapes[][4] = {
        {1, 16, 1, 1}, {1, 64, 300, 16}, {64, 128, 512, 512}, {17, 48, 33, 32}, {40, 80, 7, 100}};

    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
        CHECK(OthersAreRight(host, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]),
              "%s: products of %zu rows, %zu columns and %zu terms", how, shapes[s][0],
              shapes[s][1], shapes[s][2]);
}

static int CountThreads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;

    if (tasks == NULL)
        return 0;
    while (readdir(tasks) != NULL)
        count++;
    closedir(tasks);
    return count;
}

/* Each row of DotRows alone must be the same bytes: its sums have a fixed order. */
static void CheckDotRows(const Host *host)
{
    Random random = TestStream(77);
    float *a = RandomMatrix(host, 1, 64, &random), *rows = RandomMatrix(host, 50, 64, &random);
    float all[50], one;
    bool same = true;

    DotRows(a, rows, 50, 64, all);
    for (size_t i = 0; i < 50; i++) {
        DotRows(a, rows + i * 64, 1, 64, &one);
        same &= memcmp(&one, &all[i], sizeof(one)) == 0;
    }
    CHECK(same, "a dot product does not depend on the number of rows");
}

/* What is wrong with a product, as kernels for another processor may be. */
static enum { NOTHING, LAST_ROW, LAST_COLUMN, LATE_TERMS, ONE_TERM, BEYOND_END } fault;

static void FaultySgemm(int order, int transA, int transB, int m, int n, int k, float alpha,
                        const float *a, int lda, const float *b, int ldb, float beta, float *c,
                        int ldc)
{
    int rows = fault == LAST_ROW && m % 2 == 1 ? m - 1 : m;
    int columns = fault == LAST_COLUMN && n % 16 == 1 ? n - 1 : n;
    int terms = fault == LATE_TERMS && k > 1024 ? 1024 : k;

    (void)order, (void)transA, (void)transB, (void)alpha, (void)beta;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            float sum = 0;

            for (int x = fault == ONE_TERM && i == 32; x < terms; x++)
                sum += a[i * lda + x] * b[j * ldb + x];
            c[i * ldc + j] = sum;
        }
    if (fault == BEYOND_END)
        c[(m - 1) * ldc + n] = 0;
}

static void CheckCheck(void)
{
    static const char *const names[] = {"nothing",    "last row", "last column",
                                        "late terms", "one term", "one beyond the end"};

    for (fault = NOTHING; fault <= BEYOND_END; fault++)
        CHECK(SgemmIsRight(FaultySgemm) == (fault == NOTHING), "a product with a fault: %s",
              names[fault]);
}

/* Bytes of address space of this process. */
static size_t AddressSpace(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t pages = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%zu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* With so many more MB of address space: 0: products are right, by 1: plain kernels. */
static void RunWithRoom(const Host *host, size_t megabytes)
{
    size_t room = AddressSpace() + (megabytes << 20);
    struct rlimit limit = {room, room};
    bool loaded, right = true;

    alarm(60);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(3);
    loaded = BlasLoad(4);
    for (int i = 0; i < 3; i++)
        right &= ProductIsRight(host, 64, 257, 48);
    _exit(right ? !loaded : 2);
}

#define SAME_TASKS   400
#define SAME_ROWS    17
#define SAME_COLUMNS 61
#define SAME_TERMS   208

typedef struct SameJob {
    const float *a, *b;
    float *out; /* SAME_ROWS x SAME_COLUMNS a task */
} SameJob;

static void SameProduct(void *arg, int task, int worker)
{
    SameJob *job = arg;

    (void)worker;
    MultiplyTransposed(job->a, job->b, SAME_ROWS, SAME_COLUMNS, SAME_TERMS,
                       job->out + (size_t)task * SAME_ROWS * SAME_COLUMNS);
}

/*
 * With so many more MB, products on four threads are the same bytes, whoever has a buffer: 0 with
 * the library, 1 with plain kernels; 2: they are not.
 */
static void RunSame(const Host *host, size_t megabytes)
{
    size_t room = AddressSpace() + (megabytes << 20), one = SAME_ROWS * SAME_COLUMNS;
    struct rlimit limit = {room, room};
    Random random = TestStream(78);
    Host own = *host;
    SameJob job = {.a = RandomMatrix(host, SAME_ROWS, SAME_TERMS, &random),
                   .b = RandomMatrix(host, SAME_COLUMNS, SAME_TERMS, &random),
                   .out = HostAllocate(host, SAME_TASKS * one, sizeof(float))};
    bool loaded, same = true;

    alarm(60);
    own.pool = PoolCreate(&own, 4);
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(3);
    loaded = BlasLoad(4);
    PoolRun(&own, SameProduct, &job, SAME_TASKS);
    for (size_t i = 1; i < SAME_TASKS; i++)
        same &= memcmp(job.out, job.out + i * one, one * sizeof(float)) == 0;
    _exit(same ? !loaded : 2);
}

/* The status of a process of its own; nothing must keep it for ever. */
static int StatusWithRoom(void (*run)(const Host *, size_t), const Host *host, size_t megabytes)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        run(host, megabytes);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static void CheckRoom(const Host *host)
{
    static const size_t megabytes[] = {8, 50, 120, 200, 400, 700, 1200, 4000};

#ifdef RECADV_NO_BLAS /* sanitizers want all of the address space */
    Skip("built without OpenBLAS", "products with little address space");
    return;
#endif
    if (AddressSpace() == 0) {
        Skip("no /proc here", "products with little address space");
        return;
    }
    for (size_t i = 0; i < sizeof(megabytes) / sizeof(megabytes[0]); i++) {
        int status = StatusWithRoom(RunWithRoom, host, megabytes[i]);

        CHECK(status == 1 || (status == 0 && megabytes[i] > 200), "with %zu MB: status %d",
              megabytes[i], status);
        status = StatusWithRoom(RunSame, host, megabytes[i]);
        CHECK(status == 1 || (status == 0 && megabytes[i] > 200),
              "with %zu MB on four threads, the same bytes: status %d", megabytes[i], status);
    }
}

void TestBlas(void)
{
    TestHost t;
    int threads = CountThreads();
    bool loaded;

    TestHostInit(&t);
    CheckDotRows(&t.host);
    CheckCheck();
    CheckRoom(&t.host); /* before anything has mapped the library */
    CheckProducts(&t.host, "plain");
    CheckOthers(&t.host, "plain");
    setenv("OPENBLAS_NUM_THREADS", "7", 1);
    unsetenv("OPENBLAS_CORETYPE");
    loaded = BlasLoad(1);
    CHECK(strcmp(getenv("OPENBLAS_NUM_THREADS"), "7") == 0, "mapping restores the environment");
    CHECK(getenv("OPENBLAS_CORETYPE") == NULL, "and what was not set is not set");
    unsetenv("OPENBLAS_NUM_THREADS");
    CHECK(BlasLoad(1) == loaded, "mapping twice is the same as once");
    if (loaded) {
        CheckProducts(&t.host, "library");
        CheckOthers(&t.host, "library");
        CHECK(CountThreads() == threads, "the library has started no thread");
    } else
        Skip("no OpenBLAS here", "product with the library");
    TestHostEnd(&t);
}
