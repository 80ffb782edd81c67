/* vector_kernels.h: kernels of vector.c, for one instruction set. */
#define DotEach      VECTOR(DotEach)
#define DotEachAt    VECTOR(DotEachAt)
#define AddScaledOne VECTOR(AddScaledOne)

VECTOR_KERNEL void DotEach(const float *a, const float *rows, size_t count, size_t stride,
                           float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = VectorDot(a, rows + i * stride, stride);
}

VECTOR_KERNEL void DotEachAt(const float *a, const float *rows, const uint32_t *items, size_t count,
                             size_t stride, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = VectorDot(a, rows + items[i] * stride, stride);
}

VECTOR_KERNEL void AddScaledOne(float *to, const float *from, float scale, size_t count)
{
    VectorAddScaled(to, scale, from, count);
}
