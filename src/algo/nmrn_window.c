/* nmrn_window.c: events in, negatives, gradients of a micro-batch, and the step. */
#include "algo/nmrn_window.h"

#include "algo/generator.h"

#include <math.h>
#include <string.h>

/* Distances that are computed at one time while an impostor is looked for. */
#define DRAWN_TOGETHER 8

/* Draws in a row that may hit items of the user before the search ends. */
#define MISSES 64

/* --- the window's memory */

static uint32_t Banks(const NmrnOptions *o, uint32_t size)
{
    return o->memory == MEMORY_USER ? size : 1;
}

static size_t Draws(const NmrnOptions *o)
{
    return (size_t)(o->max_draws > o->candidates ? o->max_draws : o->candidates);
}

size_t WindowMemory(const NmrnOptions *o, uint32_t size)
{
    MemoryShape s = NmrnShape(o);
    size_t each = TapeReals(&s) + s.stride + 2 * ((size_t)s.stride + VECTOR_LANES);
    size_t bank = (size_t)s.slots * s.stride, total;

    if (o->addressing == ADDRESS_NTM)
        each += SlotStride(&s);
    total = SizeAdd(SizeMultiply(each, size), SizeMultiply(bank, Banks(o, size)));
    total = SizeAdd(total, NmrnWeightRows(o).count * s.stride + ScratchReals(&s));
    total = SizeMultiply(SizeAdd(total, 2 * Draws(o)), sizeof(float));
    total = SizeAdd(total, o->candidates > 0 ? GeneratorMemory(o, size) : 0);
    total = SizeAdd(total, (sizeof(WindowEvent) + sizeof(bool)) * (size_t)size);
    total = SizeAdd(total, 2 * s.slots * sizeof(double));
    return SizeAdd(total, NumbersMemory(size) + NumbersMemory(2 * size));
}

static void Buffers(Window *w)
{
    const Host *host = w->host;
    const NmrnOptions *o = w->options;
    const MemoryShape *s = &w->net.shape;
    size_t banks = Banks(o, w->size), slots = SlotStride(s);

    w->events = HostAllocate(host, w->size, sizeof(WindowEvent));
    w->tape = HostAllocateZero(host, w->size * TapeReals(s), sizeof(float));
    if (o->addressing == ADDRESS_NTM)
        w->previous = HostAllocate(host, w->size * slots, sizeof(float));
    w->user_gradient = HostAllocate(host, (size_t)w->size * s->stride, sizeof(float));
    w->item_gradient =
        HostAllocate(host, 2 * (size_t)w->size * (s->stride + VECTOR_LANES), sizeof(float));
    w->memory_gradient = HostAllocate(host, banks * s->slots * s->stride, sizeof(float));
    w->touched = HostAllocate(host, banks, sizeof(bool));
    w->weight_gradient = HostAllocateZero(host, NmrnWeightRows(o).count * s->stride, sizeof(float));
    w->drawn = HostAllocate(host, Draws(o), sizeof(uint32_t));
    w->distances = HostAllocate(host, Draws(o), sizeof(float));
    w->usage = HostAllocateZero(host, s->slots, sizeof(double));
    w->erase = HostAllocateZero(host, s->slots, sizeof(double));
}

void WindowCreate(const Host *host, Model *model, uint32_t size, Positives positives, Window *w)
{
    MemoryShape shape = NmrnShape(model->options);

    *w = (Window){.host = host,
                  .model = model,
                  .options = model->options,
                  .positives = positives,
                  .net = NmrnNet(model, HostAllocate(host, ScratchReals(&shape), sizeof(float))),
                  .size = size};
    Buffers(w);
    NumbersCreate(host, size, &w->users);
    NumbersCreate(host, 2 * size, &w->items);
    if (w->options->candidates > 0) {
        w->generator = GeneratorCreate(host, model, size);
        w->adversarial = true;
    }
}

void WindowRelease(Window *w)
{
    void *const buffers[] = {
        w->net.scratch,   w->events,          w->tape,    w->previous,        w->user_gradient,
        w->item_gradient, w->memory_gradient, w->touched, w->weight_gradient, w->drawn,
        w->distances,     w->usage,           w->erase};

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        HostRelease(w->host, buffers[i]);
    NumbersRelease(w->host, &w->users);
    NumbersRelease(w->host, &w->items);
    if (w->generator != NULL)
        GeneratorRelease(w->generator);
}

/* --- one event */

static float *UserRow(const Window *w, uint32_t user)
{
    const Part *part = &w->model->part[NMRN_USER_PART];

    return part->data + (size_t)user * part->stride;
}

static float *ItemRow(const Window *w, uint32_t item)
{
    const Part *part = &w->model->part[NMRN_ITEM_PART];

    return part->data + (size_t)item * part->stride;
}

static float Bias(const Window *w, uint32_t item)
{
    return w->options->item_bias ? w->model->part[NMRN_BIAS_PART].data[item] : 0;
}

/* An item that the user does not have, and not `item`; NO_ITEM if none was hit. */
static uint32_t DrawItem(const Window *w, uint32_t user, uint32_t item, Random *random)
{
    for (int miss = 0; miss < MISSES; miss++) {
        uint32_t drawn = RandomBelow(random, w->model->items);

        if (drawn != item && !w->positives.has(w->positives.arg, user, drawn))
            return drawn;
    }
    return NO_ITEM;
}

/* Fills drawn[] and distances[] from `from` to `limit`; returns how many are there then. */
static uint32_t DrawSome(Window *w, uint32_t user, uint32_t item, const float *point, uint32_t from,
                         uint32_t limit, Random *random)
{
    uint32_t to = from;

    while (to < limit) {
        w->drawn[to] = DrawItem(w, user, item, random);
        if (w->drawn[to] == NO_ITEM)
            break;
        to++;
    }
    MemoryDistances(point, w->model->part[NMRN_ITEM_PART].data, w->drawn + from, to - from,
                    w->net.shape.stride, w->distances + from);
    return to;
}

/* ln(rank + 1), the rank estimated from the draws until an impostor was found. */
static float RankWeight(const Window *w, uint32_t draws)
{
    return w->options->rank_weight ? logf(floorf((float)(w->model->items - 1) / (float)draws) + 1)
                                   : 1;
}

static void TakeNegative(Window *w, WindowEvent *e, uint32_t item, float weight, float hinge)
{
    e->negative_row = item;
    e->weight = weight;
    w->loss += weight * hinge;
    w->losses++;
}

/*
 * Looks for an impostor: an item that the user does not have and that comes within the margin.
 * `base` is the margin and the score's part of the positive item.  Returns the number of draws.
 */
static uint32_t FindImpostor(Window *w, WindowEvent *e, const float *point, float base,
                             Random *random)
{
    uint32_t drawn = 0, limit = (uint32_t)w->options->max_draws;

    while (drawn < limit) {
        uint32_t some = limit - drawn < DRAWN_TOGETHER ? limit : drawn + DRAWN_TOGETHER;
        uint32_t until = DrawSome(w, e->user_row, e->item_row, point, drawn, some, random);

        if (until == drawn)
            break;
        for (; drawn < until; drawn++) {
            float hinge = base - w->distances[drawn] + Bias(w, w->drawn[drawn]);

            if (hinge > 0) {
                TakeNegative(w, e, w->drawn[drawn], RankWeight(w, drawn + 1), hinge);
                return drawn + 1;
            }
        }
    }
    return limit;
}

/* Keeps the candidates that come within the margin. */
static uint32_t KeepImpostors(Window *w, float base, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t c = 0; c < count; c++)
        if (base - w->distances[c] + Bias(w, w->drawn[c]) > 0) {
            w->drawn[kept] = w->drawn[c];
            w->distances[kept++] = w->distances[c];
        }
    return kept;
}

/* The rank is still estimated from uniform draws (algorithm 1 of the paper, line 9). */
static float WeightFromDraws(Window *w, const WindowEvent *e, const float *point, float base,
                             Random *random)
{
    WindowEvent probe = *e;
    double loss = w->loss;
    uint64_t losses = w->losses;
    uint32_t draws;

    if (!w->options->rank_weight)
        return 1;
    draws = FindImpostor(w, &probe, point, base, random);
    w->loss = loss;
    w->losses = losses;
    return RankWeight(w, draws);
}

/* The generator chooses among some random items and is rewarded for those that are near. */
static void AskGenerator(Window *w, WindowEvent *e, const float *point, float base, Random *random)
{
    float weight = WeightFromDraws(w, e, point, base, random), hinge;
    uint32_t limit = (uint32_t)w->options->candidates, chosen;
    uint32_t count = DrawSome(w, e->user_row, e->item_row, point, 0, limit, random);

    if (w->options->candidate_kind == CANDIDATES_IMPOSTORS)
        count = KeepImpostors(w, base, count);
    if (count == 0)
        return;
    chosen = GeneratorChoose(w->generator, e->user_row, e->user, w->drawn, count, random);
    GeneratorReward(w->generator, chosen, -w->distances[chosen]);
    hinge = base - w->distances[chosen] + Bias(w, w->drawn[chosen]);
    if (hinge > 0 && weight > 0)
        TakeNegative(w, e, w->drawn[chosen], weight, hinge);
}

/* The event's step; pointers into the model hold until rows are added. */
static Step StepOf(const Window *w, uint32_t index)
{
    const WindowEvent *e = &w->events[index];
    const MemoryShape *s = &w->net.shape;
    size_t item_stride = s->stride + VECTOR_LANES;
    bool loss = e->negative_row != NO_ITEM;

    return (Step){.user = UserRow(w, e->user_row),
                  .item = ItemRow(w, e->item_row),
                  .negative = loss ? ItemRow(w, e->negative_row) : NULL,
                  .previous =
                      w->previous == NULL ? NULL : w->previous + (size_t)index * SlotStride(s),
                  .weight = e->weight,
                  .tape = w->tape + index * TapeReals(s),
                  .user_gradient = w->user_gradient + (size_t)e->user * s->stride,
                  .item_gradient = w->item_gradient + e->item * item_stride,
                  .negative_gradient = loss ? w->item_gradient + e->negative * item_stride : NULL};
}

static void CountSlots(Window *w, const Step *step)
{
    const MemoryShape *s = &w->net.shape;
    const float *weight = HopAt(s, step->tape, 0).weight, *erase = TapeErase(s, step->tape);
    double entropy = 0, rate = 0;

    for (uint32_t k = 0; k < s->factors; k++)
        rate += erase[k];
    rate /= s->factors;
    for (uint32_t i = 0; i < s->slots; i++) {
        w->usage[i] += weight[i];
        w->erase[i] += weight[i] * rate;
        if (s->slots > 1 && weight[i] > 0)
            entropy -= weight[i] * logf(weight[i]);
    }
    w->entropy += s->slots > 1 ? entropy / log(s->slots) : 0;
}

static void NumberUser(Window *w, WindowEvent *e)
{
    size_t stride = w->net.shape.stride;
    bool fresh;

    e->user = NumberOf(&w->users, e->user_row, &fresh);
    if (fresh)
        memset(w->user_gradient + e->user * stride, 0, stride * sizeof(float));
}

static uint32_t NumberItem(Window *w, uint32_t item)
{
    size_t stride = w->net.shape.stride + VECTOR_LANES;
    bool fresh;
    uint32_t number = NumberOf(&w->items, item, &fresh);

    if (fresh)
        memset(w->item_gradient + number * stride, 0, stride * sizeof(float));
    return number;
}

void WindowAdd(Window *w, uint32_t user, uint32_t item, bool first, Random *random)
{
    WindowEvent *e = &w->events[w->count];
    const MemoryShape *s = &w->net.shape;
    float *bank = NmrnBank(w->model, user), *attention = NmrnAttention(w->model, user);
    const float *point;
    float base;
    Step step;

    *e = (WindowEvent){.user_row = user, .item_row = item, .negative_row = NO_ITEM, .first = first};
    HostPoll(w->host);
    step = StepOf(w, w->count);
    if (attention != NULL)
        memcpy(w->previous + w->count * SlotStride(s), attention, s->slots * sizeof(float));
    MemoryRead(&w->net, &step, bank);
    NumberUser(w, e);
    point = TapePoint(s, step.tape);
    base = (float)w->options->margin - Bias(w, item) +
           Distance(point, step.item, s->stride / VECTOR_LANES);
    if (w->adversarial)
        AskGenerator(w, e, point, base, random);
    else
        FindImpostor(w, e, point, base, random);
    MemoryWrite(&w->net, &step, bank, true);
    if (attention != NULL)
        memcpy(attention, HopAt(s, step.tape, 0).weight, s->slots * sizeof(float));
    CountSlots(w, &step);
    e->item = NumberItem(w, item);
    if (e->negative_row != NO_ITEM)
        e->negative = NumberItem(w, e->negative_row);
    if (++w->count == w->size)
        WindowStep(w);
}

/* --- the step */

static NetGradient GradientOf(const Window *w)
{
    WeightRows rows = NmrnWeightRows(w->options);
    size_t stride = w->net.shape.stride;

    return (NetGradient){.key = w->weight_gradient + rows.key * stride,
                         .gate = w->weight_gradient + rows.gate * stride,
                         .head = w->weight_gradient + rows.head * stride};
}

/* All events, the last first. */
static void Backward(Window *w)
{
    const MemoryShape *s = &w->net.shape;
    size_t floats = (size_t)s->slots * s->stride;
    NetGradient gradient = GradientOf(w);
    float *start = w->weight_gradient + NmrnWeightRows(w->options).start * s->stride;
    bool shared = w->options->memory == MEMORY_SHARED;
    uint32_t banks = shared ? 1 : w->users.count;

    memset(w->memory_gradient, 0, banks * floats * sizeof(float));
    memset(w->touched, 0, banks * sizeof(bool));
    for (uint32_t i = w->count; i-- > 0;) {
        const WindowEvent *e = &w->events[i];
        uint32_t bank = shared ? 0 : e->user;
        float *G = w->memory_gradient + bank * floats;
        Step step = StepOf(w, i);

        MemoryBack(&w->net, &step, G, w->touched[bank], &gradient);
        HostPoll(w->host);
        w->touched[bank] |= step.weight > 0;
        if (e->first && w->learns_start && w->touched[bank])
            AddScaled(start, 1, G, floats / VECTOR_LANES);
    }
}

static double SquareOf(const float *values, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * values[i];
    return sum;
}

/* What scales all gradients so that their norm is at most `clip`. */
static float ClipScale(const Window *w)
{
    size_t stride = w->net.shape.stride;
    double sum = 0, clip = w->options->clip;

    if (clip <= 0)
        return 1;
    sum = SquareOf(w->user_gradient, w->users.count * stride) +
          SquareOf(w->item_gradient, w->items.count * (stride + VECTOR_LANES)) +
          SquareOf(w->weight_gradient, NmrnWeightRows(w->options).count * stride);
    return sum <= clip * clip ? 1 : (float)(clip / sqrt(sum));
}

static void StepRows(const Window *w, const StepRule *rule, const RowNumbers *numbers, int part,
                     int state, const float *gradient, size_t gradient_stride)
{
    const Part *rows = &w->model->part[part], *states = &w->model->part[state];

    for (uint32_t i = 0; i < numbers->count; i++)
        RowStep(rule, rows->data + (size_t)numbers->row[i] * rows->stride,
                gradient + i * gradient_stride,
                states->data + (size_t)numbers->row[i] * states->stride, rows->columns,
                rows->stride);
}

static void StepBiases(const Window *w, const StepRule *rule)
{
    float *bias = w->model->part[NMRN_BIAS_PART].data;
    float *state = w->model->part[NMRN_BIAS_STATE].data;
    size_t stride = w->net.shape.stride + VECTOR_LANES;

    for (uint32_t i = 0; i < w->items.count && w->options->item_bias; i++) {
        uint32_t item = w->items.row[i];
        float g = rule->scale * w->item_gradient[(i + 1) * stride - VECTOR_LANES];

        state[item] += g * g;
        bias[item] -= rule->learning_rate * g / sqrtf(rule->accumulator + state[item]);
    }
}

static void StepWeights(const Window *w, StepRule rule)
{
    WeightRows rows = NmrnWeightRows(w->options);
    size_t stride = w->net.shape.stride, first = w->freeze_keys ? rows.start : rows.key;
    Part *weight = &w->model->part[NMRN_WEIGHT_PART];

    rule.per_element = true;
    rule.regularization = 0;
    rule.maximum_norm = 0;
    RowStep(&rule, weight->data + first * stride, w->weight_gradient + first * stride,
            w->model->part[NMRN_WEIGHT_STATE].data + first * stride, weight->columns,
            (uint32_t)((rows.count - first) * stride));
    memset(w->weight_gradient, 0, rows.count * stride * sizeof(float));
}

/* Running means, that forget what is longer ago than SLOT_EVENTS. */
static void UpdateSlots(Window *w)
{
    const Part *part = &w->model->part[NMRN_SLOT_PART];
    double events = part->data[SLOT_COUNT] + w->count;
    double share = w->count / events;

    for (uint32_t i = 0; i < part->rows; i++) {
        float *column = part->data + (size_t)i * part->stride;

        column[SLOT_USAGE] += (float)(share * (w->usage[i] / w->count - column[SLOT_USAGE]));
        column[SLOT_ERASE] += (float)(share * (w->erase[i] / w->count - column[SLOT_ERASE]));
        column[SLOT_ENTROPY] += (float)(share * (w->entropy / w->count - column[SLOT_ENTROPY]));
        column[SLOT_COUNT] = (float)fmin(events, SLOT_EVENTS);
        w->usage[i] = w->erase[i] = 0;
    }
    w->entropy = 0;
}

static void StepAll(Window *w)
{
    const NmrnOptions *o = w->options;
    StepRule rule = {.learning_rate = (float)o->learning_rate,
                     .accumulator = (float)o->accumulator,
                     .regularization = (float)o->regularization,
                     .maximum_norm = (float)o->max_norm,
                     .per_element = o->optimizer != 0};
    size_t stride = w->net.shape.stride;

    Backward(w);
    rule.scale = ClipScale(w);
    StepRows(w, &rule, &w->users, NMRN_USER_PART, NMRN_USER_STATE, w->user_gradient, stride);
    StepRows(w, &rule, &w->items, NMRN_ITEM_PART, NMRN_ITEM_STATE, w->item_gradient,
             stride + VECTOR_LANES);
    StepBiases(w, &rule);
    StepWeights(w, rule);
}

void WindowStep(Window *w)
{
    if (w->count == 0)
        return;
    if (!w->observes)
        StepAll(w);
    if (w->adversarial)
        GeneratorStep(w->generator, &w->users);
    UpdateSlots(w);
    NumbersClear(&w->users);
    NumbersClear(&w->items);
    w->count = 0;
}
