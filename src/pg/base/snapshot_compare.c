/*
 * snapshot_compare.c: tells whether two snapshots see the same.
 *
 * For what a session keeps from one statement of a transaction to the next (serve/new_items.c).
 */
#include "pg/base/snapshot_compare.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

static TransactionId *CopyList(const TransactionId *list, int32 count)
{
    TransactionId *copy = PallocArray(TransactionId, (Size)count + 1);

    if (count > 0)
        memcpy(copy, list, count * sizeof(TransactionId));
    return copy;
}

/* A copy of a snapshot counts, but lacks, subtransactions that are too many to be listed. */
static int32 Listed(const SnapshotData *snapshot)
{
    return snapshot->suboverflowed && !snapshot->takenDuringRecovery ? 0 : snapshot->subxcnt;
}

SnapshotMark SnapshotMarkTake(void)
{
    SnapshotMark mark = {GetCurrentSubTransactionId(), *GetActiveSnapshot()};

    mark.snapshot.xip = CopyList(mark.snapshot.xip, (int32)mark.snapshot.xcnt);
    mark.snapshot.subxip = CopyList(mark.snapshot.subxip, Listed(&mark.snapshot));
    return mark;
}

static bool ListsEqual(const TransactionId *a, const TransactionId *b, int32 count)
{
    return count <= 0 || memcmp(a, b, count * sizeof(TransactionId)) == 0;
}

static bool SnapshotsEqual(const SnapshotData *a, const SnapshotData *b)
{
    return a->snapshot_type == SNAPSHOT_MVCC && b->snapshot_type == SNAPSHOT_MVCC &&
           a->xmin == b->xmin && a->xmax == b->xmax && a->curcid == b->curcid &&
           a->xcnt == b->xcnt && a->subxcnt == b->subxcnt && a->suboverflowed == b->suboverflowed &&
           a->takenDuringRecovery == b->takenDuringRecovery &&
           ListsEqual(a->xip, b->xip, (int32)a->xcnt) &&
           ListsEqual(a->subxip, b->subxip, Listed(a));
}

bool SnapshotMarkIsSame(const SnapshotMark *mark)
{
    return mark->subtransaction == GetCurrentSubTransactionId() &&
           SnapshotsEqual(&mark->snapshot, GetActiveSnapshot());
}
