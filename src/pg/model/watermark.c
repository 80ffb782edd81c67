/* watermark.c: the newest time that can be believed. */
#include "pg/model/watermark.h"

#include "pg/base/times.h"

/* A stray time has at most so many events, or this share of all. */
#define FEW_EVENTS 10
#define FEW_SHARE  100

/* The least on top. */
static int CompareTimes(Datum a, Datum b, void *arg)
{
    int64 x = DatumGetInt64(a), y = DatumGetInt64(b);

    (void)arg;
    return (x < y) - (x > y);
}

void NewestBegin(Newest *newest, Oid time_type, int64 first, int64 watermark, uint64 events,
                 uint64 count)
{
    *newest = (Newest){
        .time_type = time_type,
        .first = first,
        .watermark = watermark,
        .limit = PG_INT64_MAX,
        .now = TimeNow(time_type),
        .few = Max(FEW_EVENTS, events / FEW_SHARE),
    };
    if (TimeIsNumber(time_type))
        newest->latest = binaryheap_allocate((int)Min(Min(newest->few, count) + 1, PG_INT32_MAX),
                                             CompareTimes, NULL);
}

static bool IsFull(const Newest *newest)
{
    return (uint64)newest->latest->bh_size > newest->few;
}

void NewestAdd(Newest *newest, int64 time)
{
    if (time == NO_TIME || TimeIsInfinite(newest->time_type, time))
        return;
    if (newest->first == NO_TIME || time < newest->first)
        newest->first = time;
    if (newest->latest == NULL)
        newest->watermark = Max(newest->watermark, Min(time, newest->now));
    else if (!IsFull(newest))
        binaryheap_add(newest->latest, Int64GetDatum(time));
    else if (time > DatumGetInt64(binaryheap_first(newest->latest)))
        binaryheap_replace_first(newest->latest, Int64GetDatum(time));
    CHECK_FOR_INTERRUPTS();
}

/* The newest time that more than a few events reach. */
static int64 Common(const Newest *newest)
{
    if (!IsFull(newest))
        return newest->watermark;
    return Max(newest->watermark, DatumGetInt64(binaryheap_first(newest->latest)));
}

/* All that are not stray and later than the common time are in the heap. */
void NewestEnd(Newest *newest)
{
    int64 common;

    if (newest->latest == NULL)
        return;
    common = Common(newest);
    if (common != NO_TIME && common > newest->first)
        newest->limit = TimeMirrored(newest->time_type, newest->first, common);
    for (int i = 0; i < newest->latest->bh_size; i++) {
        int64 time = DatumGetInt64(newest->latest->bh_nodes[i]);

        if (time <= newest->limit)
            newest->watermark = Max(newest->watermark, time);
    }
    binaryheap_free(newest->latest);
}
