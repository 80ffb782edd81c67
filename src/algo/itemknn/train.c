/*
 * train.c: finds the nearest neighbours of every item.
 *
 * For an item, the items of its users are added up, user by user, in an array of all items: what
 * two vectors have in common, and their inner product.  Tasks are blocks of items; each fills rows
 * of its own, so the model does not depend on the number of threads.
 */
#include <math.h>
#include <string.h>

#include "algo/itemknn/itemknn.h"
#include "algo/rank/validation.h"
#include "core/pool.h"
#include "core/sorted.h"
#include "core/topk.h"

/* Items of a task. */
#define BLOCK_ITEMS 16

/* What an item has in common with that whose neighbours are searched. */
typedef struct Common {
    float product;
    uint32_t users;
} Common;

typedef struct Search {
    const Host *host;
    const Interactions *data;
    const KnnOptions *options;
    Model *model;
    bool held;
    Vectors vectors;
    Common *common;  /* threads x items; zero between two items */
    uint32_t *found; /* threads x (items + 1): those that are not zero */
    Scored *best;    /* threads x neighbors */
} Search;

static size_t SearchMemory(const Model *model, int threads)
{
    const KnnOptions *o = model->options;
    size_t item = SizeMultiply((size_t)model->items + 1, sizeof(Common) + sizeof(uint32_t));

    return SizeMultiply((size_t)threads,
                        SizeAdd(item, SizeMultiply(KnnColumns(o), sizeof(Scored))));
}

size_t KnnMemory(const Model *model, const Interactions *shape, int threads)
{
    size_t search =
        SizeAdd(VectorsMemory(shape->count, shape->items), SearchMemory(model, threads));

    return SizeAdd(SizeAdd(search, ValidationMemory(model, shape, threads)),
                   (KNN_MOST_TRIALS + 1) * sizeof(Epoch) +
                       2 * (size_t)KnnTrialCases(shape) * sizeof(float));
}

/* Adds interactions first .. end - 1 of one user, whose value for the item is `value`. */
static uint32_t AddItems(const Search *s, uint64_t first, uint64_t end, float value, Common *common,
                         uint32_t *found, uint32_t count)
{
    for (uint64_t i = first; i < end; i++) {
        uint32_t item = s->data->item[i];

        found[count] = item;
        count += common[item].users == 0;
        common[item].users++;
        common[item].product += value * s->vectors.by_user[i];
    }
    return count;
}

/* The same for all of a user's interactions that count. */
static uint32_t AddUser(const Search *s, uint32_t user, float value, Common *common,
                        uint32_t *found, uint32_t count)
{
    const Interactions *data = s->data;
    uint64_t first = data->offset[user], end = data->offset[user + 1], held = end;

    if (!s->held && data->held != NULL && data->held[user] != NO_ITEM)
        held = first + LowerBound(data->item + first, (uint32_t)(end - first), data->held[user]);
    count = AddItems(s, first, held, value, common, found, count);
    return held < end ? AddItems(s, held + 1, end, value, common, found, count) : count;
}

/*
 * Of cosines, the denominator grows as if each of the two had `shrink` more users whom the other
 * lacks, with values of the usual size.  An inner product is multiplied by a factor that tells as
 * little about few users.
 */
static float Likeness(const Search *s, uint32_t a, uint32_t b, Common common)
{
    const Vectors *v = &s->vectors;
    double shrink = s->options->shrink, lengths;

    if (v->norm == NULL)
        return (float)(common.product * (common.users / (common.users + shrink)));
    lengths = v->norm[a] * v->norm[b] + shrink * v->square / (v->largest[a] * v->largest[b]);
    return lengths > 0 ? (float)(common.product / lengths) : 0;
}

/* Takes the best of what was found, which becomes zero again. */
static void ChooseNeighbors(const Search *s, uint32_t item, Common *common, const uint32_t *found,
                            uint32_t count, TopK *top)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = found[i];
        float likeness = Likeness(s, item, other, common[other]);

        if (other != item && likeness > 0)
            TopKAdd(top, likeness, other);
        common[other] = (Common){0};
    }
    TopKFinish(top);
}

static void StoreNeighbors(const Search *s, uint32_t item, const TopK *top)
{
    const Part *neighbor = &s->model->part[KNN_NEIGHBOR_PART];
    const Part *similarity = &s->model->part[KNN_SIMILARITY_PART];

    memset(PartRow(neighbor, item), 0, neighbor->stride * sizeof(float)); /* of a warm start */
    memset(PartRow(similarity, item), 0, similarity->stride * sizeof(float));
    for (uint32_t i = 0; i < top->count; i++) {
        PartRow(neighbor, item)[i] = (float)top->entries[i].item;
        PartRow(similarity, item)[i] = top->entries[i].score;
    }
}

static void FindNeighbors(const Search *s, uint32_t item, int worker)
{
    const Vectors *v = &s->vectors;
    uint32_t items = s->data->items, limit = (uint32_t)s->options->neighbors, count = 0;
    Common *common = s->common + (size_t)worker * items;
    uint32_t *found = s->found + (size_t)worker * ((size_t)items + 1);
    TopK top = {.entries = s->best + (size_t)worker * limit, .limit = limit};

    for (uint64_t i = v->offset[item]; i < v->offset[item + 1]; i++) {
        if (HostCancelled(s->host))
            return;
        count = AddUser(s, v->user[i], v->by_item[i], common, found, count);
    }
    ChooseNeighbors(s, item, common, found, count, &top);
    StoreNeighbors(s, item, &top);
}

static void FindBlock(void *job, int task, int worker)
{
    const Search *s = job;
    uint32_t first = (uint32_t)task * BLOCK_ITEMS, left = s->data->items - first;

    for (uint32_t i = 0; i < (left < BLOCK_ITEMS ? left : BLOCK_ITEMS); i++)
        if (!HostCancelled(s->host))
            FindNeighbors(s, first + i, worker);
}

void KnnBuild(const Host *host, const Interactions *data, Model *model, const KnnOptions *o,
              bool held)
{
    size_t threads = (size_t)PoolThreads(host);
    Search s = {.host = host, .data = data, .options = o, .model = model, .held = held};

    VectorsBuild(host, data, (Weighting)o->weighting, held, &s.vectors);
    s.common = HostAllocateZero(host, threads * data->items, sizeof(Common));
    s.found = HostAllocate(host, threads * ((size_t)data->items + 1), sizeof(uint32_t));
    s.best = HostAllocate(host, threads * (size_t)o->neighbors, sizeof(Scored));
    PoolRun(host, FindBlock, &s, (int)((data->items + BLOCK_ITEMS - 1) / BLOCK_ITEMS));
    if (HostCancelled(host))
        HostAbandon(host);
    HostRelease(host, s.common);
    HostRelease(host, s.found);
    HostRelease(host, s.best);
    VectorsRelease(host, &s.vectors);
}

void KnnEnter(const Host *host, const Model *model, TrainReport *report, Epoch epoch, int rows)
{
    epoch.epoch = report->epochs + 1;
    report->history[report->epochs++] = epoch;
    host->progress(host->arg,
                   &(Progress){epoch.stage, epoch.epoch, rows, epoch.loss,
                               model->algorithm->metrics[0].label, epoch.metric[0], epoch.seconds});
}

void KnnMeasure(const Host *host, const Model *model, Validation *validation, TrainReport *report,
                Epoch *epoch)
{
    double start = HostClock();

    ValidationRun(host, model, validation);
    report->evaluate_seconds += HostClock() - start;
    epoch->metric[0] = validation->ndcg;
    epoch->metric[1] = validation->hr;
    epoch->compared = validation->compared;
}

/* How well the neighbours that the training interactions alone give rank those held out. */
static void Validate(const Host *host, const Interactions *data, Model *model, const KnnOptions *o,
                     TrainReport *report, Epoch *epoch)
{
    Validation validation;

    KnnBuild(host, data, model, o, false);
    ValidationPrepare(host, data, &validation);
    KnnMeasure(host, model, &validation, report, epoch);
    ValidationRelease(host, &validation);
}

static void CheckData(const Host *host, const Interactions *data, const KnnOptions *o)
{
    if (o->recent > 0 && data->events == NULL)
        HostFail(host, FAIL_INVALID, "Name a time column, or set the option recent to 0.",
                 "recommending by recent interactions takes events in order of time");
    if (data->items > KNN_MOST_ITEMS)
        HostFail(host, FAIL_INVALID, "Train on a source with fewer items, or another algorithm.",
                 "algorithm \"itemknn\" takes at most %u items, not %u", KNN_MOST_ITEMS,
                 data->items);
}

void KnnTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    Epoch epoch = {.stage = "neighbors", .loss = NAN, .metric = {NAN, NAN}, .compared = NAN};
    bool validates = KnnValidates(model->options, data);
    double start = HostClock();
    KnnOptions options;

    CheckData(host, data, model->options);
    report->history = HostAllocate(host, KNN_MOST_TRIALS + 1, sizeof(Epoch));
    options = KnnChoose(host, data, model, report, &epoch);
    if (validates)
        Validate(host, data, model, &options, report, &epoch);
    if (!validates || !model->trial)
        KnnBuild(host, data, model, &options, !model->trial);
    epoch.seconds = HostClock() - start;
    report->best = report->epochs;
    report->stop_reason = "counted";
    KnnEnter(host, model, report, epoch, report->epochs + 1);
}
