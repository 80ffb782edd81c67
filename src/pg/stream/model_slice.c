/*
 * model_slice.c: loads what a refresh changes of a model, and writes back the blocks that changed.
 *
 * A refresh learns from a few users' events: it loads the rows of these users, and of all items,
 * since an event may change any of them.  Item blocks are compared by a digest with what was read.
 */
#include "pg/stream/model_slice.h"

#include "common/hashfn.h"

#include "algo/rank/prequential.h"
#include "pg/model/parts.h"
#include "pg/model/interactions.h"
#include "pg/base/settings.h"

static Size RowSize(const Model *model, Axis axis)
{
    Size total = 0;

    for (int i = 0; i < model->parts; i++)
        if (model->part[i].axis == axis)
            total += model->part[i].stride * sizeof(float);
    return total;
}

static void CheckSliceMemory(const ModelSlice *slice, uint32 users, uint32 items)
{
    Size rows = SizeAdd(SizeMultiply(RowSize(&slice->stored, AXIS_USER), users),
                        SizeMultiply(RowSize(&slice->stored, AXIS_ITEM), items));

    rows = SizeAdd(rows, StreamMemory(&slice->stored, items));
    CheckMemory(SizeAdd(MemoryContextMemAllocated(CurrentMemoryContext, true), rows),
                "learning what is new");
}

static float *Row(const Part *part, uint32 row)
{
    return part->data + (Size)row * part->stride;
}

/* Memory for the rows of one block. */
static float *BlockScratch(const Part *part, uint32 rows)
{
    return MemoryContextAllocHuge(CurrentMemoryContext,
                                  mul_size(mul_size(rows, part->stride), sizeof(float)));
}

/* The first user of the slice, from `first` on, whose stored index is not below `end`. */
static uint32 UsersBelow(const ModelSlice *slice, uint32 first, uint64 end)
{
    while (first < slice->model.users && slice->index[first] < end)
        first++;
    return first;
}

static void LoadUserPart(ModelSlice *slice, int i)
{
    const Part *stored = &slice->stored.part[i], *part = &slice->model.part[i];
    uint32 size = PartBlockRows(&slice->stored, stored);
    float *scratch = BlockScratch(stored, size);

    for (uint32 first = 0, last; first < slice->known; first = last) {
        uint32 number = slice->index[first] / size;

        last = UsersBelow(slice, first, ((uint64)number + 1) * size);
        ReadPartBlock(slice->store, &slice->stored, stored, number, scratch);
        for (uint32 u = first; u < last; u++)
            memcpy(Row(part, u), scratch + (Size)(slice->index[u] % size) * part->stride,
                   part->stride * sizeof(float));
    }
    pfree(scratch);
}

static uint64 Digest(const Part *part, uint32 first, uint32 rows)
{
    return hash_bytes_extended((const unsigned char *)Row(part, first),
                               (int)(rows * part->stride * sizeof(float)), 0);
}

static void LoadItemPart(ModelSlice *slice, int i, uint64 *digest)
{
    const Part *stored = &slice->stored.part[i], *part = &slice->model.part[i];
    uint32 size = PartBlockRows(&slice->stored, stored);

    for (uint32 b = 0; b < BlockCount(stored->rows, size); b++) {
        ReadPartBlock(slice->store, &slice->stored, stored, b, Row(part, b * size));
        digest[b] = Digest(part, b * size, BlockRows(stored->rows, size, b));
    }
}

/* How many blocks an item part has: all of them are cut alike. */
static uint32 ItemBlocks(const ModelSlice *slice)
{
    const Part *part = &slice->stored.part[POPULARITY_PART];

    return BlockCount(part->rows, PartBlockRows(&slice->stored, part));
}

static void LoadParts(ModelSlice *slice)
{
    uint32 blocks = ItemBlocks(slice);

    slice->digest = PallocArray(uint64, mul_size(blocks, (Size)slice->model.parts) + 1);
    for (int i = 0; i < slice->model.parts; i++) {
        Part *part = &slice->model.part[i];

        if (part->axis == AXIS_USER)
            LoadUserPart(slice, i);
        else if (part->axis == AXIS_ITEM)
            LoadItemPart(slice, i, slice->digest + (Size)i * blocks);
        else
            ReadPart(slice->store, &slice->stored, part);
    }
}

void SliceLoad(ModelSlice *slice, ModelStore *store, const Header *header, BackendHost *backend,
               const uint32 *users, uint32 count, uint32 more_users, uint32 more_items)
{
    MemoryContext caller = MemoryContextSwitchTo(backend->context);
    uint32 all = count + more_users;

    memset(slice, 0, sizeof(*slice));
    slice->store = store;
    slice->header = header;
    slice->known = count;
    DictionaryOpen(store, header, AXIS_USER, &slice->users);
    DictionaryOpen(store, header, AXIS_ITEM, &slice->items);
    slice->new_users = IdListCreate(header->user_kind, more_users);
    slice->new_items = IdListCreate(header->item_kind, more_items);
    HeaderLayout(header, &slice->stored);
    CheckSliceMemory(slice, all, header->items + more_items);
    ModelLayout(&slice->model, header->algorithm, header->options, count, header->items);
    ModelAllocateRoom(&backend->host, &slice->model, all, header->items + more_items);
    slice->index = PallocArray(uint32, (Size)all + 1);
    if (count > 0)
        memcpy(slice->index, users, count * sizeof(uint32));
    LoadParts(slice);
    HistoryInit(&backend->host, Max(all, 1), 0, &slice->history);
    ReadSeenOf(store, header, users, count, &slice->history);
    MemoryContextSwitchTo(caller);
}

uint32 SliceAddUser(ModelSlice *slice, Id id)
{
    slice->index[slice->model.users] = slice->header->users + slice->new_users.count;
    IdListAppend(&slice->new_users, id);
    return ModelAddUser(&slice->model, IdKey(id));
}

uint32 SliceAddItem(ModelSlice *slice, Id id)
{
    IdListAppend(&slice->new_items, id);
    return ModelAddItem(&slice->model, IdKey(id));
}

/* Writes the blocks that hold users of `model`, the other rows as they were. */
static void WriteUserPart(ModelSlice *slice, ModelSink *sink, int i)
{
    const Part *stored = &slice->stored.part[i], *part = &slice->model.part[i];
    uint32 size = PartBlockRows(&slice->stored, stored);
    uint32 all = slice->header->users + slice->new_users.count;
    Part block = *part;

    block.data = BlockScratch(part, size);
    for (uint32 first = 0, last; first < slice->model.users; first = last) {
        uint32 number = slice->index[first] / size;

        last = UsersBelow(slice, first, ((uint64)number + 1) * size);
        if (last - first < BlockRows(all, size, number)) /* others share the block */
            ReadPartBlock(slice->store, &slice->stored, stored, number, block.data);
        for (uint32 u = first; u < last; u++)
            memcpy(Row(&block, slice->index[u] % size), Row(part, u), part->stride * sizeof(float));
        WritePartBlock(sink, &block, number, 0, BlockRows(all, size, number));
    }
    pfree(block.data);
}

static void WriteItemPart(ModelSlice *slice, ModelSink *sink, int i, const uint64 *digest)
{
    const Part *part = &slice->model.part[i];
    uint32 size = PartBlockRows(&slice->stored, part), before = slice->stored.part[i].rows;

    for (uint32 b = 0; b < BlockCount(part->rows, size); b++) {
        uint32 rows = BlockRows(part->rows, size, b);
        bool same;

        CHECK_FOR_INTERRUPTS();
        same = (uint64)b * size < before && BlockRows(before, size, b) == rows &&
               Digest(part, b * size, rows) == digest[b];

        if (!same)
            WritePartBlock(sink, part, b, b * size, rows);
    }
}

static void CheckFinite(const ModelSlice *slice)
{
    for (int i = 0; i < slice->model.parts; i++)
        if (!PartIsFinite(&slice->model.part[i]))
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                            errmsg("learning these events makes values that are not finite"),
                            errhint("Train the model with a lower learning_rate.")));
}

void SliceWrite(ModelSlice *slice, ModelSink *sink)
{
    uint32 blocks = ItemBlocks(slice);

    CheckFinite(slice);
    for (int i = 0; i < slice->model.parts; i++) {
        const Part *part = &slice->model.part[i];

        if (part->axis == AXIS_USER)
            WriteUserPart(slice, sink, i);
        else if (part->axis == AXIS_ITEM)
            WriteItemPart(slice, sink, i, slice->digest + (Size)i * blocks);
        else
            WritePart(sink, &slice->stored, part);
    }
    WriteSeenOf(slice->store, slice->header, &slice->history, slice->index, slice->model.users,
                slice->header->users + slice->new_users.count, sink);
    DictionaryAppend(sink, &slice->users, &slice->new_users);
    DictionaryAppend(sink, &slice->items, &slice->new_items);
}
