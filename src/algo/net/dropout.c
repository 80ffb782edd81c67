/* dropout.c: dropout (Srivastava et al. 2014), scaled while it learns. */
#include "algo/net/dropout.h"

/* Two numbers from each draw. */
void DropoutMask(Random *random, Real share, size_t count, Real *mask)
{
    uint64_t bound = (uint64_t)((double)share * 0x1p32), bits = 0;
    Real kept = 1 / (1 - share);

    for (size_t i = 0; i < count; i++) {
        if (random != NULL)
            bits = i % 2 == 0 ? RandomNext(random) : bits >> 32;
        mask[i] = random == NULL ? 1 : (bits & UINT32_MAX) < bound ? 0 : kept;
    }
}

void DropoutApply(const Real *x, const Real *mask, size_t count, Real *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * mask[i];
}
