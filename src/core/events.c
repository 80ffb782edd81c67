/*
 * events.c: groups rows by user, each user's in order of time, repeats included: what algorithms
 * get that learn from events.
 */
#include <stdlib.h>

#include "core/interactions.h"

#define POLL_EVERY (1 << 16)

/* Rows of one user that are sorted without a look at whether to stop. */
#define SORTED_AT_ONCE (1 << 16)

/* Steps of the sort of a user with more rows, between two looks. */
#define STEPS (1 << 12)

typedef struct TimedItem {
    double time;
    uint32_t item;
    float weight;
} TimedItem;

static int CompareTimed(const void *a, const void *b)
{
    const TimedItem *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->weight > y->weight) - (x->weight < y->weight);
}

static void SiftDown(TimedItem *heap, uint64_t count, uint64_t at)
{
    TimedItem sinking = heap[at];

    for (uint64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && CompareTimed(&heap[child + 1], &heap[child]) > 0)
            child++;
        if (CompareTimed(&heap[child], &sinking) <= 0)
            break;
        heap[at] = heap[child];
    }
    heap[at] = sinking;
}

/* A heap sort: slower, but it can be left at any step and needs no memory. */
static void SortMany(const Host *host, TimedItem *row, uint64_t count)
{
    for (uint64_t i = count / 2; i-- > 0;) {
        SiftDown(row, count, i);
        if (i % STEPS == 0)
            HostPoll(host);
    }
    for (uint64_t end = count - 1; end > 0; end--) {
        TimedItem largest = row[0];

        row[0] = row[end];
        row[end] = largest;
        SiftDown(row, end, 0);
        if (end % STEPS == 0)
            HostPoll(host);
    }
}

static void SortUser(const Host *host, TimedItem *row, uint64_t count)
{
    if (count > SORTED_AT_ONCE)
        SortMany(host, row, count);
    else
        qsort(row, count, sizeof(TimedItem), CompareTimed);
}

/* offset[u] becomes the start of user u, as does next[u]; `offset` comes zeroed. */
static void FindUsers(const Host *host, const Pairs *pairs, uint32_t users, uint64_t *offset,
                      uint64_t *next)
{
    for (uint64_t i = 0; i < pairs->count; i++) {
        offset[pairs->user[i] + 1]++;
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    for (uint32_t u = 0; u < users; u++) {
        next[u] = offset[u];
        offset[u + 1] += offset[u];
        if (u % POLL_EVERY == 0)
            HostPoll(host);
    }
}

static void AllocateEvents(const Host *host, const Pairs *pairs, uint32_t users, Events *events)
{
    *events = (Events){
        .count = pairs->count,
        .offset = HostAllocateZero(host, (size_t)users + 1, sizeof(uint64_t)),
        .item = HostAllocate(host, pairs->count, sizeof(uint32_t)),
        .time = HostAllocate(host, pairs->count, sizeof(double)),
    };
    if (pairs->weight != NULL)
        events->weight = HostAllocate(host, pairs->count, sizeof(float));
}

static void GroupByUser(const Host *host, const Pairs *pairs, uint64_t *next, TimedItem *row)
{
    for (uint64_t i = 0; i < pairs->count; i++) {
        float weight = pairs->weight == NULL ? 1 : pairs->weight[i];

        row[next[pairs->user[i]]++] = (TimedItem){pairs->time[i], pairs->item[i], weight};
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
}

/* Takes over sorted rows; returns the sum of their weights. */
static double TakeRows(const Host *host, const TimedItem *row, uint64_t first, uint64_t last,
                       Events *events)
{
    double sum = 0;

    for (uint64_t i = first; i < last; i++) {
        events->item[i] = row[i].item;
        events->time[i] = row[i].time;
        if (events->weight != NULL)
            events->weight[i] = row[i].weight;
        sum += row[i].weight;
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    return sum;
}

void EventsBuild(const Host *host, const Pairs *pairs, uint32_t users, Events *result)
{
    TimedItem *row = HostAllocate(host, pairs->count, sizeof(TimedItem));
    uint64_t *next = HostAllocate(host, users, sizeof(uint64_t));
    double weights = 0;

    AllocateEvents(host, pairs, users, result);
    FindUsers(host, pairs, users, result->offset, next);
    GroupByUser(host, pairs, next, row);
    for (uint32_t u = 0; u < users; u++) {
        uint64_t first = result->offset[u], last = result->offset[u + 1];

        SortUser(host, row + first, last - first);
        weights += TakeRows(host, row, first, last, result);
        HostPoll(host);
    }
    result->mean_weight = pairs->count == 0 ? 1 : weights / (double)pairs->count;
    HostRelease(host, row);
    HostPoll(host); /* many pages take a while to give back */
    HostRelease(host, next);
}

size_t EventsKept(uint64_t pairs, uint32_t users, Columns columns)
{
    size_t row = sizeof(uint32_t) + ColumnBytes(columns | COLUMN_TIME);

    return SizeAdd(SizeMultiply(pairs, row), ((size_t)users + 1) * sizeof(uint64_t));
}

size_t EventsMemory(uint64_t pairs, uint32_t users, Columns columns)
{
    size_t scratch = ((size_t)users + 1) * sizeof(uint64_t);

    return SizeAdd(SizeAdd(EventsKept(pairs, users, columns), scratch),
                   SizeMultiply(pairs, sizeof(TimedItem)));
}
