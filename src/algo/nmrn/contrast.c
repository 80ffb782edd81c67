/* contrast.c: scores of negatives, their softmax, and its gradients, event by event. */
#include "algo/nmrn/contrast.h"

#include <math.h>
#include <string.h>

#include "algo/nmrn/memory.h"
#include "core/exponential.h"

/* Squares of distances come from products, whose rounding could make them negative. */
#define LEAST_SQUARE 1e-6f

/* Takes an item out of a softmax. */
#define HIDDEN 1e4f

/* --- buffers */

size_t ContrastMemory(uint32_t events, uint32_t negatives, uint32_t stride)
{
    size_t width = VectorStride(negatives);
    size_t floats = SizeMultiply(2 * width + events, stride);

    return SizeMultiply(SizeAdd(floats, 7 * width), sizeof(float));
}

void ContrastCreate(const Host *host, uint32_t events, uint32_t negatives, uint32_t stride,
                    Contrast *c)
{
    uint32_t width = VectorStride(negatives);
    size_t floats = (size_t)width * stride;

    *c = (Contrast){.negatives = negatives, .width = width, .stride = stride};
    c->item = HostAllocate(host, width, sizeof(uint32_t));
    c->row = HostAllocateZero(host, floats, sizeof(float));
    c->bias = HostAllocateZero(host, width, sizeof(float));
    c->square = HostAllocate(host, width, sizeof(float));
    c->share = HostAllocate(host, width, sizeof(float));
    c->distance = HostAllocate(host, width, sizeof(float));
    c->push = HostAllocate(host, width, sizeof(float));
    c->bias_gradient = HostAllocate(host, width, sizeof(float));
    c->row_gradient = HostAllocate(host, floats, sizeof(float));
    c->point_gradient = HostAllocate(host, (size_t)events * stride, sizeof(float));
}

void ContrastRelease(const Host *host, Contrast *c)
{
    void *const buffers[] = {c->item,         c->row,           c->bias, c->square,
                             c->share,        c->distance,      c->push, c->bias_gradient,
                             c->row_gradient, c->point_gradient};

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        HostRelease(host, buffers[i]);
}

void ContrastResize(Contrast *c, uint32_t negatives)
{
    c->negatives = negatives;
    c->width = VectorStride(negatives == 0 ? 1 : negatives);
}

/* --- kernels */

#define REAL float
#include "algo/nmrn/numbers.h"
#define VECTOR_KERNELS "algo/nmrn/contrast_kernels.h"
#include "core/vector_targets.h"
#undef REAL

VECTOR_TABLE(Scores, (const Contrast *c, const float *allowed, float square));
VECTOR_TABLE(Allow, (float *share, const float *allowed, uint32_t width, float *sum));
VECTOR_TABLE(Push, (const Contrast *c, float factor, const float *point, float *point_gradient));
VECTOR_TABLE(Pull, (float *to, float scale, const float *a, const float *b, uint32_t stride));
VECTOR_TABLE(End, (const Contrast *c));

/* --- a micro-batch */

void ContrastStart(Contrast *c)
{
    MemorySquares(c->row, c->width, c->stride, c->square);
    memset(c->push, 0, c->width * sizeof(float));
    memset(c->bias_gradient, 0, c->width * sizeof(float));
    memset(c->row_gradient, 0, (size_t)c->width * c->stride * sizeof(float));
}

/* Fills shares and distances; returns the logarithm of the sum of exp(score / temperature). */
static float Shares(const Contrast *c, const Contrasted *e, float *sum)
{
    float square, greatest;

    MemorySquares(e->point, 1, c->stride, &square);
    DotRows(e->point, c->row, c->width, c->stride, c->share);
    ScoresVariants[VectorLevel()](c, e->allowed, square);
    greatest = ExponentialsBelow(c->share, c->width, 1 / c->temperature);
    AllowVariants[VectorLevel()](c->share, e->allowed, c->width, sum);
    return logf(*sum) + greatest / c->temperature;
}

static float SoftPlusOf(float x)
{
    return (x > 0 ? x : 0) + log1pf(expf(-fabsf(x)));
}

double ContrastEvent(Contrast *c, const Contrasted *e)
{
    float sum, others = Shares(c, e, &sum), distance, ahead, wrong;
    uint32_t first = 0;

    if (!(sum > 0)) {
        memset(e->point_gradient, 0, c->stride * sizeof(float));
        return 0;
    }
    MemoryDistances(e->point, e->item, &first, 1, c->stride, &distance);
    ahead = others - (e->bias - distance) / c->temperature;
    wrong = e->weight / c->temperature / (1 + expf(-ahead)); /* the negatives' share of it all */
    PushVariants[VectorLevel()](c, wrong / sum, e->point, e->point_gradient);
    PullVariants[VectorLevel()](e->point_gradient, wrong / distance, e->point, e->item, c->stride);
    PullVariants[VectorLevel()](e->item_gradient, wrong / distance, e->item, e->point, c->stride);
    e->item_gradient[c->stride] -= wrong;
    return (double)e->weight * SoftPlusOf(ahead);
}

void ContrastEnd(Contrast *c)
{
    EndVariants[VectorLevel()](c);
}
