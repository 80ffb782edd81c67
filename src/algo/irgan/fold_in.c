/*
 * fold_in.c: a user who was not trained, against items as they are: the row with the least loss of
 * ranking, by steps of Adam, the history against a sample of other items.
 */
#include <string.h>

#include "algo/irgan/irgan.h"
#include "algo/learn/adam.h"
#include "algo/net/loss.h"
#include "core/vector.h"

#define STEPS 60
#define RATE  0.1f

/* Keeps the row as short as that of a user with few items. */
#define DECAY 0.01f

typedef struct Fold {
    const Host *host;
    const Part *item[2], *bias[2]; /* of the history and of the sample */
    float *score[2];
    float *gradient;
} Fold;

static void ScoreSide(const Fold *f, int side, const float *row)
{
    const Part *item = f->item[side];

    DotRows(row, item->data, item->rows, item->stride, f->score[side]);
    for (uint32_t i = 0; i < item->rows; i++)
        f->score[side][i] += f->bias[side]->data[i];
}

static void Pull(const Fold *f, int side, uint32_t i, float by)
{
    const float *row = PartRow(f->item[side], i);

    for (uint32_t k = 0; k < f->item[side]->columns; k++)
        f->gradient[k] += by * row[k];
}

/* Mean over the history; item h meets items of the sample in turn. */
static void Gradient(const Fold *f, uint32_t step, const float *row)
{
    uint32_t own = f->item[0]->rows, others = f->item[1]->rows;

    memset(f->gradient, 0, f->item[0]->stride * sizeof(float));
    ScoreSide(f, 0, row);
    ScoreSide(f, 1, row);
    for (uint32_t n = 0; n < own + others; n++) {
        uint32_t h = n % own, j = (uint32_t)(((uint64_t)step * own + n) % others);
        float by = RealSigmoid(f->score[1][j] - f->score[0][h]) / (float)(own + others);

        Pull(f, 0, h, -by);
        Pull(f, 1, j, by);
    }
}

static void Learn(const Fold *f, float *row, float *state)
{
    AdamRule rule = {.rate = RATE, .weight_decay = DECAY, .scale = 1};

    for (uint32_t step = 0; step < STEPS; step++) {
        rule.rate = RATE * (float)(STEPS - step) / STEPS;
        Gradient(f, step, row);
        AdamMany(&rule, step + 1, row, f->gradient, state, f->item[0]->stride);
        HostPoll(f->host);
    }
}

void IrganFoldIn(const Host *host, const Model *history, const Model *sample, float *query)
{
    const Model *view[] = {history, sample};
    Fold f = {.host = host};
    float *state;
    uint32_t stride = history->part[IRGAN_ITEM_PART].stride;

    for (int side = 0; side < 2; side++) {
        f.item[side] = &view[side]->part[IRGAN_ITEM_PART];
        f.bias[side] = &view[side]->part[IRGAN_BIAS_PART];
        f.score[side] = HostAllocate(host, f.item[side]->rows, sizeof(float));
    }
    f.gradient = HostAllocate(host, stride, sizeof(float));
    state = HostAllocateZero(host, 2 * (size_t)stride, sizeof(float));
    memset(query, 0, stride * sizeof(float));
    if (f.item[0]->rows > 0 && f.item[1]->rows > 0)
        Learn(&f, query, state);
    CheckFoldedIn(host, query, f.item[0]->columns);
    HostRelease(host, f.score[0]);
    HostRelease(host, f.score[1]);
    HostRelease(host, f.gradient);
    HostRelease(host, state);
}
