/*
 * interactions.c: makes a set of pairs from rows in any order (sorted, duplicates merged), and
 * chooses what is held out for validation.
 */
#include "core/interactions.h"

#include <float.h>
#include <string.h>

#include "core/pairsort.h"
#include "core/random.h"
#include "core/sorted.h"

#define POLL_EVERY (1 << 20)

static Pairs AllocateLike(const Host *host, const Pairs *pairs)
{
    uint64_t count = pairs->count;

    return (Pairs){
        .count = count,
        .user = HostAllocate(host, count, sizeof(uint32_t)),
        .item = HostAllocate(host, count, sizeof(uint32_t)),
        .time = pairs->time != NULL ? HostAllocate(host, count, sizeof(double)) : NULL,
        .weight = pairs->weight != NULL ? HostAllocate(host, count, sizeof(float)) : NULL,
    };
}

/* A duplicate: its time and weight go into the pair that is there already. */
static void MergeDuplicate(const Pairs *sorted, uint64_t i, Interactions *x, uint64_t at)
{
    if (x->time != NULL && sorted->time[i] < x->time[at])
        x->time[at] = sorted->time[i];
    if (x->weight != NULL) {
        double sum = (double)x->weight[at] + sorted->weight[i];

        x->weight[at] = sum < FLT_MAX ? (float)sum : FLT_MAX;
    }
}

/* Duplicates are neighbours.  The result may stand in the place of the pairs. */
static void DropDuplicates(const Host *host, const Pairs *sorted, Interactions *x)
{
    uint64_t to = 0;
    uint32_t users = 0; /* users whose start is known */

    for (uint64_t i = 0; i < sorted->count; i++) {
        uint32_t user = sorted->user[i], item = sorted->item[i];

        if (user >= users || x->item[to - 1] != item) {
            while (users <= user)
                x->offset[users++] = to;
            x->item[to] = item;
            if (x->time != NULL)
                x->time[to] = sorted->time[i];
            if (x->weight != NULL)
                x->weight[to] = sorted->weight[i];
            to++;
        } else {
            MergeDuplicate(sorted, i, x, to - 1);
        }
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    while (users <= x->users)
        x->offset[users++] = to;
    x->count = to;
}

void InteractionsBuild(const Host *host, Pairs *pairs, uint32_t users, uint32_t items,
                       Interactions *result)
{
    Pairs copy = AllocateLike(host, pairs);

    *result = (Interactions){
        .users = users,
        .items = items,
        .columns =
            (pairs->time != NULL ? COLUMN_TIME : 0) | (pairs->weight != NULL ? COLUMN_WEIGHT : 0),
        .offset = HostAllocate(host, (size_t)users + 1, sizeof(uint64_t)),
        .item = copy.item,
        .time = copy.time,
        .weight = copy.weight,
    };
    DropDuplicates(host, PairsSort(host, pairs, &copy, users, items), result);
    HostRelease(host, copy.user);
    if (pairs->release != NULL)
        pairs->release(pairs);
}

size_t InteractionsMemory(uint64_t pairs, uint32_t users, Columns columns)
{
    size_t row = 2 * sizeof(uint32_t) + ColumnBytes(columns);

    return SizeAdd(SizeMultiply(pairs, row), ((size_t)users + 1) * sizeof(uint64_t));
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
    uint64_t key = InteractionsUserKey(x, user), best = x->offset[user], smallest = UINT64_MAX;

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

static uint64_t CountOf(const Interactions *x, uint32_t user)
{
    return x->offset[user + 1] - x->offset[user];
}

/* Does a user of so many interactions, not too few, hold one out?  A share of those with few, by
 * the draw (which is divided first: no product overflows). */
static bool MayHoldOut(uint64_t count, uint64_t draw)
{
    return count >= HOLDOUT_CERTAIN || draw < UINT64_MAX / HOLDOUT_CERTAIN * count;
}

/* Leaves those who hold out in any case; returns how many. */
static uint32_t KeepCertain(const Interactions *x, Eligible *eligible, uint32_t n)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++)
        if (CountOf(x, eligible[i].user) >= HOLDOUT_CERTAIN)
            eligible[kept++] = eligible[i];
    return kept;
}

/* Users that may hold out; with more than `limit`, those with the smallest draws. */
static uint32_t ChooseUsers(const Host *host, const Interactions *x, uint64_t limit, uint64_t seed,
                            Eligible *eligible)
{
    uint32_t n = 0;

    for (uint32_t user = 0; user < x->users; user++) {
        uint64_t count = CountOf(x, user), draw;

        if (user % (POLL_EVERY / 64) == 0)
            HostPoll(host);
        if (count < HOLDOUT_MINIMUM)
            continue;
        draw = Draw(seed, InteractionsUserKey(x, user), 0);
        if (MayHoldOut(count, draw))
            eligible[n++] = (Eligible){draw, user};
    }
    if (n < HOLDOUT_FEWEST)
        n = KeepCertain(x, eligible, n);
    if (limit == 0 || n <= limit)
        return n;
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

double MeanWeight(const Host *host, const Interactions *x)
{
    double sum = 0;

    if (x->weight == NULL || TrainingCount(x) == 0)
        return 1;
    for (uint32_t user = 0; user < x->users; user++)
        for (uint64_t i = x->offset[user]; i < x->offset[user + 1]; i++) {
            if (!IsHeldOut(x, user, x->item[i]))
                sum += x->weight[i];
            if (i % POLL_EVERY == 0)
                HostPoll(host);
        }
    return sum / (double)TrainingCount(x);
}

bool InteractionsContain(const Interactions *x, uint32_t user, uint32_t item)
{
    uint64_t first = x->offset[user];

    return ContainsSorted(x->item + first, (uint32_t)(x->offset[user + 1] - first), item);
}
