/* contrast_kernels.h: kernels of contrast.c, for one instruction set. */
#include "algo/nmrn/row_kernels.h"

#define Scores        VECTOR(Scores)
#define Allow         VECTOR(Allow)
#define PushNegatives VECTOR(PushNegatives)
#define Push          VECTOR(Push)
#define Pull          VECTOR(Pull)
#define End           VECTOR(End)

/* Products with the point become distances, and scores; `square`: of the point. */
VECTOR_KERNEL void Scores(const Contrast *c, const float *allowed, float square)
{
    const float *squares = c->square, *bias = c->bias;
    float *share = c->share, *distance = c->distance;
    uint32_t width = c->width;

    for (uint32_t j = 0; j < width; j++) {
        float d = square + squares[j] - 2 * share[j];
        float root = sqrtf(d > LEAST_SQUARE ? d : LEAST_SQUARE);

        distance[j] = root;
        share[j] = bias[j] - root - HIDDEN * (1 - allowed[j]);
    }
}

/* What is not allowed gets no share; the sum of the others. */
VECTOR_KERNEL void Allow(float *share, const float *allowed, uint32_t width, float *sum)
{
    Vector part[VECTOR_PARTS];

    for (uint32_t p = 0; p < VECTOR_PARTS; p++) {
        Vector total = {0};

        for (uint32_t j = p * VECTOR_WIDTH; j < width; j += VECTOR_LANES) {
            Vector *v = (Vector *)(share + j), own = *v * *(const Vector *)(allowed + j);

            *v = own;
            total += own;
        }
        part[p] = total;
    }
    *sum = VectorSum(part);
}

/* Shares become pushes by the distances; returns their sum. */
VECTOR_INLINE float PushNegatives(const Contrast *c, float factor)
{
    float *shares = c->share, *distance = c->distance, *push = c->push, *bias = c->bias_gradient;
    uint32_t width = c->width;
    Vector part[VECTOR_PARTS];

    for (uint32_t p = 0; p < VECTOR_PARTS; p++) {
        Vector total = {0};

        for (uint32_t j = p * VECTOR_WIDTH; j < width; j += VECTOR_LANES) {
            Vector share = *(Vector *)(shares + j) * factor;

            *(Vector *)(bias + j) += share;
            share /= *(const Vector *)(distance + j);
            *(Vector *)(push + j) += share;
            *(Vector *)(shares + j) = share;
            total += share;
        }
        part[p] = total;
    }
    return VectorSum(part);
}

/*
 * Shares times `factor` are d(loss) / d(score).  A row's gradient is that by the distance, times
 * (point - row); the point's is minus their sum.  Terms with the row alone are for ContrastEnd().
 */
VECTOR_KERNEL void Push(const Contrast *c, float factor, const float *point, float *point_gradient)
{
    size_t stride = c->stride;
    float all = PushNegatives(c, factor);

    for (size_t k = 0; k < stride; k += VECTOR_WIDTH)
        *(Vector *)(point_gradient + k) = -all * *(const Vector *)(point + k);
    AddRows(point_gradient, c->share, c->row, c->negatives, stride);
    for (uint32_t j = 0; j < c->negatives; j++)
        AddScaled(c->row_gradient + j * stride, c->share[j], point, stride);
}

/* to += scale * (a - b) */
VECTOR_KERNEL void Pull(float *to, float scale, const float *a, const float *b, uint32_t stride)
{
    AddDifference(to, scale, a, b, stride);
}

VECTOR_KERNEL void End(const Contrast *c)
{
    size_t stride = c->stride;

    for (uint32_t j = 0; j < c->negatives; j++)
        AddScaled(c->row_gradient + j * stride, -c->push[j], c->row + j * stride, stride);
}
