/* batch.c: negatives, products of matrices slice by slice, one step of each row touched. */
#include "algo/softmax/batch.h"

#include <math.h>
#include <string.h>

#include "algo/learn/optimizer.h"
#include "core/exponential.h"
#include "core/pool.h"
#include "core/products.h"

/* Rows of a task, and multiplications of one at most: some tens of milliseconds without a library.
 */
#define SLICE_ROWS     64
#define SLICE_PRODUCTS (1u << 28)

/* --- kernels */

typedef struct RowStepping {
    float norm;
    float rate;
    float *state;
    uint32_t columns;
    uint32_t stride;
} RowStepping;

#define VECTOR_KERNELS "algo/softmax/batch_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(SumAndScale, (float *values, uint32_t count, float share, float *sum));
VECTOR_TABLE(Scale, (float *row, uint32_t stride, float norm));
VECTOR_TABLE(Step, (const RowStepping *s, float *row, float *g));

void ScaleRow(float *row, uint32_t stride, float norm)
{
    ScaleVariants[VectorLevel()](row, stride, norm);
}

/* --- which rows */

static void TouchedCreate(const Host *host, uint32_t rows, uint32_t touched, uint32_t entries,
                          Touched *side)
{
    side->number = HostAllocateZero(host, rows, sizeof(uint32_t));
    side->row = HostAllocate(host, touched, sizeof(uint32_t));
    side->start = HostAllocate(host, (size_t)touched + 1, sizeof(uint32_t));
    side->query = HostAllocate(host, entries, sizeof(uint32_t));
    side->count = 0;
}

static void TouchedRelease(const Host *host, Touched *side)
{
    HostRelease(host, side->number);
    HostRelease(host, side->row);
    HostRelease(host, side->start);
    HostRelease(host, side->query);
}

static size_t TouchedMemory(uint32_t rows, uint32_t touched, uint32_t entries)
{
    return ((size_t)rows + 2 * (size_t)touched + 1 + entries) * sizeof(uint32_t);
}

static uint32_t Touch(Touched *side, uint32_t row)
{
    if (side->number[row] == 0) {
        side->row[side->count] = row;
        side->number[row] = ++side->count;
    }
    return side->number[row] - 1;
}

static void Forget(Touched *side)
{
    for (uint32_t n = 0; n < side->count; n++)
        side->number[side->row[n]] = 0;
    side->count = 0;
}

/* Entries come as numbers; first counts, then ends, which filling from the back makes starts. */
static void CountEntries(Touched *side, const uint32_t *number, uint32_t entries)
{
    memset(side->start, 0, ((size_t)side->count + 1) * sizeof(uint32_t));
    for (uint32_t e = 0; e < entries; e++)
        side->start[number[e]]++;
    for (uint32_t n = 1; n <= side->count; n++)
        side->start[n] += side->start[n - 1];
}

static void GroupUsers(SoftmaxBatch *b)
{
    for (uint32_t r = 0; r < b->count; r++)
        b->user_of[r] = Touch(&b->users, b->queries[r].pairs[0].user);
    CountEntries(&b->users, b->user_of, b->count);
    for (uint32_t r = b->count; r-- > 0;)
        b->users.query[--b->users.start[b->user_of[r]]] = r;
}

static void GroupItems(SoftmaxBatch *b)
{
    uint32_t entries = 0;

    for (uint32_t r = 0; r < b->count; r++)
        for (uint32_t i = 0; i < b->queries[r].count; i++)
            b->item_of[entries++] = Touch(&b->items, b->queries[r].pairs[i].item);
    CountEntries(&b->items, b->item_of, entries);
    for (uint32_t r = b->count; r-- > 0;)
        for (uint32_t i = b->queries[r].count; i-- > 0;)
            b->items.query[--b->items.start[b->item_of[--entries]]] = r;
}

/* Without replacement: fewer than half of the items, or this is slow. */
static void DrawNegatives(SoftmaxBatch *b, Random *random)
{
    while (b->items.count < b->negatives)
        Touch(&b->items, RandomBelow(random, b->rule.data->items));
}

/* --- room */

static uint32_t SliceRows(uint32_t stride, uint32_t queries, uint32_t negatives)
{
    uint64_t of_row = (uint64_t)stride * (queries > negatives ? queries : negatives);
    uint64_t rows = SLICE_PRODUCTS / of_row;

    return rows > SLICE_ROWS ? SLICE_ROWS : rows < 1 ? 1 : (uint32_t)rows;
}

static uint32_t Slices(uint32_t rows, uint32_t slice)
{
    return (rows + slice - 1) / slice;
}

void SoftmaxBatchCreate(const Host *host, const Model *model, uint32_t queries, uint32_t chunk,
                        uint32_t negatives, SoftmaxBatch *b)
{
    const Part *user = &model->part[1];
    size_t stride = user->stride, positives = SizeMultiply(queries, chunk);

    b->most_queries = queries;
    b->chunk = chunk;
    b->negatives = negatives;
    b->width = VectorStride(negatives);
    b->slice = SliceRows(user->stride, queries, b->width);
    b->queries = HostAllocate(host, queries, sizeof(SoftmaxQuery));
    b->user_of = HostAllocate(host, queries, sizeof(uint32_t));
    b->item_of = HostAllocate(host, positives, sizeof(uint32_t));
    TouchedCreate(host, model->users, queries, queries, &b->users);
    TouchedCreate(host, model->items, (uint32_t)(negatives + positives), (uint32_t)positives,
                  &b->items);
    b->p = HostAllocate(host, queries * stride, sizeof(float));
    b->user_g = HostAllocate(host, queries * stride, sizeof(float));
    b->x = HostAllocateZero(host, b->width * stride, sizeof(float));
    b->weights = HostAllocate(host, SizeMultiply(queries, b->width), sizeof(float));
    b->row = HostAllocate(host, (size_t)PoolThreads(host) * stride, sizeof(float));
    b->losses = HostAllocate(host, Slices(queries, b->slice), sizeof(double));
}

void SoftmaxBatchRelease(const Host *host, SoftmaxBatch *b)
{
    HostRelease(host, b->queries);
    HostRelease(host, b->user_of);
    HostRelease(host, b->item_of);
    TouchedRelease(host, &b->users);
    TouchedRelease(host, &b->items);
    HostRelease(host, b->p);
    HostRelease(host, b->user_g);
    HostRelease(host, b->x);
    HostRelease(host, b->weights);
    HostRelease(host, b->row);
    HostRelease(host, b->losses);
}

size_t SoftmaxBatchMemory(const Model *model, uint32_t queries, uint32_t chunk, uint32_t negatives,
                          int threads)
{
    size_t stride = model->part[1].stride, width = VectorStride(negatives);
    size_t positives = (size_t)queries * chunk,
           rows = 2 * (size_t)queries + width + (size_t)threads;
    size_t floats = SizeAdd(SizeMultiply(rows, stride), SizeMultiply(queries, width));
    size_t total = SizeMultiply(floats, sizeof(float));

    total = SizeAdd(total, queries * (sizeof(SoftmaxQuery) + sizeof(uint32_t)));
    total = SizeAdd(total, positives * sizeof(uint32_t));
    total = SizeAdd(total, TouchedMemory(model->users, queries, queries));
    total = SizeAdd(
        total, TouchedMemory(model->items, (uint32_t)(negatives + positives), (uint32_t)positives));
    return SizeAdd(total, Slices(queries, SliceRows((uint32_t)stride, queries, (uint32_t)width)) *
                              sizeof(double));
}

/* --- tasks */

typedef struct Range {
    uint32_t first, end;
} Range;

static Range RangeOf(const SoftmaxBatch *b, uint32_t slice, uint32_t rows)
{
    uint32_t first = slice * b->slice, left = rows - first;

    return (Range){first, first + (left < b->slice ? left : b->slice)};
}

/* Rows lie anywhere: they are asked for AHEAD rows before they are read. */
#define AHEAD 4

static void Expect(const float *row, size_t stride)
{
    for (size_t k = 0; k < stride; k += VECTOR_LANES)
        __builtin_prefetch(row + k);
}

static void ExpectRow(const Part *part, size_t row)
{
    Expect(PartRow(part, row), part->stride);
}

static void ExpectUser(const SoftmaxRule *rule, uint32_t user)
{
    ExpectRow(rule->user, user);
    __builtin_prefetch(rule->data->item + rule->data->offset[user]);
}

static void CopyRows(const Part *part, const uint32_t *rows, Range range, float *to)
{
    for (uint32_t n = range.first; n < range.end; n++) {
        if (n + AHEAD < range.end)
            ExpectRow(part, rows[n + AHEAD]);
        memcpy(to + (size_t)n * part->stride, PartRow(part, rows[n]), part->stride * sizeof(float));
    }
}

static void GatherNegatives(void *arg, int task, int worker)
{
    SoftmaxBatch *b = arg;

    (void)worker;
    CopyRows(b->rule.item, b->items.row, RangeOf(b, (uint32_t)task, b->negatives), b->x);
}

static void GatherUsers(SoftmaxBatch *b, Range range)
{
    const Part *user = b->rule.user;

    for (uint32_t r = range.first; r < range.end; r++) {
        if (r + AHEAD < range.end)
            ExpectUser(&b->rule, b->queries[r + AHEAD].pairs[0].user);
        memcpy(b->p + (size_t)r * user->stride, PartRow(user, b->queries[r].pairs[0].user),
               user->stride * sizeof(float));
    }
}

/* What the user trains with is no negative.  Returns how many are left. */
static uint32_t DropOwn(const SoftmaxBatch *b, uint32_t user, float *weights)
{
    const Interactions *data = b->rule.data;
    uint32_t left = b->negatives;

    for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++) {
        uint32_t number = b->items.number[data->item[i]];

        if (number == 0 || number > b->negatives ||
            (!b->rule.held_too && IsHeldOut(data, user, data->item[i])))
            continue;
        weights[number - 1] = 0;
        left--;
    }
    for (uint32_t n = b->negatives; n < b->width; n++)
        weights[n] = 0;
    return left;
}

/* Scores of a query become weights; its share of the loss. */
static double Weigh(const SoftmaxBatch *b, uint32_t r)
{
    const SoftmaxRule *rule = &b->rule;
    const SoftmaxQuery *query = &b->queries[r];
    float *weights = b->weights + (size_t)r * b->width, sum;
    float share = (float)query->count * rule->log_sum_weight / rule->temperature;
    float greatest = ExponentialsBelow(weights, b->width, 1 / rule->temperature);
    uint32_t left = DropOwn(b, query->pairs[0].user, weights);

    SumAndScaleVariants[VectorLevel()](weights, b->width, share, &sum);
    if (!(sum > 0))
        return 0;
    return (double)query->count * rule->log_sum_weight *
           (log((double)sum / left) + (double)greatest / rule->temperature);
}

/* Pulls of the query's items on its user; their share of the loss. */
static double AddPositives(const SoftmaxBatch *b, uint32_t r)
{
    const SoftmaxRule *rule = &b->rule;
    const SoftmaxQuery *query = &b->queries[r];
    uint32_t stride = rule->item->stride;
    size_t at = (size_t)r * stride;
    double loss = 0;

    for (uint32_t i = 0; i < query->count; i++) {
        const float *x = PartRow(rule->item, query->pairs[i].item);
        float product;

        DotRows(b->p + at, x, 1, stride, &product);
        loss -= (double)product / rule->temperature;
        AddScaledRow(b->user_g + at, x, -1 / rule->temperature, stride);
    }
    return loss;
}

static void LearnQueries(void *arg, int task, int worker)
{
    SoftmaxBatch *b = arg;
    Range range = RangeOf(b, (uint32_t)task, b->count);
    uint32_t stride = b->rule.user->stride, rows = range.end - range.first;
    size_t at = (size_t)range.first * stride;
    float *weights = b->weights + (size_t)range.first * b->width;
    double loss = 0;

    (void)worker;
    GatherUsers(b, range);
    MultiplyTransposed(b->p + at, b->x, rows, b->width, stride, weights);
    for (uint32_t r = range.first; r < range.end; r++)
        loss += Weigh(b, r);
    MultiplyRows(weights, b->x, rows, stride, b->width, b->user_g + at);
    for (uint32_t r = range.first; r < range.end; r++) {
        if (r + AHEAD < range.end)
            ExpectRow(b->rule.item, b->queries[r + AHEAD].pairs[0].item);
        loss += AddPositives(b, r);
    }
    b->losses[task] = loss;
}

/* NULL: rows step. */
static float *Sums(const SoftmaxRule *rule, const Part *part)
{
    return part == rule->user ? rule->user_sums : rule->item_sums;
}

static float *State(const SoftmaxRule *rule, const Part *part)
{
    return part == rule->user ? rule->user_state : rule->item_state;
}

static void ExpectStep(const SoftmaxRule *rule, const Part *part, size_t row)
{
    const float *sums = Sums(rule, part);

    if (sums != NULL) {
        Expect(sums + row * part->stride, part->stride);
    } else {
        ExpectRow(part, row);
        __builtin_prefetch(State(rule, part) + row);
    }
}

static void StepRow(const SoftmaxRule *rule, const Part *part, size_t row, float norm, float *g)
{
    float *sums = Sums(rule, part);

    if (sums != NULL) {
        AddScaledRow(sums + row * part->stride, g, 1, part->stride);
    } else {
        RowStepping s = {norm, rule->learning_rate, State(rule, part) + row, part->columns,
                         part->stride};

        StepVariants[VectorLevel()](&s, PartRow(part, row), g);
    }
}

/* Adds what the item's queries pull, and steps. */
static void StepItem(const SoftmaxBatch *b, uint32_t number, float *g)
{
    const SoftmaxRule *rule = &b->rule;
    const Touched *items = &b->items;
    uint32_t stride = rule->item->stride, row = items->row[number];

    if (number + AHEAD < items->count)
        ExpectStep(rule, rule->item, items->row[number + AHEAD]);
    for (uint32_t e = items->start[number]; e < items->start[number + 1]; e++)
        AddScaledRow(g, b->p + (size_t)items->query[e] * stride, -1 / rule->temperature, stride);
    StepRow(rule, rule->item, row, rule->norm[row], g);
}

/* The negatives' rows, all read by now, give way to their gradients. */
static void StepNegatives(SoftmaxBatch *b, uint32_t slice)
{
    Range range = RangeOf(b, slice, b->negatives);
    uint32_t stride = b->rule.item->stride;
    float *g = b->x + (size_t)range.first * stride;

    MultiplyColumns(b->weights + range.first, b->width, b->p, range.end - range.first, stride,
                    b->count, g);
    for (uint32_t n = range.first; n < range.end; n++)
        StepItem(b, n, b->x + (size_t)n * stride);
}

static void StepPositives(SoftmaxBatch *b, uint32_t slice, float *g)
{
    Range range = RangeOf(b, slice, b->items.count - b->negatives);
    uint32_t stride = b->rule.item->stride;

    for (uint32_t n = range.first; n < range.end; n++) {
        memset(g, 0, stride * sizeof(float));
        StepItem(b, b->negatives + n, g);
    }
}

static void StepUsers(SoftmaxBatch *b, uint32_t slice, float *g)
{
    const Touched *users = &b->users;
    Range range = RangeOf(b, slice, users->count);
    uint32_t stride = b->rule.user->stride;

    for (uint32_t n = range.first; n < range.end; n++) {
        if (n + AHEAD < range.end)
            ExpectStep(&b->rule, b->rule.user, users->row[n + AHEAD]);
        memset(g, 0, stride * sizeof(float));
        for (uint32_t e = users->start[n]; e < users->start[n + 1]; e++)
            AddScaledRow(g, b->user_g + (size_t)users->query[e] * stride, 1, stride);
        StepRow(&b->rule, b->rule.user, users->row[n], 1, g);
    }
}

static void StepRows(void *arg, int task, int worker)
{
    SoftmaxBatch *b = arg;
    uint32_t t = (uint32_t)task, negatives = Slices(b->negatives, b->slice);
    uint32_t positives = Slices(b->items.count - b->negatives, b->slice);
    float *g = b->row + (size_t)worker * b->rule.user->stride;

    if (t < negatives)
        StepNegatives(b, t);
    else if (t < negatives + positives)
        StepPositives(b, t - negatives, g);
    else
        StepUsers(b, t - negatives - positives, g);
}

double SoftmaxBatchStep(const Host *host, SoftmaxBatch *b, Random *random)
{
    uint32_t queries = Slices(b->count, b->slice), negatives = Slices(b->negatives, b->slice), rows;
    double loss = 0;

    DrawNegatives(b, random);
    GroupUsers(b);
    GroupItems(b);
    PoolRun(host, GatherNegatives, b, (int)negatives);
    PoolRun(host, LearnQueries, b, (int)queries);
    rows = negatives + Slices(b->items.count - b->negatives, b->slice) +
           Slices(b->users.count, b->slice);
    PoolRun(host, StepRows, b, (int)rows);
    for (uint32_t s = 0; s < queries; s++)
        loss += b->losses[s];
    Forget(&b->users);
    Forget(&b->items);
    return loss;
}
