/* batch.c: which rows a batch touches, its slices forward and back, one step of each row. */
#include "algo/sasrec/batch.h"

#include <math.h>
#include <string.h>

#include "algo/learn/negative.h"
#include "core/blas.h"
#include "core/pool.h"

/* Rows of a slice, and operations, at most: some tens of milliseconds. */
#define SLICE_ROWS       128
#define SLICE_OPERATIONS 4e8

/* Numbers of the network, and rows of items, that a task steps. */
#define STEP_FLOATS 4096
#define STEP_ROWS   64

/* --- sizes */

static double RowOperations(const TransformerShape *shape, uint32_t width)
{
    double d = Pitch(shape->columns), hidden = Pitch(shape->hidden);

    return 6 * (shape->layers * (3 * d * d + 2 * d * hidden + shape->places * d) + width * d);
}

/* At least a whole window. */
static uint32_t SliceRows(const TransformerShape *shape, uint32_t width)
{
    double rows = SLICE_OPERATIONS / RowOperations(shape, width);

    rows = rows > SLICE_ROWS ? SLICE_ROWS : rows;
    return rows < shape->places ? shape->places : (uint32_t)rows;
}

/* Two that follow each other hold more rows than one takes. */
static size_t MostSlices(size_t rows, uint32_t slice_rows)
{
    return 2 * rows / slice_rows + 2;
}

/* The numbers that both the room and its estimate are made of. */
typedef struct Sizes {
    size_t windows, rows, slices, touched, entries;
    size_t lane, scratch, stride;
    uint32_t negatives, width, slice_rows;
} Sizes;

static size_t Scratch(const TransformerShape *shape, const Sizes *s)
{
    size_t attention = SizeMultiply((size_t)shape->heads * s->slice_rows, Pitch(shape->places));
    size_t tape = TransformerReals(shape, s->slice_rows, attention, shape->places);

    return SizeAdd(tape, SizeMultiply(s->slice_rows, s->width + 2 * s->stride));
}

static Sizes SizesOf(const Model *model, const Transformer *encoder)
{
    const SasrecOptions *o = model->options;
    Sizes s = {.windows = (size_t)o->batch_size, .stride = model->part[SASREC_ITEM_PART].stride};

    s.negatives = o->loss == SASREC_SOFTMAX ? SasrecNegatives(o, model->items) : 0;
    s.width = VectorStride(s.negatives);
    s.slice_rows = SliceRows(&encoder->shape, s.width);
    s.rows = SizeMultiply(s.windows, encoder->shape.places);
    s.slices = MostSlices(s.rows, s.slice_rows);
    s.entries = SizeMultiply(3, s.rows);
    s.touched = SizeAdd(s.entries, s.negatives);
    s.touched = s.touched > model->items ? model->items : s.touched;
    s.lane =
        SizeAdd(PartFloats(&model->part[SASREC_NETWORK_PART]), SizeMultiply(s.width, s.stride));
    s.scratch = Scratch(&encoder->shape, &s);
    return s;
}

/* Arrays of the batch: bytes of an entry and how many; one list for the room and its estimate. */
typedef struct Room {
    void **place;
    size_t size;
    size_t count;
} Room;

#define ROOMS 22

static void RoomsOf(SasrecBatch *b, const Model *model, const Sizes *s, int threads, Room *rooms)
{
    size_t network = PartFloats(&model->part[SASREC_NETWORK_PART]);
    const Room list[ROOMS] = {
        {(void **)&b->window, sizeof(Window), s->windows},
        {(void **)&b->slice, sizeof(SasrecSlice), s->slices},
        {(void **)&b->input, sizeof(uint32_t), s->rows},
        {(void **)&b->target, sizeof(uint32_t), s->rows},
        {(void **)&b->negative, sizeof(uint32_t), s->rows},
        {(void **)&b->weight, sizeof(float), s->rows},
        {(void **)&b->pull, sizeof(float), s->rows},
        {(void **)&b->push, sizeof(float), s->rows},
        {(void **)&b->out, sizeof(float), SizeMultiply(s->rows, s->stride)},
        {(void **)&b->dx, sizeof(float), SizeMultiply(s->rows, s->stride)},
        {(void **)&b->losses, sizeof(double), s->slices},
        {(void **)&b->items.number, sizeof(uint32_t), model->items},
        {(void **)&b->items.item, sizeof(uint32_t), s->touched},
        {(void **)&b->items.start, sizeof(uint32_t), SizeAdd(s->touched, 1)},
        {(void **)&b->items.entry, sizeof(uint32_t), s->entries},
        {(void **)&b->shared, sizeof(float), SizeMultiply(s->width, s->stride)},
        {(void **)&b->lane, sizeof(float), SizeMultiply(SASREC_LANES, s->lane)},
        {(void **)&b->worker, sizeof(float), SizeMultiply((size_t)threads, s->scratch)},
        {(void **)&b->row, sizeof(float), SizeMultiply((size_t)threads, s->stride)},
        {(void **)&b->first, sizeof(uint32_t),
         SizeMultiply((size_t)threads, SizeAdd(s->slice_rows, 1))},
        {(void **)&b->network_state, sizeof(float), SizeMultiply(2, network)},
        {(void **)&b->network_sum, sizeof(float), network},
    };

    memcpy(rooms, list, sizeof(list));
}

/* What products fill, unless validation counts it. */
static size_t ProductMemory(const Sizes *s, int threads)
{
    size_t wide = SizeLarger(s->width, s->stride);

    return SizeMultiply((size_t)threads, BlasMemory(s->slice_rows, wide, s->stride));
}

size_t SasrecBatchMemory(const Model *model, int threads)
{
    Pack pack = {0};
    Transformer encoder = SasrecEncoder(model->options, &pack);
    Sizes sizes = SizesOf(model, &encoder);
    SasrecBatch batch;
    Room rooms[ROOMS];
    size_t total = ProductMemory(&sizes, threads);

    RoomsOf(&batch, model, &sizes, threads, rooms);
    for (int i = 0; i < ROOMS; i++)
        total = SizeAdd(total, SizeMultiply(rooms[i].size, rooms[i].count));
    return SizeAdd(total, AdamRowsMemory(&model->part[SASREC_ITEM_PART]));
}

void SasrecBatchCreate(const Host *host, Model *model, SasrecBatch *b)
{
    Pack pack = {0};
    Sizes s;
    Room rooms[ROOMS];

    *b = (SasrecBatch){.host = host,
                       .encoder = SasrecEncoder(model->options, &pack),
                       .item = &model->part[SASREC_ITEM_PART],
                       .network = &model->part[SASREC_NETWORK_PART]};
    s = SizesOf(model, &b->encoder);
    b->most_windows = (uint32_t)s.windows;
    b->negatives = s.negatives;
    b->width = s.width;
    b->slice_rows = s.slice_rows;
    b->lane_floats = s.lane;
    b->scratch = s.scratch;
    RoomsOf(b, model, &s, PoolThreads(host), rooms);
    for (int i = 0; i < ROOMS; i++)
        *rooms[i].place = HostAllocateZero(host, rooms[i].count, rooms[i].size);
    AdamRowsCreate(host, b->item, &b->adam);
}

void SasrecBatchRelease(const Host *host, SasrecBatch *b)
{
    void *const rooms[] = {b->window,        b->slice,       b->input,       b->target,
                           b->negative,      b->weight,      b->pull,        b->push,
                           b->out,           b->dx,          b->losses,      b->items.number,
                           b->items.item,    b->items.start, b->items.entry, b->shared,
                           b->lane,          b->worker,      b->row,         b->first,
                           b->network_state, b->network_sum};

    _Static_assert(sizeof(rooms) / sizeof(rooms[0]) == ROOMS, "all of them");
    for (int i = 0; i < ROOMS; i++)
        HostRelease(host, rooms[i]);
    AdamRowsRelease(host, &b->adam);
}

void SasrecBatchForget(SasrecBatch *b)
{
    b->steps = 0;
    memset(b->network_state, 0, 2 * PartFloats(b->network) * sizeof(float));
    AdamRowsForget(b->host, &b->adam);
}

/* --- rows of the batch */

static void FillRows(SasrecBatch *b, const Windows *histories)
{
    uint32_t row = 0;

    for (uint32_t w = 0; w < b->windows; w++)
        for (uint32_t r = 0; r < b->window[w].rows; r++, row++) {
            b->input[row] = histories->item[b->window[w].first + r];
            b->target[row] = histories->item[b->window[w].first + r + 1];
            b->weight[row] =
                histories->weight == NULL ? 1 : histories->weight[b->window[w].first + r + 1];
        }
    b->rows = row;
}

/* Of those that the user does not have, one for each row. */
static void DrawOwnNegatives(SasrecBatch *b, Random *random)
{
    uint32_t row = 0;

    for (uint32_t w = 0; w < b->windows; w++)
        for (uint32_t r = 0; r < b->window[w].rows; r++, row++)
            b->negative[row] = b->negatives > 0
                                   ? NO_ITEM
                                   : UniformNegative(b->rule.data, b->window[w].user, random);
}

static void CutSlices(SasrecBatch *b)
{
    SasrecSlice *slice = NULL;
    uint32_t row = 0;

    b->slices = 0;
    for (uint32_t w = 0; w < b->windows; w++) {
        if (slice == NULL || slice->rows + b->window[w].rows > b->slice_rows) {
            slice = &b->slice[b->slices++];
            *slice = (SasrecSlice){.window = w, .row = row};
        }
        slice->windows++;
        slice->rows += b->window[w].rows;
        row += b->window[w].rows;
    }
}

static void Touch(SasrecItems *items, uint32_t item)
{
    if (items->number[item] != 0)
        return;
    items->item[items->count] = item;
    items->number[item] = ++items->count;
}

/* All items, or some that are drawn without replacement: at most half. */
static void DrawShared(SasrecBatch *b, Random *random)
{
    for (uint32_t i = 0; b->negatives == b->item->rows && i < b->negatives; i++)
        Touch(&b->items, i);
    while (b->items.count < b->negatives)
        Touch(&b->items, RandomBelow(random, b->item->rows));
}

/* What an entry is, in its last two bits; the rest is the row. */
typedef enum EntryKind { ENTRY_INPUT, ENTRY_TARGET, ENTRY_NEGATIVE, ENTRY_KINDS } EntryKind;

static uint32_t EntryItem(const SasrecBatch *b, uint32_t row, EntryKind kind)
{
    return kind == ENTRY_INPUT    ? b->input[row]
           : kind == ENTRY_TARGET ? b->target[row]
                                  : b->negative[row];
}

/* First counts, then ends, which filling from the back makes starts. */
static void GroupEntries(SasrecBatch *b)
{
    SasrecItems *items = &b->items;

    for (uint32_t row = 0; row < b->rows; row++)
        for (EntryKind kind = 0; kind < ENTRY_KINDS; kind++)
            if (EntryItem(b, row, kind) != NO_ITEM)
                Touch(items, EntryItem(b, row, kind));
    memset(items->start, 0, ((size_t)items->count + 1) * sizeof(uint32_t));
    for (uint32_t row = 0; row < b->rows; row++)
        for (EntryKind kind = 0; kind < ENTRY_KINDS; kind++)
            if (EntryItem(b, row, kind) != NO_ITEM)
                items->start[items->number[EntryItem(b, row, kind)] - 1]++;
    for (uint32_t n = 1; n <= items->count; n++)
        items->start[n] += items->start[n - 1];
    for (uint32_t row = b->rows; row-- > 0;)
        for (EntryKind kind = 0; kind < ENTRY_KINDS; kind++)
            if (EntryItem(b, row, kind) != NO_ITEM)
                items->entry[--items->start[items->number[EntryItem(b, row, kind)] - 1]] =
                    row << 2 | kind;
}

static void Forget(SasrecItems *items)
{
    for (uint32_t n = 0; n < items->count; n++)
        items->number[items->item[n]] = 0;
    items->count = 0;
}

/* --- slices */

typedef struct SliceRun {
    SasrecBatch *batch;
    uint32_t first; /* slice of the first lane */
    uint64_t epoch, place;
} SliceRun;

static float *LaneOf(const SasrecBatch *b, uint32_t lane)
{
    return b->lane + lane * b->lane_floats;
}

static void GatherInputs(const SasrecBatch *b, const SasrecSlice *slice, float *x)
{
    uint32_t stride = b->item->stride;
    float scale = sqrtf((float)b->item->columns);

    for (uint32_t r = 0; r < slice->rows; r++) {
        const float *row = PartRow(b->item, b->input[slice->row + r]);

        for (uint32_t k = 0; k < stride; k++)
            x[(size_t)r * stride + k] = scale * row[k];
    }
}

static Sequences SequencesOf(const SasrecBatch *b, const SasrecSlice *slice, uint32_t *first)
{
    first[0] = 0;
    for (uint32_t w = 0; w < slice->windows; w++)
        first[w + 1] = first[w] + b->window[slice->window + w].rows;
    return (Sequences){slice->windows, first, NULL};
}

static void LearnSlice(void *arg, int task, int worker)
{
    const SliceRun *run = arg;
    SasrecBatch *b = run->batch;
    const SasrecSlice *slice = &b->slice[run->first + (uint32_t)task];
    size_t stride = b->item->stride, rows = slice->rows * stride, at = slice->row * stride;
    float *x = b->worker + (size_t)worker * b->scratch, *g = x + rows, *scores = g + rows;
    float *memory = scores + (size_t)slice->rows * b->width, *lane = LaneOf(b, (uint32_t)task);
    Sequences sequences = SequencesOf(b, slice, b->first + (size_t)worker * (b->slice_rows + 1));
    TransformerTape tape;
    Random random;

    RandomSeed(&random, b->seed, RANDOM_EVENT, run->epoch, run->place + slice->window);
    GatherInputs(b, slice, x);
    TransformerForward(&b->encoder, b->network->data, &sequences,
                       (TransformerDropout){b->rule.dropout, &random}, x, memory, &tape,
                       b->out + at);
    if (HostCancelled(b->host))
        return;
    b->losses[slice - b->slice] = SasrecLossOf(b, slice, scores, g, lane + PartFloats(b->network));
    if (HostCancelled(b->host))
        return;
    TransformerBackward(&b->encoder, b->network->data, &sequences, &tape, g, b->dx + at, lane);
}

static void ClearLane(void *arg, int task, int worker)
{
    SasrecBatch *b = arg;

    (void)worker;
    memset(LaneOf(b, (uint32_t)task), 0, b->lane_floats * sizeof(float));
}

static void LearnSlices(SasrecBatch *b, uint64_t epoch, uint64_t place)
{
    uint32_t lanes = b->slices < SASREC_LANES ? b->slices : SASREC_LANES;

    PoolRun(b->host, ClearLane, b, (int)lanes);
    for (uint32_t first = 0; first < b->slices; first += SASREC_LANES) {
        SliceRun run = {b, first, epoch, place};
        uint32_t left = b->slices - first;

        PoolRun(b->host, LearnSlice, &run, (int)(left < SASREC_LANES ? left : SASREC_LANES));
        if (HostCancelled(b->host))
            HostAbandon(b->host);
        HostPoll(b->host);
    }
}

/* --- steps */

/* The sum of the lanes from number `at` on, in their order. */
static void SumLanes(const SasrecBatch *b, size_t at, size_t count, float *sum)
{
    uint32_t lanes = b->slices < SASREC_LANES ? b->slices : SASREC_LANES;

    for (uint32_t lane = 0; lane < lanes; lane++)
        AddScaledRow(sum, LaneOf(b, lane) + at, 1, count);
}

static AdamRule RuleOf(const SasrecBatch *b)
{
    return (AdamRule){
        .rate = b->rule.rate, .weight_decay = b->rule.regularization, .scale = 1 / (float)b->rows};
}

static void StepNetwork(SasrecBatch *b, uint32_t task)
{
    size_t floats = PartFloats(b->network), at = (size_t)task * STEP_FLOATS;
    size_t count = floats - at < STEP_FLOATS ? floats - at : STEP_FLOATS;
    AdamRule rule = RuleOf(b);
    float *sum = (b->rule.network_sums != NULL ? b->rule.network_sums : b->network_sum) + at;

    if (b->rule.network_sums == NULL)
        memset(sum, 0, count * sizeof(float));
    SumLanes(b, at, count, sum);
    if (b->rule.network_sums == NULL)
        AdamMany(&rule, b->steps, b->network->data + at, sum, b->network_state + 2 * at, count);
}

/* What an entry does to its item's row. */
static void AddEntry(const SasrecBatch *b, uint32_t entry, float *g)
{
    uint32_t row = entry >> 2, stride = b->item->stride;
    size_t at = (size_t)row * stride;
    EntryKind kind = entry & 3;

    if (kind == ENTRY_INPUT)
        AddScaledRow(g, b->dx + at, sqrtf((float)b->item->columns), stride);
    else
        AddScaledRow(g, b->out + at, kind == ENTRY_TARGET ? b->pull[row] : b->push[row], stride);
}

static void StepItem(SasrecBatch *b, uint32_t number, float *g)
{
    const SasrecItems *items = &b->items;
    uint32_t item = items->item[number], stride = b->item->stride;
    AdamRule rule = RuleOf(b);

    if (b->rule.item_sums != NULL)
        g = b->rule.item_sums + (size_t)item * stride;
    else
        memset(g, 0, stride * sizeof(float));
    if (number < b->negatives)
        SumLanes(b, PartFloats(b->network) + (size_t)number * stride, stride, g);
    for (uint32_t e = items->start[number]; e < items->start[number + 1]; e++)
        AddEntry(b, items->entry[e], g);
    if (b->rule.item_sums == NULL)
        AdamRowsStep(&b->adam, &rule, item, g);
}

static uint32_t NetworkTasks(const SasrecBatch *b)
{
    return (uint32_t)((PartFloats(b->network) + STEP_FLOATS - 1) / STEP_FLOATS);
}

static void StepRows(void *arg, int task, int worker)
{
    SasrecBatch *b = arg;
    uint32_t t = (uint32_t)task, network = NetworkTasks(b), first;
    float *g = b->row + (size_t)worker * b->item->stride;

    if (t < network) {
        StepNetwork(b, t);
        return;
    }
    first = (t - network) * STEP_ROWS;
    for (uint32_t n = first; n < b->items.count && n < first + STEP_ROWS; n++)
        StepItem(b, n, g);
}

static void GatherShared(SasrecBatch *b)
{
    for (uint32_t n = 0; n < b->negatives; n++)
        memcpy(b->shared + (size_t)n * b->item->stride, PartRow(b->item, b->items.item[n]),
               b->item->stride * sizeof(float));
}

double SasrecBatchStep(SasrecBatch *b, const Windows *histories, uint64_t epoch, uint64_t first)
{
    double loss = 0;
    Random random;

    RandomSeed(&random, b->seed, RANDOM_BATCH, epoch, first);
    FillRows(b, histories);
    DrawOwnNegatives(b, &random);
    DrawShared(b, &random);
    GroupEntries(b);
    CutSlices(b);
    GatherShared(b);
    LearnSlices(b, epoch, first);
    b->steps++;
    PoolRun(b->host, StepRows, b,
            (int)(NetworkTasks(b) + (b->items.count + STEP_ROWS - 1) / STEP_ROWS));
    for (uint32_t s = 0; s < b->slices; s++)
        loss += b->losses[s];
    Forget(&b->items);
    return loss;
}
