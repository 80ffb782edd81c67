/* memory.c: the kernels of memory_kernels.h in single precision. */
#include "algo/nmrn/memory.h"

#define REAL float
#include "algo/nmrn/numbers.h"
#define VECTOR_KERNELS "algo/nmrn/memory_kernels.h"
#include "core/vector_targets.h"
#undef REAL

VECTOR_TABLE(Read, (const Net *net, const Step *step, const float *memory));
VECTOR_TABLE(Write, (const Net *net, const Step *step, float *memory, bool keep));
VECTOR_TABLE(Back, (const Net *net, const Step *step, float *G, bool future,
                    const NetGradient *gradient));
VECTOR_TABLE(Score, (const float *point, const float *rows, const float *bias, size_t count,
                     size_t stride, float *out));
VECTOR_TABLE(Distances, (const float *point, const float *rows, const uint32_t *items, size_t count,
                         size_t stride, float *out));
VECTOR_TABLE(Squares, (const float *rows, size_t count, size_t stride, float *out));

void MemoryRead(const Net *net, const Step *step, const float *memory)
{
    ReadVariants[VectorLevel()](net, step, memory);
}

void MemoryWrite(const Net *net, const Step *step, float *memory, bool keep)
{
    WriteVariants[VectorLevel()](net, step, memory, keep);
}

void MemoryBack(const Net *net, const Step *step, float *G, bool future,
                const NetGradient *gradient)
{
    BackVariants[VectorLevel()](net, step, G, future, gradient);
}

void MemoryScore(const float *point, const float *rows, const float *bias, size_t count,
                 size_t stride, float *out)
{
    ScoreVariants[VectorLevel()](point, rows, bias, count, stride, out);
}

void MemoryDistances(const float *point, const float *rows, const uint32_t *items, size_t count,
                     size_t stride, float *out)
{
    DistancesVariants[VectorLevel()](point, rows, items, count, stride, out);
}

float MemoryDistance(const float *point, const float *row, size_t stride)
{
    uint32_t first = 0;
    float distance;

    DistancesVariants[VectorLevel()](point, row, &first, 1, stride, &distance);
    return distance;
}

void MemorySquares(const float *rows, size_t count, size_t stride, float *out)
{
    SquaresVariants[VectorLevel()](rows, count, stride, out);
}
