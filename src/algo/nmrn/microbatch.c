/*
 * microbatch.c: takes events in, finds each a negative, differentiates the micro-batch once it is
 * full, and makes the step.
 *
 * Training and streaming both learn through it.
 */
#include "algo/nmrn/microbatch.h"

#include <math.h>
#include <string.h>

#include "algo/learn/optimizer.h"

/* Distances that are computed at one time while an impostor is looked for. */
#define DRAWN_TOGETHER 8

/* Draws in a row that may hit items of the user before the search ends. */
#define MISSES 64

/* --- the micro-batch's memory */

static uint32_t Banks(const NmrnOptions *o, uint32_t size)
{
    return o->memory == MEMORY_USER ? size : 1;
}

static size_t Draws(const NmrnOptions *o)
{
    return SizeLarger((size_t)o->max_draws, (size_t)o->candidates);
}

/* Of the softmax, at most. */
static uint32_t Negatives(const NmrnOptions *o)
{
    return o->loss == LOSS_SOFTMAX ? (uint32_t)o->negatives : 0;
}

/* What the softmax loss takes beside its negatives' gradients among those of all items. */
static size_t SoftmaxMemory(const NmrnOptions *o, uint32_t size)
{
    uint32_t negatives = Negatives(o), stride = NmrnShape(o).stride;
    size_t rows = SizeMultiply(negatives, stride + VECTOR_LANES);

    if (negatives == 0)
        return 0;
    return SizeAdd(
        SizeAdd(ContrastMemory(size, negatives, stride), NumbersMemory(negatives + size)),
        SizeMultiply(SizeAdd(rows, SizeMultiply(size, VectorStride(negatives))), sizeof(float)));
}

size_t MicroBatchMemory(const NmrnOptions *o, uint32_t size)
{
    MemoryShape s = NmrnShape(o);
    size_t each = TapeReals(&s) + s.stride + 2 * ((size_t)s.stride + VECTOR_LANES);
    size_t bank = BankReals(&s), total;

    if (o->addressing == ADDRESS_NTM)
        each += SlotStride(&s);
    total = SizeAdd(SizeMultiply(each, size), SizeMultiply(bank, Banks(o, size)));
    total = SizeAdd(total, NmrnWeightRows(o).count * s.stride + ScratchReals(&s));
    total = SizeMultiply(SizeAdd(total, 2 * Draws(o)), sizeof(float));
    total = SizeAdd(total, o->candidates > 0 ? GeneratorMemory(o, size) : 0);
    total = SizeAdd(total, (sizeof(BatchedEvent) + sizeof(bool)) * (size_t)size);
    total = SizeAdd(total, 2 * s.slots * sizeof(double));
    total = SizeAdd(total, NumbersMemory(size) + NumbersMemory(2 * size + Negatives(o)));
    return SizeAdd(total, SoftmaxMemory(o, size));
}

static void OpenContrast(MicroBatch *b)
{
    uint32_t most = Negatives(b->options);

    ContrastCreate(b->host, b->size, most, b->net.shape.stride, &b->contrast);
    b->contrast.temperature = NmrnTemperature(b->model);
    b->allowed = HostAllocate(b->host, (size_t)b->size * b->contrast.width, sizeof(float));
    NumbersCreate(b->host, most + b->size, &b->drawn_items);
}

static void Buffers(MicroBatch *b)
{
    const Host *host = b->host;
    const NmrnOptions *o = b->options;
    const MemoryShape *s = &b->net.shape;
    size_t banks = Banks(o, b->size), slots = SlotStride(s), pitch = s->stride + VECTOR_LANES;

    b->events = HostAllocate(host, b->size, sizeof(BatchedEvent));
    b->tape = HostAllocateZero(host, b->size * TapeReals(s), sizeof(float));
    if (o->addressing == ADDRESS_NTM)
        b->previous = HostAllocate(host, b->size * slots, sizeof(float));
    b->user_gradient = HostAllocate(host, (size_t)b->size * s->stride, sizeof(float));
    b->item_gradient =
        HostAllocate(host, (2 * (size_t)b->size + Negatives(o)) * pitch, sizeof(float));
    b->memory_gradient = HostAllocate(host, banks * BankReals(s), sizeof(float));
    b->touched = HostAllocate(host, banks, sizeof(bool));
    b->weight_gradient = HostAllocateZero(host, NmrnWeightRows(o).count * s->stride, sizeof(float));
    b->drawn = HostAllocate(host, Draws(o), sizeof(uint32_t));
    b->distances = HostAllocate(host, Draws(o), sizeof(float));
    b->usage = HostAllocateZero(host, s->slots, sizeof(double));
    b->erase = HostAllocateZero(host, s->slots, sizeof(double));
}

void MicroBatchCreate(const Host *host, Model *model, uint32_t size, Positives positives,
                      MicroBatch *b)
{
    MemoryShape shape = NmrnShape(model->options);

    *b =
        (MicroBatch){.host = host,
                     .model = model,
                     .options = model->options,
                     .positives = positives,
                     .net = NmrnNet(model, HostAllocate(host, ScratchReals(&shape), sizeof(float))),
                     .rate = 1,
                     .size = size};
    Buffers(b);
    if (b->options->loss == LOSS_SOFTMAX)
        OpenContrast(b);
    NumbersCreate(host, size, &b->users);
    NumbersCreate(host, 2 * size + Negatives(b->options), &b->items);
    if (b->options->candidates > 0) {
        b->generator = GeneratorCreate(host, model, size);
        b->adversarial = true;
    }
}

void MicroBatchRelease(MicroBatch *b)
{
    void *const buffers[] = {
        b->net.scratch,   b->events,          b->tape,    b->previous,        b->user_gradient,
        b->item_gradient, b->memory_gradient, b->touched, b->weight_gradient, b->drawn,
        b->distances,     b->usage,           b->erase};

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        HostRelease(b->host, buffers[i]);
    NumbersRelease(b->host, &b->users);
    NumbersRelease(b->host, &b->items);
    if (b->options->loss == LOSS_SOFTMAX) {
        ContrastRelease(b->host, &b->contrast);
        NumbersRelease(b->host, &b->drawn_items);
        HostRelease(b->host, b->allowed);
    }
    if (b->generator != NULL)
        GeneratorRelease(b->generator);
}

/* --- one event */

static float *UserRow(const MicroBatch *b, uint32_t user)
{
    const Part *part = &b->model->part[NMRN_USER_PART];

    return part->data + (size_t)user * part->stride;
}

static float *ItemRow(const MicroBatch *b, uint32_t item)
{
    const Part *part = &b->model->part[NMRN_ITEM_PART];

    return part->data + (size_t)item * part->stride;
}

static float Bias(const MicroBatch *b, uint32_t item)
{
    return b->options->item_bias ? b->model->part[NMRN_BIAS_PART].data[item] : 0;
}

/* An item that the user does not have, and not `item`; NO_ITEM if none was hit. */
static uint32_t DrawItem(const MicroBatch *b, uint32_t user, uint32_t item, Random *random)
{
    for (int miss = 0; miss < MISSES; miss++) {
        uint32_t drawn = RandomBelow(random, b->model->items);

        if (drawn != item && !b->positives.has(b->positives.arg, user, drawn))
            return drawn;
    }
    return NO_ITEM;
}

/* Fills drawn[] and distances[] from `from` to `limit`; returns how many are there then. */
static uint32_t DrawSome(MicroBatch *b, uint32_t user, uint32_t item, const float *point,
                         uint32_t from, uint32_t limit, Random *random)
{
    uint32_t to = from;

    while (to < limit) {
        b->drawn[to] = DrawItem(b, user, item, random);
        if (b->drawn[to] == NO_ITEM)
            break;
        to++;
    }
    MemoryDistances(point, b->model->part[NMRN_ITEM_PART].data, b->drawn + from, to - from,
                    b->net.shape.stride, b->distances + from);
    return to;
}

/* ln(rank + 1), the rank estimated from the draws until an impostor was found. */
static float RankWeight(const MicroBatch *b, uint32_t draws)
{
    return b->options->rank_weight ? logf(floorf((float)(b->model->items - 1) / (float)draws) + 1)
                                   : 1;
}

static void TakeNegative(MicroBatch *b, BatchedEvent *e, uint32_t item, float weight, float hinge)
{
    e->negative_row = item;
    e->weight = weight * e->share;
    b->loss += e->weight * hinge;
    b->losses++;
}

/*
 * Looks for an impostor: an item that the user does not have and that comes within the margin.
 * `base` is the margin and the score's part of the positive item.  Returns the number of draws.
 */
static uint32_t FindImpostor(MicroBatch *b, BatchedEvent *e, const float *point, float base,
                             Random *random)
{
    uint32_t drawn = 0, limit = (uint32_t)b->options->max_draws;

    while (drawn < limit) {
        uint32_t some = limit - drawn < DRAWN_TOGETHER ? limit : drawn + DRAWN_TOGETHER;
        uint32_t until = DrawSome(b, e->user_row, e->item_row, point, drawn, some, random);

        if (until == drawn)
            break;
        for (; drawn < until; drawn++) {
            float hinge = base - b->distances[drawn] + Bias(b, b->drawn[drawn]);

            if (hinge > 0) {
                TakeNegative(b, e, b->drawn[drawn], RankWeight(b, drawn + 1), hinge);
                return drawn + 1;
            }
        }
    }
    return limit;
}

/* Keeps the candidates that come within the margin. */
static uint32_t KeepImpostors(MicroBatch *b, float base, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t c = 0; c < count; c++)
        if (base - b->distances[c] + Bias(b, b->drawn[c]) > 0) {
            b->drawn[kept] = b->drawn[c];
            b->distances[kept++] = b->distances[c];
        }
    return kept;
}

/* The rank is still estimated from uniform draws (algorithm 1 of the paper, line 9). */
static float WeightFromDraws(MicroBatch *b, const BatchedEvent *e, const float *point, float base,
                             Random *random)
{
    BatchedEvent probe = *e;
    double loss = b->loss;
    uint64_t losses = b->losses;
    uint32_t draws;

    if (!b->options->rank_weight)
        return 1;
    draws = FindImpostor(b, &probe, point, base, random);
    b->loss = loss;
    b->losses = losses;
    return RankWeight(b, draws);
}

/* The generator chooses among some random items and is rewarded for those that are near. */
static void AskGenerator(MicroBatch *b, BatchedEvent *e, const float *point, float base,
                         Random *random)
{
    float weight = WeightFromDraws(b, e, point, base, random), hinge;
    uint32_t limit = (uint32_t)b->options->candidates, chosen;
    uint32_t count = DrawSome(b, e->user_row, e->item_row, point, 0, limit, random);

    if (b->options->candidate_kind == CANDIDATES_IMPOSTORS)
        count = KeepImpostors(b, base, count);
    if (count == 0)
        return;
    chosen = GeneratorChoose(b->generator, e->user_row, e->user, b->drawn, count, random);
    GeneratorReward(b->generator, chosen, -b->distances[chosen]);
    hinge = base - b->distances[chosen] + Bias(b, b->drawn[chosen]);
    if (hinge > 0 && weight > 0)
        TakeNegative(b, e, b->drawn[chosen], weight, hinge);
}

/* With the softmax loss, where an event's is. */
static float *PointGradient(const MicroBatch *b, uint32_t index)
{
    return b->options->loss == LOSS_SOFTMAX
               ? b->contrast.point_gradient + (size_t)index * b->net.shape.stride
               : NULL;
}

/* The event's step; pointers into the model hold until rows are added. */
static Step StepOf(const MicroBatch *b, uint32_t index)
{
    const BatchedEvent *e = &b->events[index];
    const MemoryShape *s = &b->net.shape;
    size_t item_stride = s->stride + VECTOR_LANES;
    bool loss = e->negative_row != NO_ITEM;

    return (Step){.user = UserRow(b, e->user_row),
                  .item = ItemRow(b, e->item_row),
                  .negative = loss ? ItemRow(b, e->negative_row) : NULL,
                  .previous =
                      b->previous == NULL ? NULL : b->previous + (size_t)index * SlotStride(s),
                  .weight = e->weight,
                  .point_gradient = PointGradient(b, index),
                  .tape = b->tape + index * TapeReals(s),
                  .user_gradient = b->user_gradient + (size_t)e->user * s->stride,
                  .item_gradient = b->item_gradient + e->item * item_stride,
                  .negative_gradient = loss ? b->item_gradient + e->negative * item_stride : NULL};
}

static void CountSlots(MicroBatch *b, const Step *step)
{
    const MemoryShape *s = &b->net.shape;
    const float *weight = HopAt(s, step->tape, 0).weight, *erase = TapeErase(s, step->tape);
    double entropy = 0, rate = 0;

    for (uint32_t k = 0; k < s->factors; k++)
        rate += erase[k];
    rate /= s->factors;
    for (uint32_t i = 0; i < s->slots; i++) {
        b->usage[i] += weight[i];
        b->erase[i] += weight[i] * rate;
        if (s->slots > 1 && weight[i] > 0)
            entropy -= weight[i] * logf(weight[i]);
    }
    b->entropy += s->slots > 1 ? entropy / log(s->slots) : 0;
}

static void NumberUser(MicroBatch *b, BatchedEvent *e)
{
    size_t stride = b->net.shape.stride;
    bool fresh;

    e->user = NumberOf(&b->users, e->user_row, &fresh);
    if (fresh)
        memset(b->user_gradient + e->user * stride, 0, stride * sizeof(float));
}

static uint32_t NumberItem(MicroBatch *b, uint32_t item)
{
    size_t stride = b->net.shape.stride + VECTOR_LANES;
    bool fresh;
    uint32_t number = NumberOf(&b->items, item, &fresh);

    if (fresh)
        memset(b->item_gradient + number * stride, 0, stride * sizeof(float));
    return number;
}

/* The hinge loss is against one item; there may be none. */
static void FindNegative(MicroBatch *b, BatchedEvent *e, const Step *step, Random *random)
{
    const MemoryShape *s = &b->net.shape;
    const float *point = TapePoint(s, step->tape);
    float base = (float)b->options->margin - Bias(b, e->item_row) +
                 MemoryDistance(point, step->item, s->stride);

    if (b->adversarial)
        AskGenerator(b, e, point, base, random);
    else
        FindImpostor(b, e, point, base, random);
}

void MicroBatchAdd(MicroBatch *b, const Event *event, bool first, Random *random)
{
    BatchedEvent *e = &b->events[b->count];
    const MemoryShape *s = &b->net.shape;
    uint32_t user = event->user, item = event->item;
    float *bank = NmrnBank(b->model, user), *attention = NmrnAttention(b->model, user);
    Step step;

    *e = (BatchedEvent){.user_row = user,
                        .item_row = item,
                        .negative_row = NO_ITEM,
                        .share = event->weight,
                        .first = first};
    HostPoll(b->host);
    step = StepOf(b, b->count);
    if (attention != NULL)
        memcpy(b->previous + b->count * SlotStride(s), attention, s->slots * sizeof(float));
    MemoryRead(&b->net, &step, bank);
    NumberUser(b, e);
    if (b->options->loss == LOSS_HINGE)
        FindNegative(b, e, &step, random);
    else
        e->weight = e->share;
    if (b->count == 0)
        b->random = *random;
    MemoryWrite(&b->net, &step, bank, true);
    if (attention != NULL)
        memcpy(attention, HopAt(s, step.tape, 0).weight, s->slots * sizeof(float));
    CountSlots(b, &step);
    e->item = NumberItem(b, item);
    if (e->negative_row != NO_ITEM)
        e->negative = NumberItem(b, e->negative_row);
    if (++b->count == b->size)
        MicroBatchStep(b);
}

/* --- the step */

static NetGradient GradientOf(const MicroBatch *b)
{
    WeightRows rows = NmrnWeightRows(b->options);
    size_t stride = b->net.shape.stride;

    return (NetGradient){.key = b->weight_gradient + rows.key * stride,
                         .gate = b->weight_gradient + rows.gate * stride,
                         .head = b->weight_gradient + rows.head * stride,
                         .recent = b->weight_gradient + rows.recent * stride};
}

/* Differentiates all events, from the last one back to the first. */
static void Backward(MicroBatch *b)
{
    const MemoryShape *s = &b->net.shape;
    size_t floats = BankReals(s);
    NetGradient gradient = GradientOf(b);
    float *start = b->weight_gradient + NmrnWeightRows(b->options).start * s->stride;
    bool shared = b->options->memory == MEMORY_SHARED;
    uint32_t banks = shared ? 1 : b->users.count;

    memset(b->memory_gradient, 0, banks * floats * sizeof(float));
    memset(b->touched, 0, banks * sizeof(bool));
    for (uint32_t i = b->count; i-- > 0;) {
        const BatchedEvent *e = &b->events[i];
        uint32_t bank = shared ? 0 : e->user;
        float *G = b->memory_gradient + bank * floats;
        Step step = StepOf(b, i);

        MemoryBack(&b->net, &step, G, b->touched[bank], &gradient);
        HostPoll(b->host);
        b->touched[bank] |= step.weight > 0;
        if (e->first && b->learns_start && b->touched[bank])
            AddScaledRow(start, G, 1, s->slots * (size_t)s->stride);
    }
}

static double SquareOf(const float *values, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * values[i];
    return sum;
}

/* The factor by which all gradients are multiplied, so that their norm is at most `clip`. */
static float ClipScale(const MicroBatch *b)
{
    size_t stride = b->net.shape.stride;
    double sum = 0, clip = b->options->clip;

    if (clip <= 0)
        return 1;
    sum = SquareOf(b->user_gradient, b->users.count * stride) +
          SquareOf(b->item_gradient, b->items.count * (stride + VECTOR_LANES)) +
          SquareOf(b->weight_gradient, NmrnWeightRows(b->options).count * stride);
    return sum <= clip * clip ? 1 : (float)(clip / sqrt(sum));
}

static void StepRows(const MicroBatch *b, const StepRule *rule, const RowNumbers *numbers, int part,
                     int state, const float *gradient, size_t gradient_stride)
{
    const Part *rows = &b->model->part[part], *states = &b->model->part[state];

    for (uint32_t i = 0; i < numbers->count; i++)
        RowStep(rule, rows->data + (size_t)numbers->row[i] * rows->stride,
                gradient + i * gradient_stride,
                states->data + (size_t)numbers->row[i] * states->stride, rows->columns,
                rows->stride);
}

static void StepBiases(const MicroBatch *b, const StepRule *rule)
{
    float *bias = b->model->part[NMRN_BIAS_PART].data;
    float *state = b->model->part[NMRN_BIAS_STATE].data;
    size_t stride = b->net.shape.stride + VECTOR_LANES;

    for (uint32_t i = 0; i < b->items.count && b->options->item_bias; i++) {
        uint32_t item = b->items.row[i];
        float g = rule->scale * b->item_gradient[(i + 1) * stride - VECTOR_LANES];

        bias[item] -= AdagradStep(rule->learning_rate, g, &state[item], rule->accumulator);
    }
}

static void StepWeights(const MicroBatch *b, StepRule rule)
{
    WeightRows rows = NmrnWeightRows(b->options);
    size_t stride = b->net.shape.stride, first = b->freeze_keys ? rows.start : rows.key;
    Part *weight = &b->model->part[NMRN_WEIGHT_PART];

    rule.kind = STEP_ADAGRAD;
    rule.regularization = 0;
    rule.maximum_norm = 0;
    RowStep(&rule, weight->data + first * stride, b->weight_gradient + first * stride,
            b->model->part[NMRN_WEIGHT_STATE].data + first * stride, weight->columns,
            (uint32_t)((rows.count - first) * stride));
    memset(b->weight_gradient, 0, rows.count * stride * sizeof(float));
}

/* Running means, that forget what is longer ago than SLOT_EVENTS. */
static void UpdateSlots(MicroBatch *b)
{
    const Part *part = &b->model->part[NMRN_SLOT_PART];
    double events = part->data[SLOT_COUNT] + b->count;
    double share = b->count / events;

    for (uint32_t i = 0; i < part->rows; i++) {
        float *column = part->data + (size_t)i * part->stride;

        column[SLOT_USAGE] += (float)(share * (b->usage[i] / b->count - column[SLOT_USAGE]));
        column[SLOT_ERASE] += (float)(share * (b->erase[i] / b->count - column[SLOT_ERASE]));
        column[SLOT_ENTROPY] += (float)(share * (b->entropy / b->count - column[SLOT_ENTROPY]));
        column[SLOT_COUNT] = (float)fmin(events, SLOT_EVENTS);
        b->usage[i] = b->erase[i] = 0;
    }
    b->entropy = 0;
}

/* Negatives of the micro-batch: distinct items, half of all at most, or this is slow. */
static void DrawNegatives(MicroBatch *b)
{
    Contrast *c = &b->contrast;
    uint32_t most = Negatives(b->options), half = b->model->items / 2;

    ContrastResize(c, most < half ? most : half);
    while (b->drawn_items.count < c->negatives) {
        uint32_t item = RandomBelow(&b->random, b->model->items);
        bool fresh;
        uint32_t j = NumberOf(&b->drawn_items, item, &fresh);

        if (!fresh)
            continue;
        c->item[j] = item;
        c->bias[j] = Bias(b, item);
        memcpy(c->row + (size_t)j * c->stride, ItemRow(b, item), c->stride * sizeof(float));
    }
}

static float *AllowedOf(const MicroBatch *b, uint32_t user)
{
    return b->allowed + (size_t)user * b->contrast.width;
}

/* Items that a user of the micro-batch has are no negatives of the user's. */
static void AllowNegatives(MicroBatch *b)
{
    const Contrast *c = &b->contrast;

    memset(b->allowed, 0, (size_t)b->users.count * c->width * sizeof(float));
    for (uint32_t u = 0; u < b->users.count; u++) {
        for (uint32_t j = 0; j < c->negatives; j++)
            AllowedOf(b, u)[j] = !b->positives.has(b->positives.arg, b->users.row[u], c->item[j]);
        HostPoll(b->host);
    }
    for (uint32_t i = 0; i < b->count; i++) {
        bool fresh;
        uint32_t j = NumberOf(&b->drawn_items, b->events[i].item_row, &fresh);

        if (!fresh && j < c->negatives)
            AllowedOf(b, b->events[i].user)[j] = 0;
    }
    NumbersClear(&b->drawn_items);
}

static void ContrastEvents(MicroBatch *b)
{
    Contrast *c = &b->contrast;
    const MemoryShape *s = &b->net.shape;
    size_t pitch = c->stride + VECTOR_LANES;

    for (uint32_t i = 0; i < b->count; i++) {
        const BatchedEvent *e = &b->events[i];

        b->loss +=
            ContrastEvent(c, &(Contrasted){.point = TapePoint(s, b->tape + i * TapeReals(s)),
                                           .item = ItemRow(b, e->item_row),
                                           .bias = Bias(b, e->item_row),
                                           .weight = e->weight,
                                           .allowed = AllowedOf(b, e->user),
                                           .point_gradient = PointGradient(b, i),
                                           .item_gradient = b->item_gradient + e->item * pitch});
        HostPoll(b->host);
    }
}

/* The softmax loss of all events: gradients of their points, and of items and biases. */
static void ContrastAll(MicroBatch *b)
{
    Contrast *c = &b->contrast;
    size_t pitch = c->stride + VECTOR_LANES;

    DrawNegatives(b);
    AllowNegatives(b);
    ContrastStart(c);
    ContrastEvents(b);
    ContrastEnd(c);
    for (uint32_t j = 0; j < c->negatives; j++) {
        float *g = b->item_gradient + NumberItem(b, c->item[j]) * pitch;

        AddScaledRow(g, c->row_gradient + (size_t)j * c->stride, 1, c->stride);
        g[c->stride] += c->bias_gradient[j];
    }
}

static void StepAll(MicroBatch *b)
{
    const NmrnOptions *o = b->options;
    StepRule rule = {.kind = o->optimizer == 0 ? STEP_ADAGRAD_ROW : STEP_ADAGRAD,
                     .learning_rate = b->rate * (float)o->learning_rate,
                     .accumulator = (float)o->accumulator,
                     .regularization = (float)o->regularization,
                     .maximum_norm = (float)o->max_norm};
    size_t stride = b->net.shape.stride;

    if (o->loss == LOSS_SOFTMAX)
        ContrastAll(b);
    Backward(b);
    rule.scale = ClipScale(b);
    StepRows(b, &rule, &b->users, NMRN_USER_PART, NMRN_USER_STATE, b->user_gradient, stride);
    StepRows(b, &rule, &b->items, NMRN_ITEM_PART, NMRN_ITEM_STATE, b->item_gradient,
             stride + VECTOR_LANES);
    StepBiases(b, &rule);
    StepWeights(b, rule);
}

void MicroBatchStep(MicroBatch *b)
{
    if (b->count == 0)
        return;
    if (!b->observes)
        StepAll(b);
    if (b->adversarial)
        GeneratorStep(b->generator, &b->users);
    UpdateSlots(b);
    NumbersClear(&b->users);
    NumbersClear(&b->items);
    b->count = 0;
}
