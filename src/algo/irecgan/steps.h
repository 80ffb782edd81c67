/* steps.h: what the steps of the networks share. */
#ifndef RECADV_ALGO_IRECGAN_STEPS_H
#define RECADV_ALGO_IRECGAN_STEPS_H

#include "algo/irecgan/learner.h"
#include "core/pool.h"

#define STEP_FLOATS 4096 /* parameters of a task */

/* Of the batch that is learnt. */
extern int IrSlicesNow(const Learner *l);
extern uint32_t SliceEpisodes(const Learner *l, int slice);

/* Runs the task on every slice; the run may end here, cancelled. */
extern void IrRunSlices(Learner *l, PoolTask task);
extern double IrSumLosses(const Learner *l);

/* One step, by the gradients of the slices, which are then 0. */
extern void IrStepNetwork(const Learner *l, const AdamRule *rule, Network *network);

#endif
