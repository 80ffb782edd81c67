/* loss_kernels.h: kernels of loss.c, for one instruction set. */
#define Sum   VECTOR(Sum)
#define Scale VECTOR(Scale)

VECTOR_KERNEL void Sum(const float *values, uint32_t count, float *sum)
{
    Vector part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector total = {0};

        for (size_t i = p * VECTOR_WIDTH; i < count; i += VECTOR_LANES)
            total += *(const Vector *)(values + i);
        part[p] = total;
    }
    *sum = VectorSum(part);
}

VECTOR_KERNEL void Scale(float *values, uint32_t count, float scale)
{
    for (size_t i = 0; i < count; i += VECTOR_WIDTH)
        *(Vector *)(values + i) *= scale;
}
