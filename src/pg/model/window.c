/*
 * window.c: keeps the fingerprints of the events that were learnt last.
 *
 * A training makes the window, each refresh asks it what is new and moves it on.
 */
#include "pg/model/window.h"

#include "common/hashfn.h"

#include "pg/model/watermark.h"
#include "pg/model/parts.h"
#include "pg/base/times.h"

/* Fingerprints of a block, each of two values: key and time. */
#define FINGERPRINTS_PER_BLOCK 2048

Fingerprint FingerprintOf(Id user, Id item, int64 time)
{
    uint64 event[] = {IdKey(user), IdKey(item), (uint64)time};

    return (Fingerprint){hash_bytes_extended((const unsigned char *)event, sizeof(event), 0), time};
}

int64 WindowStart(const Window *window)
{
    return TimeBefore(window->time_type, window->watermark, window->lateness);
}

uint32 WindowCount(const Window *window, uint64 key)
{
    uint32 low = 0, high = window->count, found = 0;

    while (low < high) {
        uint32 middle = low + (high - low) / 2;

        if (window->fingerprints[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + found < window->count && window->fingerprints[low + found].key == key)
        found++;
    return found;
}

#define ST_SORT          SortFingerprints
#define ST_ELEMENT_TYPE  Fingerprint
#define ST_COMPARE(a, b) (((a)->key > (b)->key) - ((a)->key < (b)->key))
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Of numbers, what was not followed; of moments, what lies in the future, but for the little by
 * which clocks and time zones differ.
 */
static bool IsStray(const Watermark *mark, int64 time)
{
    if (TimeIsNumber(mark->time_type))
        return time > mark->limit && !TimeIsInfinite(mark->time_type, time);
    return time > TimeSoon(mark->time_type);
}

static char *WatermarkText(const Watermark *mark)
{
    return mark->time == NO_TIME ? pstrdup("unset") : TimeText(mark->time_type, mark->time);
}

static void WarnOfNumbers(const Watermark *mark, int64 farthest, unsigned long strays)
{
    ereport(WARNING,
            (errmsg_plural("%lu event lies far beyond the others in time",
                           "%lu events lie far beyond the others in time", strays, strays),
             errdetail("The last is at %s; the newest time that refreshes go by stays %s.",
                       TimeText(mark->time_type, farthest), WatermarkText(mark)),
             errhint("Correct such rows if they are wrong.  Times that more than ten events and "
                     "1 %% of all have are followed.")));
}

static void WarnOfFuture(const Watermark *mark, int64 farthest, unsigned long strays)
{
    ereport(WARNING, (errmsg_plural("%lu event lies in the future", "%lu events lie in the future",
                                    strays, strays),
                      errdetail("The last is at %s; the newest time that refreshes go by stays %s.",
                                TimeText(mark->time_type, farthest), WatermarkText(mark)),
                      errhint("Correct such rows if they are wrong.")));
}

/* Tells of the events just learnt that lie so far in the future that they were not followed. */
static void WarnOfStrays(const Watermark *mark, const Fingerprint *learnt, uint64 count)
{
    int64 farthest = NO_TIME;
    unsigned long strays = 0;

    for (uint64 i = 0; i < count; i++) {
        if (!IsStray(mark, learnt[i].time))
            continue;
        strays++;
        farthest = Max(farthest, learnt[i].time);
    }
    if (strays > 0 && TimeIsNumber(mark->time_type))
        WarnOfNumbers(mark, farthest, strays);
    else if (strays > 0)
        WarnOfFuture(mark, farthest, strays);
}

/* Copies the fingerprints that are not older than `start`; returns how many. */
static uint64 KeepFrom(int64 start, const Fingerprint *from, uint64 count, Fingerprint *to)
{
    uint64 kept = 0;

    for (uint64 i = 0; i < count; i++)
        if (from[i].time >= start)
            to[kept++] = from[i];
    return kept;
}

static void CheckCount(uint64 count)
{
    if (count > PG_INT32_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("too many events lie within the option lateness: " UINT64_FORMAT, count),
                 errhint("Train with a lower lateness.")));
}

/* The window after learning: old and new fingerprints that the new watermark still asks for. */
static Window Merge(const Window *window, const Watermark *mark, Fingerprint *learnt, uint64 count)
{
    Window next = *window;
    uint64 kept;
    int64 start;

    next.first = mark->first;
    next.watermark = mark->time;
    start = WindowStart(&next);
    kept = KeepFrom(start, learnt, count, learnt);
    CheckCount(kept + window->count);
    next.fingerprints = PallocArray(Fingerprint, kept + window->count + 1);
    next.count = (uint32)KeepFrom(start, window->fingerprints, window->count, next.fingerprints);
    if (kept > 0)
        memcpy(next.fingerprints + next.count, learnt, kept * sizeof(Fingerprint));
    next.count += (uint32)kept;
    SortFingerprints(next.fingerprints, next.count);
    WarnOfStrays(mark, learnt, kept);
    return next;
}

Window WindowAdvance(const Window *window, uint64 events, Fingerprint *learnt, uint64 count)
{
    Watermark mark;

    WatermarkBegin(&mark, window->time_type, window->first, window->watermark, events,
                   count + window->count);
    for (uint64 i = 0; i < count; i++)
        WatermarkAdd(&mark, learnt[i].time);
    for (uint32 i = 0; i < window->count; i++)
        WatermarkAdd(&mark, window->fingerprints[i].time);
    WatermarkEnd(&mark);
    return Merge(window, &mark, learnt, count);
}

/*
 * Finds the watermark first: most events of a training are older than the window, and get no
 * fingerprint at all.
 */
Window WindowOfEvents(const LearntEvents *events, const IdList *users, const IdList *items,
                      Oid time_type, double lateness)
{
    Window empty = {.time_type = time_type,
                    .time_typmod = -1,
                    .watermark = NO_TIME,
                    .lists = true,
                    .lateness = lateness},
           window;
    Fingerprint *learnt;
    uint64 count = 0;
    Watermark mark;
    int64 start;

    WatermarkBegin(&mark, time_type, NO_TIME, NO_TIME, events->count, events->count);
    for (uint64 i = 0; i < events->count; i++)
        WatermarkAdd(&mark, events->time[i]);
    WatermarkEnd(&mark);
    start = TimeBefore(time_type, mark.time, lateness);
    for (uint64 i = 0; i < events->count; i++)
        count += events->time[i] >= start;
    learnt = PallocArray(Fingerprint, count + 1);
    count = 0;
    for (uint64 i = 0; i < events->count; i++)
        if (events->time[i] >= start)
            learnt[count++] = FingerprintOf(IdListGet(users, events->user[i]),
                                            IdListGet(items, events->item[i]), events->time[i]);
    window = Merge(&empty, &mark, learnt, count);
    pfree(learnt);
    return window;
}

void WindowDescribe(StringInfo json, const Window *window, uint64 events)
{
    JsonOpen(json, "stream", '{');
    JsonString(json, "time_type", TimeTypeName(window->time_type));
    if (window->time_typmod >= 0)
        JsonInteger(json, "time_typmod", window->time_typmod);
    if (window->first != NO_TIME)
        JsonInteger(json, "first", window->first);
    if (window->watermark != NO_TIME) {
        JsonInteger(json, "watermark", window->watermark);
        JsonString(json, "newest", TimeText(window->time_type, window->watermark));
    }
    JsonInteger(json, "events", (int64)events);
    JsonInteger(json, "window", window->count);
    if (window->lists)
        JsonString(json, "learnt", "hashes");
    JsonClose(json, '}');
}

void WindowWrite(ModelSink *sink, const Window *window)
{
    for (uint32 b = 0; b < BlockCount(window->count, FINGERPRINTS_PER_BLOCK); b++) {
        uint32 rows = BlockRows(window->count, FINGERPRINTS_PER_BLOCK, b);
        DataBlock block = {.type = BLOCK_INT64, .number = b, .rows = 2 * rows, .columns = 1};
        bytea *bytes = BlockAllocate(&block);

        memcpy(BlockData(bytes), window->fingerprints + (Size)b * FINGERPRINTS_PER_BLOCK,
               block.size);
        SinkPut(sink, PART_WINDOW, &block, bytes);
    }
}

static void CheckSorted(ModelStore *store, const Window *window)
{
    for (uint32 i = 1; i < window->count; i++)
        if (window->fingerprints[i - 1].key > window->fingerprints[i].key)
            StoreDamaged(store, PART_WINDOW, i / FINGERPRINTS_PER_BLOCK,
                         "its fingerprints are not in ascending order");
}

Window WindowRead(ModelStore *store, const Header *header)
{
    Window window = {.time_type = header->time_type,
                     .time_typmod = header->time_typmod,
                     .first = header->first,
                     .watermark = header->watermark,
                     .lists = header->learnt,
                     .lateness = ((const TrainOptions *)header->options)->lateness,
                     .count = header->window};

    for (uint32 b = BlockCount(window.count, FINGERPRINTS_PER_BLOCK); b-- > 0;) {
        uint32 rows = BlockRows(window.count, FINGERPRINTS_PER_BLOCK, b);
        DataBlock block = StoreReadMatrix(store, PART_WINDOW, b, BLOCK_INT64, 2 * rows, 1);

        /* The last block is read first: a header with a count too large fails before it costs
         * memory. */
        if (window.fingerprints == NULL)
            window.fingerprints = PallocArray(Fingerprint, (Size)window.count + 1);
        memcpy(window.fingerprints + (Size)b * FINGERPRINTS_PER_BLOCK, block.payload, block.size);
        BlockFree(&block);
    }
    CheckSorted(store, &window);
    return window;
}

uint32 WindowCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return CopyPart(store, PART_WINDOW, BlockCount(header->window, FINGERPRINTS_PER_BLOCK),
                    BLOCK_INT64, sink);
}
