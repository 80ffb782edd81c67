/*
 * penalty.h: scores of which popularity takes something away, where less of the same is wanted.
 *
 *     score - weight * ln(max(popularity, 1))
 *
 * As it is computed, in single precision, a penalised score never rises above the score, never
 * falls as the score rises, and is the same for one item alone and for many.
 */
#ifndef RECADV_ALGO_RANK_PENALTY_H
#define RECADV_ALGO_RANK_PENALTY_H

#include <math.h>

#include "algo/model.h"

/* ln of a popularity, not below 0. */
static inline float LogCount(float count)
{
    return count > 1 ? (float)log(count) : 0;
}

/* out[i]: ln of the popularity of item i of the view, not below 0. */
extern void LogPopularity(const Model *view, float *out);

/* Takes weight * logs[i] away from each score; weight >= 0. */
extern void Penalise(float weight, const float *logs, uint32_t count, float *scores);

/* The same from the view's popularity.  Does nothing for weight 0. */
extern void PenaliseView(float weight, const Model *view, float *scores);

#endif
