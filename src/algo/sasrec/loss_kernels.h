/* loss_kernels.h: kernels of loss.c, for one instruction set. */
#define Sum   VECTOR(Sum)
#define Scale VECTOR(Scale)

VECTOR_KERNEL void Sum(const float *values, uint32_t count, float *sum)
{
    *sum = VectorTotal(values, count);
}

VECTOR_KERNEL void Scale(float *values, uint32_t count, float scale)
{
    VectorScale(values, scale, count);
}
