/* window.c: sorted fingerprints. */
#include "pg/window.h"

#include "common/hashfn.h"

#include "pg/parts.h"
#include "pg/times.h"

#define PART_WINDOW "window"

/* Values of a block: key, time, key, time ... */
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

static int64 Later(Oid time_type, int64 watermark, int64 time, int64 now)
{
    return TimeIsInfinite(time_type, time) ? watermark : Max(watermark, Min(time, now));
}

/* A time to come does not hide the rows until then. */
static int64 Watermark(const Window *window, const Fingerprint *learnt, uint64 count)
{
    int64 now = TimeNow(window->time_type), watermark = window->watermark;

    for (uint64 i = 0; i < count; i++)
        watermark = Later(window->time_type, watermark, learnt[i].time, now);
    return watermark;
}

/* Those that are not too old, in front; returns how many. */
static uint64 KeepFrom(int64 start, const Fingerprint *from, uint64 count, Fingerprint *to)
{
    uint64 kept = 0;

    for (uint64 i = 0; i < count; i++)
        if (from[i].time >= start)
            to[kept++] = from[i];
    return kept;
}

Window WindowAdvance(const Window *window, Fingerprint *learnt, uint64 count)
{
    Window next = *window;
    uint64 kept;
    int64 start;

    next.watermark = Watermark(window, learnt, count);
    start = WindowStart(&next);
    kept = KeepFrom(start, learnt, count, learnt);
    if (kept + window->count > PG_INT32_MAX)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("too many events lie within the option lateness: " UINT64_FORMAT,
                               kept + window->count),
                        errhint("Train with a lower lateness.")));
    next.fingerprints = PallocArray(Fingerprint, kept + window->count + 1);
    next.count = (uint32)KeepFrom(start, window->fingerprints, window->count, next.fingerprints);
    if (kept > 0)
        memcpy(next.fingerprints + next.count, learnt, kept * sizeof(Fingerprint));
    next.count += (uint32)kept;
    SortFingerprints(next.fingerprints, next.count);
    return next;
}

/* Only the latest are worth a fingerprint: the others are skipped before they cost memory. */
Window WindowOfPairs(const Pairs *pairs, const IdList *users, const IdList *items, Oid time_type,
                     double lateness)
{
    Window empty = {.time_type = time_type, .watermark = NO_TIME, .lateness = lateness}, window;
    int64 now = TimeNow(time_type), start;
    Fingerprint *learnt;
    uint64 count = 0;

    for (uint64 i = 0; i < pairs->count; i++)
        empty.watermark = Later(time_type, empty.watermark, pairs->time[i], now);
    start = WindowStart(&empty);
    for (uint64 i = 0; i < pairs->count; i++)
        count += pairs->time[i] >= start;
    learnt = PallocArray(Fingerprint, count + 1);
    count = 0;
    for (uint64 i = 0; i < pairs->count; i++)
        if (pairs->time[i] >= start)
            learnt[count++] = FingerprintOf(IdListGet(users, pairs->user[i]),
                                            IdListGet(items, pairs->item[i]), pairs->time[i]);
    window = WindowAdvance(&empty, learnt, count);
    pfree(learnt);
    return window;
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
                     .watermark = header->watermark,
                     .lateness = ((const TrainOptions *)header->options)->lateness,
                     .count = header->window};

    for (uint32 b = BlockCount(window.count, FINGERPRINTS_PER_BLOCK); b-- > 0;) {
        uint32 rows = BlockRows(window.count, FINGERPRINTS_PER_BLOCK, b);
        DataBlock block = StoreReadMatrix(store, PART_WINDOW, b, BLOCK_INT64, 2 * rows, 1);

        /* The last block first: once it is there, the count is worth its memory. */
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
