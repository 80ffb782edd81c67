/* shares.c: searches shares and their sums. */
#include "core/shares.h"

#include <math.h>

uint32_t ShareAt(const double *share, uint32_t count, double at)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (at < share[i])
            return i;
        at -= share[i];
        last = share[i] > 0 ? i : last;
    }
    return last;
}

/* Just below the sum of all is what the last share has. */
uint32_t SumAt(const double *sums, uint32_t count, double at)
{
    double end = nextafter(sums[count - 1], -INFINITY);
    uint32_t low = 0, high = count - 1;

    at = at < end ? at : end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (sums[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
