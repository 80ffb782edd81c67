/*
 * model_policy.c: queries from what visitors clicked, scores block by block, the best of what may
 * be shown.
 *
 * A query is made where it is needed; only fold-in, which may allocate, is done ahead on the main
 * thread.  A score is that of the query alone, so a slate does not depend on who else is played.
 */
#include "algo/policy/model_policy.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"
#include "core/random.h"
#include "core/topk.h"
#include "core/vector.h"

/* Items that are scored at a time. */
#define BLOCK_ITEMS 4096

/* Multiplications of one batch of slates, about: some milliseconds. */
#define BATCH_PRODUCTS (1u << 24)
#define MOST_BATCH     16

typedef struct Worker {
    uint32_t *eligible; /* items */
    float *scores;      /* a block */
    float *query;       /* where the model makes queries of histories */
    Scored *best;       /* k */
} Worker;

struct ModelPolicyRoom {
    const Host *host;
    uint32_t items;
    uint32_t width;     /* floats of a query, in whole vectors */
    uint32_t *own_item; /* of the simulator's items, or NO_ITEM; NULL: they are the same */
    Worker *workers;
    int threads;
    float *folded; /* ROLLOUT_WAVE queries, or NULL */
    Model history; /* rows of what a visitor clicked, and of others: see fold_in() */
    Model sample;
};

static bool FoldsIn(const Model *model)
{
    return model != NULL && model->algorithm->history == NULL &&
           model->algorithm->query_width(model) > 0;
}

static bool MakesQueries(const Model *model)
{
    return model != NULL && model->algorithm->history != NULL;
}

static uint32_t ItemsOf(const ModelPolicy *p)
{
    return p->model != NULL ? p->model->items : EnvironmentItems(p->environment);
}

static uint32_t QueryStride(const Model *model)
{
    return model == NULL ? 0 : VectorStride(model->algorithm->query_width(model));
}

/* --- rows for fold-in */

static bool IsGathered(const Part *part)
{
    return part->axis == AXIS_ITEM && part->data != NULL;
}

static Model RowsCreate(const Host *host, const Model *model, uint32_t rows)
{
    Model view = *model;

    view.item_rows = HostAllocate(host, rows, sizeof(uint32_t));
    for (int i = 0; i < view.parts; i++)
        if (IsGathered(&view.part[i]))
            view.part[i].data =
                HostAllocateZero(host, SizeMultiply(rows, view.part[i].stride), sizeof(float));
    return view;
}

static void RowsRelease(const Host *host, const Model *model, const Model *view)
{
    HostRelease(host, (void *)view->item_rows);
    for (int i = 0; i < view->parts; i++)
        if (IsGathered(&model->part[i]))
            HostRelease(host, view->part[i].data);
}

static size_t RowsMemory(const Model *model, uint32_t rows)
{
    size_t floats = 1;

    for (int i = 0; i < model->parts; i++)
        if (IsGathered(&model->part[i]))
            floats = SizeAdd(floats, model->part[i].stride);
    return SizeMultiply(SizeMultiply(rows, floats), sizeof(float));
}

static void RowsFill(const Model *model, Model *view, const uint32_t *items, uint32_t count)
{
    memcpy((uint32_t *)view->item_rows, items, count * sizeof(*items));
    view->items = count;
    for (int i = 0; i < view->parts; i++) {
        const Part *part = &model->part[i];

        if (!IsGathered(part))
            continue;
        view->part[i].rows = count;
        for (uint32_t r = 0; r < count; r++)
            memcpy(PartRow(&view->part[i], r), PartRow(part, items[r]),
                   part->stride * sizeof(float));
    }
}

/* --- queries */

/* What the visitor clicked and the model knows, oldest first. */
static uint32_t OwnHistory(const ModelPolicy *p, const Visitor *visitor, uint32_t *items)
{
    const uint32_t *own_item = p->room->own_item;
    uint32_t count = 0;

    for (uint32_t h = 0; h < visitor->clicks; h++) {
        items[count] = own_item == NULL ? visitor->history[h] : own_item[visitor->history[h]];
        count += items[count] != NO_ITEM;
    }
    return count;
}

/* Ascending, each once. */
static uint32_t SortDistinct(uint32_t *items, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t item = items[i], at = kept;

        while (at > 0 && items[at - 1] > item)
            at--;
        if (at > 0 && items[at - 1] == item)
            continue;
        memmove(items + at + 1, items + at, (kept - at) * sizeof(*items));
        items[at] = item;
        kept++;
    }
    return kept;
}

/* False: nothing is known of the visitor, and the model is no policy, which answers that, too. */
static bool HistoryQuery(const ModelPolicy *p, const Visitor *visitor, float *query)
{
    const Algorithm *algorithm = p->model->algorithm;
    HistoryNeed need = algorithm->history(p->model->options);
    uint32_t items[VISITOR_HISTORY], count = OwnHistory(p, visitor, items), first = 0;

    if (!need.ordered)
        count = SortDistinct(items, count);
    else if (count > need.limit)
        first = count - need.limit;
    if (count == first && !IsPolicy(algorithm))
        return false;
    algorithm->query(p->model,
                     &(QueryInput){.row = NO_ROW, .items = items + first, .count = count - first},
                     query);
    return true;
}

static bool IsAmong(const uint32_t *items, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (items[i] == item)
            return true;
    return false;
}

/* Items spread evenly over all, without those of the history: as recadv_topk_for() takes them. */
static uint32_t SampleItems(uint32_t items, const uint32_t *history, uint32_t count,
                            uint32_t *sample)
{
    uint32_t wanted = items < FOLD_IN_SAMPLE ? items : FOLD_IN_SAMPLE, kept = 0;

    for (uint32_t i = 0; i < wanted; i++) {
        sample[kept] = (uint32_t)((2 * (uint64_t)i + 1) * items / (2 * (uint64_t)wanted));
        kept += !IsAmong(history, count, sample[kept]);
    }
    return kept;
}

/* The first float of a query that there is not is NaN. */
static void FoldIn(const ModelPolicy *p, const Visitor *visitor, float *query)
{
    struct ModelPolicyRoom *room = p->room;
    const Algorithm *algorithm = p->model->algorithm;
    uint32_t items[VISITOR_HISTORY], sample[FOLD_IN_SAMPLE];
    uint32_t count = OwnHistory(p, visitor, items);

    if (algorithm->stream == NULL)
        count = SortDistinct(items, count);
    if (count == 0) {
        query[0] = NAN;
        return;
    }
    RowsFill(p->model, &room->history, items, count);
    RowsFill(p->model, &room->sample, sample, SampleItems(room->items, items, count, sample));
    algorithm->fold_in(room->host, &room->history, &room->sample, query);
}

static void Prepare(void *arg, const Slate *slates, uint32_t count)
{
    const ModelPolicy *p = arg;

    for (uint32_t s = 0; s < count; s++) {
        FoldIn(p, slates[s].visitor, p->room->folded + (size_t)s * p->room->width);
        HostPoll(p->room->host);
    }
}

/* --- slates */

static uint32_t FindEligible(const ModelPolicy *p, const Visitor *visitor, uint32_t *eligible)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < p->room->items; i++) {
        uint32_t item = p->simulator_item == NULL ? i : p->simulator_item[i];

        eligible[count] = i;
        count += item != NO_ITEM && (p->may_show == NULL || p->may_show[i]) &&
                 (p->environment == NULL || VisitorMaySee(p->environment, visitor, item));
    }
    return count;
}

/* The first `wanted` of a random permutation; each set of them is as likely as any other. */
static void FillRandomly(const ModelPolicy *p, Slate *slate, uint32_t *eligible, uint32_t count)
{
    Random random;

    RandomSeed(&random, p->seed, RANDOM_SLATE, slate->visitor->session, slate->visitor->step);
    slate->count = slate->wanted < count ? slate->wanted : count;
    for (uint32_t i = 0; i < slate->count; i++) {
        uint32_t j = i + RandomBelow(&random, count - i), item = eligible[j];

        eligible[j] = eligible[i];
        slate->shown[i] = item;
        slate->propensity[i] = (float)slate->count / (float)count;
    }
}

/* Scores of a block; query == NULL: how popular they are. */
static void ScoreBlock(const Model *model, const float *query, uint32_t first, uint32_t count,
                       float *scores)
{
    Model view;

    ModelViewItems(model, first, count, &view);
    if (query != NULL || model->algorithm->query_width(model) == 0)
        ModelScore(&view, query, 1, scores);
    else
        for (uint32_t i = 0; i < count; i++)
            scores[i] = *PartRow(&view.part[POPULARITY_PART], i);
}

/* A score that is no number never ranks. */
static bool HasUndefined(const TopK *top, uint32_t count)
{
    bool finite = top->count == (top->limit < count ? top->limit : count);

    for (uint32_t i = 0; i < top->count; i++)
        finite &= isfinite(top->entries[i].score) != 0;
    return !finite;
}

/* `eligible` is ascending. */
static void FillGreedily(const ModelPolicy *p, const Worker *worker, const float *query,
                         uint32_t count, Slate *slate)
{
    TopK top = {.entries = worker->best, .limit = slate->wanted};
    uint32_t items = p->room->items, at = 0;

    for (uint32_t first = 0; first < items && !HostCancelled(p->room->host); first += BLOCK_ITEMS) {
        uint32_t left = items - first, block = left < BLOCK_ITEMS ? left : BLOCK_ITEMS;

        ScoreBlock(p->model, query, first, block, worker->scores);
        for (; at < count && worker->eligible[at] < first + block; at++)
            TopKAdd(&top, worker->scores[worker->eligible[at] - first], worker->eligible[at]);
    }
    TopKFinish(&top);
    slate->count = top.count;
    slate->undefined = HasUndefined(&top, count);
    for (uint32_t i = 0; i < top.count; i++) {
        slate->shown[i] = top.entries[i].item;
        slate->propensity[i] = 1;
    }
}

/* The query of slate `number`, or NULL. */
static const float *QueryOf(const ModelPolicy *p, const Worker *worker, const Visitor *visitor,
                            uint32_t number)
{
    const float *folded = p->room->folded;

    if (MakesQueries(p->model))
        return HistoryQuery(p, visitor, worker->query) ? worker->query : NULL;
    if (folded == NULL)
        return NULL;
    folded += (size_t)number * p->room->width;
    return isnan(folded[0]) ? NULL : folded;
}

static void FillSlate(const ModelPolicy *p, const Worker *worker, uint32_t number, Slate *slate)
{
    const Visitor *visitor = slate->visitor;
    uint32_t count = FindEligible(p, visitor, worker->eligible);

    if (p->model == NULL) {
        FillRandomly(p, slate, worker->eligible, count);
        return;
    }
    FillGreedily(p, worker, QueryOf(p, worker, visitor, number), count, slate);
    if (p->explore != NULL && slate->count > 0)
        p->explore(p->arg, &(SlateChoice){visitor->session, visitor->step, worker->eligible, count},
                   slate, (int)(worker - p->room->workers));
}

static void Fill(void *arg, Slate *slates, uint32_t first, uint32_t count, int worker)
{
    const ModelPolicy *p = arg;

    for (uint32_t s = 0; s < count && !HostCancelled(p->room->host); s++)
        FillSlate(p, &p->room->workers[worker], first + s, &slates[s]);
}

/* --- opening and closing */

static uint32_t *Inverse(const Host *host, const ModelPolicy *p)
{
    uint32_t items = EnvironmentItems(p->environment);
    uint32_t *own_item = HostAllocate(host, items, sizeof(uint32_t));

    memset(own_item, 0xff, items * sizeof(*own_item)); /* NO_ITEM */
    for (uint32_t i = 0; i < ItemsOf(p); i++)
        if (p->simulator_item[i] != NO_ITEM)
            own_item[p->simulator_item[i]] = i;
    return own_item;
}

static void WorkerCreate(const Host *host, const ModelPolicy *p, uint32_t k, Worker *worker)
{
    bool scores = p->model != NULL;

    *worker = (Worker){.eligible = HostAllocate(host, p->room->items, sizeof(uint32_t))};
    if (scores) {
        worker->scores = HostAllocate(host, BLOCK_ITEMS, sizeof(float));
        worker->best = HostAllocate(host, k, sizeof(Scored));
    }
    if (MakesQueries(p->model))
        worker->query = HostAllocateZero(host, p->room->width, sizeof(float));
}

static void WorkerRelease(const Host *host, const Worker *worker)
{
    HostRelease(host, worker->eligible);
    HostRelease(host, worker->scores);
    HostRelease(host, worker->best);
    HostRelease(host, worker->query);
}

/* So many that a batch is some milliseconds. */
static uint32_t BatchOf(const ModelPolicy *p)
{
    uint64_t slate = (uint64_t)p->room->items * (p->room->width < 16 ? 16 : p->room->width);
    uint64_t batch = BATCH_PRODUCTS / (slate + 1);

    return batch < 1 ? 1 : batch > MOST_BATCH ? MOST_BATCH : (uint32_t)batch;
}

static void CheckPlaces(const Host *host, const Model *model)
{
    if (FoldsIn(model) && model->algorithm->fold_in == NULL)
        HostFail(host, FAIL_INVALID, "Play another model.",
                 "algorithm \"%s\" cannot place a visitor by a history", model->algorithm->name);
}

static void OpenFoldIn(const Host *host, const ModelPolicy *p)
{
    struct ModelPolicyRoom *room = p->room;

    room->folded = HostAllocateZero(host, SizeMultiply(ROLLOUT_WAVE, room->width), sizeof(float));
    room->history = RowsCreate(host, p->model, VISITOR_HISTORY);
    room->sample = RowsCreate(host, p->model, FOLD_IN_SAMPLE);
}

Policy ModelPolicyOpen(const Host *host, ModelPolicy *policy, uint32_t k)
{
    struct ModelPolicyRoom *room = HostAllocateZero(host, 1, sizeof(*room));

    CheckPlaces(host, policy->model);
    policy->room = room;
    room->host = host;
    room->items = ItemsOf(policy);
    room->width = QueryStride(policy->model);
    room->threads = PoolThreads(host);
    if (policy->simulator_item != NULL)
        room->own_item = Inverse(host, policy);
    room->workers = HostAllocate(host, (size_t)room->threads, sizeof(Worker));
    for (int i = 0; i < room->threads; i++)
        WorkerCreate(host, policy, k, &room->workers[i]);
    if (FoldsIn(policy->model))
        OpenFoldIn(host, policy);
    return (Policy){.arg = policy,
                    .batch = BatchOf(policy),
                    .simulator_item = policy->simulator_item,
                    .prepare = FoldsIn(policy->model) ? Prepare : NULL,
                    .fill = Fill};
}

void ModelPolicyClose(const Host *host, ModelPolicy *policy)
{
    struct ModelPolicyRoom *room = policy->room;

    for (int i = 0; i < room->threads; i++)
        WorkerRelease(host, &room->workers[i]);
    if (room->folded != NULL) {
        RowsRelease(host, policy->model, &room->history);
        RowsRelease(host, policy->model, &room->sample);
        HostRelease(host, room->folded);
    }
    HostRelease(host, room->workers);
    HostRelease(host, room->own_item);
    HostRelease(host, room);
    policy->room = NULL;
}

/* Queries, rows, and about as much as rows take for what fold_in() itself allocates. */
static size_t FoldInMemory(const Model *model)
{
    size_t width = QueryStride(model), rows = RowsMemory(model, VISITOR_HISTORY + FOLD_IN_SAMPLE);
    size_t queries = SizeMultiply(SizeMultiply(ROLLOUT_WAVE, width), sizeof(float));
    size_t square = SizeMultiply(SizeMultiply(width, width), 2 * sizeof(double));

    return SizeAdd(SizeAdd(queries, square), SizeMultiply(2, rows));
}

static size_t WorkersMemory(size_t worker, int threads)
{
    return SizeAdd(SizeMultiply((size_t)threads, SizeAdd(worker, sizeof(Worker))),
                   sizeof(struct ModelPolicyRoom));
}

size_t RandomPolicyMemory(uint32_t items, int threads)
{
    return WorkersMemory(SizeMultiply(items, sizeof(uint32_t)), threads);
}

size_t ModelPolicyMemory(const ModelPolicy *policy, uint32_t k, int threads)
{
    const Model *model = policy->model;
    size_t worker = SizeMultiply(ItemsOf(policy), sizeof(uint32_t)), total;

    worker = SizeAdd(worker, BLOCK_ITEMS * sizeof(float));
    worker = SizeAdd(worker, SizeMultiply(k, sizeof(Scored)));
    worker = SizeAdd(worker, QueryStride(model) * sizeof(float));
    total = WorkersMemory(worker, threads);
    if (policy->simulator_item != NULL)
        total =
            SizeAdd(total, SizeMultiply(EnvironmentItems(policy->environment), sizeof(uint32_t)));
    return FoldsIn(model) ? SizeAdd(total, FoldInMemory(model)) : total;
}
