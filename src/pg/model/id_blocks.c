/*
 * id_blocks.c: writes, reads and searches lists of ids that are cut into blocks.
 *
 * The dictionary keeps the ids of a training in such lists; a search goes to the block by the root
 * and looks into that block alone.
 */
#include "pg/model/id_blocks.h"

#include "mb/pg_wchar.h"

#include "pg/model/parts.h"

#define INTEGER_IDS_PER_BLOCK 512
#define TEXT_IDS_PER_BLOCK    256

uint32 IdsPerBlock(IdKind kind)
{
    return kind == ID_INTEGER ? INTEGER_IDS_PER_BLOCK : TEXT_IDS_PER_BLOCK;
}

char *RootName(const char *part)
{
    return psprintf("%s_root", part);
}

static void WriteIntegerBlock(ModelSink *sink, const char *part, uint32 number, const int64 *ids,
                              uint32 count)
{
    DataBlock block = {.type = BLOCK_INT64, .number = number, .rows = count, .columns = 1};
    bytea *bytes = BlockAllocate(&block);

    memcpy(BlockData(bytes), ids, block.size);
    SinkPut(sink, part, &block, bytes);
}

/* Offsets, then the texts one after the other. */
static void WriteTextBlock(ModelSink *sink, const char *part, uint32 number, const IdList *ids)
{
    DataBlock block = {.type = BLOCK_TEXT, .number = number, .rows = ids->count};
    uint32 offset = 0;
    bytea *bytes;
    char *to;

    for (uint32 i = 0; i < ids->count; i++)
        block.columns += ids->lengths[i];
    bytes = BlockAllocate(&block);
    to = BlockData(bytes);
    for (uint32 i = 0; i <= ids->count; i++) {
        memcpy(to + (Size)i * sizeof(offset), &offset, sizeof(offset));
        if (i < ids->count)
            offset += ids->lengths[i];
    }
    to += ((Size)ids->count + 1) * sizeof(offset);
    for (uint32 i = 0; i < ids->count; i++) {
        memcpy(to, ids->texts[i], ids->lengths[i]);
        to += ids->lengths[i];
    }
    SinkPut(sink, part, &block, bytes);
}

static void WriteIdBlock(ModelSink *sink, const char *part, uint32 number, const IdList *ids)
{
    if (ids->kind == ID_INTEGER)
        WriteIntegerBlock(sink, part, number, ids->integers, ids->count);
    else
        WriteTextBlock(sink, part, number, ids);
}

static IdList Slice(const IdList *ids, uint32 first, uint32 count)
{
    IdList slice = {.kind = ids->kind, .count = count};

    if (ids->kind == ID_INTEGER) {
        slice.integers = ids->integers + first;
    } else {
        slice.texts = ids->texts + first;
        slice.lengths = ids->lengths + first;
    }
    return slice;
}

IdList AllocateIds(IdKind kind, uint32 count)
{
    IdList ids = IdListCreate(kind, count);

    ids.count = count;
    return ids;
}

void CopyId(const IdList *from, uint32 index, IdList *to, uint32 position)
{
    if (from->kind == ID_INTEGER) {
        to->integers[position] = from->integers[index];
    } else {
        to->texts[position] = from->texts[index];
        to->lengths[position] = from->lengths[index];
    }
}

void WriteIdBlocks(ModelSink *sink, const char *part, const IdList *ids, uint32 first)
{
    uint32 size = IdsPerBlock(ids->kind);

    for (uint32 b = first; b < BlockCount(ids->count, size); b++) {
        IdList block = Slice(ids, b * size, BlockRows(ids->count, size, b));

        WriteIdBlock(sink, part, b, &block);
    }
}

void WriteIdRoot(ModelSink *sink, const char *part, const IdList *ids)
{
    uint32 size = IdsPerBlock(ids->kind), blocks = BlockCount(ids->count, size);
    IdList root = AllocateIds(ids->kind, blocks);

    for (uint32 b = 0; b < blocks; b++)
        CopyId(ids, b * size, &root, b);
    WriteIdBlock(sink, RootName(part), 0, &root);
}

bool IsIdText(const char *text, uint32 length)
{
    return length <= MAX_ID_LENGTH && pg_verify_mbstr(PG_UTF8, text, (int)length, true);
}

static void CheckIdText(ModelStore *store, const char *part, uint32 number, const char *text,
                        uint32 length)
{
    if (!IsIdText(text, length))
        StoreDamaged(store, part, number, "it holds a text that is no id");
}

/* Copies the ids of a block to `ids` from position `first` on. */
static void TakeIds(ModelStore *store, const char *part, const DataBlock *block, IdList *ids,
                    uint32 first)
{
    for (uint32 i = 0; i < block->rows; i++) {
        uint32 length;
        const char *text;

        if (ids->kind == ID_INTEGER) {
            ids->integers[first + i] = BlockInt64(block, i);
            continue;
        }
        text = BlockEntry(block, i, &length);
        CheckIdText(store, part, block->number, text, length);
        ids->texts[first + i] = text;
        ids->lengths[first + i] = length;
    }
}

static DataBlock ReadIdBlock(ModelStore *store, const char *part, uint32 number, IdKind kind,
                             uint32 rows)
{
    DataBlock block = StoreRead(store, part, number, kind == ID_INTEGER ? BLOCK_INT64 : BLOCK_TEXT);

    if (block.rows != rows)
        StoreDamaged(store, part, number, "its dimensions do not fit the header");
    return block;
}

static bool IntegersAscend(const int64 *integers, uint32 count)
{
    uint32 wrong = 0;

    for (uint32 i = 1; i < count; i++)
        wrong |= integers[i - 1] >= integers[i];
    return wrong == 0;
}

static bool IdsAscend(const IdList *ids)
{
    if (ids->kind == ID_INTEGER)
        return IntegersAscend(ids->integers, ids->count);
    for (uint32 i = 1; i < ids->count; i++)
        if (CompareIds(IdListGet(ids, i - 1), IdListGet(ids, i)) >= 0)
            return false;
    return true;
}

void CheckIdOrder(ModelStore *store, const char *part, uint32 number, const IdList *ids)
{
    if (!IdsAscend(ids))
        StoreDamaged(store, part, number, "its ids are not in ascending order");
}

/* The ids of one block; texts are not copied but point into the block, which stays allocated. */
static IdList ReadIdList(ModelStore *store, const char *part, uint32 number, IdKind kind,
                         uint32 rows)
{
    DataBlock block = ReadIdBlock(store, part, number, kind, rows);
    IdList ids = AllocateIds(kind, rows);

    TakeIds(store, part, &block, &ids, 0);
    CheckIdOrder(store, part, number, &ids);
    return ids;
}

IdList ReadIdRoot(ModelStore *store, const char *part, IdKind kind, uint32 count)
{
    return ReadIdList(store, RootName(part), 0, kind, BlockCount(count, IdsPerBlock(kind)));
}

void ReadIdBlocks(ModelStore *store, const char *part, uint32 count, IdList *ids, uint32 first)
{
    uint32 size = IdsPerBlock(ids->kind);

    for (uint32 b = 0; b < BlockCount(count, size); b++) {
        DataBlock block = ReadIdBlock(store, part, b, ids->kind, BlockRows(count, size, b));

        TakeIds(store, part, &block, ids, first + b * size);
        if (ids->kind == ID_INTEGER) /* texts point into the block */
            BlockFree(&block);
    }
}

/* Position of the last id that is not above `key`, or -1. */
static int64 LastNotAbove(const IdList *ids, Id key)
{
    uint32 low = 0, high = ids->count;

    while (low < high) {
        uint32 middle = low + (high - low) / 2;

        if (CompareIds(IdListGet(ids, middle), key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return (int64)low - 1;
}

/* A block of ids, whose first id must be the one that the root has for it. */
static IdList ReadRooted(ModelStore *store, const char *part, const IdList *root, uint32 count,
                         uint32 number)
{
    uint32 rows = BlockRows(count, IdsPerBlock(root->kind), number);
    IdList block = ReadIdList(store, part, number, root->kind, rows);

    if (CompareIds(IdListGet(&block, 0), IdListGet(root, number)) != 0)
        StoreDamaged(store, part, number, "its first id does not fit the root");
    return block;
}

void FindIds(ModelStore *store, const char *part, const IdList *root, uint32 count,
             const IdList *ids, uint32 *found)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv ids", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    int64 loaded = -1;
    IdList block = {0};

    for (uint32 i = 0; i < ids->count; i++) {
        int64 number = LastNotAbove(root, IdListGet(ids, i));

        found[i] = UNKNOWN_ID;
        if (number < 0)
            continue;
        if (number != loaded) {
            MemoryContextReset(context);
            block = ReadRooted(store, part, root, count, (uint32)number);
            loaded = number;
        }
        found[i] = IdListFind(&block, IdListGet(ids, i));
        if (found[i] != UNKNOWN_ID)
            found[i] += (uint32)number * IdsPerBlock(root->kind);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
}

uint32 FindId(ModelStore *store, const char *part, const IdList *root, uint32 count, Id id)
{
    int64 number;
    uint32 found;
    IdList block;
    Id key;

    if (!IdConvert(id, root->kind, &key))
        return UNKNOWN_ID;
    number = LastNotAbove(root, key);
    if (number < 0)
        return UNKNOWN_ID;
    block = ReadRooted(store, part, root, count, (uint32)number);
    found = IdListFind(&block, key);
    return found == UNKNOWN_ID ? UNKNOWN_ID : (uint32)number * IdsPerBlock(root->kind) + found;
}

IdList ReadIdsAround(ModelStore *store, const char *part, IdKind kind, uint32 count, uint32 index,
                     uint32 *first)
{
    uint32 size = IdsPerBlock(kind), number = index / size;

    *first = number * size;
    return ReadIdList(store, part, number, kind, BlockRows(count, size, number));
}

Id ReadId(ModelStore *store, const char *part, IdKind kind, uint32 count, uint32 index)
{
    uint32 size = IdsPerBlock(kind), number = index / size;
    DataBlock block = ReadIdBlock(store, part, number, kind, BlockRows(count, size, number));
    uint32 length;
    const char *text;

    if (kind == ID_INTEGER) {
        Id id = IdOfInteger(BlockInt64(&block, index % size));

        BlockFree(&block);
        return id;
    }
    text = BlockEntry(&block, index % size, &length);
    CheckIdText(store, part, number, text, length);
    text = pnstrdup(text, length);
    BlockFree(&block);
    return (Id){ID_TEXT, 0, text, length};
}
