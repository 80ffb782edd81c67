/*
 * interactions.c: stores which items each user has, and which of these were held out.
 *
 * Serving reads the items of one user, to leave them out; evaluations read all of them; a refresh
 * reads and writes back those of the users it learns about.
 */
#include "pg/model/interactions.h"

#include "pg/model/parts.h"
#include "pg/base/settings.h"

#define SEEN_USERS_PER_BLOCK 32
#define HELD_PER_BLOCK       8192

/* offset[0 .. users]: where the items of each user start. */
static void WriteSeenBlock(ModelSink *sink, uint32 number, uint32 users, const uint64 *offset,
                           const uint32 *item)
{
    uint64 total = offset[users] - offset[0];
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
        uint32 at = (uint32)(offset[i] - offset[0]);

        memcpy(to + (Size)i * sizeof(at), &at, sizeof(at));
    }
    memcpy(to + ((Size)users + 1) * sizeof(uint32), item + offset[0], total * sizeof(uint32));
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
        WriteSeenBlock(sink, b, BlockRows(data->users, SEEN_USERS_PER_BLOCK, b),
                       data->offset + (Size)b * SEEN_USERS_PER_BLOCK, data->item);
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

void ReadSeenOf(ModelStore *store, const Header *header, const uint32 *users, uint32 count,
                History *history)
{
    SeenReader reader = {.store = store, .header = header};

    for (uint32 i = 0; i < count; i++) {
        uint32 length, *items = SeenReaderGet(&reader, users[i], &length);

        HistorySet(history, i, items, length);
        pfree(items);
    }
}

/* A block of "seen" that is being put together anew, user by user. */
typedef struct SeenBlock {
    uint64 offset[SEEN_USERS_PER_BLOCK + 1];
    uint32 *item;
    uint64 room;
} SeenBlock;

static void AppendSeen(SeenBlock *seen, uint32 row, const void *items, uint32 count)
{
    uint64 end = seen->offset[row] + count;

    if (end > seen->room) {
        seen->room = 2 * end;
        seen->item = seen->item == NULL
                         ? PallocArray(uint32, seen->room)
                         : repalloc_huge(seen->item, mul_size(seen->room, sizeof(uint32)));
    }
    if (count > 0)
        memcpy(seen->item + seen->offset[row], items, (Size)count * sizeof(uint32));
    seen->offset[row + 1] = end;
}

/*
 * Puts together the block of the users [first, last) of the history: their items come from there,
 * those of the other users in the block from the block as it is stored.
 */
static void MergeSeenBlock(ModelStore *store, const Header *header, const History *history,
                           const uint32 *users, uint32 first, uint32 last, uint32 rows,
                           SeenBlock *seen)
{
    uint32 number = users[first] / SEEN_USERS_PER_BLOCK, base = number * SEEN_USERS_PER_BLOCK;
    bool stored = base < header->users;
    DataBlock block = {0};

    if (stored)
        block = ReadSeenBlock(store, header, number);
    for (uint32 row = 0; row < rows; row++) {
        if (first < last && users[first] == base + row) {
            const ItemSet *set = &history->users[first++];

            AppendSeen(seen, row, set->item, set->count);
        } else {
            uint32 length;
            const void *entry = SeenEntry(store, &block, row, header->items, &length);

            AppendSeen(seen, row, entry, length);
        }
    }
    if (stored)
        BlockFree(&block);
}

void WriteSeenOf(ModelStore *store, const Header *header, const History *history,
                 const uint32 *users, uint32 count, uint32 all, ModelSink *sink)
{
    SeenBlock *seen = palloc0(sizeof(SeenBlock));

    for (uint32 first = 0, last; first < count; first = last) {
        uint32 number = users[first] / SEEN_USERS_PER_BLOCK;
        uint32 rows = BlockRows(all, SEEN_USERS_PER_BLOCK, number);

        for (last = first + 1; last < count && users[last] / SEEN_USERS_PER_BLOCK == number; last++)
            ;
        MergeSeenBlock(store, header, history, users, first, last, rows, seen);
        WriteSeenBlock(sink, number, rows, seen->offset, seen->item);
    }
    if (seen->item != NULL)
        pfree(seen->item);
    pfree(seen);
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

/* Moves the items to where there is room for `more`; *room is what there is. */
static void MakeRoom(const Host *host, Interactions *data, uint64 more, uint64 *room)
{
    uint32 *grown;

    if (data->count + more <= *room)
        return;
    *room = 2 * *room + more;
    CheckMemory(SizeAdd(MemoryContextMemAllocated(CurrentMemoryContext, true),
                        SizeMultiply(*room, sizeof(uint32))),
                "loading the interactions");
    grown = HostAllocate(host, *room, sizeof(uint32));
    if (data->count > 0)
        memcpy(grown, data->item, data->count * sizeof(uint32));
    HostRelease(host, data->item);
    data->item = grown;
}

void ReadInteractions(ModelStore *store, const Host *host, const Header *header, Interactions *data)
{
    uint64 room = 0;

    *data = (Interactions){.users = header->users, .items = header->items};
    data->offset = HostAllocate(host, (Size)header->users + 1, sizeof(uint64));
    data->offset[0] = 0;
    for (uint32 b = 0; b < BlockCount(header->users, SEEN_USERS_PER_BLOCK); b++) {
        DataBlock block = ReadSeenBlock(store, header, b);

        MakeRoom(host, data, block.columns, &room);
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

uint32 CopyInteractions(ModelStore *store, const Header *header, ModelSink *sink)
{
    uint32 seen = BlockCount(header->users, SEEN_USERS_PER_BLOCK);

    return CopyPart(store, "seen", seen, BLOCK_LIST, sink) +
           CopyPart(store, "held", BlockCount(header->held, HELD_PER_BLOCK), BLOCK_UINT, sink);
}
