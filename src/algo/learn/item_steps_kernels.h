/* item_steps_kernels.h: kernels of item_steps.c, for one instruction set. */
#define Sum VECTOR(Sum)

/* Adds to *summed how many shares there are. */
VECTOR_KERNEL void Sum(const ItemShares *shares, uint32_t item, float *sum, uint64_t *summed)
{
    size_t stride = shares->stride;
    uint64_t count = 0;

    for (uint32_t s = shares->first[item]; s != NO_SHARE; s = shares->share[s].next) {
        const float *vector = shares->share[s].vector;
        float factor = shares->share[s].factor;

        VectorAddScaled(sum, factor, vector, stride);
        count++;
    }
    *summed += count;
}
