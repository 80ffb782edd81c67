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

VECTOR_INLINE void SquaresBody(const float *rows, size_t count, size_t stride, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = VectorDot(rows + i * stride, rows + i * stride, stride / VECTOR_LANES);
}

VECTOR_VARIANTS(Squares, (const float *rows, size_t count, size_t stride, float *out),
                SquaresBody(rows, count, stride, out))

/* Products with the point become distances, and scores; `square`: of the point. */
VECTOR_INLINE void ScoresBody(const Contrast *c, const float *allowed, float square)
{
    for (uint32_t j = 0; j < c->width; j++) {
        float d = square + c->square[j] - 2 * c->share[j];

        c->distance[j] = sqrtf(d > LEAST_SQUARE ? d : LEAST_SQUARE);
        c->share[j] = c->bias[j] - c->distance[j] - HIDDEN * (1 - allowed[j]);
    }
}

VECTOR_VARIANTS(Scores, (const Contrast *c, const float *allowed, float square),
                ScoresBody(c, allowed, square))

VECTOR_INLINE void AllowBody(float *share, const float *allowed, uint32_t width, float *sum)
{
    Vector total = {0};

    for (uint32_t j = 0; j < width; j += VECTOR_LANES) {
        *(Vector *)(share + j) *= *(const Vector *)(allowed + j);
        total += *(const Vector *)(share + j);
    }
    *sum = VectorSum(&total);
}

/* What is not allowed gets no share; the sum of the others. */
VECTOR_VARIANTS(Allow, (float *share, const float *allowed, uint32_t width, float *sum),
                AllowBody(share, allowed, width, sum))

/* One negative: what it does to the point, and the point to its row. */
VECTOR_INLINE void PushRow(const Contrast *c, uint32_t j, float share, const Vector *point,
                           Vector *point_gradient)
{
    const Vector *row = (const Vector *)(c->row + (size_t)j * c->stride);
    Vector *gradient = (Vector *)(c->row_gradient + (size_t)j * c->stride);

    for (size_t k = 0; k < c->stride / VECTOR_LANES; k++) {
        point_gradient[k] += share * row[k];
        gradient[k] += share * point[k];
    }
}

/*
 * Shares times `factor` are d(loss) / d(score).  A row's gradient is that by the distance, times
 * (point - row); the point's is minus their sum.  Terms with the row alone are for ContrastEnd().
 */
VECTOR_INLINE void PushBody(const Contrast *c, float factor, const float *point,
                            float *point_gradient)
{
    size_t chunks = c->stride / VECTOR_LANES;
    const Vector *p = (const Vector *)point;
    Vector *g = (Vector *)point_gradient, total = {0};
    float all;

    for (uint32_t j = 0; j < c->width; j += VECTOR_LANES) {
        Vector *share = (Vector *)(c->share + j);

        *share *= factor;
        *(Vector *)(c->bias_gradient + j) += *share;
        *share /= *(const Vector *)(c->distance + j);
        *(Vector *)(c->push + j) += *share;
        total += *share;
    }
    all = VectorSum(&total);
    for (size_t k = 0; k < chunks; k++)
        g[k] = -all * p[k];
    for (uint32_t j = 0; j < c->negatives; j++)
        PushRow(c, j, c->share[j], p, g);
}

VECTOR_VARIANTS(Push, (const Contrast *c, float factor, const float *point, float *point_gradient),
                PushBody(c, factor, point, point_gradient))

/* to += scale * (a - b) */
VECTOR_INLINE void PullBody(float *to, float scale, const float *a, const float *b, uint32_t stride)
{
    for (uint32_t k = 0; k < stride; k += VECTOR_LANES)
        *(Vector *)(to + k) += scale * (*(const Vector *)(a + k) - *(const Vector *)(b + k));
}

VECTOR_VARIANTS(Pull, (float *to, float scale, const float *a, const float *b, uint32_t stride),
                PullBody(to, scale, a, b, stride))

VECTOR_INLINE void EndBody(const Contrast *c)
{
    for (uint32_t j = 0; j < c->negatives; j++)
        for (uint32_t k = 0; k < c->stride; k += VECTOR_LANES)
            *(Vector *)(c->row_gradient + (size_t)j * c->stride + k) -=
                c->push[j] * *(const Vector *)(c->row + (size_t)j * c->stride + k);
}

VECTOR_VARIANTS(End, (const Contrast *c), EndBody(c))

/* --- a micro-batch */

void ContrastStart(Contrast *c)
{
    SquaresVariants[VectorLevel()](c->row, c->width, c->stride, c->square);
    memset(c->push, 0, c->width * sizeof(float));
    memset(c->bias_gradient, 0, c->width * sizeof(float));
    memset(c->row_gradient, 0, (size_t)c->width * c->stride * sizeof(float));
}

/* Fills shares and distances; returns the logarithm of the sum of exp(score / temperature). */
static float Shares(const Contrast *c, const Contrasted *e, float *sum)
{
    float square, greatest;

    SquaresVariants[VectorLevel()](e->point, 1, c->stride, &square);
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
