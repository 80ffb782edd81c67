/* optimizer_kernels.h: kernels of optimizer.c, for one instruction set. */
#define Slope          VECTOR(Slope)
#define Slopes         VECTOR(Slopes)
#define SquaredSlopes  VECTOR(SquaredSlopes)
#define PlainStep      VECTOR(PlainStep)
#define WholeStep      VECTOR(WholeStep)
#define ElementStep    VECTOR(ElementStep)
#define MeanSquareStep VECTOR(MeanSquareStep)
#define LimitNorm      VECTOR(LimitNorm)
#define StepByRule     VECTOR(StepByRule)

VECTOR_INLINE float Slope(const StepRule *rule, const float *row, const float *gradient, uint32_t k)
{
    return rule->scale * gradient[k] + rule->regularization * row[k];
}

/* Of the numbers from k on. */
VECTOR_INLINE Vector Slopes(const StepRule *rule, const float *row, const float *gradient, size_t k)
{
    return rule->scale * *(const Vector *)(gradient + k) +
           rule->regularization * *(const Vector *)(row + k);
}

/* Sum of the squares of all. */
VECTOR_INLINE float SquaredSlopes(const StepRule *rule, const float *row, const float *gradient,
                                  size_t stride)
{
    Vector part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector sum = {0};

        for (size_t k = p * VECTOR_WIDTH; k < stride; k += VECTOR_LANES) {
            Vector slopes = Slopes(rule, row, gradient, k);

            sum += slopes * slopes;
        }
        part[p] = sum;
    }
    return VectorSum(part);
}

VECTOR_INLINE void PlainStep(const StepRule *rule, float rate, float *row, const float *gradient,
                             size_t stride)
{
    for (size_t k = 0; k < stride; k += VECTOR_WIDTH)
        *(Vector *)(row + k) -= rate * Slopes(rule, row, gradient, k);
}

VECTOR_INLINE void WholeStep(const StepRule *rule, float *row, const float *gradient, float *state,
                             uint32_t columns, size_t stride)
{
    float square = SquaredSlopes(rule, row, gradient, stride);
    float rate = AdagradRowRate(rule->learning_rate, state, rule->accumulator, square, columns);

    PlainStep(rule, rate, row, gradient, stride);
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

VECTOR_INLINE void LimitNorm(float maximum, float *row, size_t stride)
{
    float norm = sqrtf(VectorDot(row, row, stride));

    for (size_t k = 0; k < stride && norm > maximum; k += VECTOR_WIDTH)
        *(Vector *)(row + k) += (maximum / norm - 1) * *(const Vector *)(row + k);
}

/* Works on a copy of the rule, which no step can change: otherwise each would read it again. */
VECTOR_KERNEL void StepByRule(const StepRule *shared, float *row, const float *gradient,
                              float *state, uint32_t columns, uint32_t stride)
{
    StepRule copy = *shared, *rule = &copy;

    switch (rule->kind) {
    case STEP_SGD:
        PlainStep(rule, rule->learning_rate, row, gradient, stride);
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
        LimitNorm(rule->maximum_norm, row, stride);
}
