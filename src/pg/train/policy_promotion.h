/*
 * policy_promotion.h: is a new version of a policy, or of a simulator, good enough to take the
 * place of the one that serves (option promote)?
 *
 * A policy with a simulator: both meet the same visitors of it, of whom neither training has seen
 * any; without one, and of simulators: by what both trainings measured.  A log with less than half
 * of the steps, or without any of the items, of the version that serves does not serve whatever the
 * numbers say.
 */
#ifndef RECADV_PG_TRAIN_POLICY_PROMOTION_H
#define RECADV_PG_TRAIN_POLICY_PROMOTION_H

#include "pg/train/policy.h"

/* Between reading and fitting; needs an active snapshot. */
extern void PolicyPromotionPrepare(Training *training, const TrainRequest *request, Oid relid);

/* After fitting; sets promotion.reason. */
extern void PolicyPromotionDecide(Training *training, const TrainRequest *request);

#endif
