/*
 * vector.c: chooses the instruction set at run time, and has the kernels that belong to no
 * algorithm.
 */
#include "core/vector.h"

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

VECTOR_INLINE void DotRowsBody(const float *a, const float *rows, size_t count, size_t stride,
                               float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = VectorDot(a, rows + i * stride, stride / VECTOR_LANES);
}

VECTOR_VARIANTS(DotRows,
                (const float *a, const float *rows, size_t count, size_t stride, float *out),
                DotRowsBody(a, rows, count, stride, out))

void DotRows(const float *a, const float *rows, size_t count, size_t stride, float *out)
{
    DotRowsVariants[VectorLevel()](a, rows, count, stride, out);
}

VECTOR_INLINE void DotRowsAtBody(const float *a, const float *rows, const uint32_t *items,
                                 size_t count, size_t stride, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = VectorDot(a, rows + items[i] * stride, stride / VECTOR_LANES);
}

VECTOR_VARIANTS(DotRowsAt,
                (const float *a, const float *rows, const uint32_t *items, size_t count,
                 size_t stride, float *out),
                DotRowsAtBody(a, rows, items, count, stride, out))

void DotRowsAt(const float *a, const float *rows, const uint32_t *items, size_t count,
               size_t stride, float *out)
{
    DotRowsAtVariants[VectorLevel()](a, rows, items, count, stride, out);
}

VECTOR_INLINE void AddScaledRowBody(float *to, const float *from, float scale, size_t count)
{
    for (size_t k = 0; k < count; k += VECTOR_LANES)
        *(Vector *)(to + k) += scale * *(const Vector *)(from + k);
}

VECTOR_VARIANTS(AddScaledRow, (float *to, const float *from, float scale, size_t count),
                AddScaledRowBody(to, from, scale, count))

void AddScaledRow(float *to, const float *from, float scale, size_t count)
{
    AddScaledRowVariants[VectorLevel()](to, from, scale, count);
}
