/*
 * order.c: compares what follows on what with what would follow if the order were random.
 *
 * Where order says something, the same item follows the same item more often than in shuffled
 * histories: coincidences of neighbouring pairs are counted in both.  Algorithms that go by order
 * need not be tried where it says nothing.
 */
#include "algo/choice/order.h"

#include <math.h>
#include <string.h>

#include "core/random.h"

/* Pairs that are looked at, at most, and places of the table that counts them. */
#define MOST_PAIRS (1u << 18)
#define PLACES     (1u << 19)

/* Coincidences in order by those in shuffled histories, so that it is no accident. */
#define NEEDED_RATIO 1.1
#define DEVIATIONS   5.0

typedef struct Place {
    uint64_t pair; /* two indexes and one; 0: free */
    uint32_t count;
} Place;

typedef struct Counter {
    const Host *host;
    const Interactions *data;
    uint64_t seed;
    Place *places;
    uint32_t *items; /* of a user */
} Counter;

size_t OrderInformsMemory(void)
{
    return SizeMultiply(PLACES, sizeof(Place)) + SizeMultiply(MOST_PAIRS, sizeof(uint32_t));
}

/* How often the pair was there before. */
static uint32_t Count(Place *places, uint32_t a, uint32_t b)
{
    uint64_t pair = ((uint64_t)a << 32 | b) + 1;
    uint32_t at = (uint32_t)(pair * 0x9E3779B97F4A7C15u >> 45);

    while (places[at].pair != 0 && places[at].pair != pair)
        at = (at + 1) % PLACES;
    places[at].pair = pair;
    return places[at].count++;
}

/* The user's items, `left` at most, in order or shuffled; items that repeat at once count once. */
static uint32_t TakeItems(const Counter *c, uint32_t user, bool shuffled, uint32_t left)
{
    const Events *events = c->data->events;
    uint64_t first = events->offset[user], end = events->offset[user + 1];
    Random random;
    uint32_t count = 0;

    for (uint64_t i = first; i < end && count < left; i++)
        if (count == 0 || events->item[i] != c->items[count - 1])
            c->items[count++] = events->item[i];
    if (!shuffled)
        return count;
    RandomSeed(&random, c->seed, RANDOM_CHOICE, user, 1);
    RandomShufflePart(&random, c->items, count, 0);
    return count;
}

static double Coincidences(const Counter *c, bool shuffled)
{
    uint32_t left = MOST_PAIRS;
    double found = 0;

    memset(c->places, 0, PLACES * sizeof(Place));
    for (uint32_t user = 0; user < c->data->users && left > 0; user++) {
        uint32_t count = TakeItems(c, user, shuffled, left);

        for (uint32_t i = 1; i < count; i++)
            if (c->items[i] != c->items[i - 1])
                found += Count(c->places, c->items[i - 1], c->items[i]);
        left -= count;
        if (user % 1024 == 0)
            HostPoll(c->host);
    }
    return found;
}

bool OrderInforms(const Host *host, const Interactions *data, uint64_t seed)
{
    Counter c = {.host = host,
                 .data = data,
                 .seed = seed,
                 .places = HostAllocate(host, PLACES, sizeof(Place)),
                 .items = HostAllocate(host, MOST_PAIRS, sizeof(uint32_t))};
    double found = Coincidences(&c, false), shuffled = Coincidences(&c, true);

    HostRelease(host, c.places);
    HostRelease(host, c.items);
    return found > NEEDED_RATIO * shuffled + DEVIATIONS * sqrt(shuffled + 1);
}
