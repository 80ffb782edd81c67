/*
 * watermark.h: up to where the events of a stream reach in time: its watermark.
 *
 * A time to come must not hide the rows until then.  Moments have a present, beyond which no event
 * moves the watermark.  Numbers have none; of them, what few events have and lies far beyond all
 * others is not followed: further beyond the rest than the rest spans.  A watermark that is too low
 * costs time and memory, for the events beyond it are read again and known by their fingerprints;
 * it loses nothing.
 */
#ifndef RECADV_PG_MODEL_WATERMARK_H
#define RECADV_PG_MODEL_WATERMARK_H

#include "pg/base/compat.h"

#include "lib/binaryheap.h"

typedef struct Watermark {
    Oid time_type;
    int64 first;        /* earliest time so far; NO_TIME: none */
    int64 time;         /* the watermark itself */
    int64 limit;        /* after the end: what lies beyond was not followed */
    int64 now;          /* of moments */
    uint64 few;         /* so many may be stray */
    binaryheap *latest; /* of numbers: the latest times, one more than few; the earliest on top */
} Watermark;

/* Goes on from a watermark; of `events` in all, up to `count` will be added. */
extern void WatermarkBegin(Watermark *mark, Oid time_type, int64 first, int64 watermark,
                           uint64 events, uint64 count);
extern void WatermarkAdd(Watermark *mark, int64 time);
extern void WatermarkEnd(Watermark *mark);

#endif
