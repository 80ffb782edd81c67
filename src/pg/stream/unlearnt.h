/*
 * unlearnt.h: what a model has not learnt yet: new rows of its source, and observed events.
 *
 * An event that is in the source and was observed, too, is learnt once.  Say the source has an
 * event (user, item, time) s times, the window w times, and observers reported it l times.  If the
 * source has it, s - w are to be learnt: what was observed is among its rows.  If the source has it
 * not (yet), l - w are to be learnt; the window then has them when the rows come.  Observed events
 * from before the window are to be learnt if the lists of learnt events have them not.
 */
#ifndef RECADV_PG_STREAM_UNLEARNT_H
#define RECADV_PG_STREAM_UNLEARNT_H

#include "pg/stream/pending.h"
#include "pg/model/window.h"
#include "pg/train/collect.h"

typedef struct UnlearntEvent {
    uint32 user; /* index into the list of ids */
    uint32 item;
    int64 time;
    float weight;
} UnlearntEvent;

/* Sorts by time, then user, then item, then weight. */
extern void SortUnlearnt(UnlearntEvent *events, uint64 count);

typedef struct Unlearnt {
    uint64 read;            /* rows of the source since the start of the window */
    uint64 null_rows;       /* of these, skipped for a NULL id */
    uint64 weightless_rows; /* of these, skipped for a weight that does not count */
    Unusable unusable;      /* of these, skipped for an id that is none */
    CappedWeights capped;
    PendingRows pending;
    IdList users; /* of all rows, ascending */
    IdList items;
    uint64 count;
    UnlearntEvent *events; /* to be learnt; by time, user, item */
} Unlearnt;

/*
 * Reads what is not learnt; all memory in the backend's context.  Needs SPI and an active snapshot.
 * The source is read before the observed events: a transaction that writes both is then never seen
 * with its row in the source alone.
 */
extern void UnlearntRead(ModelTable *table, const Header *header, const Window *window,
                         BackendHost *backend, Unlearnt *unlearnt);

/* Fingerprints of the events to be learnt; allocated in the current context. */
extern Fingerprint *UnlearntFingerprints(const Unlearnt *unlearnt);

#endif
