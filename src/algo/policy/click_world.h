/*
 * click_world.h: two made-up worlds of visitors, of which everything is known, for benchmarks,
 * tests and first steps.
 *
 * A visitor is in one of ten states, which nobody sees; there are fifty items.  In state s item i
 * attracts with a(s, i) and satisfies with r(s, i), both uniform on (0, 1).  A visitor picks one
 * item of the slate with probability proportional to its attraction; with the probability that it
 * satisfies, there is a next slate, in a state drawn from P(s, i, .), a softmax of uniform numbers.
 * All sessions begin in state 0.
 *
 *     success     a = r: what satisfies attracts.  The click happens where the item satisfies,
 *                 otherwise the visitor leaves without one.
 *     click_bait  a is drawn by itself.  The click happens whatever the item is worth; after one
 *                 that does not satisfy the visitor is gone.
 *
 * One seed has the same r and P in both.
 */
#ifndef RECADV_ALGO_POLICY_CLICK_WORLD_H
#define RECADV_ALGO_POLICY_CLICK_WORLD_H

#include "core/interactions.h"

typedef enum ClickWorldKind { WORLD_SUCCESS, WORLD_CLICK_BAIT } ClickWorldKind;

#define CLICK_WORLDS 2

extern const char *const click_world_names[CLICK_WORLDS];

#define WORLD_STATES 10
#define WORLD_ITEMS  50

typedef struct ClickWorld {
    ClickWorldKind kind;
    uint64_t seed;
    uint64_t luck; /* apart from that of other worlds */
    double attraction[WORLD_STATES][WORLD_ITEMS];
    double satisfaction[WORLD_STATES][WORLD_ITEMS];
    double next[WORLD_STATES][WORLD_ITEMS][WORLD_STATES]; /* probabilities of states */
    uint32_t best[WORLD_STATES][WORLD_ITEMS];             /* by falling satisfaction */
} ClickWorld;

extern void ClickWorldMake(ClickWorld *world, ClickWorldKind kind, uint64_t seed);

/* Any thread, from here on. */
typedef struct ClickAnswer {
    uint32_t place; /* of the item that was picked */
    bool clicked;
    bool stays;     /* there is a next slate */
    uint32_t state; /* after it, where there is */
} ClickAnswer;

/* Step `step`, from 0 on, of a session, whose luck depends on neither its slates nor who else
 * comes; at least one item, each once. */
extern ClickAnswer ClickWorldAnswer(const ClickWorld *world, uint64_t seed, uint64_t session,
                                    uint32_t step, uint32_t state, const uint32_t *shown,
                                    uint32_t count);

/* The probability that a visitor in this state is there for another slate. */
extern double ClickWorldStays(const ClickWorld *world, uint32_t state, const uint32_t *shown,
                              uint32_t count);

/* The share of the k items that satisfy most in this state that the slate has. */
extern double ClickWorldCoverage(const ClickWorld *world, uint32_t state, const uint32_t *shown,
                                 uint32_t count, uint32_t k);

#endif
