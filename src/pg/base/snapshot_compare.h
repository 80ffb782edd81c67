/*
 * snapshot_compare.h: whether a look into a table would see what an earlier one has seen.
 *
 * An MVCC snapshot decides what is visible by its limits, the transactions that it lists as running
 * and the command of the own transaction up to which it sees.  Where all of these are equal, in one
 * and the same subtransaction, so is what is seen: rows of a subtransaction that was rolled back
 * meanwhile are of a later command, or were never seen.
 */
#ifndef RECADV_PG_BASE_SNAPSHOT_COMPARE_H
#define RECADV_PG_BASE_SNAPSHOT_COMPARE_H

#include "pg/base/compat.h"

#include "utils/snapshot.h"

typedef struct SnapshotMark {
    SubTransactionId subtransaction;
    SnapshotData snapshot;
} SnapshotMark;

/* What the active snapshot sees; allocated in the current context.  Of use to this transaction. */
extern SnapshotMark SnapshotMarkTake(void);

/* False if in doubt. */
extern bool SnapshotMarkIsSame(const SnapshotMark *mark);

#endif
