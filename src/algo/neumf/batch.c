/* batch.c: slices of a batch forward and back, one step of each row. */
#include "algo/neumf/batch.h"

#include <string.h>

#include "algo/net/loss.h"
#include "core/blas.h"
#include "core/pool.h"

/* Examples of a slice, at least. */
#define SLICE_ROWS 64

/* Numbers of the network, and rows of a side, that a task steps. */
#define STEP_FLOATS 4096
#define STEP_ROWS   64

/* --- room */

uint32_t NeumfExamples(const NeumfOptions *o)
{
    int64_t least = o->negatives + 1;

    return (uint32_t)(o->batch_size < least ? least : o->batch_size);
}

static uint32_t SliceRows(uint32_t examples)
{
    uint32_t rows = (examples + NEUMF_LANES - 1) / NEUMF_LANES;

    return rows < SLICE_ROWS ? SLICE_ROWS : rows;
}

static void SideCreate(const Host *host, Part *part, uint32_t examples, NeumfSide *side)
{
    size_t floats = SizeMultiply(examples, part->stride);

    side->part = part;
    RowGroupsCreate(host, part->rows, examples, &side->groups);
    side->row_of = HostAllocate(host, examples, sizeof(uint32_t));
    side->values = HostAllocate(host, floats, sizeof(float));
    side->gradient = HostAllocate(host, floats, sizeof(float));
    AdamRowsCreate(host, part, &side->adam);
}

static void SideRelease(const Host *host, NeumfSide *side)
{
    RowGroupsRelease(host, &side->groups);
    HostRelease(host, side->row_of);
    HostRelease(host, side->values);
    HostRelease(host, side->gradient);
    AdamRowsRelease(host, &side->adam);
}

static size_t SideMemory(const Part *part, uint32_t examples)
{
    size_t numbers = SizeAdd(SizeMultiply(2 * (size_t)examples, part->stride), examples);
    size_t total = SizeAdd(SizeMultiply(numbers, sizeof(float)), AdamRowsMemory(part));

    return SizeAdd(total, RowGroupsMemory(part->rows, examples));
}

void NeumfBatchCreate(const Host *host, Model *model, NeumfBatch *b)
{
    NeumfShape shape = NeumfShapeOf(model->options);
    uint32_t most = NeumfExamples(model->options);
    size_t threads = (size_t)PoolThreads(host), network;

    *b = (NeumfBatch){.host = host, .most = most, .part = &model->part[NEUMF_NETWORK_PART]};
    NeumfNetworkOf(&shape, &b->network);
    SideCreate(host, &model->part[NEUMF_USER_PART], most, &b->user);
    SideCreate(host, &model->part[NEUMF_ITEM_PART], most, &b->item);
    network = PartFloats(b->part);
    b->tape_floats = NeumfTape(&b->network, SliceRows(most));
    b->label = HostAllocate(host, most, sizeof(float));
    b->odds = HostAllocate(host, most, sizeof(float));
    b->lane = HostAllocate(host, SizeMultiply(NEUMF_LANES, network), sizeof(float));
    b->tape = HostAllocate(host, SizeMultiply(threads, b->tape_floats), sizeof(float));
    b->row = HostAllocate(host, SizeMultiply(threads, b->user.part->stride), sizeof(float));
    b->network_sum = HostAllocate(host, network, sizeof(float));
    b->network_state = HostAllocateZero(host, SizeMultiply(2, network), sizeof(float));
}

void NeumfBatchRelease(const Host *host, NeumfBatch *b)
{
    SideRelease(host, &b->user);
    SideRelease(host, &b->item);
    HostRelease(host, b->label);
    HostRelease(host, b->odds);
    HostRelease(host, b->lane);
    HostRelease(host, b->tape);
    HostRelease(host, b->row);
    HostRelease(host, b->network_sum);
    HostRelease(host, b->network_state);
}

size_t NeumfBatchMemory(const Model *model, int threads)
{
    NeumfShape shape = NeumfShapeOf(model->options);
    uint32_t most = NeumfExamples(model->options), stride = model->part[NEUMF_USER_PART].stride;
    size_t network = PartFloats(&model->part[NEUMF_NETWORK_PART]), one, floats;
    NeumfNetwork net;

    NeumfNetworkOf(&shape, &net);
    one = SizeAdd(NeumfTape(&net, SliceRows(most)), stride);
    floats = SizeAdd(SizeMultiply(NEUMF_LANES + 3, network), 2 * (size_t)most);
    floats = SizeAdd(floats, SizeMultiply((size_t)threads, one));
    floats = SizeAdd(SizeMultiply(floats, sizeof(float)),
                     SideMemory(&model->part[NEUMF_USER_PART], most));
    floats = SizeAdd(floats, SideMemory(&model->part[NEUMF_ITEM_PART], most));
    return SizeAdd(
        floats, SizeMultiply((size_t)threads, BlasMemory(SliceRows(most), 2 * (size_t)shape.width,
                                                         2 * (size_t)shape.width)));
}

void NeumfBatchForget(NeumfBatch *b)
{
    b->steps = 0;
    memset(b->network_state, 0, 2 * PartFloats(b->part) * sizeof(float));
    AdamRowsForget(b->host, &b->user.adam);
    AdamRowsForget(b->host, &b->item.adam);
}

/* --- slices */

static void Gather(NeumfSide *side, uint32_t first, uint32_t end)
{
    size_t stride = side->part->stride;

    for (uint32_t e = first; e < end; e++)
        memcpy(side->values + e * stride, PartRow(side->part, side->row_of[e]),
               stride * sizeof(float));
}

static void LearnSlice(void *arg, int task, int worker)
{
    NeumfBatch *b = arg;
    uint32_t first = (uint32_t)task * b->slice, left = b->count - first;
    uint32_t rows = left < b->slice ? left : b->slice;
    size_t at = (size_t)first * b->user.part->stride, network = PartFloats(b->part);
    float *tape = b->tape + (size_t)worker * b->tape_floats, *odds = b->odds + first;
    float *lane = b->lane + (size_t)task * network;

    Gather(&b->user, first, first + rows);
    Gather(&b->item, first, first + rows);
    memset(lane, 0, network * sizeof(float));
    NeumfForward(&b->network, b->part->data, b->user.values + at, b->item.values + at, rows, tape,
                 odds);
    if (HostCancelled(b->host))
        return;
    b->losses[task] = (double)BceForward(odds, b->label + first, rows, 1, odds);
    NeumfBackward(&b->network, b->part->data, b->user.values + at, b->item.values + at, rows, tape,
                  odds, b->user.gradient + at, b->item.gradient + at, lane);
}

static uint32_t Slices(const NeumfBatch *b)
{
    return (b->count + b->slice - 1) / b->slice;
}

/* --- steps */

static AdamRule RuleOf(const NeumfBatch *b)
{
    return (AdamRule){
        .rate = b->rule.rate, .weight_decay = b->rule.regularization, .scale = 1 / (float)b->count};
}

static void StepNetwork(NeumfBatch *b, uint32_t task)
{
    size_t floats = PartFloats(b->part), at = (size_t)task * STEP_FLOATS;
    size_t count = floats - at < STEP_FLOATS ? floats - at : STEP_FLOATS;
    bool learns = b->rule.network_sums == NULL;
    float *sum = (learns ? b->network_sum : b->rule.network_sums) + at;
    AdamRule rule = RuleOf(b);

    if (learns)
        memset(sum, 0, count * sizeof(float));
    for (uint32_t lane = 0; lane < Slices(b); lane++)
        AddScaledRow(sum, b->lane + lane * floats + at, 1, count);
    if (learns)
        AdamMany(&rule, b->steps, b->part->data + at, sum, b->network_state + 2 * at, count);
}

/* sums: as the part, or NULL */
static void StepRow(const NeumfBatch *b, NeumfSide *side, float *sums, uint32_t number, float *g)
{
    const RowGroups *groups = &side->groups;
    uint32_t row = groups->row[number];
    size_t stride = side->part->stride;
    AdamRule rule = RuleOf(b);

    if (sums != NULL)
        g = sums + row * stride;
    else
        memset(g, 0, stride * sizeof(float));
    for (uint32_t e = groups->start[number]; e < groups->start[number + 1]; e++)
        AddScaledRow(g, side->gradient + groups->entry[e] * stride, 1, stride);
    if (sums == NULL)
        AdamRowsStep(&side->adam, &rule, row, g);
}

static uint32_t Tasks(size_t things, uint32_t of_task)
{
    return (uint32_t)((things + of_task - 1) / of_task);
}

static void StepRows(const NeumfBatch *b, NeumfSide *side, float *sums, uint32_t task, float *g)
{
    uint32_t first = task * STEP_ROWS;

    for (uint32_t n = first; n < side->groups.count && n < first + STEP_ROWS; n++)
        StepRow(b, side, sums, n, g);
}

static void Step(void *arg, int task, int worker)
{
    NeumfBatch *b = arg;
    uint32_t t = (uint32_t)task, network = Tasks(PartFloats(b->part), STEP_FLOATS);
    uint32_t users = Tasks(b->user.groups.count, STEP_ROWS);
    float *g = b->row + (size_t)worker * b->user.part->stride;

    if (t < network)
        StepNetwork(b, t);
    else if (t < network + users)
        StepRows(b, &b->user, b->rule.user_sums, t - network, g);
    else
        StepRows(b, &b->item, b->rule.item_sums, t - network - users, g);
}

double NeumfBatchStep(NeumfBatch *b)
{
    double loss = 0;

    b->slice = SliceRows(b->count);
    RowGroupsFill(&b->user.groups, b->user.row_of, b->count);
    RowGroupsFill(&b->item.groups, b->item.row_of, b->count);
    PoolRun(b->host, LearnSlice, b, (int)Slices(b));
    if (HostCancelled(b->host))
        HostAbandon(b->host);
    b->steps++;
    PoolRun(b->host, Step, b,
            (int)(Tasks(PartFloats(b->part), STEP_FLOATS) + Tasks(b->user.groups.count, STEP_ROWS) +
                  Tasks(b->item.groups.count, STEP_ROWS)));
    for (uint32_t s = 0; s < Slices(b); s++)
        loss += b->losses[s];
    RowGroupsClear(&b->user.groups);
    RowGroupsClear(&b->item.groups);
    b->count = 0;
    return loss;
}
