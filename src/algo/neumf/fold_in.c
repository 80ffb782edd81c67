/*
 * fold_in.c: a user who was not trained, against items and a network as they are.
 *
 * The user's row takes steps of Adam on the loss of training: the history against a sample of other
 * items, a part of it in each step.  Products are the plain ones, so that a visitor is served alike
 * in every process.
 */
#include <string.h>

#include "algo/learn/adam.h"
#include "algo/net/linear.h"
#include "algo/net/loss.h"
#include "algo/net/matrix.h"
#include "algo/neumf/neumf.h"

#define STEPS     80
#define RATE      0.1f
#define LAST_RATE 0.02f

/* Items of the sample in one step. */
#define STEP_SAMPLE 128

typedef struct Fold {
    const Host *host;
    const Model *history, *sample;
    NeumfNetwork network;
    const float *parameters;
    uint32_t own, others; /* items of a step */
    size_t pitch;         /* of the widest layer */
    float *layer[MAX_LAYERS + 1];
    float *gradient[2];
    float *sum; /* of the row's gradient */
} Fold;

static void FoldOpen(const Host *host, const Model *history, const Model *sample, Fold *f)
{
    NeumfShape shape = NeumfShapeOf(history->options);
    size_t rows;

    *f = (Fold){.host = host,
                .history = history,
                .sample = sample,
                .parameters = history->part[NEUMF_NETWORK_PART].data,
                .own = history->part[NEUMF_ITEM_PART].rows,
                .others = sample->part[NEUMF_ITEM_PART].rows,
                .pitch = Pitch(2 * (size_t)shape.width)};
    NeumfNetworkOf(&shape, &f->network);
    f->others = f->others < STEP_SAMPLE ? f->others : STEP_SAMPLE;
    rows = (size_t)f->own + f->others;
    for (int l = 0; l <= f->network.tower.layers; l++)
        f->layer[l] = HostAllocateZero(host, SizeMultiply(rows, f->pitch), sizeof(float));
    for (int i = 0; i < 2; i++)
        f->gradient[i] = HostAllocateZero(host, SizeMultiply(rows, f->pitch), sizeof(float));
    f->sum = HostAllocate(host, history->part[NEUMF_ITEM_PART].stride, sizeof(float));
}

static void FoldClose(const Fold *f)
{
    for (int l = 0; l <= f->network.tower.layers; l++)
        HostRelease(f->host, f->layer[l]);
    HostRelease(f->host, f->gradient[0]);
    HostRelease(f->host, f->gradient[1]);
    HostRelease(f->host, f->sum);
}

static const float *MatrixAt(const Fold *f, int matrix)
{
    return f->parameters + f->network.pack.matrix[matrix].first;
}

/* Item r of a step. */
static const float *ItemOf(const Fold *f, uint32_t step, uint32_t r)
{
    const Part *sample = &f->sample->part[NEUMF_ITEM_PART];

    if (r < f->own)
        return PartRow(&f->history->part[NEUMF_ITEM_PART], r);
    return PartRow(sample, (uint32_t)(((uint64_t)step * f->others + r - f->own) % sample->rows));
}

static void Forward(const Fold *f, uint32_t step, const float *row)
{
    const Mlp *tower = &f->network.tower;
    uint32_t rows = f->own + f->others, width = f->network.shape.width;

    for (uint32_t r = 0; r < rows; r++) {
        memcpy(f->layer[0] + r * Pitch(2 * width), row, width * sizeof(float));
        memcpy(f->layer[0] + r * Pitch(2 * width) + width, ItemOf(f, step, r),
               width * sizeof(float));
    }
    for (int l = 0; l < tower->layers; l++) {
        const MlpLayer *layer = &tower->layer[l];
        size_t pitch = Pitch(layer->out);
        float *out = f->layer[l + 1];

        for (uint32_t r = 0; r < rows; r++)
            memcpy(out + r * pitch, MatrixAt(f, layer->bias), pitch * sizeof(float));
        MatrixProductPlain((Matrix){f->layer[l], Pitch(layer->in)},
                           (Matrix){MatrixAt(f, layer->weight), pitch}, rows, pitch, layer->in,
                           PRODUCT_ADDS, out, pitch);
        if (l < tower->layers - 1)
            ReluForward(out, rows * pitch, out);
    }
}

/* From the gradient of the last layer, in gradient[0], to that of the inputs; where it ends. */
static const float *Backward(const Fold *f)
{
    const Mlp *tower = &f->network.tower;
    uint32_t rows = f->own + f->others;
    float *g = f->gradient[0], *below = f->gradient[1];

    for (int l = tower->layers - 1; l >= 0; l--) {
        const MlpLayer *layer = &tower->layer[l];
        size_t pitch = Pitch(layer->out);
        float *done = g;

        if (l < tower->layers - 1)
            ReluBackward(f->layer[l + 1], g, rows * pitch, g);
        MatrixProductTransposedPlain((Matrix){g, pitch},
                                     (Matrix){MatrixAt(f, layer->weight), pitch}, rows, layer->in,
                                     layer->out, PRODUCT_IS, below, Pitch(layer->in));
        g = below;
        below = done;
    }
    return g;
}

/* The history counts as much as a share of 1 / (1 + negatives) of all. */
static float WeightOf(const Fold *f, uint32_t r)
{
    const NeumfOptions *o = f->history->options;
    float negatives = (float)o->negatives;

    return r < f->own ? 1 / ((1 + negatives) * (float)f->own)
                      : negatives / ((1 + negatives) * (float)f->others);
}

/* The gradient of the mean loss by the user's row. */
static void Gradient(const Fold *f, uint32_t step, const float *row)
{
    const NeumfShape *shape = &f->network.shape;
    const float *h = MatrixAt(f, f->network.product), *out = f->layer[f->network.tower.layers], *dx;
    uint32_t rows = f->own + f->others;

    Forward(f, step, row);
    memset(f->sum, 0, f->history->part[NEUMF_ITEM_PART].stride * sizeof(float));
    memset(f->gradient[0], 0, rows * Pitch(1) * sizeof(float));
    for (uint32_t r = 0; r < rows; r++) {
        const float *item = ItemOf(f, step, r) + shape->width, *own = row + shape->width;
        float odds = out[r * Pitch(1)], g;

        for (uint32_t k = 0; k < shape->factors; k++)
            odds += h[k] * own[k] * item[k];
        g = WeightOf(f, r) * (RealSigmoid(odds) - (r < f->own));
        for (uint32_t k = 0; k < shape->factors; k++)
            f->sum[shape->width + k] += g * h[k] * item[k];
        f->gradient[0][r * Pitch(1)] = g;
    }
    dx = Backward(f);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t k = 0; k < shape->width; k++)
            f->sum[k] += dx[r * Pitch(2 * (size_t)shape->width) + k];
}

static void Learn(const Fold *f, float *row, float *state, uint32_t stride)
{
    for (uint32_t step = 0; step < STEPS; step++) {
        float left = (float)(STEPS - step) / STEPS;
        AdamRule rule = {.rate = RATE * (LAST_RATE + (1 - LAST_RATE) * left), .scale = 1};

        Gradient(f, step, row);
        AdamMany(&rule, step + 1, row, f->sum, state, stride);
        HostPoll(f->host);
    }
}

void NeumfFoldIn(const Host *host, const Model *history, const Model *sample, float *query)
{
    const NeumfOptions *o = history->options;
    const Part *part = &history->part[NEUMF_ITEM_PART];
    float *row = HostAllocateZero(host, part->stride, sizeof(float));
    float *state = HostAllocateZero(host, 2 * (size_t)part->stride, sizeof(float));
    Random random;
    Fold f;

    RandomSeed(&random, (uint64_t)o->train.seed, RANDOM_FOLD_IN, 0, 0);
    for (uint32_t k = 0; k < part->columns; k++)
        row[k] = (float)(NEUMF_DEVIATION * RandomTruncatedNormal(&random));
    FoldOpen(host, history, sample, &f);
    if (f.others > 0)
        Learn(&f, row, state, part->stride);
    FoldClose(&f);
    CheckFoldedIn(host, row, part->columns);
    NeumfQueryOf(history, row, query);
    HostRelease(host, row);
    HostRelease(host, state);
}
