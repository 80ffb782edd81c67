/*
 * dictionary.c: finds the index of an id, and the id of an index, in a stored model.
 *
 * Serving asks for a few ids and reads one block for each; evaluations and refreshes read all of
 * them.
 */
#include "pg/model/dictionary.h"

#include "pg/model/parts.h"

#define ORDER_PER_BLOCK 8192

static const char *PartOf(Axis side)
{
    return side == AXIS_USER ? "user_ids" : "item_ids";
}

static char *AddedName(const char *part)
{
    return psprintf("%s_added", part);
}

static char *OrderName(const char *part)
{
    return psprintf("%s_added_order", part);
}

static void ReadOrder(ModelStore *store, const char *part, IdList *ids)
{
    for (uint32 b = 0; b < BlockCount(ids->count, ORDER_PER_BLOCK); b++) {
        uint32 rows = BlockRows(ids->count, ORDER_PER_BLOCK, b);
        DataBlock block = StoreReadMatrix(store, part, b, BLOCK_UINT, rows, 1);

        memcpy(ids->order + b * ORDER_PER_BLOCK, block.payload, block.size);
        BlockFree(&block);
    }
}

/* The binary search among added ids needs each position once, in ascending order of the ids. */
static void CheckOrder(ModelStore *store, const char *part, const IdList *ids)
{
    for (uint32 i = 0; i < ids->count; i++)
        if (ids->order[i] >= ids->count ||
            (i > 0 &&
             CompareIds(IdListGet(ids, ids->order[i - 1]), IdListGet(ids, ids->order[i])) >= 0))
            StoreDamaged(store, part, 0, "it is not the ascending order of the added ids");
}

static IdList ReadAdded(ModelStore *store, const char *part, IdKind kind, uint32 count)
{
    IdList ids = AllocateIds(kind, count);

    ids.order = PallocArray(uint32, (Size)count + 1);
    ReadIdBlocks(store, AddedName(part), count, &ids, 0);
    ReadOrder(store, OrderName(part), &ids);
    CheckOrder(store, OrderName(part), &ids);
    return ids;
}

void DictionaryOpen(ModelStore *store, const Header *header, Axis side, Dictionary *d)
{
    bool user = side == AXIS_USER;
    IdKind kind = user ? header->user_kind : header->item_kind;
    uint32 added = user ? header->added_users : header->added_items;

    d->part = PartOf(side);
    d->trained = (user ? header->users : header->items) - added;
    d->root = ReadIdRoot(store, d->part, kind, d->trained);
    d->added = ReadAdded(store, d->part, kind, added);
}

uint32 DictionaryFindAdded(const Dictionary *d, Id id)
{
    uint32 found = IdListFind(&d->added, id);

    return found == UNKNOWN_ID ? UNKNOWN_ID : d->trained + found;
}

uint32 DictionaryFind(const Dictionary *d, ModelStore *store, Id id)
{
    uint32 found = FindId(store, d->part, &d->root, d->trained, id);

    return found != UNKNOWN_ID ? found : DictionaryFindAdded(d, id);
}

void DictionaryFindAll(const Dictionary *d, ModelStore *store, const IdList *ids, uint32 *found)
{
    FindIds(store, d->part, &d->root, d->trained, ids, found);
    for (uint32 i = 0; i < ids->count; i++)
        if (found[i] == UNKNOWN_ID)
            found[i] = DictionaryFindAdded(d, IdListGet(ids, i));
}

IdList DictionaryAround(const Dictionary *d, ModelStore *store, uint32 index, uint32 *first)
{
    if (index < d->trained)
        return ReadIdsAround(store, d->part, d->root.kind, d->trained, index, first);
    *first = d->trained;
    return d->added;
}

Id DictionaryGet(const Dictionary *d, ModelStore *store, uint32 index)
{
    if (index >= d->trained)
        return IdListGet(&d->added, index - d->trained);
    return ReadId(store, d->part, d->root.kind, d->trained, index);
}

/*
 * Sets ids->order, so that one binary search covers all ids.  Those of the training are ascending
 * as they stand; this merges them with the added ones, whose ascending order is stored.
 */
static void MergeOrders(IdList *ids, const Dictionary *d)
{
    uint32 a = 0, b = 0;

    ids->order = PallocArray(uint32, (Size)ids->count + 1);
    for (uint32 i = 0; i < ids->count; i++) {
        uint32 added = b < d->added.count ? d->trained + d->added.order[b] : 0;

        if (b == d->added.count ||
            (a < d->trained && CompareIds(IdListGet(ids, a), IdListGet(ids, added)) < 0)) {
            ids->order[i] = a++;
        } else {
            ids->order[i] = added;
            b++;
        }
    }
}

IdList DictionaryRead(const Dictionary *d, ModelStore *store)
{
    IdList ids = AllocateIds(d->root.kind, d->trained + d->added.count), trained = ids;

    trained.count = d->trained;
    ReadIdBlocks(store, d->part, d->trained, &ids, 0);
    CheckIdOrder(store, d->part, 0, &trained);
    for (uint32 i = 0; i < d->added.count; i++)
        CopyId(&d->added, i, &ids, d->trained + i);
    if (d->added.count > 0)
        MergeOrders(&ids, d);
    return ids;
}

void DictionaryWrite(ModelSink *sink, Axis side, const IdList *ids)
{
    WriteIdBlocks(sink, PartOf(side), ids, 0);
    WriteIdRoot(sink, PartOf(side), ids);
}

#define ST_SORT               SortPositions
#define ST_ELEMENT_TYPE       uint32
#define ST_COMPARE_ARG_TYPE   const IdList
#define ST_COMPARE(a, b, ids) CompareIds(IdListGet(ids, *(a)), IdListGet(ids, *(b)))
#define ST_SCOPE              static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static void WriteOrder(ModelSink *sink, const char *part, const IdList *ids)
{
    for (uint32 b = 0; b < BlockCount(ids->count, ORDER_PER_BLOCK); b++) {
        DataBlock block = {.type = BLOCK_UINT,
                           .number = b,
                           .rows = BlockRows(ids->count, ORDER_PER_BLOCK, b),
                           .columns = 1};
        bytea *bytes = BlockAllocate(&block);

        memcpy(BlockData(bytes), ids->order + b * ORDER_PER_BLOCK, block.size);
        SinkPut(sink, part, &block, bytes);
    }
}

void DictionaryAppend(ModelSink *sink, Dictionary *d, const IdList *ids)
{
    uint32 before = d->added.count, all = before + ids->count;
    IdList grown = AllocateIds(d->root.kind, all);

    if (ids->count == 0)
        return;
    grown.order = PallocArray(uint32, all);
    for (uint32 i = 0; i < all; i++) {
        CopyId(i < before ? &d->added : ids, i < before ? i : i - before, &grown, i);
        grown.order[i] = i;
    }
    SortPositions(grown.order, all, &grown);
    WriteIdBlocks(sink, AddedName(d->part), &grown, before / IdsPerBlock(grown.kind));
    WriteOrder(sink, OrderName(d->part), &grown);
    d->added = grown;
}

uint32 DictionaryCopy(ModelStore *store, const Header *header, Axis side, ModelSink *sink)
{
    bool user = side == AXIS_USER;
    IdKind kind = user ? header->user_kind : header->item_kind;
    uint32 added = user ? header->added_users : header->added_items;
    uint32 trained = (user ? header->users : header->items) - added, size = IdsPerBlock(kind);
    BlockType type = kind == ID_INTEGER ? BLOCK_INT64 : BLOCK_TEXT;
    const char *part = PartOf(side);

    return CopyPart(store, part, BlockCount(trained, size), type, sink) +
           CopyPart(store, RootName(part), 1, type, sink) +
           CopyPart(store, AddedName(part), BlockCount(added, size), type, sink) +
           CopyPart(store, OrderName(part), BlockCount(added, ORDER_PER_BLOCK), BLOCK_UINT, sink);
}
