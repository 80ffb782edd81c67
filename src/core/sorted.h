/* sorted.h: ascending numbers, and searching them. */
#ifndef RECADV_CORE_SORTED_H
#define RECADV_CORE_SORTED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static inline int CompareAscending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* A few numbers: there is no look at interrupts. */
static inline void SortAscending(uint32_t *values, uint32_t count)
{
    qsort(values, count, sizeof(uint32_t), CompareAscending);
}

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
