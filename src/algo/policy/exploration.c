/* exploration.c: draws the places that explore, and what they show. */
#include "algo/policy/exploration.h"

#include "core/sorted.h"

Exploration ExplorationOf(double explore, uint32_t k, uint32_t eligible)
{
    uint32_t places = k < eligible ? k : eligible;

    return (Exploration){.explore = explore, .places = places, .others = eligible - places};
}

/* Places that may explore. */
static uint32_t Exploring(const Exploration *e)
{
    return e->places < e->others ? e->places : e->others;
}

double ExplorationGreedy(const Exploration *e)
{
    return e->places == 0 ? 1 : 1 - e->explore * Exploring(e) / e->places;
}

double ExplorationOther(const Exploration *e)
{
    return e->others == 0 ? 0 : e->explore * Exploring(e) / e->others;
}

/* The places that do explore, and how many. */
static uint32_t DrawPlaces(const Exploration *e, Random *random, uint32_t *place)
{
    uint32_t may = Exploring(e), first = e->places - may, count = 0;

    for (uint32_t p = 0; p < e->places; p++)
        place[p] = p;
    if (may < e->places)
        RandomShufflePart(random, place, e->places, first);
    for (uint32_t i = first; i < e->places; i++)
        if (RandomUniform(random) < e->explore)
            place[count++] = place[i];
    return count;
}

static uint32_t DropRepeats(uint32_t *sorted, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || sorted[i] != sorted[i - 1])
            sorted[kept++] = sorted[i];
    return kept;
}

/*
 * `count` distinct numbers below n, in random order.  Repeats are drawn again, so each set is as
 * likely as any other; they come sorted from that, and the order is drawn last.
 */
static void DrawDistinct(Random *random, uint32_t n, uint32_t count, uint32_t *number)
{
    uint32_t distinct = 0;

    while (distinct < count) {
        for (uint32_t i = distinct; i < count; i++)
            number[i] = RandomBelow(random, n);
        SortAscending(number, count);
        distinct = DropRepeats(number, count);
    }
    RandomShuffle(random, number, count);
}

void ExplorePlaces(const Exploration *e, Random *random, uint32_t *other, uint32_t *room)
{
    uint32_t *place = room, *number = room + e->places;
    uint32_t count = DrawPlaces(e, random, place);

    DrawDistinct(random, e->others, count, number);
    for (uint32_t p = 0; p < e->places; p++)
        other[p] = NO_ITEM;
    for (uint32_t i = 0; i < count; i++)
        other[place[i]] = number[i];
}

/* Of the items before without[i], i are left out; so without[i] - i grows with i. */
uint32_t NumberOutside(uint32_t n, const uint32_t *without, uint32_t count)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (without[middle] - middle <= n)
            low = middle + 1;
        else
            high = middle;
    }
    return n + low;
}
