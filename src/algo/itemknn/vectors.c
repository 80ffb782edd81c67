/*
 * vectors.c: weighs the interactions and turns them over, from users to items.
 *
 * Weights as in the library implicit (nearest_neighbours.py), where an item is a document and its
 * users are the terms.
 */
#include <math.h>

#include "algo/itemknn/itemknn.h"

#define POLL_EVERY (1 << 20)

/* Of BM25: how soon more of the same counts no more, and how much an item's length matters; the
 * defaults of the library. */
#define K1 1.2
#define B  0.75

typedef struct Weigher {
    const Host *host;
    const Interactions *data;
    Weighting weighting;
    bool held;
    double mean_weight;
    double *length;     /* of items: sum of what they have */
    double mean_length; /* of all items */
} Weigher;

static bool Counts(const Weigher *w, uint32_t user, uint32_t item)
{
    return w->held || !IsHeldOut(w->data, user, item);
}

/* The interaction's weight by the mean of all. */
static double Amount(const Weigher *w, uint64_t at)
{
    return w->data->weight == NULL ? 1 : w->data->weight[at] / w->mean_weight;
}

/* ln(items / (1 + the user's)) */
static double Rarity(const Weigher *w, uint32_t user)
{
    const Interactions *data = w->data;
    uint32_t count = w->held ? (uint32_t)(data->offset[user + 1] - data->offset[user])
                             : TrainingItems(data, user);

    return log(data->items) - log1p(count);
}

static float Weigh(const Weigher *w, uint64_t at, double rarity)
{
    double amount = Amount(w, at), length;

    switch (w->weighting) {
    case WEIGH_CHOSEN: /* chosen by now */
    case WEIGH_NONE:
        break;
    case WEIGH_TFIDF:
        return (float)(sqrt(amount) * rarity);
    case WEIGH_BM25:
        length = 1 - B + B * w->length[w->data->item[at]] / w->mean_length;
        return (float)(amount * (K1 + 1) / (K1 * length + amount) * rarity);
    }
    return (float)amount;
}

/* Counts each item's users into the offsets, and adds up the lengths. */
static void Measure(Weigher *w, Vectors *v)
{
    const Interactions *data = w->data;
    double total = 0;

    for (uint32_t user = 0; user < data->users; user++)
        for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++) {
            uint32_t item = data->item[i];

            if (i % POLL_EVERY == 0)
                HostPoll(w->host);
            if (!Counts(w, user, item))
                continue;
            v->offset[item + 1]++;
            w->length[item] += Amount(w, i);
            total += Amount(w, i);
        }
    for (uint32_t item = 0; item < data->items; item++)
        v->offset[item + 1] += v->offset[item];
    w->mean_length = total / data->items;
}

static void Fill(const Weigher *w, Vectors *v)
{
    const Interactions *data = w->data;
    uint64_t *next = HostAllocate(w->host, data->items, sizeof(uint64_t));

    for (uint32_t item = 0; item < data->items; item++)
        next[item] = v->offset[item];
    for (uint32_t user = 0; user < data->users; user++) {
        double rarity = Rarity(w, user);

        for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++) {
            uint32_t item = data->item[i];

            if (i % POLL_EVERY == 0)
                HostPoll(w->host);
            v->by_user[i] = Weigh(w, i, rarity);
            if (!Counts(w, user, item))
                continue;
            v->user[next[item]] = user;
            v->by_item[next[item]++] = v->by_user[i];
        }
    }
    HostRelease(w->host, next);
}

/* The largest absolute value. */
static float Largest(const Host *host, const float *value, uint64_t count)
{
    float largest = 0;

    for (uint64_t i = 0; i < count; i++) {
        largest = fmaxf(largest, fabsf(value[i]));
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    return largest;
}

/* Divides the values by that number; returns the sum of their squares. */
static double Divide(const Host *host, float *value, uint64_t count, float by)
{
    double sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        value[i] /= by;
        sum += (double)value[i] * value[i];
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    return sum;
}

/* An item without values is divided by 1. */
static void ScaleItems(const Weigher *w, Vectors *v)
{
    double total = 0;

    for (uint32_t item = 0; item < w->data->items; item++) {
        float *value = v->by_item + v->offset[item], largest;
        uint64_t count = v->offset[item + 1] - v->offset[item];
        double sum;

        largest = Largest(w->host, value, count);
        v->largest[item] = largest > 0 ? largest : 1;
        sum = Divide(w->host, value, count, v->largest[item]);
        v->norm[item] = sqrt(sum);
        total += sum * v->largest[item] * v->largest[item];
    }
    v->square = total / (double)v->offset[w->data->items];
}

static void ScaleUsers(const Weigher *w, Vectors *v)
{
    const Interactions *data = w->data;

    for (uint64_t i = 0; i < data->count; i++) {
        v->by_user[i] /= v->largest[data->item[i]];
        if (i % POLL_EVERY == 0)
            HostPoll(w->host);
    }
}

void VectorsBuild(const Host *host, const Interactions *data, Weighting weighting, bool held,
                  Vectors *v)
{
    Weigher w = {.host = host,
                 .data = data,
                 .weighting = weighting,
                 .held = held,
                 .mean_weight = MeanWeight(host, data)};

    *v = (Vectors){0};
    v->offset = HostAllocateZero(host, (size_t)data->items + 1, sizeof(uint64_t));
    v->user = HostAllocate(host, data->count, sizeof(uint32_t));
    v->by_item = HostAllocate(host, data->count, sizeof(float));
    v->by_user = HostAllocate(host, data->count, sizeof(float));
    w.length = HostAllocateZero(host, data->items, sizeof(double));
    Measure(&w, v);
    Fill(&w, v);
    HostRelease(host, w.length);
    if (weighting == WEIGH_BM25)
        return;
    v->largest = HostAllocate(host, data->items, sizeof(float));
    v->norm = HostAllocate(host, data->items, sizeof(double));
    ScaleItems(&w, v);
    ScaleUsers(&w, v);
}

void VectorsRelease(const Host *host, Vectors *v)
{
    HostRelease(host, v->offset);
    HostRelease(host, v->user);
    HostRelease(host, v->by_item);
    HostRelease(host, v->by_user);
    HostRelease(host, v->largest);
    HostRelease(host, v->norm);
}

size_t VectorsMemory(uint64_t interactions, uint32_t items)
{
    size_t of_items =
        SizeMultiply((size_t)items + 1, 2 * sizeof(uint64_t) + sizeof(double) + sizeof(float));

    return SizeAdd(of_items, SizeMultiply(interactions, sizeof(uint32_t) + 2 * sizeof(float)));
}
