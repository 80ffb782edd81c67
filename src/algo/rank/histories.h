/*
 * histories.h: queries of users whose interactions are at hand, for rankings of many users.
 *
 * Most algorithms make a query of the user's row; some make it of what the user has had, which
 * stands in the interactions.
 */
#ifndef RECADV_ALGO_RANK_HISTORIES_H
#define RECADV_ALGO_RANK_HISTORIES_H

#include "algo/algorithm.h"

typedef struct Histories {
    const Interactions *data; /* may be NULL where queries are made of rows */
    bool held;                /* do held-out interactions count, too? */
    uint32_t room;            /* of the longest history; 0: queries need none */
} Histories;

/* Of an algorithm whose queries are made of rows. */
#define NO_HISTORIES ((Histories){0})

extern Histories HistoriesOf(const Model *model, const Interactions *data, bool held);

/* Room that a longest history takes, for estimates: at most every item. */
extern size_t HistoriesMemory(const Model *model, int threads);

/* The user's query; scratch: `room` indexes.  Any thread. */
extern void HistoriesQuery(const Histories *histories, const Model *model, uint32_t user,
                           uint32_t *scratch, float *query);

#endif
