/*
 * choice.h: a training whose algorithm is chosen by the data (algo/choice/choose.h).
 *
 * Each function does nothing for a request that names its algorithm.
 */
#ifndef RECADV_PG_TRAIN_CHOICE_H
#define RECADV_PG_TRAIN_CHOICE_H

#include "pg/train/training.h"

/* Fails if the request leaves nothing to choose by, or names candidates that need what is missing.
 */
extern void ChoiceCheck(const TrainRequest *request);

/*
 * Takes over algorithm and options of the current version if they were chosen, too, by trials
 * of the same candidates at the same expense, and the data have about the size that they had then;
 * not with the option search.  After reading; needs an active snapshot.
 */
extern void ChoiceKeep(Training *training, TrainRequest *request, Oid relid);

/* Chooses, with a notice of why; from here on the request is one for what was chosen. */
extern void ChoiceMake(Training *training, TrainRequest *request);

/* As TrainingMemory. */
extern Size ChoiceMemory(const void *options, uint32 users, uint32 items, uint64 interactions,
                         Columns columns, int threads);

#endif
