/* negative.c: drawing, and where draws are in vain, counting. */
#include "algo/learn/negative.h"

#define MAX_DRAWS 64

/*
 * The t-th item that is not among the user's n sorted training items: with the k first of them at
 * or below t + k skipped, it is t + k.
 */
static uint32_t ExactNegative(const Interactions *data, uint32_t user, Random *random)
{
    uint64_t first = data->offset[user], last = data->offset[user + 1];
    uint32_t positives = TrainingItems(data, user), item;

    if (positives >= data->items)
        return NO_ITEM;
    item = RandomBelow(random, data->items - positives);
    for (uint64_t i = first; i < last && data->item[i] <= item; i++)
        item += !IsHeldOut(data, user, data->item[i]);
    return item;
}

uint32_t UniformNegative(const Interactions *data, uint32_t user, Random *random)
{
    for (int i = 0; i < MAX_DRAWS; i++) {
        uint32_t item = RandomBelow(random, data->items);

        if (!TrainsOn(data, user, item))
            return item;
    }
    return ExactNegative(data, user, random);
}
