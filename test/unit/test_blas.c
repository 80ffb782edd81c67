/* test_blas.c: the product of queries and items, with and without the library. */
#include "core/blas.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

void TestBlas(void)
{
    TestHost t;
    int threads = CountThreads();
    bool loaded;

    TestHostInit(&t);
    CheckDotRows(&t.host);
    CheckProducts(&t.host, "plain");
    CheckOthers(&t.host, "plain");
    setenv("OPENBLAS_NUM_THREADS", "7", 1);
    unsetenv("OPENBLAS_CORETYPE");
    loaded = BlasLoad();
    CHECK(strcmp(getenv("OPENBLAS_NUM_THREADS"), "7") == 0, "mapping restores the environment");
    CHECK(getenv("OPENBLAS_CORETYPE") == NULL, "and what was not set is not set");
    unsetenv("OPENBLAS_NUM_THREADS");
    CHECK(BlasLoad() == loaded, "mapping twice is the same as once");
    if (loaded) {
        CheckProducts(&t.host, "library");
        CheckOthers(&t.host, "library");
        CHECK(CountThreads() == threads, "the library has started no thread");
    } else
        Skip("no OpenBLAS here", "product with the library");
    TestHostEnd(&t);
}
