/*
 * validation.h: how well a model ranks the held-out interactions.
 *
 * Mean NDCG@100 and HR@100 of one held-out item per user among all items that the user has not
 * (protocol of He et al. 2018, section 4.1; ties as in ranking.h).
 */
#ifndef RECADV_ALGO_RANK_VALIDATION_H
#define RECADV_ALGO_RANK_VALIDATION_H

#include <math.h>

#include "algo/rank/ranking.h"

#define VALIDATION_CUTOFF 100

/* Fewer held-out interactions tell chance from merit no more. */
static inline bool IsEnoughHeld(const Interactions *data)
{
    return data->held_count >= HOLDOUT_FEWEST;
}

/* Nor does a smaller gain, by its share, between values that the same interactions choose by. */
#define LEAST_GAIN 0.002

/* Rewards may be below 0, too.  False if either is NaN. */
static inline bool IsGain(double value, double before)
{
    return value > before * (before < 0 ? 1 - LEAST_GAIN : 1 + LEAST_GAIN);
}

/*
 * Standard error of the difference of two models' NDCG@100 over so many held-out interactions, as a
 * share of it, about: 0.55 to 0.6 by the root of their number on three data sets, of bpr and amf.
 */
static inline double ValidationDoubt(uint64_t held_count)
{
    return held_count > 0 ? 0.6 / sqrt((double)held_count) : 1;
}

typedef struct Validation {
    const Interactions *data;
    RankingCase *cases; /* one relevant item each */
    size_t count;
    double ndcg; /* of the last run; NaN: nothing is held out */
    double hr;
    double compared; /* NDCG of data->compared alone; NaN: there are none */
} Validation;

/* Cases of the held-out users, in order. */
extern void ValidationPrepare(const Host *host, const Interactions *data, Validation *validation);
/* Leaves at most so many of them, evenly spread. */
extern void ValidationThin(Validation *validation, size_t most);
extern void ValidationRelease(const Host *host, Validation *validation);

/*
 * On the host's pool.  A user of whom 100 items rank before the held-out one is done: positions
 * from 100 on are not exact.  Fails if a score is NaN.
 */
extern void ValidationRun(const Host *host, const Model *model, Validation *validation);

/* NDCG@100 of each case, by the last run. */
extern void ValidationEach(const Validation *validation, float *ndcg);

/* Standard error of the difference of two means over the same interactions; 0: too few for one. */
extern double DifferenceError(const float *a, const float *b, size_t count);

/*
 * Turns `part` into how far each is off the ratio of the means of part and whole, in units of the
 * latter: to first order, these have the error of that ratio.
 */
extern void RatioResiduals(float *part, const float *whole, size_t count);

/* About how many nanoseconds a run takes on one core. */
extern double ValidationWork(const Model *model, const Interactions *shape);

/* Bytes that preparing and running allocate. */
extern size_t ValidationMemory(const Model *model, const Interactions *shape, int threads);

#endif
