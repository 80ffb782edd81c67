/* positives.c: lists what trains, and shuffles it. */
#include "algo/learn/positives.h"

#include "algo/learn/visits.h"

/* Steps between two looks at interrupts. */
#define POLL_EVERY (1u << 16)

/* By weights, rounding may add a visit; held-out interactions train in the end. */
static uint64_t MostVisits(const Interactions *shape)
{
    return shape->count + (shape->columns & COLUMN_WEIGHT ? 1 : 0);
}

void PositivesCreate(const Host *host, const Interactions *data, Positives *positives)
{
    uint64_t room = MostVisits(data);

    if (room > UINT32_MAX)
        HostFail(host, FAIL_INVALID, "Train on fewer interactions, or with the algorithm bpr.",
                 "the algorithm takes at most %u interactions", UINT32_MAX);
    *positives =
        (Positives){.pair = HostAllocate(host, room, sizeof(Positive)), .room = (uint32_t)room};
}

void PositivesRelease(const Host *host, Positives *positives)
{
    HostRelease(host, positives->pair);
}

size_t PositivesMemory(const Interactions *shape)
{
    return SizeMultiply(MostVisits(shape), sizeof(Positive));
}

static void ListUser(const Host *host, const Interactions *data, uint32_t user, Visits *visits,
                     Positives *positives)
{
    for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++) {
        double left = 1;

        if (i % POLL_EVERY == 0)
            HostPoll(host);
        if (IsHeldOut(data, user, data->item[i]))
            continue;
        if (data->weight != NULL)
            left = VisitsNext(visits, data->weight[i]);
        for (; left > 0 && positives->count < positives->room; left--)
            positives->pair[positives->count++] = (Positive){user, data->item[i]};
    }
}

static void Shuffle(const Host *host, Random *random, Positive *pair, uint32_t count)
{
    for (uint32_t left = count; left > 1; left--) {
        uint32_t i = RandomBelow(random, left);
        Positive last = pair[left - 1];

        pair[left - 1] = pair[i];
        pair[i] = last;
        if (left % POLL_EVERY == 0)
            HostPoll(host);
    }
}

void PositivesDraw(const Host *host, const Interactions *data, Random *random, Positives *positives)
{
    Visits visits = VisitsStart(MeanWeight(host, data), random);

    positives->count = 0;
    for (uint32_t user = 0; user < data->users; user++) {
        ListUser(host, data, user, &visits, positives);
        if (user % 1024 == 0)
            HostPoll(host);
    }
    Shuffle(host, random, positives->pair, positives->count);
}
