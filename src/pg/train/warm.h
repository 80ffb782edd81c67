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
#include "pg/train/recorded.h"

typedef struct WarmStart WarmStart;

/* Users and items of the training that the earlier version knows. */
typedef struct WarmKnown {
    uint32 users;
    uint32 items;
} WarmKnown;

/*
 * Loads the rows of a version into a child of `parent`; NULL if its parts are not those of this
 * algorithm with these options: then *misfit says what is different.  Otherwise *recorded is what
 * was measured of the version.
 */
extern WarmStart *WarmStartRead(ModelStore *store, const Algorithm *algorithm, const void *options,
                                MemoryContext parent, Recorded *recorded, char **misfit);

/*
 * Does the version know enough of these users and items to be a start?  Then what the options leave
 * open becomes what it is in that version; otherwise a notice tells.
 */
extern bool WarmStartSuits(const WarmStart *warm, const IdList *users, const IdList *items,
                           void *options, WarmKnown *known);

/* Copies the rows of known users and items into the model, whose ids are given. */
extern void WarmStartApply(const WarmStart *warm, const IdList *users, const IdList *items,
                           Model *model);
extern void WarmStartRelease(WarmStart *warm);

/* Bytes that such a start takes for a version of these dimensions. */
extern Size WarmStartMemory(const Model *model);

#endif
