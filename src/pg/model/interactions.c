/*
 * interactions.c: stores which items each user has, and which of these were held out.
 *
 * Serving reads the items of one user, to leave them out; evaluations read all of them; a refresh
 * reads and writes back those of the users it learns about.
 */
#include "pg/model/interactions.h"

#include "pg/model/parts.h"
#include "pg/base/settings.h"

#define HELD_PER_BLOCK 8192

static void WriteHeldBlock(ModelSink *sink, uint32 number, const uint32 *pairs, uint32 count)
{
    DataBlock block = {.type = BLOCK_UINT, .number = number, .rows = count, .columns = 2};
    bytea *bytes = BlockAllocate(&block);

    memcpy(BlockData(bytes), pairs, block.size);
    SinkPut(sink, PART_HELD, &block, bytes);
}

HeldPairs ReadHeldPairs(ModelStore *store, const Header *header)
{
    HeldPairs held = {PallocArray(uint32, 2 * (Size)header->held + 1), header->held};

    for (uint32 b = 0; b < BlockCount(held.count, HELD_PER_BLOCK); b++) {
        uint32 rows = BlockRows(held.count, HELD_PER_BLOCK, b);
        DataBlock block = StoreReadMatrix(store, PART_HELD, b, BLOCK_UINT, rows, 2);

        memcpy(held.pairs + 2 * (Size)b * HELD_PER_BLOCK, block.payload, block.size);
        BlockFree(&block);
    }
    return held;
}

void WriteHeldPairs(ModelSink *sink, const HeldPairs *held)
{
    for (uint32 b = 0; b < BlockCount(held->count, HELD_PER_BLOCK); b++)
        WriteHeldBlock(sink, b, held->pairs + 2 * (Size)b * HELD_PER_BLOCK,
                       BlockRows(held->count, HELD_PER_BLOCK, b));
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
    WriteLists(sink, &seen_lists, data->users, data->offset, data->item);
    WriteHeld(sink, data);
}

uint32 *ReadSeen(ModelStore *store, const Header *header, uint32 user, uint32 *count)
{
    ListReader reader = {.store = store, .lists = &seen_lists, .header = header};

    return ListReaderGet(&reader, user, count);
}

void ReadListsOf(ModelStore *store, const ItemLists *lists, const Header *header,
                 const uint32 *users, uint32 count, History *history)
{
    ListReader reader = {.store = store, .lists = lists, .header = header};

    for (uint32 i = 0; i < count; i++) {
        uint32 length, *items = ListReaderGet(&reader, users[i], &length);

        HistorySet(history, i, items, length);
        pfree(items);
    }
}

void ReadSeenOf(ModelStore *store, const Header *header, const uint32 *users, uint32 count,
                History *history)
{
    ReadListsOf(store, &seen_lists, header, users, count, history);
}

/* A block of lists that is being put together anew, user by user. */
typedef struct ListBlock {
    uint64 offset[LIST_USERS_PER_BLOCK + 1];
    uint32 *item;
    uint64 room;
} ListBlock;

static void AppendList(ListBlock *seen, uint32 row, const void *items, uint32 count)
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
static void MergeListBlock(ModelStore *store, const ItemLists *lists, const Header *header,
                           const History *history, const uint32 *users, uint32 first, uint32 last,
                           uint32 rows, ListBlock *seen)
{
    uint32 number = users[first] / LIST_USERS_PER_BLOCK, base = number * LIST_USERS_PER_BLOCK;
    bool stored = base < header->users;
    DataBlock block = {0};

    if (stored)
        block = ReadListBlock(store, lists, header, number);
    for (uint32 row = 0; row < rows; row++) {
        if (first < last && users[first] == base + row) {
            const ItemSet *set = &history->users[first++];

            AppendList(seen, row, set->item, set->count);
        } else {
            uint32 length;
            const void *entry = ListEntry(store, lists, &block, row, header->items, &length);

            AppendList(seen, row, entry, length);
        }
    }
    if (stored)
        BlockFree(&block);
}

void WriteListsOf(ModelStore *store, const ItemLists *lists, const Header *header,
                  const History *history, const uint32 *users, uint32 count, uint32 all,
                  ModelSink *sink)
{
    ListBlock *seen = palloc0(sizeof(ListBlock));

    for (uint32 first = 0, last; first < count; first = last) {
        uint32 number = users[first] / LIST_USERS_PER_BLOCK;
        uint32 rows = BlockRows(all, LIST_USERS_PER_BLOCK, number);

        for (last = first + 1; last < count && users[last] / LIST_USERS_PER_BLOCK == number; last++)
            ;
        MergeListBlock(store, lists, header, history, users, first, last, rows, seen);
        WriteListBlock(sink, lists, number, rows, seen->offset, seen->item);
    }
    if (seen->item != NULL)
        pfree(seen->item);
    pfree(seen);
}

void WriteSeenOf(ModelStore *store, const Header *header, const History *history,
                 const uint32 *users, uint32 count, uint32 all, ModelSink *sink)
{
    WriteListsOf(store, &seen_lists, header, history, users, count, all, sink);
}

static void ReadHeld(ModelStore *store, const Host *host, const Header *header, Interactions *data)
{
    data->held_count = header->held;
    data->held = HostAllocate(host, header->users, sizeof(uint32));
    memset(data->held, 0xFF, (Size)header->users * sizeof(uint32)); /* NO_ITEM */
    for (uint32 b = 0; b < BlockCount(header->held, HELD_PER_BLOCK); b++) {
        uint32 rows = BlockRows(header->held, HELD_PER_BLOCK, b);
        DataBlock block = StoreReadMatrix(store, PART_HELD, b, BLOCK_UINT, rows, 2);

        for (uint32 i = 0; i < rows; i++) {
            uint32 pair[2];

            memcpy(pair, block.payload + (Size)i * sizeof(pair), sizeof(pair));
            if (pair[0] >= header->users || !InteractionsContain(data, pair[0], pair[1]))
                StoreDamaged(store, PART_HELD, b, "it names interactions that do not exist");
            data->held[pair[0]] = pair[1];
        }
    }
}

void ReadInteractions(ModelStore *store, const Host *host, const Header *header, Interactions *data)
{
    *data = (Interactions){
        .users = header->users, .items = header->items, .held_learnt = header->held_learnt};
    data->count = ReadLists(store, &seen_lists, host, header, &data->offset, &data->item);
    if (header->held > 0)
        ReadHeld(store, host, header, data);
}

uint32 CopyInteractions(ModelStore *store, const Header *header, ModelSink *sink)
{
    return CopyLists(store, &seen_lists, header, sink) +
           CopyPart(store, PART_HELD, BlockCount(header->held, HELD_PER_BLOCK), BLOCK_UINT, sink);
}

/* The last `limit` events of each user. */
static Events LastEvents(const Events *events, uint32 users, uint32 limit)
{
    Events last = {.offset = PallocArray(uint64, (Size)users + 1)};

    last.item = PallocArray(uint32, Min(events->count, mul_size(users, limit)) + 1);
    last.offset[0] = 0;
    for (uint32 u = 0; u < users; u++) {
        uint64 end = events->offset[u + 1], count = Min(end - events->offset[u], limit);

        memcpy(last.item + last.count, events->item + end - count, count * sizeof(uint32));
        last.count += count;
        last.offset[u + 1] = last.count;
        CHECK_FOR_INTERRUPTS();
    }
    return last;
}

void WriteRecent(ModelSink *sink, const Algorithm *algorithm, const void *options,
                 const Interactions *data)
{
    Events last;

    if (!WantsOrder(algorithm, options))
        return;
    last = LastEvents(data->events, data->users, algorithm->history(options).limit);
    WriteLists(sink, &recent_lists, data->users, last.offset, last.item);
    pfree(last.offset);
    pfree(last.item);
}

Events *ReadRecent(ModelStore *store, const Host *host, const Header *header)
{
    Events *events;

    if (!WantsOrder(header->algorithm, header->options))
        return NULL;
    events = palloc0(sizeof(Events));
    events->count = ReadLists(store, &recent_lists, host, header, &events->offset, &events->item);
    return events;
}

uint32 CopyRecent(ModelStore *store, const Header *header, ModelSink *sink)
{
    return WantsOrder(header->algorithm, header->options)
               ? CopyLists(store, &recent_lists, header, sink)
               : 0;
}

const ItemLists *HistoryLists(const Header *header)
{
    return WantsOrder(header->algorithm, header->options) ? &recent_lists : &seen_lists;
}
