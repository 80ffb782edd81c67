/* ranking.c: scores of a batch of users for all items, then counting what ranks before. */
#include "algo/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "core/blas.h"
#include "core/counts.h"
#include "core/metrics.h"
#include "core/pool.h"

/*
 * Users per batch: enough for a matrix product, few enough for 16 MB of scores per thread and for
 * a batch to take tens of milliseconds.
 */
#define BATCH_USERS    96
#define BATCH_SCORES   (4u << 20)
#define BATCH_PRODUCTS (512u << 20)

/* Up to this many relevant items, counting once for each is fastest. */
#define FEW 64

typedef struct RankingJob {
    const Host *host;
    const Model *model;
    RankingCase *cases;
    size_t count;
    uint32_t batch;
    uint32_t width;  /* floats of a query */
    float *queries;  /* threads x batch x width */
    float *scores;   /* threads x batch x items */
    float *sorted;   /* threads x items */
    uint32_t *above; /* threads x (items + 1) */
    bool *undefined; /* threads: a score was NaN */
} RankingJob;

static uint32_t BatchUsers(const Model *model)
{
    uint64_t width = model->algorithm->query_width(model);
    uint64_t fit = BATCH_SCORES / ((uint64_t)model->items + 1);
    uint64_t quick = BATCH_PRODUCTS / ((width + 1) * ((uint64_t)model->items + 1));

    if (quick < fit)
        fit = quick;
    return fit < 1 ? 1 : fit > BATCH_USERS ? BATCH_USERS : (uint32_t)fit;
}

static int ComparePositions(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int CompareScores(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static float ScoreOf(uint32_t bits)
{
    float score;

    memcpy(&score, &bits, sizeof(score));
    return score;
}

/* positions[] first takes the bits of the relevant items' scores. */
static void TakeRelevantScores(RankingCase *c, const float *scores)
{
    for (uint32_t r = 0; r < c->relevant_count; r++)
        if (c->relevant[r] != NO_ITEM)
            memcpy(&c->positions[r], &scores[c->relevant[r]], sizeof(float));
}

/* A NaN that no arithmetic gives. */
#define MASKED_BITS 0x7FCADBEDu

/* Takes a score out of every comparison; false if it was undefined. */
static bool MaskScore(float *score, uint32_t *masked)
{
    uint32_t bits, mask = MASKED_BITS;

    memcpy(&bits, score, sizeof(bits));
    if (bits == mask)
        return true;
    if (*score != *score)
        return false;
    memcpy(score, &mask, sizeof(mask));
    (*masked)++;
    return true;
}

/* Masks excluded and relevant items and counts them; false if a score of theirs is undefined. */
static bool MaskScores(const RankingCase *c, float *scores, uint32_t *masked)
{
    bool defined = true;

    *masked = 0;
    for (uint32_t e = 0; e < c->excluded_count; e++)
        defined &= MaskScore(&scores[c->excluded[e]], masked);
    for (uint32_t r = 0; r < c->relevant_count; r++)
        if (c->relevant[r] != NO_ITEM)
            defined &= MaskScore(&scores[c->relevant[r]], masked);
    return defined;
}

/* A few relevant items: one vectorised count each.  Returns the number of NaNs. */
static uint32_t PlaceFew(RankingCase *c, const float *scores, uint32_t items)
{
    ScoreCounts counts;

    if (c->relevant_count == 0)
        return ScoresCount(scores, items, 0).nan;
    for (uint32_t r = 0; r < c->relevant_count; r++) {
        counts = ScoresCount(scores, items, ScoreOf(c->positions[r]));
        c->positions[r] = c->relevant[r] == NO_ITEM ? NOT_RANKED : counts.at_least;
    }
    return counts.nan;
}

/*
 * Many relevant items: each candidate is placed among their sorted scores.  `sorted` has room for
 * one float per item, `above` for one count per item and one more.  Returns the number of NaNs.
 */
static uint32_t PlaceMany(RankingCase *c, const float *scores, uint32_t items, float *sorted,
                          uint32_t *above)
{
    uint32_t known = 0;

    for (uint32_t r = 0; r < c->relevant_count; r++)
        if (c->relevant[r] != NO_ITEM)
            sorted[known++] = ScoreOf(c->positions[r]);
    qsort(sorted, known, sizeof(float), CompareScores);
    memset(above, 0, ((size_t)known + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < items; i++) {
        uint32_t low = 0, high = known; /* relevant scores that are not above this one */

        while (low < high && scores[i] == scores[i]) {
            uint32_t middle = low + (high - low) / 2;

            if (sorted[middle] <= scores[i])
                low = middle + 1;
            else
                high = middle;
        }
        above[low] += scores[i] == scores[i];
    }
    for (uint32_t r = known; r-- > 0;)
        above[r] += above[r + 1];
    for (uint32_t r = 0; r < c->relevant_count; r++)
        c->positions[r] = r < known ? above[r + 1] : NOT_RANKED;
    return ScoresCount(scores, items, 0).nan;
}

static bool PlaceCase(RankingCase *c, float *scores, uint32_t items, float *sorted, uint32_t *above)
{
    uint32_t n = c->relevant_count, masked, nan;

    TakeRelevantScores(c, scores);
    if (!MaskScores(c, scores, &masked))
        return false;
    nan = n <= FEW ? PlaceFew(c, scores, items) : PlaceMany(c, scores, items, sorted, above);
    if (nan != masked)
        return false;
    c->others = items - masked;
    qsort(c->positions, n, sizeof(uint32_t), ComparePositions);
    for (uint32_t r = 0; r < n && c->positions[r] != NOT_RANKED; r++)
        c->positions[r] += r; /* relevant items before it */
    return true;
}

static void RankBatch(void *arg, int task, int worker)
{
    RankingJob *job = arg;
    uint32_t items = job->model->items;
    size_t first = (size_t)task * job->batch;
    size_t left = job->count - first;
    uint32_t n = left < job->batch ? (uint32_t)left : job->batch;
    float *queries = job->queries + (size_t)worker * job->batch * job->width;
    float *scores = job->scores + (size_t)worker * job->batch * items;

    for (uint32_t i = 0; i < n; i++)
        job->model->algorithm->query(job->model, job->cases[first + i].user,
                                     queries + (size_t)i * job->width);
    ModelScore(job->model, queries, n, scores);
    for (uint32_t i = 0; i < n && !HostCancelled(job->host); i++)
        if (!PlaceCase(&job->cases[first + i], scores + (size_t)i * items, items,
                       job->sorted + (size_t)worker * items,
                       job->above + (size_t)worker * (items + 1)))
            job->undefined[worker] = true;
}

size_t RankingMemory(const Model *model, int threads)
{
    size_t row = SizeAdd(model->items, model->algorithm->query_width(model));

    size_t batch = SizeMultiply(row, BatchUsers(model) * sizeof(float));

    return SizeMultiply(SizeAdd(batch, SizeMultiply(model->items, 8)), (size_t)threads);
}

void RankCases(const Host *host, const Model *model, RankingCase *cases, size_t count)
{
    size_t threads = (size_t)PoolThreads(host);
    RankingJob job = {.host = host, .model = model, .cases = cases, .count = count};
    bool undefined = false;

    BlasLoad();
    job.batch = BatchUsers(model);
    job.width = model->algorithm->query_width(model);
    job.queries = HostAllocateZero(host, threads * job.batch * job.width, sizeof(float));
    job.scores = HostAllocate(host, threads * job.batch * model->items, sizeof(float));
    job.sorted = HostAllocate(host, threads * model->items, sizeof(float));
    job.above = HostAllocate(host, threads * ((size_t)model->items + 1), sizeof(uint32_t));
    job.undefined = HostAllocateZero(host, threads, sizeof(bool));
    PoolRun(host, RankBatch, &job, (int)((count + job.batch - 1) / job.batch));
    for (size_t t = 0; t < threads; t++)
        undefined |= job.undefined[t];
    HostRelease(host, job.queries);
    HostRelease(host, job.scores);
    HostRelease(host, job.sorted);
    HostRelease(host, job.above);
    HostRelease(host, job.undefined);
    if (HostCancelled(host))
        HostAbandon(host);
    if (undefined)
        HostFail(host, FAIL_NOT_FINITE, NULL, "the model gives scores that are not a number");
}
