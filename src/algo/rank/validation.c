/*
 * validation.c: ranks each held-out interaction during a training.
 *
 * It goes through the items slice by slice and drops the users of whom a hundred items rank before
 * the held-out one already.
 */
#include "algo/rank/validation.h"

#include <math.h>
#include <string.h>

#include "algo/rank/exact.h"
#include "algo/rank/scorer.h"
#include "core/metrics.h"
#include "core/pool.h"

/* Users of a task, at most; with a slice of items 1 MB of scores.  Fewer where queries are wide. */
#define BATCH_USERS  256
#define BATCH_FLOATS (4u << 20)

static uint32_t Least(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

static uint32_t BatchUsers(const Model *model, uint64_t users)
{
    uint32_t fit = BATCH_FLOATS / (model->algorithm->query_width(model) + 1) + 1;

    return Least(users, fit < BATCH_USERS ? fit : BATCH_USERS);
}

/* A user whose held-out item may still be among the first. */
typedef struct Contender {
    RankingCase *ranked;
    Mark mark;      /* the held-out item */
    float doubt;    /* of the user's products */
    uint32_t above; /* items so far that rank before it */
    uint32_t owned; /* place in the list of the user's own items */
} Contender;

typedef struct ValidationJob {
    Scorer scorer;
    Validation *validation;
} ValidationJob;

/* All users of the task, unless the run is cancelled; returns how many. */
static uint32_t Enter(const ValidationJob *job, int task, int worker, float *queries,
                      Contender *contenders)
{
    const Scorer *scorer = &job->scorer;
    const Model *model = scorer->model;
    size_t first = (size_t)task * scorer->batch;
    uint32_t n = Least(job->validation->count - first, scorer->batch), i;

    for (i = 0; i < n && !HostCancelled(scorer->host); i++) {
        RankingCase *ranked = &job->validation->cases[first + i];
        float *query = queries + (size_t)i * scorer->width, doubt;

        ScorerQuery(scorer, worker, ranked->user, query);
        doubt = ProductDoubt(model, query, scorer->norm);
        contenders[i] = (Contender){.ranked = ranked,
                                    .mark = MarkItem(model, query, ranked->relevant[0], doubt),
                                    .doubt = doubt};
    }
    return i;
}

/* Own items of the slice that were counted; they are no candidates. */
static uint32_t CountOwn(Contender *c, const Slice *slice)
{
    const RankingCase *ranked = c->ranked;
    uint32_t counted = 0;

    for (; c->owned < ranked->excluded_count; c->owned++) {
        uint32_t item = ranked->excluded[c->owned];

        if (item >= slice->first + slice->count)
            break;
        counted += RanksBefore(item, slice->scores[item - slice->first], &c->mark);
    }
    return counted;
}

/* The held-out item, always close, is not to be scored again. */
static void MaskHeldOut(const Contender *c, const Slice *slice)
{
    uint32_t held = c->ranked->relevant[0];

    if (held >= slice->first && held - slice->first < slice->count)
        slice->scores[held - slice->first] = -INFINITY;
}

/* False if a score was NaN. */
static bool CountSlice(Contender *c, Slice *slice)
{
    uint32_t undefined;

    MaskHeldOut(c, slice);
    undefined = SliceCount(slice, &c->mark, 1, &c->above);
    c->above -= CountOwn(c, slice);
    return undefined == 0 && !isnan(c->mark.score);
}

/* Moves those that may still be among the first to the front; returns how many. */
static uint32_t Retain(Contender *contenders, float *queries, uint32_t n, uint32_t width)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++) {
        contenders[i].ranked->positions[0] = contenders[i].above;
        if (contenders[i].above >= VALIDATION_CUTOFF)
            continue;
        if (kept < i) {
            contenders[kept] = contenders[i];
            memcpy(queries + (size_t)kept * width, queries + (size_t)i * width,
                   width * sizeof(float));
        }
        kept++;
    }
    return kept;
}

static void ValidateBatch(void *arg, int task, int worker)
{
    ValidationJob *job = arg;
    const Scorer *scorer = &job->scorer;
    const Model *model = scorer->model;
    float *queries = ScorerQueries(scorer, worker), *scores = ScorerScores(scorer, worker);
    Contender contenders[BATCH_USERS];
    uint32_t n = Enter(job, task, worker, queries, contenders);

    for (uint32_t first = 0; first < model->items && n > 0; first += scorer->items) {
        uint32_t count = Least(model->items - first, scorer->items);
        Model view;

        if (HostCancelled(scorer->host))
            return;
        ModelViewItems(model, first, count, &view);
        ModelScore(&view, queries, n, scores);
        for (uint32_t i = 0; i < n; i++) {
            Slice slice = SliceOf(model, queries + (size_t)i * scorer->width, contenders[i].doubt,
                                  first, count, scores + (size_t)i * count);

            if (!CountSlice(&contenders[i], &slice))
                scorer->undefined[worker] = true;
        }
        n = Retain(contenders, queries, n, scorer->width);
    }
}

static void RankHeldOut(const Host *host, const Model *model, Validation *validation)
{
    uint32_t batch = BatchUsers(model, validation->count);
    Histories histories = HistoriesOf(model, validation->data, false);
    ValidationJob job = {
        ScorerStart(host, model, histories, batch, Least(model->items, SLICE_ITEMS)), validation};

    PoolRun(host, ValidateBatch, &job, (int)((validation->count + batch - 1) / batch));
    ScorerEnd(&job.scorer);
}

/* The relevant item is excluded with the user's others but stays a candidate. */
void ValidationPrepare(const Host *host, const Interactions *data, Validation *validation)
{
    size_t n = 0;
    uint32_t *positions;

    *validation = (Validation){.data = data, .ndcg = NAN, .hr = NAN, .compared = NAN};
    if (data->held_count == 0)
        return;
    validation->cases = HostAllocate(host, data->held_count, sizeof(RankingCase));
    positions = HostAllocate(host, data->held_count, sizeof(uint32_t));
    for (uint32_t user = 0; user < data->users; user++) {
        if (data->held[user] == NO_ITEM)
            continue;
        validation->cases[n] = (RankingCase){
            .user = user,
            .relevant = &data->held[user],
            .relevant_count = 1,
            .excluded = data->item + data->offset[user],
            .excluded_count = (uint32_t)(data->offset[user + 1] - data->offset[user]),
            .positions = &positions[n],
        };
        n++;
    }
    validation->count = n;
}

void ValidationThin(Validation *validation, size_t most)
{
    size_t count = validation->count;

    if (count <= most)
        return;
    for (size_t n = 0; n < most; n++) {
        RankingCase *to = &validation->cases[n], *from = &validation->cases[n * count / most];
        uint32_t *positions = to->positions;

        *to = *from;
        to->positions = positions;
    }
    validation->count = most;
}

void ValidationRelease(const Host *host, Validation *validation)
{
    if (validation->cases != NULL)
        HostRelease(host, validation->cases[0].positions);
    HostRelease(host, validation->cases);
}

void ValidationRun(const Host *host, const Model *model, Validation *validation)
{
    const bool *compared = validation->data->compared;
    double ndcg = 0, hr = 0, both = 0;
    size_t count = 0;

    if (validation->count == 0)
        return;
    RankHeldOut(host, model, validation);
    for (size_t i = 0; i < validation->count; i++) {
        CutoffMetrics m = CutoffMetricsOf(validation->cases[i].positions, 1, VALIDATION_CUTOFF);

        ndcg += m.ndcg;
        hr += m.hr;
        if (compared != NULL && compared[validation->cases[i].user]) {
            both += m.ndcg;
            count++;
        }
    }
    validation->compared = count == 0 ? (double)NAN : both / (double)count;
    validation->ndcg = ndcg / (double)validation->count;
    validation->hr = hr / (double)validation->count;
}

void ValidationEach(const Validation *validation, float *ndcg)
{
    for (size_t i = 0; i < validation->count; i++)
        ndcg[i] = (float)CutoffMetricsOf(validation->cases[i].positions, 1, VALIDATION_CUTOFF).ndcg;
}

double DifferenceError(const float *a, const float *b, size_t count)
{
    double mean = 0, squares = 0;

    for (size_t i = 0; i < count; i++)
        mean += ((double)a[i] - (double)b[i]) / (double)count;
    for (size_t i = 0; i < count; i++) {
        double apart = (double)a[i] - (double)b[i] - mean;

        squares += apart * apart;
    }
    return count >= HOLDOUT_FEWEST ? sqrt(squares / ((double)count * (double)(count - 1))) : 0;
}

void RatioResiduals(float *part, const float *whole, size_t count)
{
    double parts = 0, wholes = 0;

    for (size_t i = 0; i < count; i++) {
        parts += part[i];
        wholes += whole[i];
    }
    for (size_t i = 0; i < count; i++)
        part[i] = (float)((part[i] - parts / wholes * whole[i]) * (double)count / wholes);
}

double ValidationWork(const Model *model, const Interactions *shape)
{
    double width = model->algorithm->query_width(model);

    return (double)shape->held_count * model->items * (1 + 0.05 * width);
}

size_t ValidationMemory(const Model *model, const Interactions *shape, int threads)
{
    size_t cases = SizeMultiply(shape->held_count, sizeof(RankingCase) + sizeof(uint32_t));
    size_t batches = ScorerMemory(model, threads, BatchUsers(model, shape->held_count),
                                  Least(model->items, SLICE_ITEMS));

    return shape->held_count == 0 ? 0 : SizeAdd(cases, batches);
}
