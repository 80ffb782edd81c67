/*
 * optimizer.c: one step of an optimiser on one row.
 *
 * Compiled once for each instruction set; a step is chosen when the training starts.
 */
#include "algo/learn/optimizer.h"

/* Kingma and Ba 2015, algorithm 1. */
#define BETA1   0.9f
#define BETA2   0.999f
#define EPSILON 1e-8f

uint32_t StepState(StepKind kind, uint32_t stride)
{
    switch (kind) {
    case STEP_SGD:
        return 0;
    case STEP_ADAGRAD_ROW:
        return 1;
    case STEP_ADAGRAD:
    case STEP_RMSPROP:
        break;
    }
    return stride;
}

#define VECTOR_KERNELS "algo/learn/optimizer_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(StepByRule, (const StepRule *rule, float *row, const float *gradient, float *state,
                          uint32_t columns, uint32_t stride));

void RowStep(const StepRule *rule, float *row, const float *gradient, float *state,
             uint32_t columns, uint32_t stride)
{
    StepByRuleVariants[VectorLevel()](rule, row, gradient, state, columns, stride);
}

void AdamStep(float rate, float *row, const float *gradient, float *state, float steps,
              uint32_t columns, uint32_t stride)
{
    float c1 = 1 - powf(BETA1, steps), c2 = 1 - powf(BETA2, steps);
    float *m = state, *v = state + stride;

    for (uint32_t k = 0; k < columns; k++) {
        m[k] = BETA1 * m[k] + (1 - BETA1) * gradient[k];
        v[k] = BETA2 * v[k] + (1 - BETA2) * gradient[k] * gradient[k];
        row[k] -= rate * (m[k] / c1) / (sqrtf(v[k] / c2) + EPSILON);
    }
}
