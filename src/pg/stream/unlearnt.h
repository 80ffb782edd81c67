/*
 * unlearnt.h: what a model has not learnt yet: new rows of its source, and observed events.
 *
 * An event that is in the source as well as observed is learnt once.  For each (user, item, time):
 * the source has it s times, the window w times, observers l times; s > 0 leaves s - w to be
 * learnt (an observed event that the source does not show yet will be seen there), s = 0 leaves l.
 */
#ifndef RECADV_PG_STREAM_UNLEARNT_H
#define RECADV_PG_STREAM_UNLEARNT_H

#include "pg/stream/pending.h"
#include "pg/model/window.h"

typedef struct UnlearntEvent {
    uint32 user; /* index into the list of ids */
    uint32 item;
    int64 time;
} UnlearntEvent;

/* By time, then user, then item. */
extern void SortUnlearnt(UnlearntEvent *events, uint64 count);

typedef struct Unlearnt {
    uint64 read;      /* rows of the source since the start of the window */
    uint64 null_rows; /* of these, skipped for a NULL id */
    PendingRows pending;
    IdList users; /* of all rows, ascending */
    IdList items;
    uint64 count;
    UnlearntEvent *events; /* to be learnt; by time, user, item */
} Unlearnt;

/*
 * Reads what is new; needs SPI and an active snapshot.  Source first: what is observed in a
 * transaction is then seen whenever its row in the source is.  All memory in `context`.
 */
extern void UnlearntRead(ModelTable *table, const Header *header, const Window *window,
                         MemoryContext context, Unlearnt *unlearnt);

/* Fingerprints of the events to be learnt; allocated in the current context. */
extern Fingerprint *UnlearntFingerprints(const Unlearnt *unlearnt);

#endif
