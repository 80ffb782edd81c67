/* shares.h: draws by shares: which of them a number between 0 and the sum of all falls on. */
#ifndef RECADV_CORE_SHARES_H
#define RECADV_CORE_SHARES_H

#include "core/random.h"

/*
 * The first whose sum, with those before it, is above `at`; never one whose share is 0, while any
 * is above it.  Where rounding has put `at` at the sum of all, or beyond, it is the last that has a
 * share.  At least one share.
 */
extern uint32_t ShareAt(const double *share, uint32_t count, double at);

/* The same where the sums are at hand, by halving. */
extern uint32_t SumAt(const double *sums, uint32_t count, double at);

/* A draw by shares of which these are the sums. */
static inline uint32_t DrawBySums(const double *sums, uint32_t count, Random *random)
{
    return SumAt(sums, count, RandomUniform(random) * sums[count - 1]);
}

#endif
