/* positives.h: the interactions that an epoch learns, one by one, in random order. */
#ifndef RECADV_ALGO_LEARN_POSITIVES_H
#define RECADV_ALGO_LEARN_POSITIVES_H

#include "core/interactions.h"
#include "core/random.h"

typedef struct Positive {
    uint32_t user, item;
} Positive;

typedef struct Positives {
    Positive *pair;
    uint32_t count;
    uint32_t room;
} Positives;

extern void PositivesCreate(const Host *host, const Interactions *data, Positives *positives);
extern void PositivesRelease(const Host *host, Positives *positives);
extern size_t PositivesMemory(const Interactions *shape);

/* Each that trains, as often as its weight says (visits.h), in an order that is drawn. */
extern void PositivesDraw(const Host *host, const Interactions *data, Random *random,
                          Positives *positives);

#endif
