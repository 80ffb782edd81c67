/*
 * pairsort.c: one pass into buckets of neighbouring users, then a radix sort within each.
 *
 * Sorting by all users at once would write to as many places as there are users, each a line that
 * has left the caches before its next row comes.  So few buckets that their ends stay in the
 * caches, so many that a bucket fits into the second level: time per row does not grow with the
 * rows.
 */
#include "core/pairsort.h"

#include <string.h>

#define MAX_BUCKETS 512
#define BUCKET_ROWS (1 << 15)

/* A pass of the radix sort writes to up to 2^11 places. */
#define DIGIT_BITS 11

#define POLL_EVERY (1 << 20)

typedef enum KeyColumn { KEY_USER, KEY_ITEM, KEY_WEIGHT } KeyColumn;

/* Some bits of a user, an item or a weight. */
typedef struct Digit {
    KeyColumn column;
    uint8_t shift;
    uint32_t mask;
} Digit;

/* How all buckets are sorted: user >> shift is the bucket, digits come lowest first. */
typedef struct Plan {
    uint32_t buckets;
    uint8_t shift;
    int digits;
    Digit digit[12];
} Plan;

static uint8_t BitsBelow(uint32_t limit)
{
    return limit <= 1 ? 0 : (uint8_t)(32 - __builtin_clz(limit - 1));
}

/* Digits of about the same width for the low `bits`. */
static void AddDigits(Plan *plan, KeyColumn column, uint8_t bits)
{
    int count = (bits + DIGIT_BITS - 1) / DIGIT_BITS;

    for (int d = 0; d < count; d++) {
        uint8_t from = (uint8_t)(d * bits / count), to = (uint8_t)((d + 1) * bits / count);

        plan->digit[plan->digits++] = (Digit){column, from, (1U << (to - from)) - 1};
    }
}

static Plan MakePlan(uint64_t count, uint32_t users, uint32_t items, bool weights)
{
    Plan plan = {0};
    uint64_t most = count / BUCKET_ROWS + 1;

    if (most > MAX_BUCKETS)
        most = MAX_BUCKETS;
    while ((users - 1) >> plan.shift >= most)
        plan.shift++;
    plan.buckets = ((users - 1) >> plan.shift) + 1;
    if (weights)
        AddDigits(&plan, KEY_WEIGHT, 31);
    AddDigits(&plan, KEY_ITEM, BitsBelow(items));
    AddDigits(&plan, KEY_USER, plan.shift);
    return plan;
}

static Pairs RowsFrom(const Pairs *pairs, uint64_t first, uint64_t count)
{
    return (Pairs){.count = count,
                   .user = pairs->user + first,
                   .item = pairs->item + first,
                   .time = pairs->time == NULL ? NULL : pairs->time + first,
                   .weight = pairs->weight == NULL ? NULL : pairs->weight + first};
}

/* The bits of positive floats, as whole numbers, are in their order. */
typedef uint32_t __attribute__((may_alias)) FloatBits;

static const FloatBits *KeyOf(const Pairs *pairs, KeyColumn column)
{
    switch (column) {
    case KEY_USER:
        return pairs->user;
    case KEY_ITEM:
        return pairs->item;
    case KEY_WEIGHT:
        break;
    }
    return (const FloatBits *)pairs->weight;
}

/* start[v] becomes the number of rows whose digit is below v; `start` has mask + 1 values. */
static void FindStarts(const Host *host, const FloatBits *key, uint64_t count, Digit digit,
                       uint64_t *start)
{
    uint64_t sum = 0;

    memset(start, 0, ((size_t)digit.mask + 1) * sizeof(*start));
    for (uint64_t i = 0; i < count; i++) {
        start[(key[i] >> digit.shift) & digit.mask]++;
        if ((i + 1) % POLL_EVERY == 0)
            HostPoll(host);
    }
    for (uint32_t v = 0; v <= digit.mask; v++) {
        uint64_t rows = start[v];

        start[v] = sum;
        sum += rows;
    }
}

/* Stable; start[v] becomes the end of the rows whose digit is v. */
static void Scatter(const Host *host, const Pairs *from, Digit digit, uint64_t *restrict start,
                    const Pairs *to)
{
    const uint32_t *user = from->user, *item = from->item;
    const FloatBits *key = KeyOf(from, digit.column);
    uint32_t *restrict to_user = to->user, *restrict to_item = to->item;
    double *restrict to_time = to->time;
    float *restrict to_weight = to->weight;
    uint64_t count = from->count;

    FindStarts(host, key, count, digit, start);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = start[(key[i] >> digit.shift) & digit.mask]++;

        to_user[at] = user[i];
        to_item[at] = item[i];
        if (to_time != NULL)
            to_time[at] = from->time[i];
        if (to_weight != NULL)
            to_weight[at] = from->weight[i];
        if ((i + 1) % POLL_EVERY == 0)
            HostPoll(host);
    }
}

/* Sorts digit by digit, each pass into the array that the last one came from. */
static void SortBucket(const Host *host, const Plan *plan, Pairs rows, Pairs scratch)
{
    uint64_t start[1 << DIGIT_BITS];

    for (int d = 0; d < plan->digits; d++) {
        Pairs sorted = scratch;

        Scatter(host, &rows, plan->digit[d], start, &sorted);
        scratch = rows;
        rows = sorted;
    }
    HostPoll(host);
}

const Pairs *PairsSort(const Host *host, const Pairs *pairs, const Pairs *scratch, uint32_t users,
                       uint32_t items)
{
    uint64_t end[MAX_BUCKETS], first = 0;
    Digit bucket = {.column = KEY_USER};
    Plan plan;

    if (pairs->count == 0)
        return pairs;
    plan = MakePlan(pairs->count, users, items, pairs->weight != NULL);
    bucket.shift = plan.shift;
    bucket.mask = (1U << BitsBelow(plan.buckets)) - 1;
    Scatter(host, pairs, bucket, end, scratch);
    for (uint32_t b = 0; b < plan.buckets; b++) {
        uint64_t count = end[b] - first;

        SortBucket(host, &plan, RowsFrom(scratch, first, count), RowsFrom(pairs, first, count));
        first = end[b];
    }
    return plan.digits % 2 == 0 ? scratch : pairs;
}
