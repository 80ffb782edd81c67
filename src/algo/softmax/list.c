/* list.c: what an epoch learns, in which order. */
#include <math.h>

#include "algo/learn/visits.h"
#include "algo/softmax/softmax.h"

/* By weights, rounding may add a visit; held-out interactions train in the end. */
static uint64_t MostVisits(const Interactions *shape)
{
    return shape->count + (shape->columns & COLUMN_WEIGHT ? 1 : 0);
}

void SoftmaxListCreate(const Host *host, const Interactions *data, SoftmaxList *list)
{
    list->room = MostVisits(data);
    if (list->room > UINT32_MAX)
        HostFail(host, FAIL_INVALID, "Train on fewer interactions, or with the algorithm bpr.",
                 "the algorithm softmax takes at most %u interactions", UINT32_MAX);
    list->pairs = HostAllocate(host, list->room, sizeof(SoftmaxPair));
    list->first = HostAllocate(host, list->room, sizeof(uint32_t));
}

void SoftmaxListRelease(const Host *host, SoftmaxList *list)
{
    HostRelease(host, list->pairs);
    HostRelease(host, list->first);
}

size_t SoftmaxListMemory(const Interactions *shape)
{
    return SizeMultiply(MostVisits(shape), sizeof(SoftmaxPair) + sizeof(uint32_t));
}

/* The interactions that train, or, with what is held out, all. */
static Interactions Learnt(const Interactions *data, bool held_too)
{
    Interactions learnt = *data;

    learnt.held_learnt = held_too;
    return learnt;
}

/* Appends the user's pairs, as often as each is visited. */
static void ListUser(const Interactions *data, uint32_t user, Visits *visits, SoftmaxList *list)
{
    for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++) {
        double left = 1;

        if (IsHeldOut(data, user, data->item[i]))
            continue;
        if (data->weight != NULL)
            left = VisitsNext(visits, data->weight[i]);
        for (; left > 0 && list->count < list->room; left--)
            list->pairs[list->count++] = (SoftmaxPair){user, data->item[i]};
    }
}

static void ShufflePairs(Random *random, SoftmaxPair *pairs, uint32_t count)
{
    for (uint32_t left = count; left > 1; left--) {
        uint32_t i = RandomBelow(random, left);
        SoftmaxPair last = pairs[left - 1];

        pairs[left - 1] = pairs[i];
        pairs[i] = last;
    }
}

/* Cuts the user's pairs, from `first` on, into queries. */
static void CutQueries(uint32_t chunk, uint32_t first, Random *random, SoftmaxList *list)
{
    if (chunk > 1)
        ShufflePairs(random, list->pairs + first, list->count - first);
    for (; first < list->count; first += chunk) {
        list->first[list->queries++] = first;
        if (list->count - first <= chunk)
            break;
    }
}

void SoftmaxListFill(const Host *host, const Interactions *data, bool held_too, uint32_t chunk,
                     Random *random, SoftmaxList *list)
{
    Interactions learnt = Learnt(data, held_too);
    Visits visits = VisitsStart(MeanWeight(host, &learnt), random);

    list->count = list->queries = 0;
    for (uint32_t user = 0; user < learnt.users; user++) {
        uint32_t first = list->count;

        ListUser(&learnt, user, &visits, list);
        CutQueries(chunk, first, random, list);
        if (user % 1024 == 0)
            HostPoll(host);
    }
    RandomShufflePolling(host, random, list->first, list->queries);
}

static SoftmaxQuery QueryOf(const SoftmaxList *list, uint32_t first, uint32_t chunk)
{
    const SoftmaxPair *pairs = list->pairs + first;
    uint32_t left = list->count - first, count = 1;

    while (count < left && count < chunk && pairs[count].user == pairs[0].user)
        count++;
    return (SoftmaxQuery){pairs, count};
}

uint32_t SoftmaxListBatch(const SoftmaxList *list, uint32_t first, SoftmaxBatch *batch)
{
    for (batch->count = 0; batch->count < batch->most_queries && first < list->queries; first++)
        batch->queries[batch->count++] = QueryOf(list, list->first[first], batch->chunk);
    return first;
}

/* --- norms */

static void CountItems(const Host *host, const Interactions *data, bool held_too, float *count)
{
    Interactions learnt = Learnt(data, held_too);
    double mean = MeanWeight(host, &learnt);

    for (uint32_t i = 0; i < data->items; i++)
        count[i] = 0;
    for (uint32_t user = 0; user < data->users; user++) {
        for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++)
            if (!IsHeldOut(&learnt, user, data->item[i]))
                count[data->item[i]] += data->weight == NULL ? 1 : (float)(data->weight[i] / mean);
        if (user % 1024 == 0)
            HostPoll(host);
    }
}

void SoftmaxNorms(const Host *host, const Interactions *data, bool held_too, double exponent,
                  float *norm)
{
    double sum = 0, total = 0;

    CountItems(host, data, held_too, norm);
    for (uint32_t i = 0; i < data->items; i++) {
        double count = norm[i];

        norm[i] = (float)pow(count + 1, exponent);
        sum += count * norm[i];
        total += count;
    }
    for (uint32_t i = 0; i < data->items; i++)
        norm[i] = (float)(norm[i] * total / sum);
}
