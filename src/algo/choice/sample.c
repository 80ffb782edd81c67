/*
 * sample.c: copies the interactions of users drawn at random.
 *
 * Whole users, so that a history is as long as it is: fewer interactions of each would favour the
 * algorithms that need little.
 */
#include "algo/choice/sample.h"

#include <math.h>
#include <string.h>

#include "core/random.h"

#define POLL_USERS 1024

typedef struct Draw {
    const Interactions *data;
    double share;      /* of the users */
    double held_share; /* of those that hold something out, which trials are measured by */
    uint64_t seed;
} Draw;

static bool IsDrawn(const Draw *draw, uint32_t user)
{
    Random random;

    RandomSeed(&random, draw->seed, RANDOM_CHOICE, InteractionsUserKey(draw->data, user), 0);
    return RandomUniform(&random) < (draw->data->held != NULL && draw->data->held[user] != NO_ITEM
                                         ? draw->held_share
                                         : draw->share);
}

/*
 * Where little is held out, for fewer users than are wanted in the sample, more of those: as many
 * as would add as many interactions again, at most.
 */
static double HeldShare(const Interactions *data, double share)
{
    double held = (double)data->held_count;

    return held == 0 ? share : fmax(share, fmin(WANTED_HELD / held, share * data->users / held));
}

/* Users and interactions of the sample, to know how much room it takes. */
static void Measure(const Host *host, const Draw *draw, Interactions *sample, uint64_t *events)
{
    const Interactions *data = draw->data;

    for (uint32_t u = 0; u < data->users; u++) {
        if (u % POLL_USERS == 0)
            HostPoll(host);
        if (!IsDrawn(draw, u))
            continue;
        sample->users++;
        sample->count += data->offset[u + 1] - data->offset[u];
        if (data->events != NULL)
            *events += data->events->offset[u + 1] - data->events->offset[u];
    }
}

static void Allocate(const Host *host, const Interactions *data, Interactions *sample)
{
    sample->offset = HostAllocateZero(host, (size_t)sample->users + 1, sizeof(uint64_t));
    sample->item = HostAllocate(host, sample->count, sizeof(uint32_t));
    if (data->weight != NULL)
        sample->weight = HostAllocate(host, sample->count, sizeof(float));
    if (data->held != NULL)
        sample->held = HostAllocate(host, sample->users, sizeof(uint32_t));
}

static void CopyUser(const Interactions *data, uint32_t from, Interactions *sample, uint32_t to)
{
    uint64_t first = data->offset[from], count = data->offset[from + 1] - first;
    uint64_t at = sample->offset[to];

    memcpy(sample->item + at, data->item + first, count * sizeof(uint32_t));
    if (data->weight != NULL)
        memcpy(sample->weight + at, data->weight + first, count * sizeof(float));
    if (data->held != NULL) {
        sample->held[to] = data->held[from];
        sample->held_count += data->held[from] != NO_ITEM;
    }
    sample->offset[to + 1] = at + count;
}

static Events *AllocateEvents(const Host *host, const Events *from, uint32_t users, uint64_t count)
{
    Events *events = HostAllocateZero(host, 1, sizeof(Events));

    *events = (Events){.count = count,
                       .offset = HostAllocateZero(host, (size_t)users + 1, sizeof(uint64_t)),
                       .item = HostAllocate(host, count, sizeof(uint32_t)),
                       .mean_weight = from->mean_weight};
    if (from->time != NULL)
        events->time = HostAllocate(host, count, sizeof(double));
    if (from->weight != NULL)
        events->weight = HostAllocate(host, count, sizeof(float));
    return events;
}

static void CopyEvents(const Events *from, uint32_t user, Events *events, uint32_t to)
{
    uint64_t first = from->offset[user], count = from->offset[user + 1] - first;
    uint64_t at = events->offset[to];

    memcpy(events->item + at, from->item + first, count * sizeof(uint32_t));
    if (from->time != NULL)
        memcpy(events->time + at, from->time + first, count * sizeof(double));
    if (from->weight != NULL)
        memcpy(events->weight + at, from->weight + first, count * sizeof(float));
    events->offset[to + 1] = at + count;
}

void SampleUsers(const Host *host, const Interactions *data, uint64_t most, uint64_t seed,
                 bool events, Interactions *sample)
{
    double share = (double)most / (double)data->count;
    Draw draw = {data, share, HeldShare(data, share), seed};
    uint64_t event_count = 0;
    Events *kept = NULL;
    uint32_t to = 0;

    *sample = *data;
    sample->compared = NULL;
    sample->keys = NULL;
    sample->time = NULL;
    sample->columns &= ~COLUMN_TIME;
    if (!events)
        sample->events = NULL;
    if (data->count <= most)
        return;
    sample->users = 0;
    sample->count = sample->held_count = 0;
    Measure(host, &draw, sample, &event_count);
    Allocate(host, data, sample);
    if (sample->events != NULL)
        sample->events = kept = AllocateEvents(host, data->events, sample->users, event_count);
    for (uint32_t u = 0; u < data->users; u++) {
        if (u % POLL_USERS == 0)
            HostPoll(host);
        if (!IsDrawn(&draw, u))
            continue;
        CopyUser(data, u, sample, to);
        if (kept != NULL)
            CopyEvents(data->events, u, kept, to);
        to++;
    }
}

static void ReleaseEvents(const Host *host, const Events *events)
{
    HostRelease(host, events->offset);
    HostRelease(host, events->item);
    HostRelease(host, events->time);
    HostRelease(host, events->weight);
    HostRelease(host, (void *)events);
}

void SampleRelease(const Host *host, const Interactions *data, Interactions *sample)
{
    if (sample->offset == data->offset)
        return;
    HostRelease(host, sample->offset);
    HostRelease(host, sample->item);
    HostRelease(host, sample->weight);
    HostRelease(host, sample->held);
    if (sample->events != NULL)
        ReleaseEvents(host, sample->events);
}

/* Users differ: a sample may come out larger than it should by chance. */
size_t SampleMemory(const Interactions *shape, uint64_t most, bool events)
{
    size_t row = sizeof(uint32_t) + ColumnBytes(shape->columns & COLUMN_WEIGHT);
    size_t users = SizeMultiply(shape->users, sizeof(uint64_t) + sizeof(uint32_t));
    size_t total = SizeAdd(users, SizeMultiply(2 * most, row));

    if (shape->count <= most)
        return 0;
    if (events)
        total = SizeAdd(total, EventsKept(2 * most, shape->users, shape->columns));
    return total;
}
