/*
 * memory.c: compiles the kernels of memory_kernel.h once for each instruction set, in single
 * precision.
 */
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
