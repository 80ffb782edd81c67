/*
 * exploration.h: slates that try other items, with the exact probability of each.
 *
 * Of k places each goes, with probability `explore`, to an item drawn at random from the eligible
 * items outside the greedy slate, all distinct.  Where there are fewer such items than places, only
 * as many places explore, drawn at random.  With n = min(k, others) places that explore, an item is
 * in the slate with probability
 *
 *     1 - explore n / k       an item of the greedy slate: 1 - explore where n = k
 *     explore n / others      any other: explore k / others where n = k
 *
 * which sum to k.  So an estimate from the log can weigh each item by what it would have been.
 */
#ifndef RECADV_ALGO_POLICY_EXPLORATION_H
#define RECADV_ALGO_POLICY_EXPLORATION_H

#include "core/interactions.h"
#include "core/random.h"

/* Beyond, greedy items would be rarer than chance, and what the policy would show is hardly seen.
 */
#define MOST_EXPLORE 0.5

typedef struct Exploration {
    double explore;  /* from 0 to MOST_EXPLORE */
    uint32_t places; /* k: items of the greedy slate, at most what is eligible */
    uint32_t others; /* eligible items that are not in it */
} Exploration;

/* Of a policy that shows at most k of the eligible items. */
extern Exploration ExplorationOf(double explore, uint32_t k, uint32_t eligible);

/* The probability that the slate has a certain item: one of the greedy slate, one of the others. */
extern double ExplorationGreedy(const Exploration *e);
extern double ExplorationOther(const Exploration *e);

/*
 * Draws a slate: other[p] is which of the others, from 0 to others - 1, takes place p, or NO_ITEM
 * where the greedy item stays.  `room` is for 2 x places numbers.  Any thread; the time does not
 * depend on the number of others.
 */
extern void ExplorePlaces(const Exploration *e, Random *random, uint32_t *other, uint32_t *room);

/*
 * The item that is number `n` of all items that are not in `without`, which ascends: how a draw of
 * one of the others becomes an item where they are all but a few.
 */
extern uint32_t NumberOutside(uint32_t n, const uint32_t *without, uint32_t count);

#endif
