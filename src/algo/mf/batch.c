/*
 * batch.c: updates by mini-batches, for bpr and amf with batch_size > 1.
 *
 * Adds up the gradient of each row of the batch, perturbs rows against it where the training is
 * adversarial, then steps once per touched row.  On one thread.
 */
#include "algo/mf/batch.h"

#include <math.h>
#include <string.h>

#include "algo/learn/negative.h"
#include "algo/learn/optimizer.h"
#include "core/vector.h"

/* Rows or triples between two looks at interrupts. */
#define POLL_EVERY 128

static void SideCreate(const Host *host, uint32_t rows, uint32_t slots, uint32_t stride,
                       BatchSide *side)
{
    side->slot = HostAllocateZero(host, rows, sizeof(uint32_t));
    side->touched = HostAllocate(host, slots, sizeof(uint32_t));
    side->gamma = HostAllocate(host, (size_t)slots * stride, sizeof(float));
    side->delta = HostAllocate(host, (size_t)slots * stride, sizeof(float));
    side->total = HostAllocate(host, (size_t)slots * stride, sizeof(float));
    side->count = 0;
}

void BatchCreate(const Host *host, const TripleRule *rule, uint32_t users, uint32_t items,
                 uint32_t size, Batch *batch)
{
    batch->size = size;
    batch->triples = HostAllocate(host, size, sizeof(BatchTriple));
    SideCreate(host, users, size, rule->stride, &batch->user);
    SideCreate(host, items, 2 * size, rule->stride, &batch->item);
    batch->user.rows = rule->users;
    batch->user.state = rule->user_state;
    batch->item.rows = rule->items;
    batch->item.state = rule->item_state;
}

static void SideRelease(const Host *host, BatchSide *side)
{
    HostRelease(host, side->slot);
    HostRelease(host, side->touched);
    HostRelease(host, side->gamma);
    HostRelease(host, side->delta);
    HostRelease(host, side->total);
}

void BatchRelease(const Host *host, Batch *batch)
{
    HostRelease(host, batch->triples);
    SideRelease(host, &batch->user);
    SideRelease(host, &batch->item);
}

size_t BatchMemory(uint32_t users, uint32_t items, uint32_t size, uint32_t stride)
{
    size_t slots = SizeMultiply(3 * (size_t)size, 3 * sizeof(float) * stride + sizeof(uint32_t));
    size_t maps = ((size_t)users + items) * sizeof(uint32_t);

    return SizeAdd(SizeAdd(slots, maps), SizeMultiply(size, sizeof(BatchTriple)));
}

/* Slot of a row in the buffers of gradients; its first use in the batch gives it a zeroed one. */
static size_t Touch(BatchSide *side, uint32_t row, uint32_t stride)
{
    if (side->slot[row] == 0) {
        uint32_t slot = side->count++;

        side->touched[slot] = row;
        side->slot[row] = slot + 1;
        memset(side->gamma + (size_t)slot * stride, 0, stride * sizeof(float));
        memset(side->total + (size_t)slot * stride, 0, stride * sizeof(float));
        memset(side->delta + (size_t)slot * stride, 0, stride * sizeof(float));
    }
    return (size_t)(side->slot[row] - 1) * stride;
}

/* Offsets of a triple's three rows in the slot buffers. */
typedef struct TripleSlots {
    size_t user, positive, negative;
} TripleSlots;

static TripleSlots TouchTriple(Batch *batch, BatchTriple t, uint32_t stride)
{
    return (TripleSlots){Touch(&batch->user, t.user, stride),
                         Touch(&batch->item, t.positive, stride),
                         Touch(&batch->item, t.negative, stride)};
}

double BatchClean(const TripleRule *rule, Batch *batch, uint32_t count)
{
    uint32_t stride = rule->stride;
    double loss = 0;

    for (uint32_t n = 0; n < count; n++) {
        BatchTriple t = batch->triples[n];
        TripleSlots at = TouchTriple(batch, t, stride);
        const float *p = rule->users + (size_t)t.user * stride;
        const float *qi = rule->items + (size_t)t.positive * stride;
        const float *qj = rule->items + (size_t)t.negative * stride;
        double x = 0;
        float c;

        if (n % POLL_EVERY == 0)
            HostPoll(rule->host);
        for (uint32_t k = 0; k < stride; k++)
            x += (double)p[k] * (qi[k] - qj[k]);
        loss += fmax(-x, 0) + log1p(exp(-fabs(x)));
        c = (float)(-1.0 / (1.0 + exp(x)));
        for (uint32_t k = 0; k < stride; k++) {
            batch->user.gamma[at.user + k] += c * (qi[k] - qj[k]);
            batch->item.gamma[at.positive + k] += c * p[k];
            batch->item.gamma[at.negative + k] -= c * p[k];
            batch->user.total[at.user + k] += 2 * rule->regularization * p[k];
            batch->item.total[at.positive + k] += 2 * rule->regularization * qi[k];
            batch->item.total[at.negative + k] += 2 * rule->regularization * qj[k];
        }
    }
    return loss;
}

/* delta = epsilon * gamma / max(||gamma||, 1e-6), row by row. */
static void PerturbSide(const TripleRule *rule, BatchSide *side)
{
    for (uint32_t s = 0; s < side->count; s++) {
        const float *gamma = side->gamma + (size_t)s * rule->stride;
        const float *row = side->rows + (size_t)side->touched[s] * rule->stride;
        float *delta = side->delta + (size_t)s * rule->stride;
        float square = 0, norm = 0, epsilon = rule->epsilon;

        for (uint32_t k = 0; k < rule->stride; k++) {
            square += gamma[k] * gamma[k];
            norm += row[k] * row[k];
        }
        if (rule->relative)
            epsilon *= sqrtf(norm);
        for (uint32_t k = 0; k < rule->stride; k++)
            delta[k] = epsilon * gamma[k] / sqrtf(fmaxf(square, NORM_FLOOR));
    }
}

double BatchAdversarial(const TripleRule *rule, Batch *batch, uint32_t count)
{
    uint32_t stride = rule->stride;
    double loss = 0;

    PerturbSide(rule, &batch->user);
    PerturbSide(rule, &batch->item);
    for (uint32_t n = 0; n < count; n++) {
        BatchTriple t = batch->triples[n];
        TripleSlots at = TouchTriple(batch, t, stride);
        const float *p = rule->users + (size_t)t.user * stride;
        const float *qi = rule->items + (size_t)t.positive * stride;
        const float *qj = rule->items + (size_t)t.negative * stride;
        const float *dp = batch->user.delta + at.user;
        const float *di = batch->item.delta + at.positive, *dj = batch->item.delta + at.negative;
        double x = 0;
        float c;

        if (n % POLL_EVERY == 0)
            HostPoll(rule->host);
        for (uint32_t k = 0; k < stride; k++)
            x += (double)(p[k] + dp[k]) * (qi[k] + di[k] - qj[k] - dj[k]);
        loss += fmax(-x, 0) + log1p(exp(-fabs(x)));
        c = (float)(-rule->lambda / (1.0 + exp(x)));
        for (uint32_t k = 0; k < stride; k++) {
            float moved = p[k] + dp[k];

            batch->user.total[at.user + k] += c * (qi[k] + di[k] - qj[k] - dj[k]);
            batch->item.total[at.positive + k] += c * moved;
            batch->item.total[at.negative + k] -= c * moved;
        }
    }
    return loss;
}

static void StepElements(const TripleRule *rule, float *row, float *state, const float *gradient)
{
    for (uint32_t k = 0; k < rule->stride; k++) {
        row[k] -= AdagradStep(rule->learning_rate, gradient[k], &state[k], 0);
    }
}

static void StepRow(const TripleRule *rule, float *row, float *state, const float *gradient)
{
    float rate = rule->learning_rate;

    if (rule->optimizer == OPTIMIZER_ADAGRAD_ROW) {
        float square = 0;

        for (uint32_t k = 0; k < rule->stride; k++)
            square += gradient[k] * gradient[k];
        rate = AdagradRowRate(rate, state, 0, square, rule->factors);
    }
    for (uint32_t k = 0; k < rule->stride; k++)
        row[k] -= rate * gradient[k];
}

static void ApplySide(const TripleRule *rule, BatchSide *side)
{
    for (uint32_t s = 0; s < side->count; s++) {
        size_t row = side->touched[s], stride = rule->stride;
        float *total = side->total + s * stride;
        const float *gamma = side->gamma + s * stride;

        if (s % POLL_EVERY == 0)
            HostPoll(rule->host);
        for (size_t k = 0; k < stride; k++)
            total[k] += gamma[k];
        if (rule->optimizer == OPTIMIZER_ADAGRAD)
            StepElements(rule, side->rows + row * stride, side->state + row * stride, total);
        else
            StepRow(rule, side->rows + row * stride, &side->state[row], total);
        side->slot[row] = 0;
    }
    side->count = 0;
}

void BatchApply(const TripleRule *rule, Batch *batch)
{
    ApplySide(rule, &batch->user);
    ApplySide(rule, &batch->item);
}

double BatchStep(const TripleRule *rule, Batch *batch, uint32_t count)
{
    double loss = BatchClean(rule, batch, count);

    if (rule->adversarial)
        BatchAdversarial(rule, batch, count);
    BatchApply(rule, batch);
    return loss;
}

uint32_t BatchNegative(const TripleRule *rule, const Interactions *data, uint32_t user,
                       Random *random)
{
    const float *p = rule->users + (size_t)user * rule->stride;
    uint32_t best = UniformNegative(data, user, random);
    float best_score = -INFINITY;

    for (uint32_t n = 0; best != NO_ITEM && rule->candidates > 1 && n < rule->candidates; n++) {
        uint32_t item = n == 0 ? best : UniformNegative(data, user, random);
        float score;

        if (item == NO_ITEM)
            break;
        DotRows(p, rule->items + (size_t)item * rule->stride, 1, rule->stride, &score);
        if (score > best_score) {
            best = item;
            best_score = score;
        }
    }
    return best;
}
