/*
 * promotion.h: is a new version good enough to take the place of the one that serves (option
 * promote)?
 *
 * Both rank the held-out interactions of the new training that the version that serves has not
 * learnt, each user's among all items of its own that the user has not; an item that it does not
 * know is one that it cannot recommend.  Where there are fewer than PROMOTION_LEAST of them, what
 * both trainings measured is compared, if they held out alike and at least as many.  Whatever the
 * numbers say, a source that shrank to less than half, one that has no users or no items in common
 * with the version that serves, and a model that scores all items alike do not serve.
 */
#ifndef RECADV_PG_TRAIN_PROMOTION_H
#define RECADV_PG_TRAIN_PROMOTION_H

#include "pg/train/training.h"

/* Held-out interactions that say enough. */
#define PROMOTION_LEAST 50

/*
 * Loads the version that serves, ranks with it and forgets it again; marks what the new one is to
 * be compared by.  Between reading and fitting; needs an active snapshot.
 */
extern void PromotionPrepare(Training *training, const TrainRequest *request, Oid relid);

/* After fitting: measures the new one and sets promotion.reason. */
extern void PromotionDecide(Training *training, const TrainRequest *request);

/* A WARNING that the new version does not serve, or a NOTICE that it could not be compared. */
extern void PromotionReport(const Training *training, const TrainRequest *request, int32 version);

/* The new version will not serve, for that reason if it is the first. */
extern void PromotionRefuse(Training *training, const char *reason);

/* Is the error one of the version that serves, and a good reason to replace it? */
extern bool PromotionIsItsFault(const ErrorData *error);

#endif
