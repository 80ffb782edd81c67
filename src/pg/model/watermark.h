/*
 * watermark.h: the watermark of a stream: the time up to which its events have come.
 *
 * A refresh reads its source from a while before the watermark on.  One event with a wrong time in
 * the far future must not move it there, or no refresh would see the rows until then.
 *
 * For all types of times alike, up to ten events, or 1 % of all, are not followed if they lie
 * further beyond the others than the others span, and infinite times never are.  Dates and
 * timestamps that lie in the future are not followed before their time has come; numbers have no
 * present.  A watermark that is too low loses nothing; refreshes read more rows again and know them
 * by their fingerprints.
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
    int64 now;          /* of numbers the greatest there is */
    uint64 few;         /* so many may be stray */
    binaryheap *latest; /* the latest times, one more than few; the earliest on top */
} Watermark;

/* Goes on from a watermark; of `events` in all, up to `count` will be added. */
extern void WatermarkBegin(Watermark *mark, Oid time_type, int64 first, int64 watermark,
                           uint64 events, uint64 count);
extern void WatermarkAdd(Watermark *mark, int64 time);
extern void WatermarkEnd(Watermark *mark);

#endif
