/*
 * item_lists.c: writes, reads and checks lists of item indexes, a block for some users.
 *
 * Serving one user reads one block; evaluations and copies read all.
 */
#include "pg/model/item_lists.h"

#include "pg/base/settings.h"
#include "pg/model/parts.h"

const ItemLists seen_lists = {.part = "seen"};
const ItemLists recent_lists = {.part = "recent", .ordered = true};

uint32 ListBlocks(uint32 users)
{
    return BlockCount(users, LIST_USERS_PER_BLOCK);
}

void WriteListBlock(ModelSink *sink, const ItemLists *lists, uint32 number, uint32 users,
                    const uint64 *offset, const uint32 *item)
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
    SinkPut(sink, lists->part, &block, bytes);
}

void WriteLists(ModelSink *sink, const ItemLists *lists, uint32 users, const uint64 *offset,
                const uint32 *item)
{
    for (uint32 b = 0; b < BlockCount(users, LIST_USERS_PER_BLOCK); b++)
        WriteListBlock(sink, lists, b, BlockRows(users, LIST_USERS_PER_BLOCK, b),
                       offset + (Size)b * LIST_USERS_PER_BLOCK, item);
}

const void *ListEntry(ModelStore *store, const ItemLists *lists, const DataBlock *block, uint32 row,
                      uint32 items, uint32 *count)
{
    const char *entry = BlockEntry(block, row, count);
    uint32 item, previous = 0;

    for (uint32 i = 0; i < *count; i++) {
        memcpy(&item, entry + (Size)i * sizeof(item), sizeof(item));
        if ((!lists->hashes && item >= items) || (!lists->ordered && i > 0 && item <= previous))
            StoreDamaged(store, lists->part, block->number,
                         lists->hashes ? "its hashes are not in ascending order"
                                       : "it names items that do not exist");
        previous = item;
    }
    return entry;
}

DataBlock ReadListBlock(ModelStore *store, const ItemLists *lists, const Header *header,
                        uint32 number)
{
    DataBlock block = StoreRead(store, lists->part, number, BLOCK_LIST);

    if (block.rows != BlockRows(header->users, LIST_USERS_PER_BLOCK, number))
        StoreDamaged(store, lists->part, number, "its dimensions do not fit the header");
    return block;
}

uint32 *ListReaderGet(ListReader *reader, uint32 user, uint32 *count)
{
    uint32 number = user / LIST_USERS_PER_BLOCK;
    const void *entry;
    uint32 *items;

    if (reader->block.payload == NULL || reader->number != number) {
        if (reader->block.payload != NULL)
            BlockFree(&reader->block);
        reader->block = ReadListBlock(reader->store, reader->lists, reader->header, number);
        reader->number = number;
    }
    entry = ListEntry(reader->store, reader->lists, &reader->block, user % LIST_USERS_PER_BLOCK,
                      reader->header->items, count);
    items = PallocArray(uint32, (Size)*count + 1);
    memcpy(items, entry, (Size)*count * sizeof(uint32));
    return items;
}

/* Room for as many more items, at least doubled. */
static uint32 *Grow(const Host *host, uint32 *item, uint64 count, uint64 more, uint64 *room)
{
    uint32 *grown;

    if (count + more <= *room)
        return item;
    *room = 2 * *room + more;
    CheckMemory(SizeAdd(MemoryContextMemAllocated(CurrentMemoryContext, true),
                        SizeMultiply(*room, sizeof(uint32))),
                "loading the interactions");
    grown = HostAllocate(host, *room, sizeof(uint32));
    if (count > 0)
        memcpy(grown, item, count * sizeof(uint32));
    HostRelease(host, item);
    return grown;
}

uint64 ReadLists(ModelStore *store, const ItemLists *lists, const Host *host, const Header *header,
                 uint64 **offset, uint32 **item)
{
    uint64 total = 0, room = 0;

    *offset = HostAllocateZero(host, (Size)header->users + 1, sizeof(uint64));
    *item = NULL;
    for (uint32 b = 0; b < BlockCount(header->users, LIST_USERS_PER_BLOCK); b++) {
        DataBlock block = ReadListBlock(store, lists, header, b);

        *item = Grow(host, *item, total, block.columns, &room);
        for (uint32 i = 0; i < block.rows; i++) {
            uint32 count;
            const void *entry = ListEntry(store, lists, &block, i, header->items, &count);

            memcpy(*item + total, entry, (Size)count * sizeof(uint32));
            total += count;
            (*offset)[b * LIST_USERS_PER_BLOCK + i + 1] = total;
        }
        BlockFree(&block);
    }
    return total;
}

uint32 CopyLists(ModelStore *store, const ItemLists *lists, const Header *header, ModelSink *sink)
{
    return CopyPart(store, lists->part, BlockCount(header->users, LIST_USERS_PER_BLOCK), BLOCK_LIST,
                    sink);
}
