/* interactions.c: two counting sorts, then one pass that drops duplicates. */
#include "core/interactions.h"

#include <string.h>

#include "core/random.h"
#include "core/sorted.h"

#define POLL_EVERY (1 << 20)

/* Rows between a prefetch and its use: targets of a scatter lie all over memory. */
#define AHEAD 32

/* A function that only prefetches has no effect, and GCC drops its calls before it inlines them. */
#define PREFETCHER static inline __attribute__((always_inline))

/* One side of a sort: `key` orders, `value` and `time` travel along. */
typedef struct Column {
    const uint32_t *key;
    const uint32_t *value;
    const int64_t *time;
} Column;

static void CountKeys(const Host *host, const uint32_t *key, uint64_t count, uint64_t *offset,
                      uint32_t keys)
{
    memset(offset, 0, (keys + 1) * sizeof(*offset));
    for (uint64_t i = 0; i < count; i++) {
        offset[key[i] + 1]++;
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    for (uint32_t k = 0; k < keys; k++)
        offset[k + 1] += offset[k];
}

/* The place where the row AHEAD will go, or one close to it. */
PREFETCHER void PrefetchTarget(const uint32_t *key, uint64_t at, uint64_t count,
                               const uint64_t *offset, uint32_t *value, int64_t *time)
{
    if (at + 2 * AHEAD < count)
        __builtin_prefetch(&offset[key[at + 2 * AHEAD]], 1);
    if (at + AHEAD >= count)
        return;
    __builtin_prefetch(&value[offset[key[at + AHEAD]]], 1);
    if (time != NULL)
        __builtin_prefetch(&time[offset[key[at + AHEAD]]], 1);
}

/* Stable counting sort by key; `offset` must come from CountKeys and is left shifted by one key. */
static void Scatter(const Host *host, Column in, uint64_t count, uint64_t *offset, uint32_t *value,
                    int64_t *time)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t to = offset[in.key[i]]++;

        PrefetchTarget(in.key, i, count, offset, value, time);
        value[to] = in.value[i];
        if (time != NULL)
            time[to] = in.time[i];
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
}

/* After Scatter, offset[k] is the end of k: shift it back to the starts. */
static void RestoreOffsets(uint64_t *offset, uint32_t keys)
{
    memmove(offset + 1, offset, keys * sizeof(*offset));
    offset[0] = 0;
}

/* From item-major rows (users of each item) to user-major ones: items come out ascending. */
static void ScatterByUser(const Host *host, const uint64_t *item_offset, const uint32_t *user,
                          const int64_t *time, Interactions *out)
{
    for (uint32_t item = 0; item < out->items; item++) {
        for (uint64_t i = item_offset[item]; i < item_offset[item + 1]; i++) {
            uint64_t to = out->offset[user[i]]++;

            PrefetchTarget(user, i, item_offset[out->items], out->offset, out->item, out->time);
            out->item[to] = item;
            if (time != NULL)
                out->time[to] = time[i];
            if (i % POLL_EVERY == 0)
                HostPoll(host);
        }
    }
    RestoreOffsets(out->offset, out->users);
}

/* Rows are sorted by item: duplicates are neighbours. */
static void DropDuplicates(const Host *host, Interactions *x)
{
    uint64_t to = 0, from = 0;

    for (uint32_t user = 0; user < x->users; user++) {
        uint64_t end = x->offset[user + 1], start = to;

        for (; from < end; from++) {
            if (to > start && x->item[to - 1] == x->item[from]) {
                if (x->time != NULL && x->time[from] < x->time[to - 1])
                    x->time[to - 1] = x->time[from];
                continue;
            }
            x->item[to] = x->item[from];
            if (x->time != NULL)
                x->time[to] = x->time[from];
            to++;
            if (to % POLL_EVERY == 0)
                HostPoll(host);
        }
        x->offset[user] = start;
    }
    x->offset[x->users] = to;
    x->count = to;
}

void InteractionsBuild(const Host *host, Pairs *pairs, uint32_t users, uint32_t items,
                       Interactions *result)
{
    uint64_t n = pairs->count;
    bool times = pairs->time != NULL;
    uint64_t *item_offset = HostAllocate(host, (size_t)items + 1, sizeof(uint64_t));
    uint32_t *user = HostAllocate(host, n, sizeof(uint32_t));
    int64_t *time = times ? HostAllocate(host, n, sizeof(int64_t)) : NULL;

    memset(result, 0, sizeof(*result));
    result->users = users;
    result->items = items;
    result->offset = HostAllocate(host, (size_t)users + 1, sizeof(uint64_t));
    CountKeys(host, pairs->user, n, result->offset, users);
    CountKeys(host, pairs->item, n, item_offset, items);
    Scatter(host, (Column){pairs->item, pairs->user, pairs->time}, n, item_offset, user, time);
    RestoreOffsets(item_offset, items);
    if (pairs->release != NULL)
        pairs->release(pairs);

    result->item = HostAllocate(host, n, sizeof(uint32_t));
    result->time = times ? HostAllocate(host, n, sizeof(int64_t)) : NULL;
    ScatterByUser(host, item_offset, user, time, result);
    HostRelease(host, item_offset);
    HostRelease(host, user);
    HostRelease(host, time);
    DropDuplicates(host, result);
}

size_t InteractionsMemory(uint64_t pairs, uint32_t users, uint32_t items, bool times)
{
    size_t row = sizeof(uint32_t) + (times ? sizeof(int64_t) : 0);
    size_t offsets = ((size_t)users + items + 2) * sizeof(uint64_t);

    return SizeAdd(SizeMultiply(pairs, 2 * row), offsets);
}

/* Position of the latest interaction; rows are in item order, so >= prefers the higher item. */
static uint64_t LatestOf(const Interactions *x, uint32_t user)
{
    uint64_t best = x->offset[user];

    for (uint64_t i = best; i < x->offset[user + 1]; i++)
        if (x->time[i] >= x->time[best])
            best = i;
    return best;
}

static uint64_t UserKey(const Interactions *x, uint32_t user)
{
    return x->keys == NULL ? user : x->keys->user(x->keys->arg, user);
}

static uint64_t ItemKey(const Interactions *x, uint32_t item)
{
    return x->keys == NULL ? item : x->keys->item(x->keys->arg, item);
}

static uint64_t Draw(uint64_t seed, uint64_t a, uint64_t b)
{
    Random random;

    RandomSeed(&random, seed, RANDOM_HOLDOUT, a, b);
    return RandomNext(&random);
}

/* The interaction with the smallest draw: the same one as long as the user has it. */
static uint64_t RandomOf(const Interactions *x, uint32_t user, uint64_t seed)
{
    uint64_t key = UserKey(x, user), best = x->offset[user], smallest = UINT64_MAX;

    for (uint64_t i = x->offset[user]; i < x->offset[user + 1]; i++) {
        uint64_t draw = Draw(seed, key, ItemKey(x, x->item[i]) + 1);

        if (draw < smallest) {
            smallest = draw;
            best = i;
        }
    }
    return best;
}

/* A user that may hold out, and its draw. */
typedef struct Eligible {
    uint64_t draw;
    uint32_t user;
} Eligible;

static bool ComesBefore(Eligible a, Eligible b)
{
    return a.draw != b.draw ? a.draw < b.draw : a.user < b.user;
}

/* Moves the `count` smallest of n to the front, in any order (Hoare's selection). */
static void MoveSmallest(const Host *host, Eligible *e, int64_t n, int64_t count)
{
    int64_t low = 0, high = n - 1;

    while (low < high) {
        Eligible pivot = e[low + (high - low) / 2];
        int64_t i = low, j = high;

        HostPoll(host);
        while (i <= j) {
            while (ComesBefore(e[i], pivot))
                i++;
            while (ComesBefore(pivot, e[j]))
                j--;
            if (i <= j) {
                Eligible moved = e[i];

                e[i++] = e[j];
                e[j--] = moved;
            }
        }
        if (j < count)
            low = i;
        if (count < i)
            high = j;
    }
}

/* Users with enough interactions; with more than `limit`, those with the smallest draws. */
static uint32_t ChooseUsers(const Host *host, const Interactions *x, uint64_t limit, uint64_t seed,
                            Eligible *eligible)
{
    uint32_t n = 0;

    for (uint32_t user = 0; user < x->users; user++)
        if (x->offset[user + 1] - x->offset[user] >= HOLDOUT_MINIMUM)
            eligible[n++].user = user;
    if (limit == 0 || n <= limit)
        return n;
    for (uint32_t i = 0; i < n; i++) {
        eligible[i].draw = Draw(seed, UserKey(x, eligible[i].user), 0);
        if (i % (POLL_EVERY / 64) == 0)
            HostPoll(host);
    }
    MoveSmallest(host, eligible, n, (int64_t)limit);
    return (uint32_t)limit;
}

void InteractionsHoldOut(const Host *host, Interactions *x, Holdout holdout, uint64_t limit,
                         uint64_t seed)
{
    Eligible *eligible;
    uint32_t n;

    if (holdout == HOLDOUT_NONE)
        return;
    eligible = HostAllocate(host, x->users, sizeof(Eligible));
    n = ChooseUsers(host, x, limit, seed, eligible);
    x->held_count = n;
    if (n > 0) {
        x->held = HostAllocate(host, x->users, sizeof(uint32_t));
        memset(x->held, 0xFF, x->users * sizeof(uint32_t)); /* NO_ITEM */
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t user = eligible[i].user;
        uint64_t at = holdout == HOLDOUT_LAST ? LatestOf(x, user) : RandomOf(x, user, seed);

        x->held[user] = x->item[at];
        if (i % (POLL_EVERY / 1024) == 0)
            HostPoll(host);
    }
    HostRelease(host, eligible);
}

bool InteractionsContain(const Interactions *x, uint32_t user, uint32_t item)
{
    uint64_t first = x->offset[user];

    return ContainsSorted(x->item + first, (uint32_t)(x->offset[user + 1] - first), item);
}
