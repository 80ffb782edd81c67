/*
 * plain.c: a plain trainer of BPR, the reference that bench/train measures against.
 *
 *   plain TRAIN.tsv TEST.tsv FACTORS EPOCHS THREADS
 *
 * What a textbook says: triples drawn at random with replacement, stochastic updates without
 * locks, one Adagrad accumulator per element.  Files hold dense ids, tab-separated; an empty TEST
 * skips the evaluation.  Prints seconds, millions of triples per second, Recall@20 and NDCG@20.
 */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CUTOFF 20

typedef struct Rows {
    size_t count;
    uint32_t users, items;
    uint32_t *user, *item;
    size_t *start; /* users + 1; rows are grouped by user, ascending by item */
} Rows;

static Rows train, test;
static float *P, *Q, *accP, *accQ;
static int K;

static int CompareRows(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return x[0] != y[0] ? (x[0] > y[0]) - (x[0] < y[0]) : (x[1] > y[1]) - (x[1] < y[1]);
}

static Rows Read(const char *file, uint32_t users, uint32_t items)
{
    FILE *in = fopen(file, "r");
    uint32_t(*pairs)[2] = malloc(sizeof(*pairs) << 26), u, i;
    Rows r = {.users = users, .items = items};

    if (in == NULL || pairs == NULL)
        exit(1);
    while (fscanf(in, "%u %u%*[^\n]", &u, &i) == 2 && r.count < (1u << 26)) {
        pairs[r.count][0] = u;
        pairs[r.count++][1] = i;
        r.users = u >= r.users ? u + 1 : r.users;
        r.items = i >= r.items ? i + 1 : r.items;
    }
    fclose(in);
    qsort(pairs, r.count, sizeof(*pairs), CompareRows);
    r.user = malloc(r.count * sizeof(uint32_t));
    r.item = malloc(r.count * sizeof(uint32_t));
    r.start = calloc(r.users + 1, sizeof(size_t));
    for (size_t n = 0; n < r.count; n++) {
        r.user[n] = pairs[n][0];
        r.item[n] = pairs[n][1];
        r.start[pairs[n][0] + 1] = n + 1;
    }
    for (uint32_t k = 0; k < r.users; k++)
        if (r.start[k + 1] < r.start[k])
            r.start[k + 1] = r.start[k];
    free(pairs);
    return r;
}

static int Has(const Rows *r, uint32_t user, uint32_t item)
{
    size_t low = r->start[user], high = r->start[user + 1];

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (r->item[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->start[user + 1] && r->item[low] == item;
}

static uint64_t Next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void Step(uint32_t u, uint32_t i, uint32_t j)
{
    float *p = P + (size_t)u * K, *qi = Q + (size_t)i * K, *qj = Q + (size_t)j * K, x = 0, g;
    float *ap = accP + (size_t)u * K, *ai = accQ + (size_t)i * K, *aj = accQ + (size_t)j * K;

    for (int k = 0; k < K; k++)
        x += p[k] * (qi[k] - qj[k]);
    g = 1 / (1 + expf(x));
    for (int k = 0; k < K; k++) {
        float gp = g * (qi[k] - qj[k]), gq = g * p[k];

        ap[k] += gp * gp;
        ai[k] += gq * gq;
        aj[k] += gq * gq;
        p[k] += 0.05f * gp / sqrtf(ap[k]);
        qi[k] += 0.05f * gq / sqrtf(ai[k]);
        qj[k] -= 0.05f * gq / sqrtf(aj[k]);
    }
}

typedef struct Share {
    size_t triples;
    uint64_t seed;
} Share;

static void *Work(void *arg)
{
    Share *share = arg;

    for (size_t n = 0; n < share->triples; n++) {
        size_t at = Next(&share->seed) % train.count;
        uint32_t j;

        do
            j = (uint32_t)(Next(&share->seed) % train.items);
        while (Has(&train, train.user[at], j));
        Step(train.user[at], train.item[at], j);
    }
    return NULL;
}

static float *Fill(size_t n, int random)
{
    float *values = malloc(n * sizeof(float));
    uint64_t seed = 88172645463325252ULL;

    for (size_t i = 0; i < n; i++)
        values[i] = random ? 0.02f * ((float)(Next(&seed) >> 40) / (1 << 24) - 0.5f) : 0.1f;
    return values;
}

static void Evaluate(void)
{
    float *score = malloc(train.items * sizeof(float));
    double recall = 0, ndcg = 0;
    size_t users = 0;

    for (uint32_t u = 0; u < test.users; u++) {
        size_t relevant = test.start[u + 1] - test.start[u], hits = 0;
        double dcg = 0, ideal = 0;

        if (relevant == 0)
            continue;
        for (uint32_t i = 0; i < train.items; i++) {
            score[i] = 0;
            for (int k = 0; k < K; k++)
                score[i] += P[(size_t)u * K + k] * Q[(size_t)i * K + k];
        }
        for (size_t n = train.start[u]; n < train.start[u + 1]; n++)
            score[train.item[n]] = -INFINITY;
        for (int rank = 0; rank < CUTOFF; rank++) {
            uint32_t best = 0;

            for (uint32_t i = 1; i < train.items; i++)
                best = score[i] > score[best] ? i : best;
            score[best] = -INFINITY;
            if (Has(&test, u, best)) {
                hits++;
                dcg += 1 / log2(rank + 2.0);
            }
            if ((size_t)rank < relevant)
                ideal += 1 / log2(rank + 2.0);
        }
        recall += (double)hits / (double)relevant;
        ndcg += dcg / ideal;
        users++;
    }
    printf(" %.4f %.4f", recall / (double)users, ndcg / (double)users);
    free(score);
}

static double Now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    pthread_t thread[64];
    Share share[64];
    double start, seconds;
    int epochs, threads;

    if (argc != 6 || (threads = atoi(argv[5])) < 1 || threads > 64)
        return 2;
    K = atoi(argv[3]);
    epochs = atoi(argv[4]);
    train = Read(argv[1], 0, 0);
    P = Fill((size_t)train.users * K, 1);
    Q = Fill((size_t)train.items * K, 1);
    accP = Fill((size_t)train.users * K, 0);
    accQ = Fill((size_t)train.items * K, 0);
    start = Now();
    for (int t = 0; t < threads; t++) {
        share[t] = (Share){train.count * (size_t)epochs / (size_t)threads, 1000003u * (t + 1) + 7};
        pthread_create(&thread[t], NULL, Work, &share[t]);
    }
    for (int t = 0; t < threads; t++)
        pthread_join(thread[t], NULL);
    seconds = Now() - start;
    printf("%.2f %.3f", seconds, (double)train.count * epochs / seconds / 1e6);
    if (argv[2][0] != '\0') {
        test = Read(argv[2], train.users, train.items);
        Evaluate();
    }
    printf("\n");
    return 0;
}
