/*
 * click_policy.h: those who know a click world and show what is best there; logs of them are what
 * other policies learn from.
 */
#ifndef RECADV_ALGO_POLICY_CLICK_POLICY_H
#define RECADV_ALGO_POLICY_CLICK_POLICY_H

#include "algo/policy/click_world.h"
#include "algo/policy/rollout.h"

typedef struct ClickPolicy {
    const ClickWorld *world;
    bool mixes; /* in every second slate, by chance, are items of the ranks behind the k best */
    uint64_t seed;
} ClickPolicy;

/* For k = 10 the ranks 11 to 25, in general half as many again as k. */
static inline uint32_t MixedRanks(uint32_t k)
{
    uint32_t ranks = k + k / 2;

    return ranks < WORLD_ITEMS - k ? ranks : WORLD_ITEMS - k;
}

/* The largest k for which there are as many others. */
#define MOST_MIXED (WORLD_ITEMS / 2)

/* For an environment of this world; points to `policy`. */
extern Policy ClickPolicyOpen(ClickPolicy *policy);

#endif
