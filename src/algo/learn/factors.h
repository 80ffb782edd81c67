/*
 * factors.h: what all models share that score by the inner product of a user's and an item's row.
 *
 * score(u, i) = p_u . q_i; P is users x factors, Q is items x factors, no biases.
 */
#ifndef RECADV_ALGO_LEARN_FACTORS_H
#define RECADV_ALGO_LEARN_FACTORS_H

#include "algo/algorithm.h"
#include "core/random.h"

#define FACTORS_USER_PART 1
#define FACTORS_ITEM_PART 2

/* Appends the two parts. */
extern void FactorsLayout(Model *model, uint32_t factors);

/*
 * Width of the embeddings: what is named, or by the number of items where it is left open (0),
 * since large catalogues want wider models and small ones gain little.  Texts of options say it,
 * too.
 */
#define MANY_ITEMS 5000

static inline uint32_t FactorsWidth(const Model *model, int64_t named, uint32_t few, uint32_t many)
{
    return named > 0 ? (uint32_t)named : model->items > MANY_ITEMS ? many : few;
}

/* What was left open becomes what the model has. */
static inline void FactorsSettle(const Model *model, int64_t *factors)
{
    if (*factors == 0)
        *factors = model->part[FACTORS_USER_PART].columns;
}

/* Rows of zeros start as normal numbers, cut off at two standard deviations; others stay. */
extern void FactorsInit(const Host *host, Part *part, RandomPurpose purpose, uint64_t seed,
                        double deviation);

/* out[r]: cosine of the only row of `one` and row r of the part; 0 where one of the two is zero. */
extern void PartCosines(const Part *one, const Part *part, float *out);

/* Fails if the row that a history was folded into is not finite. */
extern void CheckFoldedIn(const Host *host, const float *row, uint32_t columns);

/* Members of struct Algorithm. */
extern uint32_t FactorsQueryWidth(const Model *model);
extern void FactorsQuery(const Model *view, const QueryInput *input, float *query);
extern void FactorsSimilarity(const Model *one, const Model *view, Axis axis, float *out);
extern void FactorsExplain(const Host *host, const Model *history, const float *query,
                           const Model *one, float *out);

/*
 * Moves every row at random, or against the ranking of each training interaction above an item
 * drawn uniformly from the user's others (the loss of BPR).
 */
extern void FactorsPerturb(const Host *host, const Interactions *data, Model *model,
                           Perturbation how, uint64_t seed);

/* Moves every row of a part: in a random direction, or along its row of `direction`. */
extern void MoveRandomly(const Host *host, Part *part, Perturbation how, uint64_t seed);
extern void MoveAlong(const Host *host, Part *part, const float *direction, Perturbation how);

/* clang-format off */
#define FACTORS_METHODS \
    .query_width = FactorsQueryWidth, .query = FactorsQuery, .items = FACTORS_ITEM_PART, \
    .similarity = FactorsSimilarity, .compares = {true, true}, \
    .embedding = {FACTORS_USER_PART, FACTORS_ITEM_PART}
/* clang-format on */

#endif
