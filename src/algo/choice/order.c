/*
 * order.c: compares what follows on what with what would follow if the order were random.
 *
 * Where order says something, the same item follows the same item more often than in shuffled
 * histories: coincidences of neighbouring pairs are counted in both.  Events of one time are
 * shuffled in both.  Algorithms that go by order need not be tried where it says nothing.
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

/* Random streams of a user; 0 is that of the sample. */
typedef enum Stream { STREAM_SHUFFLE = 1, STREAM_TIES, STREAM_USERS } Stream;

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

static Random StreamOf(const Counter *c, uint32_t user, Stream stream)
{
    Random random;

    RandomSeed(&random, c->seed, RANDOM_CHOICE, InteractionsUserKey(c->data, user), stream);
    return random;
}

/* Where there are more events than are looked at, they are those of users from all over. */
static bool IsDrawn(const Counter *c, uint32_t user)
{
    Random random;

    if (c->data->events->count <= MOST_PAIRS)
        return true;
    random = StreamOf(c, user, STREAM_USERS);
    return RandomUniform(&random) * (double)c->data->events->count < MOST_PAIRS;
}

/* What has one time came in no order: that of its items, which it is kept in, would look like one.
 */
static void ShuffleTies(const Counter *c, uint32_t user, uint32_t count)
{
    const Events *events = c->data->events;
    const double *time = events->time == NULL ? NULL : events->time + events->offset[user];
    Random random = StreamOf(c, user, STREAM_TIES);

    for (uint32_t i = 0, end; time != NULL && i < count; i = end) {
        for (end = i + 1; end < count && time[end] == time[i];)
            end++;
        RandomShuffle(&random, c->items + i, end - i);
    }
}

/* Items that repeat at once count once. */
static uint32_t DropRepeats(uint32_t *items, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || items[i] != items[kept - 1])
            items[kept++] = items[i];
    return kept;
}

/* The user's items, `left` at most, in order or shuffled. */
static uint32_t TakeItems(const Counter *c, uint32_t user, bool shuffled, uint32_t left)
{
    const Events *events = c->data->events;
    uint64_t first = events->offset[user], all = events->offset[user + 1] - first;
    uint32_t count = all < left ? (uint32_t)all : left;
    Random random;

    memcpy(c->items, events->item + first, count * sizeof(uint32_t));
    ShuffleTies(c, user, count);
    count = DropRepeats(c->items, count);
    if (!shuffled)
        return count;
    random = StreamOf(c, user, STREAM_SHUFFLE);
    RandomShuffle(&random, c->items, count);
    return count;
}

static double Coincidences(const Counter *c, bool shuffled)
{
    uint32_t left = MOST_PAIRS;
    double found = 0;

    memset(c->places, 0, PLACES * sizeof(Place));
    for (uint32_t user = 0; user < c->data->users && left > 0; user++) {
        uint32_t count = IsDrawn(c, user) ? TakeItems(c, user, shuffled, left) : 0;

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
