/* batch_kernels.h: kernels of batch.c, for one instruction set. */
#define SumAndScale VECTOR(SumAndScale)
#define ScaleBody   VECTOR(ScaleBody)
#define Scale       VECTOR(Scale)
#define Step        VECTOR(Step)

/* Adagrad's accumulators start here: the first step replaces a random start. */
#define ACCUMULATOR 1e-12f

/* Makes the values sum to `share`; their sum before. */
VECTOR_KERNEL void SumAndScale(float *values, uint32_t count, float share, float *sum)
{
    float total = *sum = VectorTotal(values, count);

    if (total > 0)
        VectorScale(values, share / total, count);
}

VECTOR_INLINE void ScaleBody(float *row, uint32_t stride, float norm)
{
    float square = VectorDot(row, row, stride);

    if (square > 0)
        VectorScale(row, norm / sqrtf(square), stride);
}

VECTOR_KERNEL void Scale(float *row, uint32_t stride, float norm)
{
    ScaleBody(row, stride, norm);
}

/* The gradient loses what points along the row; with u = row / norm: norm (g - (g.u) u). */
VECTOR_KERNEL void Step(const RowStepping *s, float *row, float *g)
{
    uint32_t stride = s->stride;
    float along = VectorDot(g, row, stride) / s->norm, rate;

    for (uint32_t k = 0; k < stride; k += VECTOR_WIDTH) {
        Vector *gradient = (Vector *)(g + k);

        *gradient = s->norm * *gradient - along * *(const Vector *)(row + k);
    }
    rate = s->norm *
           AdagradRowRate(s->rate, s->state, ACCUMULATOR, VectorDot(g, g, stride), s->columns);
    VectorAddScaled(row, -rate, g, stride);
    ScaleBody(row, stride, s->norm);
}
