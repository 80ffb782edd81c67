/* sorted.h: searching ascending numbers. */
#ifndef RECADV_CORE_SORTED_H
#define RECADV_CORE_SORTED_H

#include <stdbool.h>
#include <stdint.h>

/* Position of the first of `count` values that is not below `value`. */
static inline uint32_t LowerBound(const uint32_t *values, uint32_t count, uint32_t value)
{
    uint32_t low = 0;

    while (low < count) {
        uint32_t middle = low + (count - low) / 2;

        if (values[middle] < value)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static inline bool ContainsSorted(const uint32_t *values, uint32_t count, uint32_t value)
{
    uint32_t at = LowerBound(values, count, value);

    return at < count && values[at] == value;
}

#endif
