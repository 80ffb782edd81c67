/*
 * watermark.c: finds the newest time of a stream that can be believed.
 *
 * The window uses it after trainings and refreshes, to know from which time on the next refresh
 * has to read.
 */
#include "pg/model/watermark.h"

#include "pg/base/times.h"

/* A stray time has at most so many events, or this share of all. */
#define FEW_EVENTS 10
#define FEW_SHARE  100

/* Puts the earliest of the latest times on top of the heap. */
static int CompareTimes(Datum a, Datum b, void *arg)
{
    int64 x = DatumGetInt64(a), y = DatumGetInt64(b);

    (void)arg;
    return (x < y) - (x > y);
}

void WatermarkBegin(Watermark *mark, Oid time_type, int64 first, int64 watermark, uint64 events,
                    uint64 count)
{
    *mark = (Watermark){
        .time_type = time_type,
        .first = first,
        .time = watermark,
        .limit = TimeNow(time_type),
        .now = TimeNow(time_type),
        .few = Max(FEW_EVENTS, events / FEW_SHARE),
    };
    mark->latest =
        binaryheap_allocate((int)Min(Min(mark->few, count) + 1, PG_INT32_MAX), CompareTimes, NULL);
}

static bool IsFull(const Watermark *mark)
{
    return (uint64)mark->latest->bh_size > mark->few;
}

void WatermarkAdd(Watermark *mark, int64 time)
{
    if (time == NO_TIME || time > mark->now || TimeIsInfinite(mark->time_type, time))
        return;
    if (mark->first == NO_TIME || time < mark->first)
        mark->first = time;
    if (!IsFull(mark))
        binaryheap_add(mark->latest, Int64GetDatum(time));
    else if (time > DatumGetInt64(binaryheap_first(mark->latest)))
        binaryheap_replace_first(mark->latest, Int64GetDatum(time));
    CHECK_FOR_INTERRUPTS();
}

/* The newest time that more than `few` events have reached; so it is not a stray one. */
static int64 Common(const Watermark *mark)
{
    if (!IsFull(mark))
        return mark->time;
    return Max(mark->time, DatumGetInt64(binaryheap_first(mark->latest)));
}

/*
 * The heap holds all times later than the common one.  Those of them that do not lie too far beyond
 * it move the watermark, too.
 */
void WatermarkEnd(Watermark *mark)
{
    int64 common;

    common = Common(mark);
    if (common != NO_TIME && common > mark->first)
        mark->limit = Min(mark->now, TimeMirrored(mark->time_type, mark->first, common));
    for (int i = 0; i < mark->latest->bh_size; i++) {
        int64 time = DatumGetInt64(mark->latest->bh_nodes[i]);

        if (time <= mark->limit)
            mark->time = Max(mark->time, time);
    }
    binaryheap_free(mark->latest);
}
