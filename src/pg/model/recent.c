/* recent.c: counts, stores and reads how often each item was taken of late. */
#include "pg/model/recent.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"

#include "pg/base/times.h"
#include "pg/model/parts.h"
#include "pg/model/watermark.h"

/* Items of a block: a refresh writes those that it changed. */
#define BLOCK_ITEMS 8192

/* Half-lives between the origin and the newest interaction. */
#define MOST_HALF_LIVES 60

/* The newest time that can be believed: strays would make all others old. */
static double NewestTime(const Interactions *data)
{
    Watermark mark;

    WatermarkBegin(&mark, FLOAT8OID, NO_TIME, NO_TIME, data->count, data->count);
    for (uint64 i = 0; i < data->count; i++)
        if (isfinite(data->time[i]))
            WatermarkAdd(&mark, TimeOf(FLOAT8OID, Float8GetDatum(data->time[i])));
    WatermarkEnd(&mark);
    return mark.time == NO_TIME ? 0 : TimeSeconds(FLOAT8OID, mark.time);
}

void RecentAdd(RecentCounts *recent, uint32 item, double time, double newest, float weight)
{
    double age = recent->origin - Min(time, newest);
    float *count = &recent->count[item];

    *count = (float)Min(*count + weight * exp2(-age / recent->half_life), FLT_MAX);
    if (recent->changed != NULL)
        recent->changed[item / BLOCK_ITEMS] = true;
}

RecentCounts RecentOfInteractions(const Interactions *data, double half_life)
{
    RecentCounts recent = {.half_life = half_life, .items = data->items};

    recent.origin = NewestTime(data);
    recent.count = PallocArray(float, (Size)data->items + 1);
    memset(recent.count, 0, (Size)data->items * sizeof(float));
    for (uint64 i = 0; i < data->count; i++) {
        RecentAdd(&recent, data->item[i], data->time[i], recent.origin,
                  data->weight == NULL ? 1 : data->weight[i]);
        if (i % 65536 == 0)
            CHECK_FOR_INTERRUPTS();
    }
    return recent;
}

static uint32 Blocks(uint32 items)
{
    return BlockCount(items, BLOCK_ITEMS);
}

static void ReadBlock(ModelStore *store, const Header *header, uint32 number, float *out)
{
    DataBlock block = StoreReadMatrix(store, PART_RECENT_POPULARITY, number, BLOCK_FLOAT,
                                      BlockRows(header->items, BLOCK_ITEMS, number), 1);

    memcpy(out, block.payload, block.rows * sizeof(float));
    for (uint32 i = 0; i < block.rows; i++)
        if (!(out[i] >= 0))
            StoreDamaged(store, PART_RECENT_POPULARITY, number, "a count is below zero");
    BlockFree(&block);
}

/* With room for the counts, of which there are those of the new items. */
static RecentCounts Room(const Header *header, uint32 more)
{
    RecentCounts recent = {.half_life = header->half_life,
                           .origin = header->recent_origin,
                           .items = header->items + more};

    if (recent.half_life == 0)
        return recent;
    recent.count = PallocArray(float, (Size)recent.items + 1);
    memset(recent.count + header->items, 0, (Size)more * sizeof(float));
    return recent;
}

/* A last block that grows is another one. */
RecentCounts RecentRead(ModelStore *store, const Header *header, uint32 more)
{
    RecentCounts recent = Room(header, more);

    if (recent.half_life == 0)
        return recent;
    for (uint32 b = 0; b < Blocks(header->items); b++)
        ReadBlock(store, header, b, recent.count + (Size)b * BLOCK_ITEMS);
    recent.changed = palloc0(Blocks(recent.items) + 1);
    for (uint32 b = header->items / BLOCK_ITEMS; more > 0 && b < Blocks(recent.items); b++)
        recent.changed[b] = true;
    return recent;
}

const float *RecentReadOf(ModelStore *store, const Header *header, uint32 more, const uint32 *items,
                          uint32 count)
{
    RecentCounts recent = Room(header, more);
    uint32 before = UINT32_MAX;

    for (uint32 i = 0; recent.half_life > 0 && i < count && items[i] < header->items; i++) {
        uint32 b = items[i] / BLOCK_ITEMS;

        if (b != before)
            ReadBlock(store, header, b, recent.count + (Size)b * BLOCK_ITEMS);
        before = b;
    }
    return recent.count;
}

void RecentMove(RecentCounts *recent, double newest)
{
    double half_lives = (newest - recent->origin) / recent->half_life;

    if (half_lives < MOST_HALF_LIVES)
        return;
    for (uint32 i = 0; i < recent->items; i++)
        recent->count[i] *= (float)exp2(-half_lives);
    memset(recent->changed, true, Blocks(recent->items));
    recent->origin = newest;
}

void RecentWrite(ModelSink *sink, const RecentCounts *recent)
{
    for (uint32 b = 0; recent->half_life > 0 && b < Blocks(recent->items); b++) {
        DataBlock block = {.type = BLOCK_FLOAT,
                           .number = b,
                           .rows = BlockRows(recent->items, BLOCK_ITEMS, b),
                           .columns = 1};
        bytea *bytes;

        if (recent->changed != NULL && !recent->changed[b])
            continue;
        bytes = BlockAllocate(&block);
        memcpy(BlockData(bytes), recent->count + (Size)b * BLOCK_ITEMS, block.rows * sizeof(float));
        SinkPut(sink, PART_RECENT_POPULARITY, &block, bytes);
    }
}

uint32 RecentCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return header->half_life == 0
               ? 0
               : CopyPart(store, PART_RECENT_POPULARITY, Blocks(header->items), BLOCK_FLOAT, sink);
}

void RecentDescribe(StringInfo json, const RecentCounts *recent)
{
    if (recent->half_life == 0)
        return;
    JsonOpen(json, "recent", '{');
    JsonReal(json, "half_life", recent->half_life);
    JsonReal(json, "origin", recent->origin);
    JsonClose(json, '}');
}
