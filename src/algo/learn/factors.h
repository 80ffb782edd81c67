/*
 * factors.h: what all models share that score by the inner product of a user's and an item's row.
 *
 * score(u, i) = p_u . q_i; P is users x factors, Q is items x factors, no biases.
 */
#ifndef RECADV_ALGO_LEARN_FACTORS_H
#define RECADV_ALGO_LEARN_FACTORS_H

#include "algo/algorithm.h"

#define FACTORS_USER_PART 1
#define FACTORS_ITEM_PART 2

/* Appends the two parts. */
extern void FactorsLayout(Model *model, uint32_t factors);

/* Members of struct Algorithm. */
extern uint32_t FactorsQueryWidth(const Model *model);
extern void FactorsQuery(const Model *view, const QueryInput *input, float *query);
extern void FactorsSimilarity(const Model *one, const Model *view, Axis axis, float *out);
extern void FactorsExplain(const Host *host, const Model *history, const float *query,
                           const Model *one, float *out);

/* Moves every row of a part by epsilon: in a random direction, or along its row of `direction`. */
extern void MoveRandomly(const Host *host, Part *part, double epsilon, uint64_t seed);
extern void MoveAlong(const Host *host, Part *part, const float *direction, double epsilon);

/* clang-format off */
#define FACTORS_METHODS \
    .query_width = FactorsQueryWidth, .query = FactorsQuery, .items = FACTORS_ITEM_PART, \
    .similarity = FactorsSimilarity, .compares = {true, true}, .explain = FactorsExplain, \
    .embedding = {FACTORS_USER_PART, FACTORS_ITEM_PART}
/* clang-format on */

#endif
