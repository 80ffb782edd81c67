/*
 * vector.c: chooses the instruction set at run time, and has the kernels that belong to no
 * algorithm.
 */
#include "core/vector.h"

#define VECTOR_KERNELS "core/vector_kernels.h"
#include "core/vector_targets.h"

int VectorLevel(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return 1;
#endif
    return 0;
}

VECTOR_TABLE(DotEach, (const float *a, const float *rows, size_t count, size_t stride, float *out));
VECTOR_TABLE(DotEachAt, (const float *a, const float *rows, const uint32_t *items, size_t count,
                         size_t stride, float *out));
VECTOR_TABLE(AddScaledOne, (float *to, const float *from, float scale, size_t count));

void DotRows(const float *a, const float *rows, size_t count, size_t stride, float *out)
{
    DotEachVariants[VectorLevel()](a, rows, count, stride, out);
}

void DotRowsAt(const float *a, const float *rows, const uint32_t *items, size_t count,
               size_t stride, float *out)
{
    DotEachAtVariants[VectorLevel()](a, rows, items, count, stride, out);
}

void AddScaledRow(float *to, const float *from, float scale, size_t count)
{
    AddScaledOneVariants[VectorLevel()](to, from, scale, count);
}
