/* model_slice.c: loading and writing back a piece of a model. */
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

static void CheckStateMemory(const State *state, uint32 users, uint32 items)
{
    Size rows = SizeAdd(SizeMultiply(RowSize(&state->stored, AXIS_USER), users),
                        SizeMultiply(RowSize(&state->stored, AXIS_ITEM), items));

    rows = SizeAdd(rows, StreamMemory(&state->stored, items));
    CheckMemory(SizeAdd(MemoryContextMemAllocated(CurrentMemoryContext, true), rows),
                "learning what is new");
}

static float *Row(const Part *part, uint32 row)
{
    return part->data + (Size)row * part->stride;
}

/* Rows of one block, as they are in memory. */
static float *BlockScratch(const Part *part, uint32 rows)
{
    return MemoryContextAllocHuge(CurrentMemoryContext,
                                  mul_size(mul_size(rows, part->stride), sizeof(float)));
}

/* The users of `model` from `first` on whose stored index lies below `end`. */
static uint32 UsersBelow(const State *state, uint32 first, uint64 end)
{
    while (first < state->model.users && state->index[first] < end)
        first++;
    return first;
}

static void LoadUserPart(State *state, int i)
{
    const Part *stored = &state->stored.part[i], *part = &state->model.part[i];
    uint32 size = PartBlockRows(&state->stored, stored);
    float *scratch = BlockScratch(stored, size);

    for (uint32 first = 0, last; first < state->known; first = last) {
        uint32 number = state->index[first] / size;

        last = UsersBelow(state, first, ((uint64)number + 1) * size);
        ReadPartBlock(state->store, &state->stored, stored, number, scratch);
        for (uint32 u = first; u < last; u++)
            memcpy(Row(part, u), scratch + (Size)(state->index[u] % size) * part->stride,
                   part->stride * sizeof(float));
    }
    pfree(scratch);
}

static uint64 Digest(const Part *part, uint32 first, uint32 rows)
{
    return hash_bytes_extended((const unsigned char *)Row(part, first),
                               (int)(rows * part->stride * sizeof(float)), 0);
}

static void LoadItemPart(State *state, int i, uint64 *digest)
{
    const Part *stored = &state->stored.part[i], *part = &state->model.part[i];
    uint32 size = PartBlockRows(&state->stored, stored);

    for (uint32 b = 0; b < BlockCount(stored->rows, size); b++) {
        ReadPartBlock(state->store, &state->stored, stored, b, Row(part, b * size));
        digest[b] = Digest(part, b * size, BlockRows(stored->rows, size, b));
    }
}

/* Blocks of one part of the items: all are cut alike. */
static uint32 ItemBlocks(const State *state)
{
    const Part *part = &state->stored.part[POPULARITY_PART];

    return BlockCount(part->rows, PartBlockRows(&state->stored, part));
}

static void LoadParts(State *state)
{
    uint32 blocks = ItemBlocks(state);

    state->digest = PallocArray(uint64, mul_size(blocks, (Size)state->model.parts) + 1);
    for (int i = 0; i < state->model.parts; i++) {
        Part *part = &state->model.part[i];

        if (part->axis == AXIS_USER)
            LoadUserPart(state, i);
        else if (part->axis == AXIS_ITEM)
            LoadItemPart(state, i, state->digest + (Size)i * blocks);
        else
            ReadPart(state->store, &state->stored, part);
    }
}

void StateLoad(State *state, ModelStore *store, const Header *header, BackendHost *backend,
               const uint32 *users, uint32 count, uint32 more_users, uint32 more_items)
{
    MemoryContext caller = MemoryContextSwitchTo(backend->context);
    uint32 all = count + more_users;

    memset(state, 0, sizeof(*state));
    state->store = store;
    state->header = header;
    state->known = count;
    DictionaryOpen(store, header, AXIS_USER, &state->users);
    DictionaryOpen(store, header, AXIS_ITEM, &state->items);
    state->new_users = IdListCreate(header->user_kind, more_users);
    state->new_items = IdListCreate(header->item_kind, more_items);
    HeaderLayout(header, &state->stored);
    CheckStateMemory(state, all, header->items + more_items);
    ModelLayout(&state->model, header->algorithm, header->options, count, header->items);
    ModelAllocateRoom(&backend->host, &state->model, all, header->items + more_items);
    state->index = PallocArray(uint32, (Size)all + 1);
    if (count > 0)
        memcpy(state->index, users, count * sizeof(uint32));
    LoadParts(state);
    HistoryInit(&backend->host, Max(all, 1), &state->history);
    ReadSeenOf(store, header, users, count, &state->history);
    MemoryContextSwitchTo(caller);
}

uint32 StateAddUser(State *state, Id id)
{
    state->index[state->model.users] = state->header->users + state->new_users.count;
    IdListAppend(&state->new_users, id);
    return ModelAddUser(&state->model, IdKey(id));
}

uint32 StateAddItem(State *state, Id id)
{
    IdListAppend(&state->new_items, id);
    return ModelAddItem(&state->model, IdKey(id));
}

/* Writes the blocks that hold users of `model`, the other rows as they were. */
static void WriteUserPart(State *state, ModelSink *sink, int i)
{
    const Part *stored = &state->stored.part[i], *part = &state->model.part[i];
    uint32 size = PartBlockRows(&state->stored, stored);
    uint32 all = state->header->users + state->new_users.count;
    Part block = *part;

    block.data = BlockScratch(part, size);
    for (uint32 first = 0, last; first < state->model.users; first = last) {
        uint32 number = state->index[first] / size;

        last = UsersBelow(state, first, ((uint64)number + 1) * size);
        if (last - first < BlockRows(all, size, number)) /* others share the block */
            ReadPartBlock(state->store, &state->stored, stored, number, block.data);
        for (uint32 u = first; u < last; u++)
            memcpy(Row(&block, state->index[u] % size), Row(part, u), part->stride * sizeof(float));
        WritePartBlock(sink, &block, number, 0, BlockRows(all, size, number));
    }
    pfree(block.data);
}

static void WriteItemPart(State *state, ModelSink *sink, int i, const uint64 *digest)
{
    const Part *part = &state->model.part[i];
    uint32 size = PartBlockRows(&state->stored, part), before = state->stored.part[i].rows;

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

static void CheckFinite(const State *state)
{
    for (int i = 0; i < state->model.parts; i++)
        if (!PartIsFinite(&state->model.part[i]))
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                            errmsg("learning these events makes values that are not finite"),
                            errhint("Train the model with a lower learning_rate.")));
}

void StateWrite(State *state, ModelSink *sink)
{
    uint32 blocks = ItemBlocks(state);

    CheckFinite(state);
    for (int i = 0; i < state->model.parts; i++) {
        const Part *part = &state->model.part[i];

        if (part->axis == AXIS_USER)
            WriteUserPart(state, sink, i);
        else if (part->axis == AXIS_ITEM)
            WriteItemPart(state, sink, i, state->digest + (Size)i * blocks);
        else
            WritePart(sink, &state->stored, part);
    }
    WriteSeenOf(state->store, state->header, &state->history, state->index, state->model.users,
                state->header->users + state->new_users.count, sink);
    DictionaryAppend(sink, &state->users, &state->new_users);
    DictionaryAppend(sink, &state->items, &state->new_items);
}
