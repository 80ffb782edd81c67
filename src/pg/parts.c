/* parts.c: cutting a model into blocks and putting it together again. */
#include "pg/parts.h"

#include "mb/pg_wchar.h"

#include "core/host.h"
#include "pg/settings.h"

/* Target sizes of blocks: what one user needs, and what is read in bulk. */
#define SMALL_BLOCK (32 * 1024)
#define LARGE_BLOCK (256 * 1024)

#define INTEGER_IDS_PER_BLOCK 2048
#define TEXT_IDS_PER_BLOCK    256
#define SEEN_USERS_PER_BLOCK  64
#define HELD_PER_BLOCK        8192

static uint32 IdsPerBlock(IdKind kind)
{
    return kind == ID_INTEGER ? INTEGER_IDS_PER_BLOCK : TEXT_IDS_PER_BLOCK;
}

static char *RootName(const char *part)
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

static IdList AllocateIds(IdKind kind, uint32 count)
{
    IdList ids = {.kind = kind, .count = count};

    if (kind == ID_INTEGER) {
        ids.integers = PallocArray(int64, (Size)count + 1);
    } else {
        ids.texts = PallocArray(const char *, (Size)count + 1);
        ids.lengths = PallocArray(uint32, (Size)count + 1);
    }
    return ids;
}

void WriteIds(ModelSink *sink, const char *part, const IdList *ids)
{
    uint32 size = IdsPerBlock(ids->kind), blocks = BlockCount(ids->count, size);
    IdList root = AllocateIds(ids->kind, blocks);

    for (uint32 b = 0; b < blocks; b++) {
        IdList block = Slice(ids, b * size, BlockRows(ids->count, size, b));

        WriteIdBlock(sink, part, b, &block);
        if (ids->kind == ID_INTEGER) {
            root.integers[b] = block.integers[0];
        } else {
            root.texts[b] = block.texts[0];
            root.lengths[b] = block.lengths[0];
        }
    }
    WriteIdBlock(sink, RootName(part), 0, &root);
}

static void CheckText(ModelStore *store, const char *part, uint32 number, const char *text,
                      uint32 length)
{
    if (length > MAX_ID_LENGTH || !pg_verify_mbstr(PG_UTF8, text, (int)length, true))
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
        CheckText(store, part, block->number, text, length);
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

/* Searches rely on the order. */
static void CheckOrder(ModelStore *store, const char *part, uint32 number, const IdList *ids)
{
    if (!IdsAscend(ids))
        StoreDamaged(store, part, number, "its ids are not in ascending order");
}

/* Texts stay in the block that was read. */
static IdList ReadIdList(ModelStore *store, const char *part, uint32 number, IdKind kind,
                         uint32 rows)
{
    DataBlock block = ReadIdBlock(store, part, number, kind, rows);
    IdList ids = AllocateIds(kind, rows);

    TakeIds(store, part, &block, &ids, 0);
    CheckOrder(store, part, number, &ids);
    return ids;
}

IdList ReadIdRoot(ModelStore *store, const char *part, IdKind kind, uint32 count)
{
    return ReadIdList(store, RootName(part), 0, kind, BlockCount(count, IdsPerBlock(kind)));
}

IdList ReadIds(ModelStore *store, const char *part, IdKind kind, uint32 count)
{
    uint32 size = IdsPerBlock(kind);
    IdList ids = AllocateIds(kind, count);

    for (uint32 b = 0; b < BlockCount(count, size); b++) {
        DataBlock block = ReadIdBlock(store, part, b, kind, BlockRows(count, size, b));

        TakeIds(store, part, &block, &ids, b * size);
        if (kind == ID_INTEGER) /* texts stay where they were read */
            BlockFree(&block);
    }
    CheckOrder(store, part, 0, &ids);
    return ids;
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

uint32 FindId(ModelStore *store, const char *part, const IdList *root, uint32 count, Id id)
{
    uint32 size = IdsPerBlock(root->kind), found;
    int64 number;
    IdList block;
    Id key;

    if (!IdConvert(id, root->kind, &key))
        return UNKNOWN_ID;
    number = LastNotAbove(root, key);
    if (number < 0)
        return UNKNOWN_ID;
    block =
        ReadIdList(store, part, (uint32)number, root->kind, BlockRows(count, size, (uint32)number));
    if (CompareIds(IdListGet(&block, 0), IdListGet(root, (uint32)number)) != 0)
        StoreDamaged(store, part, (uint32)number, "its first id does not fit the root");
    found = IdListFind(&block, key);
    return found == UNKNOWN_ID ? UNKNOWN_ID : (uint32)number * size + found;
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
    CheckText(store, part, number, text, length);
    text = pnstrdup(text, length);
    BlockFree(&block);
    return (Id){ID_TEXT, 0, text, length};
}

static void WriteSeenBlock(ModelSink *sink, const Interactions *data, uint32 number, uint32 users)
{
    uint32 first = number * SEEN_USERS_PER_BLOCK;
    uint64 start = data->offset[first], total = data->offset[first + users] - start;
    DataBlock block = {
        .type = BLOCK_LIST, .number = number, .rows = users, .columns = (uint32)total};
    bytea *bytes;
    char *to;

    if (total > MaxAllocSize / sizeof(uint32))
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("%u users have too many interactions to be stored together: " UINT64_FORMAT,
                        users, total)));
    bytes = BlockAllocate(&block);
    to = BlockData(bytes);
    for (uint32 i = 0; i <= users; i++) {
        uint32 offset = (uint32)(data->offset[first + i] - start);

        memcpy(to + (Size)i * sizeof(offset), &offset, sizeof(offset));
    }
    memcpy(to + ((Size)users + 1) * sizeof(uint32), data->item + start, total * sizeof(uint32));
    SinkPut(sink, "seen", &block, bytes);
}

static void WriteHeldBlock(ModelSink *sink, uint32 number, const uint32 *pairs, uint32 count)
{
    DataBlock block = {.type = BLOCK_UINT, .number = number, .rows = count, .columns = 2};
    bytea *bytes = BlockAllocate(&block);

    memcpy(BlockData(bytes), pairs, block.size);
    SinkPut(sink, "held", &block, bytes);
}

static void WriteHeld(ModelSink *sink, const Interactions *data)
{
    uint32 *pairs = PallocArray(uint32, 2 * HELD_PER_BLOCK);
    uint32 filled = 0, number = 0;

    for (uint32 user = 0; user < data->users; user++) {
        if (data->held == NULL || data->held[user] == NO_ITEM)
            continue;
        pairs[2 * filled] = user;
        pairs[2 * filled + 1] = data->held[user];
        if (++filled == HELD_PER_BLOCK) {
            WriteHeldBlock(sink, number++, pairs, filled);
            filled = 0;
        }
    }
    if (filled > 0)
        WriteHeldBlock(sink, number, pairs, filled);
    pfree(pairs);
}

void WriteInteractions(ModelSink *sink, const Interactions *data)
{
    for (uint32 b = 0; b < BlockCount(data->users, SEEN_USERS_PER_BLOCK); b++)
        WriteSeenBlock(sink, data, b, BlockRows(data->users, SEEN_USERS_PER_BLOCK, b));
    WriteHeld(sink, data);
}

/* Items of one user in a block, checked to be ascending and in range. */
static const void *SeenEntry(ModelStore *store, const DataBlock *block, uint32 row, uint32 items,
                             uint32 *count)
{
    const char *entry = BlockEntry(block, row, count);
    uint32 item, previous = 0;

    for (uint32 i = 0; i < *count; i++) {
        memcpy(&item, entry + (Size)i * sizeof(item), sizeof(item));
        if (item >= items || (i > 0 && item <= previous))
            StoreDamaged(store, "seen", block->number, "it names items that do not exist");
        previous = item;
    }
    return entry;
}

static DataBlock ReadSeenBlock(ModelStore *store, const Header *header, uint32 number)
{
    DataBlock block = StoreRead(store, "seen", number, BLOCK_LIST);

    if (block.rows != BlockRows(header->users, SEEN_USERS_PER_BLOCK, number))
        StoreDamaged(store, "seen", number, "its dimensions do not fit the header");
    return block;
}

uint32 *SeenReaderGet(SeenReader *reader, uint32 user, uint32 *count)
{
    uint32 number = user / SEEN_USERS_PER_BLOCK;
    const void *entry;
    uint32 *items;

    if (reader->block.payload == NULL || reader->number != number) {
        if (reader->block.payload != NULL)
            BlockFree(&reader->block);
        reader->block = ReadSeenBlock(reader->store, reader->header, number);
        reader->number = number;
    }
    entry = SeenEntry(reader->store, &reader->block, user % SEEN_USERS_PER_BLOCK,
                      reader->header->items, count);
    items = PallocArray(uint32, (Size)*count + 1);
    memcpy(items, entry, (Size)*count * sizeof(uint32));
    return items;
}

uint32 *ReadSeen(ModelStore *store, const Header *header, uint32 user, uint32 *count)
{
    SeenReader reader = {.store = store, .header = header};

    return SeenReaderGet(&reader, user, count);
}

static void ReadHeld(ModelStore *store, const Host *host, const Header *header, Interactions *data)
{
    data->held_count = header->held;
    data->held = HostAllocate(host, header->users, sizeof(uint32));
    memset(data->held, 0xFF, (Size)header->users * sizeof(uint32)); /* NO_ITEM */
    for (uint32 b = 0; b < BlockCount(header->held, HELD_PER_BLOCK); b++) {
        uint32 rows = BlockRows(header->held, HELD_PER_BLOCK, b);
        DataBlock block = StoreReadMatrix(store, "held", b, BLOCK_UINT, rows, 2);

        for (uint32 i = 0; i < rows; i++) {
            uint32 pair[2];

            memcpy(pair, block.payload + (Size)i * sizeof(pair), sizeof(pair));
            if (pair[0] >= header->users || !InteractionsContain(data, pair[0], pair[1]))
                StoreDamaged(store, "held", b, "it names interactions that do not exist");
            data->held[pair[0]] = pair[1];
        }
    }
}

void ReadInteractions(ModelStore *store, const Host *host, const Header *header, Interactions *data)
{
    uint64 room = 0;

    *data = (Interactions){.users = header->users, .items = header->items};
    data->offset = HostAllocate(host, (Size)header->users + 1, sizeof(uint64));
    data->offset[0] = 0;
    for (uint32 b = 0; b < BlockCount(header->users, SEEN_USERS_PER_BLOCK); b++) {
        DataBlock block = ReadSeenBlock(store, header, b);

        if (data->count + block.columns > room) {
            uint32 *grown;

            room = 2 * room + block.columns;
            CheckMemory(SizeAdd(MemoryContextMemAllocated(CurrentMemoryContext, true),
                                SizeMultiply(room, sizeof(uint32))),
                        "loading the interactions");
            grown = HostAllocate(host, room, sizeof(uint32));
            if (data->count > 0)
                memcpy(grown, data->item, data->count * sizeof(uint32));
            HostRelease(host, data->item);
            data->item = grown;
        }
        for (uint32 i = 0; i < block.rows; i++) {
            uint32 count;
            const void *entry = SeenEntry(store, &block, i, header->items, &count);

            memcpy(data->item + data->count, entry, (Size)count * sizeof(uint32));
            data->count += count;
            data->offset[b * SEEN_USERS_PER_BLOCK + i + 1] = data->count;
        }
        BlockFree(&block);
    }
    if (header->held > 0)
        ReadHeld(store, host, header, data);
}

/* All parts of an axis are cut alike, so that a block of items has all it takes to score them. */
uint32 PartBlockRows(const Model *model, const Part *part)
{
    uint64 width = 0;

    if (part->axis == AXIS_SHARED)
        return Max(1, LARGE_BLOCK / (part->columns * sizeof(float)));
    for (int i = 0; i < model->parts; i++)
        if (model->part[i].axis == part->axis)
            width += model->part[i].columns * sizeof(float);
    return (uint32)Max(1, (part->axis == AXIS_USER ? SMALL_BLOCK : LARGE_BLOCK) / width);
}

static void WritePartBlock(ModelSink *sink, const Part *part, uint32 number, uint32 first,
                           uint32 rows)
{
    DataBlock block = {
        .type = BLOCK_FLOAT, .number = number, .rows = rows, .columns = part->columns};
    bytea *bytes = BlockAllocate(&block);
    Size width = (Size)part->columns * sizeof(float);
    char *to = BlockData(bytes);

    for (uint32 r = 0; r < rows; r++)
        memcpy(to + r * width, part->data + ((Size)first + r) * part->stride, width);
    SinkPut(sink, part->name, &block, bytes);
}

void WriteModelParts(ModelSink *sink, const Model *model)
{
    for (int i = 0; i < model->parts; i++) {
        const Part *part = &model->part[i];
        uint32 size = PartBlockRows(model, part);

        for (uint32 b = 0; b < BlockCount(part->rows, size); b++)
            WritePartBlock(sink, part, b, b * size, BlockRows(part->rows, size, b));
    }
}

static void TakeRow(const DataBlock *block, const Part *part, uint32 row, float *out)
{
    Size width = (Size)part->columns * sizeof(float);

    memcpy(out, block->payload + row * width, width);
    memset(out + part->columns, 0, (part->stride - part->columns) * sizeof(float));
}

static DataBlock ReadBlockOf(ModelStore *store, const Model *model, const Part *part, uint32 number)
{
    return StoreReadMatrix(store, part->name, number, BLOCK_FLOAT,
                           BlockRows(part->rows, PartBlockRows(model, part), number),
                           part->columns);
}

void ReadPartBlock(ModelStore *store, const Model *model, const Part *part, uint32 number,
                   float *rows)
{
    DataBlock block = ReadBlockOf(store, model, part, number);

    for (uint32 r = 0; r < block.rows; r++)
        TakeRow(&block, part, r, rows + (Size)r * part->stride);
    BlockFree(&block);
}

void ReadPart(ModelStore *store, const Model *model, Part *part)
{
    uint32 size = PartBlockRows(model, part);

    for (uint32 b = 0; b < BlockCount(part->rows, size); b++)
        ReadPartBlock(store, model, part, b, part->data + (Size)b * size * part->stride);
}

void ReadPartRow(ModelStore *store, const Model *model, const Part *part, uint32 row, float *out)
{
    uint32 size = PartBlockRows(model, part);
    DataBlock block = ReadBlockOf(store, model, part, row / size);

    TakeRow(&block, part, row % size, out);
    BlockFree(&block);
}

/* The seal covers the version, so every block is sealed anew. */
static uint32 CopyPart(ModelStore *store, const char *part, uint32 blocks, BlockType type,
                       ModelSink *sink)
{
    for (uint32 b = 0; b < blocks; b++) {
        DataBlock from = StoreRead(store, part, b, type), to = from;
        bytea *bytes = BlockAllocate(&to);

        memcpy(BlockData(bytes), from.payload, from.size);
        SinkPut(sink, part, &to, bytes);
        BlockFree(&from);
    }
    return blocks;
}

static uint32 CopyIds(ModelStore *store, const char *part, IdKind kind, uint32 count,
                      ModelSink *sink)
{
    BlockType type = kind == ID_INTEGER ? BLOCK_INT64 : BLOCK_TEXT;

    return CopyPart(store, part, BlockCount(count, IdsPerBlock(kind)), type, sink) +
           CopyPart(store, RootName(part), 1, type, sink);
}

uint32 CopyModel(ModelStore *store, const Header *header, ModelSink *sink)
{
    uint32 copied;
    Model model;

    HeaderLayout(header, &model);
    copied = CopyPart(store, "header", 1, BLOCK_JSON, sink);
    copied += CopyPart(store, "history", 1, BLOCK_JSON, sink);
    copied += CopyIds(store, "user_ids", header->user_kind, header->users, sink);
    copied += CopyIds(store, "item_ids", header->item_kind, header->items, sink);
    copied +=
        CopyPart(store, "seen", BlockCount(header->users, SEEN_USERS_PER_BLOCK), BLOCK_LIST, sink);
    copied += CopyPart(store, "held", BlockCount(header->held, HELD_PER_BLOCK), BLOCK_UINT, sink);
    for (int i = 0; i < model.parts; i++)
        copied += CopyPart(store, model.part[i].name,
                           BlockCount(model.part[i].rows, PartBlockRows(&model, &model.part[i])),
                           BLOCK_FLOAT, sink);
    return copied;
}
