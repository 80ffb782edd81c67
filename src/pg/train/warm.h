/*
 * warm.h: a training that starts from the version that serves (option warm_start).
 *
 * Users and items that both know keep their rows; those that are new start as in any training.
 */
#ifndef RECADV_PG_TRAIN_WARM_H
#define RECADV_PG_TRAIN_WARM_H

#include "pg/ids/ids.h"
#include "pg/model/blocks.h"

#include "algo/algorithm.h"
#include "pg/ids/id_list.h"

typedef struct WarmStart WarmStart;

/* Users and items of the training that the earlier version knows. */
typedef struct WarmKnown {
    uint32 users;
    uint32 items;
} WarmKnown;

/*
 * Loads the rows of a version into a child of `parent`; NULL if its parts are not those of this
 * algorithm with these options.  What the options leave open is as in that version.
 */
extern WarmStart *WarmStartRead(ModelStore *store, const Algorithm *algorithm, void *options,
                                MemoryContext parent);

/*
 * Copies the rows of known users and items into the model, whose ids are given, and frees the
 * start.  False, with a notice, if it knows too few of them to be a start.
 */
extern bool WarmStartApply(WarmStart *warm, const IdList *users, const IdList *items, Model *model,
                           WarmKnown *known);

/* Bytes that such a start takes for a version of these dimensions. */
extern Size WarmStartMemory(const Model *model);

#endif
