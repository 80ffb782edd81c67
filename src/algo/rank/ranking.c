/*
 * ranking.c: ranks test items among all others: scores a batch of users for slices of the items,
 * and counts what ranks before.
 *
 * For recadv_evaluate() and recadv_robustness().
 */
#include "algo/rank/ranking.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/rank/exact.h"
#include "algo/rank/penalty.h"
#include "algo/rank/scorer.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "core/sorted.h"

/*
 * Users per batch: enough for a matrix product, few enough for 16 MB of scores per thread and for
 * a batch to take tens of milliseconds.
 */
#define BATCH_USERS    96
#define BATCH_SCORES   (4u << 20)
#define BATCH_PRODUCTS (512u << 20)

/* Items between two looks at interrupts. */
#define POLL_EVERY 4096

/* Up to this many relevant items, counting once for each is fastest. */
#define FEW 64

typedef struct RankingJob {
    Scorer scorer;
    RankingCase *cases;
    size_t count;
    float weight;    /* of popularity, against it */
    float *logs;     /* of each item's popularity; with a weight */
    Mark *marks;     /* threads x items */
    uint32_t *above; /* threads x items */
} RankingJob;

static uint32_t BatchUsers(const Model *model)
{
    uint64_t width = HasProducts(model) ? model->algorithm->query_width(model) : 0;
    uint64_t fit = BATCH_SCORES / ((uint64_t)model->items + 1);
    uint64_t quick = BATCH_PRODUCTS / ((width + 1) * ((uint64_t)model->items + 1));

    if (quick < fit)
        fit = quick;
    return fit < 1 ? 1 : fit > BATCH_USERS ? BATCH_USERS : (uint32_t)fit;
}

/* The last comes first in a list. */
static int CompareMarks(const void *a, const void *b)
{
    const Mark *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? 1 : -1;
    return (x->item < y->item) - (x->item > y->item);
}

/* One user's scores for all items, and room for a mark and a count of each. */
typedef struct Row {
    const Host *host;
    const Model *model;
    const float *query;
    float doubt;
    float weight;
    const float *logs;
    float *scores;
    Mark *marks; /* of the relevant items */
    uint32_t known;
    uint32_t *above;
} Row;

/* With a weight, all scores are exact. */
static Mark MarkOf(const Row *row, uint32_t item)
{
    Mark mark = MarkItem(row->model, row->query, item, row->doubt);

    if (row->weight > 0) {
        Penalise(row->weight, &row->logs[item], 1, &mark.score);
        mark.doubt = (ScoreRange){mark.score, mark.score};
    }
    return mark;
}

/* False if a score is undefined. */
static bool MarkRelevant(Row *row, const RankingCase *c)
{
    bool defined = true;

    for (uint32_t r = 0; r < c->relevant_count; r++) {
        if (c->relevant[r] == NO_ITEM)
            continue;
        row->marks[row->known] = MarkOf(row, c->relevant[r]);
        defined &= !isnan(row->marks[row->known++].score);
    }
    return defined;
}

/* Marks an item that is no candidate: a NaN with bits that no arithmetic gives. */
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

/* A few relevant items: a vectorised count for each.  Returns how many scores are NaN. */
static uint32_t PlaceFew(const Row *row, Slice *slice)
{
    return SliceCount(slice, row->marks, row->known, row->above);
}

/* Sorts the marks; widens bounds, where need be, to the same order. */
static void SortMarks(Mark *marks, uint32_t count)
{
    qsort(marks, count, sizeof(Mark), CompareMarks);
    for (uint32_t r = 1; r < count; r++)
        marks[r].doubt.high = fmaxf(marks[r].doubt.high, marks[r - 1].doubt.high);
    for (uint32_t r = count; r-- > 1;)
        marks[r - 1].doubt.low = fminf(marks[r - 1].doubt.low, marks[r].doubt.low);
}

/* How many of the sorted marks the item may rank before; if its score is exact: does. */
static uint32_t Reached(const Mark *marks, uint32_t count, uint32_t item, float score, bool exact)
{
    uint32_t low = 0;

    while (low < count) {
        uint32_t middle = low + (count - low) / 2;

        if (exact ? RanksBefore(item, score, &marks[middle]) : marks[middle].doubt.low <= score)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static uint32_t PlaceOne(const Row *row, Slice *slice, uint32_t i)
{
    uint32_t item = slice->first + i;
    uint32_t most = Reached(row->marks, row->known, item, slice->scores[i], slice->exact);

    if (slice->exact || most == 0 || row->marks[most - 1].doubt.high < slice->scores[i])
        return most;
    return Reached(row->marks, most, item, SliceExact(slice, i), true);
}

/* Many relevant items: each candidate is placed among them. */
static uint32_t PlaceMany(const Row *row, Slice *slice)
{
    uint32_t undefined = 0;

    for (uint32_t i = 0; i < slice->count; i++) {
        bool candidate = !isnan(slice->scores[i]);
        uint32_t reached = candidate ? PlaceOne(row, slice, i) : 0;

        if (reached > 0)
            row->above[reached - 1]++;
        undefined += !candidate;
    }
    return undefined;
}

/* Counts slice by slice; returns how many scores were NaN. */
static uint32_t PlaceSlices(const Row *row, uint32_t (*place)(const Row *row, Slice *slice))
{
    uint32_t items = row->model->items, undefined = 0;

    memset(row->above, 0, row->known * sizeof(uint32_t));
    for (uint32_t first = 0; first < items && !HostCancelled(row->host); first += SLICE_ITEMS) {
        uint32_t count = items - first < SLICE_ITEMS ? items - first : SLICE_ITEMS;
        Slice slice =
            SliceOf(row->model, row->query, row->doubt, first, count, row->scores + first);

        undefined += place(row, &slice);
    }
    return undefined;
}

/* Counts for each mark the candidates that rank before it; returns how many scores were NaN. */
static uint32_t PlaceMarks(const Row *row)
{
    uint32_t undefined;

    if (row->known <= FEW)
        return PlaceSlices(row, PlaceFew);
    SortMarks(row->marks, row->known);
    undefined = PlaceSlices(row, PlaceMany);
    for (uint32_t r = row->known - 1; r-- > 0;)
        row->above[r] += row->above[r + 1]; /* who reaches a mark reaches all lower ones */
    return undefined;
}

static bool PlaceCase(RankingCase *c, Row *row)
{
    uint32_t n = c->relevant_count, masked;

    if (!MarkRelevant(row, c) || !MaskScores(c, row->scores, &masked) || PlaceMarks(row) != masked)
        return false;
    c->others = row->model->items - masked;
    for (uint32_t r = 0; r < n; r++)
        c->positions[r] = r < row->known ? row->above[r] : NOT_RANKED;
    SortAscending(c->positions, n);
    for (uint32_t r = 0; r < row->known; r++)
        c->positions[r] += r; /* relevant items before it */
    return true;
}

/* Popularity takes something from each score; scored one query at a time, they are exact. */
static void ScorePenalised(const RankingJob *job, const float *queries, uint32_t count,
                           float *scores)
{
    const Scorer *scorer = &job->scorer;
    size_t items = scorer->model->items;

    for (uint32_t q = 0; q < count && !HostCancelled(scorer->host); q++) {
        ModelScore(scorer->model, queries + (size_t)q * scorer->width, 1, scores + q * items);
        Penalise(job->weight, job->logs, scorer->model->items, scores + q * items);
    }
}

static void RankBatch(void *arg, int task, int worker)
{
    RankingJob *job = arg;
    const Scorer *scorer = &job->scorer;
    const Model *model = scorer->model;
    size_t first = (size_t)task * scorer->batch, marks = (size_t)worker * model->items;
    size_t left = job->count - first;
    uint32_t n = left < scorer->batch ? (uint32_t)left : scorer->batch;
    float *queries = ScorerQueries(scorer, worker), *scores = ScorerScores(scorer, worker);

    for (uint32_t i = 0; i < n; i++)
        ScorerQuery(scorer, worker, job->cases[first + i].user,
                    queries + (size_t)i * scorer->width);
    if (job->weight > 0)
        ScorePenalised(job, queries, n, scores);
    else
        ModelScore(model, queries, n, scores);
    for (uint32_t i = 0; i < n && !HostCancelled(scorer->host); i++) {
        const float *query = queries + (size_t)i * scorer->width;
        double norm = job->weight > 0 ? 0 : scorer->norm;
        Row row = {.host = scorer->host,
                   .model = model,
                   .query = query,
                   .doubt = ProductDoubt(model, query, norm),
                   .weight = job->weight,
                   .logs = job->logs,
                   .scores = scores + (size_t)i * model->items,
                   .marks = job->marks + marks,
                   .above = job->above + marks};

        if (!PlaceCase(&job->cases[first + i], &row))
            scorer->undefined[worker] = true;
    }
}

size_t RankingMemory(const Model *model, int threads)
{
    size_t marks = SizeMultiply(model->items, sizeof(Mark) + sizeof(uint32_t));
    size_t logs = SizeMultiply(model->items, sizeof(float));

    return SizeAdd(ScorerMemory(model, threads, BatchUsers(model), model->items),
                   SizeAdd(SizeMultiply(marks, (size_t)threads), logs));
}

void RankCases(const Host *host, const Model *model, Histories histories, RankingCase *cases,
               size_t count)
{
    RankCasesPenalised(host, model, histories, 0, cases, count);
}

/* Of each item's popularity. */
static float *LogsOf(const Host *host, const Model *model)
{
    float *logs = HostAllocate(host, model->items, sizeof(float));

    for (uint32_t i = 0; i < model->items; i++) {
        logs[i] = LogCount(*PartRow(&model->part[POPULARITY_PART], i));
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    return logs;
}

void RankCasesPenalised(const Host *host, const Model *model, Histories histories, float weight,
                        RankingCase *cases, size_t count)
{
    size_t threads = (size_t)PoolThreads(host);
    uint32_t batch = BatchUsers(model);
    RankingJob job = {ScorerStart(host, model, histories, batch, model->items), .cases = cases,
                      .count = count, .weight = weight};

    if (weight > 0)
        job.logs = LogsOf(host, model);
    job.marks = HostAllocate(host, threads * model->items, sizeof(Mark));
    job.above = HostAllocate(host, threads * model->items, sizeof(uint32_t));
    PoolRun(host, RankBatch, &job, (int)((count + batch - 1) / batch));
    HostRelease(host, job.logs);
    HostRelease(host, job.marks);
    HostRelease(host, job.above);
    ScorerEnd(&job.scorer);
}
