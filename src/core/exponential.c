/* exponential.c: exp() in vectors, the same on every machine that fuses products. */
#include "core/exponential.h"

#define VECTOR_KERNELS "core/exponential_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(Exponentials, (float *values, uint32_t count, float scale, float *greatest));

float ExponentialsBelow(float *values, uint32_t count, float scale)
{
    float greatest;

    ExponentialsVariants[VectorLevel()](values, count, scale, &greatest);
    return greatest;
}
