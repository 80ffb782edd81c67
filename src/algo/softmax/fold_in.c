/*
 * fold_in.c: a user who was not trained, against items as they are.
 *
 * The row p of norm 1 with the least loss over the history, negatives being the sample: with a the
 * mean of the history's rows, -p.a / tau + rho ln(mean of exp(p.x_j / tau)).  Steps are those of
 * training, with all negatives in each.
 */
#include <string.h>

#include "algo/learn/optimizer.h"
#include "algo/softmax/softmax.h"
#include "core/exponential.h"
#include "core/products.h"

#define STEPS     60
#define LAST_RATE 0.02f

typedef struct Fold {
    const Host *host;
    const Part *sample;
    float temperature;
    float log_sum_weight;
    float *mean;    /* of the history's rows */
    float *weights; /* a vector's multiple; the rest is zero */
    float *gradient;
    uint32_t width; /* of the weights */
} Fold;

static void AddRows(const Part *part, float *sum)
{
    for (uint32_t r = 0; r < part->rows; r++)
        for (uint32_t k = 0; k < part->stride; k++)
            sum[k] += PartRow(part, r)[k] / (float)part->rows;
}

/* Weights of the sample's rows, which sum to rho. */
static void Weigh(const Fold *f, const float *p)
{
    float sum = 0;

    DotRows(p, f->sample->data, f->sample->rows, f->sample->stride, f->weights);
    for (uint32_t n = f->sample->rows; n < f->width; n++)
        f->weights[n] = 0;
    ExponentialsBelow(f->weights, f->width, 1 / f->temperature);
    for (uint32_t n = 0; n < f->sample->rows; n++)
        sum += f->weights[n];
    for (uint32_t n = 0; n < f->sample->rows && sum > 0; n++)
        f->weights[n] *= f->log_sum_weight / sum;
}

/* The gradient, times tau, without what points along p. */
static float Gradient(const Fold *f, const float *p)
{
    uint32_t stride = f->sample->stride;
    float along, square;

    Weigh(f, p);
    MultiplyRows(f->weights, f->sample->data, 1, stride, f->sample->rows, f->gradient);
    for (uint32_t k = 0; k < stride; k++)
        f->gradient[k] -= f->mean[k];
    DotRows(f->gradient, p, 1, stride, &along);
    for (uint32_t k = 0; k < stride; k++)
        f->gradient[k] -= along * p[k];
    DotRows(f->gradient, f->gradient, 1, stride, &square);
    return square;
}

static void Descend(const Fold *f, float rate, float *p)
{
    const Part *sample = f->sample;
    float state = 0;

    for (int step = 0; step < STEPS; step++) {
        float falling = rate * (LAST_RATE + (1 - LAST_RATE) * (STEPS - step) / STEPS);
        float size = AdagradRowRate(falling, &state, 1e-12f, Gradient(f, p), sample->columns);

        for (uint32_t k = 0; k < sample->stride; k++)
            p[k] -= size * f->gradient[k];
        ScaleRow(p, sample->stride, 1);
        HostPoll(f->host);
    }
}

void SoftmaxFoldIn(const Host *host, const Model *history, const Model *sample, float *query)
{
    const SoftmaxOptions *o = history->options;
    const Part *own = &history->part[FACTORS_ITEM_PART];
    Fold f = {
        .host = host,
        .sample = &sample->part[FACTORS_ITEM_PART],
        .temperature = SoftmaxTemperature(host, history),
        .log_sum_weight = (float)o->log_sum_weight,
        .mean = HostAllocateZero(host, own->stride, sizeof(float)),
        .gradient = HostAllocate(host, own->stride, sizeof(float)),
    };

    f.width = VectorStride(f.sample->rows);
    f.weights = HostAllocate(host, f.width, sizeof(float));
    AddRows(own, f.mean);
    memcpy(query, f.mean, own->stride * sizeof(float));
    ScaleRow(query, own->stride, 1);
    if (f.sample->rows > 0)
        Descend(&f, (float)o->learning_rate, query);
    CheckFoldedIn(host, query, own->columns);
    HostRelease(host, f.mean);
    HostRelease(host, f.gradient);
    HostRelease(host, f.weights);
}
