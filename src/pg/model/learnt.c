/*
 * learnt.c: makes, checks and copies the lists of learnt events.
 *
 * A training makes the lists of all users.  Refreshes look into those of the users with late events
 * (unlearnt.c) and add what they have learnt (refresh.c).
 */
#include "pg/model/learnt.h"

const ItemLists learnt_lists = {.part = "learnt", .hashes = true};

#define ST_SORT          SortHashes
#define ST_ELEMENT_TYPE  uint32
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE         static
#define ST_DEFINE
#include "lib/sort_template.h"

Size LearntMemory(uint64 events, uint32 users)
{
    return add_size(mul_size(events + 1, sizeof(uint32)),
                    mul_size((Size)users + 1, sizeof(uint64)));
}

/* Where the hashes of each user will stand, one place on: placing them moves the offsets. */
static void CountEvents(const LearntEvents *events, LearntLists *learnt)
{
    memset(learnt->offset, 0, ((Size)learnt->users + 2) * sizeof(uint64));
    for (uint64 i = 0; i < events->count; i++)
        learnt->offset[events->user[i] + 2]++;
    for (uint32 u = 0; u < learnt->users; u++)
        learnt->offset[u + 2] += learnt->offset[u + 1];
}

static void PlaceHashes(const LearntEvents *events, const IdList *users, const IdList *items,
                        LearntLists *learnt)
{
    for (uint64 i = 0; i < events->count; i++) {
        uint32 user = events->user[i];

        learnt->hash[learnt->offset[user + 1]++] =
            LearntHash(IdListGet(users, user), IdListGet(items, events->item[i]), events->time[i]);
        if (i % 65536 == 0)
            CHECK_FOR_INTERRUPTS();
    }
}

/* Each user's hashes ascending and once; those of later users move up. */
static void SortLists(LearntLists *learnt)
{
    uint64 kept = 0, first = 0;

    for (uint32 u = 0; u < learnt->users; u++) {
        uint64 end = learnt->offset[u + 1], start = kept;

        SortHashes(learnt->hash + first, end - first);
        for (uint64 i = first; i < end; i++)
            if (kept == start || learnt->hash[kept - 1] != learnt->hash[i])
                learnt->hash[kept++] = learnt->hash[i];
        learnt->offset[u + 1] = kept;
        first = end;
        CHECK_FOR_INTERRUPTS();
    }
}

LearntLists LearntOfEvents(const LearntEvents *events, const IdList *users, const IdList *items)
{
    LearntLists learnt = {.users = users->count,
                          .offset = PallocArray(uint64, (Size)users->count + 2),
                          .hash = PallocArray(uint32, events->count + 1)};

    CountEvents(events, &learnt);
    PlaceHashes(events, users, items, &learnt);
    SortLists(&learnt);
    return learnt;
}

void LearntWrite(ModelSink *sink, const LearntLists *learnt)
{
    if (learnt->offset != NULL)
        WriteLists(sink, &learnt_lists, learnt->users, learnt->offset, learnt->hash);
}

/* Nobody needs all of them at once, so they are checked a block at a time. */
void LearntCheck(ModelStore *store, const Header *header)
{
    uint32 count;

    for (uint32 b = 0; header->learnt && b < ListBlocks(header->users); b++) {
        DataBlock block = ReadListBlock(store, &learnt_lists, header, b);

        for (uint32 i = 0; i < block.rows; i++)
            ListEntry(store, &learnt_lists, &block, i, header->items, &count);
        BlockFree(&block);
    }
}

uint32 LearntCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return header->learnt ? CopyLists(store, &learnt_lists, header, sink) : 0;
}
