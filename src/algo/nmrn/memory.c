/* memory.c: one variant of each kernel per instruction set. */
#include "algo/nmrn/memory.h"

VECTOR_VARIANTS(Read, (const Net *net, const Step *step, const float *memory),
                StepRead(net, step, memory))

void MemoryRead(const Net *net, const Step *step, const float *memory)
{
    ReadVariants[VectorLevel()](net, step, memory);
}

VECTOR_INLINE void WriteBody(const Net *net, const Step *step, float *memory, bool keep)
{
    StepGates(net, step);
    StepWrite(net, step, memory, keep);
}

VECTOR_VARIANTS(Write, (const Net *net, const Step *step, float *memory, bool keep),
                WriteBody(net, step, memory, keep))

void MemoryWrite(const Net *net, const Step *step, float *memory, bool keep)
{
    WriteVariants[VectorLevel()](net, step, memory, keep);
}

VECTOR_VARIANTS(Back,
                (const Net *net, const Step *step, float *G, bool future,
                 const NetGradient *gradient),
                StepBack(net, step, G, future, gradient))

void MemoryBack(const Net *net, const Step *step, float *G, bool future,
                const NetGradient *gradient)
{
    BackVariants[VectorLevel()](net, step, G, future, gradient);
}

VECTOR_INLINE void ScoreBody(const float *point, const float *rows, const float *bias, size_t count,
                             size_t stride, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = -Distance(point, rows + i * stride, stride / VECTOR_LANES);
    for (size_t i = 0; i < count && bias != NULL; i++)
        out[i] += bias[i];
}

VECTOR_VARIANTS(Score,
                (const float *point, const float *rows, const float *bias, size_t count,
                 size_t stride, float *out),
                ScoreBody(point, rows, bias, count, stride, out))

void MemoryScore(const float *point, const float *rows, const float *bias, size_t count,
                 size_t stride, float *out)
{
    ScoreVariants[VectorLevel()](point, rows, bias, count, stride, out);
}

VECTOR_INLINE void DistancesBody(const float *point, const float *rows, const uint32_t *items,
                                 size_t count, size_t stride, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = Distance(point, rows + items[i] * stride, stride / VECTOR_LANES);
}

VECTOR_VARIANTS(Distances,
                (const float *point, const float *rows, const uint32_t *items, size_t count,
                 size_t stride, float *out),
                DistancesBody(point, rows, items, count, stride, out))

void MemoryDistances(const float *point, const float *rows, const uint32_t *items, size_t count,
                     size_t stride, float *out)
{
    DistancesVariants[VectorLevel()](point, rows, items, count, stride, out);
}

VECTOR_INLINE void ElementStep(const StepRule *rule, float *row, const float *gradient,
                               float *state, uint32_t stride)
{
    for (uint32_t k = 0; k < stride; k++) {
        float g = rule->scale * gradient[k] + rule->regularization * row[k];

        state[k] += g * g;
        row[k] -= rule->learning_rate * g / sqrtf(rule->accumulator + state[k]);
    }
}

VECTOR_INLINE void WholeStep(const StepRule *rule, float *row, const float *gradient, float *state,
                             uint32_t columns, uint32_t stride)
{
    Lanes *v = (Lanes *)row, sum = {0};
    const Lanes *g = (const Lanes *)gradient;
    float rate;

    for (size_t c = 0; c < stride / VECTOR_LANES; c++) {
        Lanes whole = rule->scale * g[c] + rule->regularization * v[c];

        sum += whole * whole;
    }
    *state += LaneSum(&sum) / (float)columns;
    rate = rule->learning_rate / sqrtf(rule->accumulator + *state);
    for (size_t c = 0; c < stride / VECTOR_LANES; c++)
        v[c] -= rate * (rule->scale * g[c] + rule->regularization * v[c]);
}

VECTOR_INLINE void RowStepBody(const StepRule *rule, float *row, const float *gradient,
                               float *state, uint32_t columns, uint32_t stride)
{
    size_t chunks = stride / VECTOR_LANES;

    if (rule->per_element)
        ElementStep(rule, row, gradient, state, stride);
    else
        WholeStep(rule, row, gradient, state, columns, stride);
    if (rule->maximum_norm > 0) {
        float norm = sqrtf(Dot(row, row, chunks));

        if (norm > rule->maximum_norm)
            AddScaled(row, rule->maximum_norm / norm - 1, row, chunks);
    }
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
