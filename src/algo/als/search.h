/*
 * search.h: the two weights of the loss, chosen by the user's own data.
 *
 * Trials of a few epochs, of narrower rows, are ranked by the held-out interactions; from a start
 * that fits most data the search goes downhill, one weight at a time, in the end both at once.
 */
#ifndef RECADV_ALGO_ALS_SEARCH_H
#define RECADV_ALGO_ALS_SEARCH_H

#include "algo/als/half_step.h"
#include "algo/rank/validation.h"

/*
 * Four epochs tell weights apart by validation on four data sets, but flatter weak regularization
 * on one; eight find the way from there.  Narrower rows want a lower weight of what is unobserved
 * than those of the training.
 */
#define TRIAL_EPOCHS      4
#define LONG_TRIAL_EPOCHS 8
#define TRIAL_FACTORS     128

/* Are weights to be searched for, and is enough held out to tell them apart by? */
static inline bool Searches(const AlsOptions *options, const Interactions *shape)
{
    return (options->unobserved_weight == 0 || options->regularization == 0) && IsEnoughHeld(shape);
}

/*
 * The weights that the options name, and for those that they leave open (0) the best of the trials;
 * without enough held-out interactions what fits most data.
 */
extern AlsWeights SearchWeights(const Host *host, const Interactions *data, const Model *model);

/* Bytes that it allocates; all are released. */
extern size_t SearchMemory(const Model *model, const Interactions *shape, int threads);

/* Items from users, then users from items; returns the mean loss over the interactions. */
extern double AlsEpoch(Solver *solver, Model *model);

/* First rows: items at random, users solved. */
extern void AlsStart(Solver *solver, Model *model);

#endif
