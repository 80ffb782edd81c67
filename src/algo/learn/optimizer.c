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

VECTOR_INLINE float Slope(const StepRule *rule, const float *row, const float *gradient, uint32_t k)
{
    return rule->scale * gradient[k] + rule->regularization * row[k];
}

VECTOR_INLINE void PlainStep(const StepRule *rule, float *row, const float *gradient,
                             uint32_t stride)
{
    for (uint32_t k = 0; k < stride; k++)
        row[k] -= rule->learning_rate * Slope(rule, row, gradient, k);
}

VECTOR_INLINE void ElementStep(const StepRule *rule, float *row, const float *gradient,
                               float *state, uint32_t stride)
{
    for (uint32_t k = 0; k < stride; k++) {
        float g = Slope(rule, row, gradient, k);

        row[k] -= AdagradStep(rule->learning_rate, g, &state[k], rule->accumulator);
    }
}

VECTOR_INLINE void MeanSquareStep(const StepRule *rule, float *row, const float *gradient,
                                  float *state, uint32_t stride)
{
    for (uint32_t k = 0; k < stride; k++) {
        float g = Slope(rule, row, gradient, k);

        state[k] = rule->decay * state[k] + (1 - rule->decay) * g * g;
        row[k] -= rule->learning_rate * g / sqrtf(rule->accumulator + state[k]);
    }
}

VECTOR_INLINE void WholeStep(const StepRule *rule, float *row, const float *gradient, float *state,
                             uint32_t columns, uint32_t stride)
{
    Vector *v = (Vector *)row, sum = {0};
    const Vector *g = (const Vector *)gradient;
    float rate;

    for (size_t c = 0; c < stride / VECTOR_LANES; c++) {
        Vector whole = rule->scale * g[c] + rule->regularization * v[c];

        sum += whole * whole;
    }
    rate = AdagradRowRate(rule->learning_rate, state, rule->accumulator, VectorSum(&sum), columns);
    for (size_t c = 0; c < stride / VECTOR_LANES; c++)
        v[c] -= rate * (rule->scale * g[c] + rule->regularization * v[c]);
}

VECTOR_INLINE void LimitNorm(float maximum, float *row, size_t chunks)
{
    Vector *v = (Vector *)row;
    float norm = sqrtf(VectorDot(row, row, chunks));

    for (size_t c = 0; c < chunks && norm > maximum; c++)
        v[c] += (maximum / norm - 1) * v[c];
}

VECTOR_INLINE void RowStepBody(const StepRule *rule, float *row, const float *gradient,
                               float *state, uint32_t columns, uint32_t stride)
{
    switch (rule->kind) {
    case STEP_SGD:
        PlainStep(rule, row, gradient, stride);
        break;
    case STEP_ADAGRAD_ROW:
        WholeStep(rule, row, gradient, state, columns, stride);
        break;
    case STEP_ADAGRAD:
        ElementStep(rule, row, gradient, state, stride);
        break;
    case STEP_RMSPROP:
        MeanSquareStep(rule, row, gradient, state, stride);
        break;
    }
    if (rule->maximum_norm > 0)
        LimitNorm(rule->maximum_norm, row, stride / VECTOR_LANES);
}

VECTOR_VARIANTS(RowStep,
                (const StepRule *rule, float *row, const float *gradient, float *state,
                 uint32_t columns, uint32_t stride),
                RowStepBody(rule, row, gradient, state, columns, stride))

void RowStep(const StepRule *rule, float *row, const float *gradient, float *state,
             uint32_t columns, uint32_t stride)
{
    RowStepVariants[VectorLevel()](rule, row, gradient, state, columns, stride);
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
