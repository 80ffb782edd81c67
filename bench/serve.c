/*
 * serve.c: what serving is measured against: OpenBLAS and the memory of the machine.
 *
 *   serve one ITEMS FACTORS ROUNDS           one user's product (sgemv), then the ten best by a
 *                                            partial selection, as numpy's argpartition; median ms
 *   serve read ITEMS FACTORS ROUNDS          reading the item matrix once; median ms
 *   serve all USERS ITEMS FACTORS THREADS    everyone's product (sgemm) and masking 27 items of
 *                                            each; seconds
 *
 * Build: cc -O3 -march=native serve.c -lopenblas -lpthread (OpenBLAS is told to use one thread;
 * `all` has threads of its own, as recadv does).
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern void cblas_sgemv(int order, int trans, int m, int n, float alpha, const float *a, int lda,
                        const float *x, int incx, float beta, float *y, int incy);
extern void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                        const float *a, int lda, const float *b, int ldb, float beta, float *c,
                        int ldc);
extern void openblas_set_num_threads(int threads);

#define ROW_MAJOR    101
#define NO_TRANSPOSE 111
#define TRANSPOSE    112
#define BEST         10
#define MASKED       27
#define BATCH        64

static double Now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *Random(size_t count)
{
    float *data = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
    uint64_t state = 88172645463325252u;

    for (size_t i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data[i] = (float)(state >> 40) * 0x1p-23f - 1;
    }
    return data;
}

static int Compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double Median(double *times, int count)
{
    qsort(times, (size_t)count, sizeof(double), Compare);
    return times[count / 2];
}

/* Hoare's selection: the `best` greatest of scores come first in `order`. */
static void Select(const float *scores, int *order, int count, int best)
{
    int low = 0, high = count - 1;

    for (int i = 0; i < count; i++)
        order[i] = i;
    while (low < high) {
        float pivot = scores[order[low + (high - low) / 2]];
        int i = low, j = high;

        while (i <= j) {
            while (scores[order[i]] > pivot)
                i++;
            while (scores[order[j]] < pivot)
                j--;
            if (i <= j) {
                int swap = order[i];

                order[i++] = order[j];
                order[j--] = swap;
            }
        }
        if (best - 1 <= j)
            high = j;
        else if (best - 1 >= i)
            low = i;
        else
            break;
    }
}

static double One(int items, int factors, int rounds)
{
    float *matrix = Random((size_t)items * factors), *query = Random((size_t)factors * rounds);
    float *scores = Random((size_t)items);
    int *order = malloc((size_t)items * sizeof(int));
    double *times = malloc((size_t)rounds * sizeof(double));

    for (int r = 0; r < rounds; r++) {
        double start = Now();

        cblas_sgemv(ROW_MAJOR, NO_TRANSPOSE, items, factors, 1, matrix, factors,
                    query + (size_t)r * factors, 1, 0, scores, 1);
        Select(scores, order, items, BEST < items ? BEST : items);
        times[r] = (Now() - start) * 1e3;
    }
    return Median(times, rounds);
}

/* Several sums side by side, so that memory and not the additions sets the pace. */
static double Read(size_t items, size_t factors, int rounds)
{
    size_t count = items * factors / 64 * 64;
    float *matrix = Random(items * factors + 64);
    double *times = malloc((size_t)rounds * sizeof(double));
    volatile float sink = 0;

    for (int r = 0; r < rounds; r++) {
        double start = Now();
        float sums[64] = {0};

        for (size_t i = 0; i < count; i += 64)
            for (int j = 0; j < 64; j++)
                sums[j] += matrix[i + j];
        for (int j = 0; j < 64; j++)
            sink = sink + sums[j];
        times[r] = (Now() - start) * 1e3;
    }
    return Median(times, rounds);
}

static struct {
    int users, items, factors, threads;
    const float *user, *item;
} all;

static void *AllThread(void *arg)
{
    int thread = (int)(intptr_t)arg;
    float *scores = Random((size_t)BATCH * all.items);

    for (int first = thread * BATCH; first < all.users; first += BATCH * all.threads) {
        int n = all.users - first < BATCH ? all.users - first : BATCH;

        cblas_sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, n, all.items, all.factors, 1,
                    all.user + (size_t)first * all.factors, all.factors, all.item, all.factors, 0,
                    scores, all.items);
        for (int u = 0; u < n; u++)
            for (int m = 0; m < MASKED; m++)
                scores[(size_t)u * all.items + (size_t)m * 7919 % all.items] = -1e30f;
    }
    free(scores);
    return NULL;
}

static double All(int users, int items, int factors, int threads)
{
    pthread_t thread[64];
    double start;

    all.users = users, all.items = items, all.factors = factors, all.threads = threads;
    all.user = Random((size_t)users * factors);
    all.item = Random((size_t)items * factors);
    start = Now();
    for (int t = 0; t < threads; t++)
        pthread_create(&thread[t], NULL, AllThread, (void *)(intptr_t)t);
    for (int t = 0; t < threads; t++)
        pthread_join(thread[t], NULL);
    return Now() - start;
}

int main(int argc, char **argv)
{
    int a[4] = {0};

    for (int i = 2; i < argc && i < 6; i++)
        a[i - 2] = atoi(argv[i]);
    openblas_set_num_threads(1);
    if (argc == 5 && strcmp(argv[1], "one") == 0)
        printf("%.4f\n", One(a[0], a[1], a[2]));
    else if (argc == 5 && strcmp(argv[1], "read") == 0)
        printf("%.4f\n", Read((size_t)a[0], (size_t)a[1], a[2]));
    else if (argc == 6 && strcmp(argv[1], "all") == 0 && a[3] >= 1 && a[3] <= 64)
        printf("%.4f\n", All(a[0], a[1], a[2], a[3]));
    else
        return 2;
    return 0;
}
