/* adam.c: steps of whole packs; compiled once for each instruction set. */
#include "algo/learn/adam.h"

#include <math.h>

#include "core/vector.h"

/* Kingma and Ba 2015, algorithm 1. */
#define BETA1   0.9
#define BETA2   0.999
#define EPSILON 1e-8f

/* Both corrections of the bias, as factors. */
typedef struct AdamScale {
    float first;  /* of the rate */
    float second; /* of the mean square */
} AdamScale;

/*
 * Copies of the rules, and pointers that say that no array is another one: otherwise no vectors are
 * made of it, and each number is computed by itself.
 */
VECTOR_INLINE void AdamBody(AdamRule rule, AdamScale scale, float *restrict values,
                            const float *restrict gradient, float *restrict m, float *restrict v,
                            size_t count)
{
    float rate = rule.rate * scale.first;

    for (size_t k = 0; k < count; k++) {
        float g = rule.scale * gradient[k] + rule.weight_decay * values[k];

        m[k] = (float)BETA1 * m[k] + (float)(1 - BETA1) * g;
        v[k] = (float)BETA2 * v[k] + (float)(1 - BETA2) * g * g;
        values[k] -= rate * m[k] / (sqrtf(v[k] * scale.second) + EPSILON);
    }
}

VECTOR_VARIANTS(Adam,
                (const AdamRule *rule, const AdamScale *scale, float *values, const float *gradient,
                 float *state, size_t count),
                AdamBody(*rule, *scale, values, gradient, state, state + count, count))

void AdamMany(const AdamRule *rule, uint64_t step, float *values, const float *gradient,
              float *state, size_t count)
{
    AdamScale scale = {(float)(1 / (1 - pow(BETA1, (double)step))),
                       (float)(1 / (1 - pow(BETA2, (double)step)))};

    AdamVariants[VectorLevel()](rule, &scale, values, gradient, state, count);
}

VECTOR_INLINE void RmsPropBody(const RmsPropRule *rule, float *values, const float *gradient,
                               float *state, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        float g = rule->scale * gradient[k];

        state[k] = rule->decay * state[k] + (1 - rule->decay) * g * g;
        values[k] -= rule->rate * g / (sqrtf(state[k]) + EPSILON);
    }
}

VECTOR_VARIANTS(RmsProp,
                (const RmsPropRule *rule, float *values, const float *gradient, float *state,
                 size_t count),
                RmsPropBody(rule, values, gradient, state, count))

void RmsPropMany(const RmsPropRule *rule, float *values, const float *gradient, float *state,
                 size_t count)
{
    RmsPropVariants[VectorLevel()](rule, values, gradient, state, count);
}

double SquareSum(const float *values, size_t count)
{
    double sum = 0;

    for (size_t k = 0; k < count; k++)
        sum += (double)values[k] * (double)values[k];
    return sum;
}

float ClipScale(double squares, float most)
{
    double norm = sqrt(squares);

    return norm > (double)most ? (float)((double)most / norm) : 1;
}

VECTOR_INLINE void FollowBody(float share, const float *source, float *target, size_t count)
{
    for (size_t k = 0; k < count; k++)
        target[k] += share * (source[k] - target[k]);
}

VECTOR_VARIANTS(Follow, (float share, const float *source, float *target, size_t count),
                FollowBody(share, source, target, count))

void FollowSlowly(float share, const float *source, float *target, size_t count)
{
    FollowVariants[VectorLevel()](share, source, target, count);
}
