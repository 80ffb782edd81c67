/*
 * id_index.c: numbers the ids of rows that are being read, one side of a training each.
 *
 * A hash table of the ids seen so far: id_hash.h for integers, PostgreSQL's simplehash for texts.
 * Once all rows are read, IdIndexSort turns it into the ascending list that becomes the dictionary.
 */
#include "pg/ids/id_index.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "pg/ids/id_sort.h"
#include "pg/ids/id_text.h"

typedef struct TextEntry {
    TextKey key;
    uint32 number;
    uint32 hash;
    char status;
} TextEntry;

#define SH_PREFIX          texts
#define SH_ELEMENT_TYPE    TextEntry
#define SH_KEY_TYPE        TextKey
#define SH_KEY             key
#define SH_HASH_KEY(tb, k) hash_bytes((const unsigned char *)(k).text, (int)(k).length)
#define SH_EQUAL(tb, a, b) ((a).length == (b).length && memcmp((a).text, (b).text, (a).length) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) ((a)->hash)
#define SH_SCOPE           static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Ids between two looks at interrupts. */
#define POLL_EVERY (1 << 18)

struct IdIndex {
    MemoryContext context;
    Oid type;
    Oid base; /* of a domain: what it is over */
    IdKind kind;
    IdText text;         /* ID_TEXT: how values become texts */
    IdHash ints;         /* ID_INTEGER */
    texts_hash *strings; /* ID_TEXT */
    Size text_bytes;
    uint32 count;
    uint32 room;        /* ID_TEXT */
    TextKey *by_number; /* ID_TEXT: in order of appearance */
};

IdIndex *IdIndexCreate(MemoryContext context, Oid type)
{
    IdIndex *index = MemoryContextAllocZero(context, sizeof(IdIndex));

    index->context = context;
    index->type = type;
    index->base = getBaseType(type);
    index->kind = IdKindOfType(type);
    if (index->kind == ID_INTEGER) {
        IdHashCreate(&index->ints, context);
    } else {
        IdTextOpen(&index->text, index->base, context);
        index->strings = texts_create(context, 1024, NULL);
    }
    return index;
}

Oid IdIndexType(const IdIndex *index)
{
    return index->type;
}

IdKind IdIndexKind(const IdIndex *index)
{
    return index->kind;
}

uint32 IdIndexCount(const IdIndex *index)
{
    return index->count;
}

Size IdIndexMemory(const IdIndex *index, uint32 more)
{
    if (index->kind == ID_INTEGER)
        return IdHashMemory(&index->ints, (uint64)index->count + more);
    return index->strings->size * sizeof(TextEntry) + index->room * sizeof(TextKey) +
           index->text_bytes;
}

Size IdIndexSortMemory(const IdIndex *index)
{
    Size each = sizeof(uint32); /* of `dense` */

    if (index->kind == ID_INTEGER) /* the table itself is sorted, with a scratch of its size */
        return mul_size(index->count, each + sizeof(int64) + 2 * sizeof(IdSlot));
    each += sizeof(char *) + sizeof(uint32) + sizeof(NumberedText);
    return add_size(IdIndexMemory(index, 0), mul_size(index->count, each));
}

static void CheckRoom(const IdIndex *index)
{
    if (index->count >= MAX_IDS)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("a model cannot hold more than %d users or items", MAX_IDS)));
}

static void AppendText(IdIndex *index, TextKey key)
{
    CheckRoom(index);
    if (index->count == index->room) {
        index->room = index->room == 0 ? 1024 : Min(index->room * 2, (uint32)MAX_IDS);
        index->by_number =
            index->by_number == NULL
                ? AllocateArray(index->context, TextKey, index->room)
                : repalloc_huge(index->by_number, mul_size(index->room, sizeof(TextKey)));
    }
    index->by_number[index->count++] = key;
}

/* The number of an id whose hash is known. */
static inline uint32 AddHashed(IdIndex *index, int64 integer, uint32 hash)
{
    IdSlot *slot = IdHashSeek(&index->ints, hash, integer);

    if (slot->number != FREE_SLOT)
        return slot->number;
    CheckRoom(index);
    if (IdHashGrow(&index->ints, index->count))
        slot = IdHashSeek(&index->ints, hash, integer);
    *slot = (IdSlot){integer, index->count};
    return index->count++;
}

static uint32 AddInteger(IdIndex *index, int64 integer)
{
    return AddHashed(index, integer, IdHashOf(&index->ints, integer));
}

static uint32 AddText(IdIndex *index, const char *text, uint32 length)
{
    bool found;
    TextEntry *entry;
    char *copy;

    if (length > MAX_ID_LENGTH)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("an id of %u bytes is longer than the %d that are allowed", length,
                               MAX_ID_LENGTH)));
    entry = texts_insert(index->strings, (TextKey){text, length}, &found);
    if (!found) {
        copy = MemoryContextAlloc(index->context, length + 1);
        memcpy(copy, text, length);
        entry->key.text = copy;
        entry->number = index->count;
        index->text_bytes += GetMemoryChunkSpace(copy);
        AppendText(index, entry->key);
    }
    return entry->number;
}

uint32 IdIndexAdd(IdIndex *index, Id id)
{
    Assert(id.kind == index->kind);
    return id.kind == ID_INTEGER ? AddInteger(index, id.integer)
                                 : AddText(index, id.text, id.length);
}

int64 IdIndexInteger(const IdIndex *index, Datum value)
{
    switch (index->base) {
    case INT2OID:
        return DatumGetInt16(value);
    case INT4OID:
        return DatumGetInt32(value);
    default:
        return DatumGetInt64(value);
    }
}

Id IdIndexIdOf(IdIndex *index, Datum value)
{
    if (index->kind == ID_INTEGER)
        return IdOfInteger(IdIndexInteger(index, value));
    return IdTextOf(&index->text, value);
}

uint32 IdIndexAddDatum(IdIndex *index, Datum value)
{
    return IdIndexAdd(index, IdIndexIdOf(index, value));
}

/* Lookups whose slots are on their way from memory while another one is done. */
#define LOOKUPS_AHEAD 32

static inline void Prefetch(const IdIndex *index, uint32 hash)
{
    __builtin_prefetch(IdHashHome(&index->ints, hash));
}

void IdIndexAddIntegers(IdIndex *index, const int64 *ids, uint32 count, uint32 *numbers)
{
    uint32 *hashes = numbers; /* in the place of the results */

    for (uint32 i = 0; i < count; i++)
        hashes[i] = IdHashOf(&index->ints, ids[i]);
    for (uint32 i = 0; i < Min(count, LOOKUPS_AHEAD); i++)
        Prefetch(index, hashes[i]);
    for (uint32 i = 0; i < count; i++) {
        if (i + LOOKUPS_AHEAD < count)
            Prefetch(index, hashes[i + LOOKUPS_AHEAD]);
        numbers[i] = AddHashed(index, ids[i], hashes[i]);
    }
}

static int64 *IntegersByNumber(const IdIndex *index)
{
    int64 *integers = PallocArray(int64, (Size)index->count + 1);

    for (uint64 i = 0; i < index->ints.size; i++) {
        const IdSlot *slot = &index->ints.slots[i];

        if (slot->number != FREE_SLOT)
            integers[slot->number] = slot->id;
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    return integers;
}

IdList IdIndexList(const IdIndex *index)
{
    IdList list;

    if (index->kind == ID_INTEGER)
        return (IdList){
            .kind = ID_INTEGER, .count = index->count, .integers = IntegersByNumber(index)};
    list = IdListCreate(ID_TEXT, index->count);
    for (uint32 i = 0; i < index->count; i++) {
        IdListAppend(&list, (Id){ID_TEXT, 0, index->by_number[i].text, index->by_number[i].length});
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    return list;
}

static void SortIntegerIds(IdIndex *index, IdList *list, uint32 *dense)
{
    uint32 n = index->count;
    IdSlot *ids = IdHashCompact(&index->ints, n);
    IdSlot *scratch = AllocateArray(index->context, IdSlot, (Size)n + 1);
    IdSlot *sorted = SortIntegers(ids, n, scratch);

    list->integers = AllocateArray(index->context, int64, (Size)n + 1);
    for (uint32 i = 0; i < n; i++) {
        list->integers[i] = sorted[i].id;
        dense[sorted[i].number] = i;
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    IdSlotsRelease(scratch, (uint64)n + 1);
    IdHashRelease(&index->ints);
}

static void SortTextIds(IdIndex *index, IdList *list, uint32 *dense)
{
    uint32 n = index->count;
    NumberedText *sorted = AllocateArray(index->context, NumberedText, (Size)n + 1);

    for (uint32 i = 0; i < n; i++)
        sorted[i] = (NumberedText){index->by_number[i], i};
    SortTexts(sorted, n);
    list->texts = AllocateArray(index->context, const char *, (Size)n + 1);
    list->lengths = AllocateArray(index->context, uint32, (Size)n + 1);
    for (uint32 i = 0; i < n; i++) {
        list->texts[i] = sorted[i].key.text;
        list->lengths[i] = sorted[i].key.length;
        dense[sorted[i].number] = i;
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    pfree(sorted);
}

void IdIndexSort(IdIndex *index, IdList *list, uint32 **dense)
{
    *list = (IdList){.kind = index->kind, .count = index->count};
    *dense = AllocateArray(index->context, uint32, (Size)index->count + 1);
    if (index->kind == ID_INTEGER)
        SortIntegerIds(index, list, *dense);
    else
        SortTextIds(index, list, *dense);
}

void IdIndexRelease(IdIndex *index)
{
    if (index->kind == ID_INTEGER)
        IdHashRelease(&index->ints);
    else
        texts_destroy(index->strings);
    if (index->by_number != NULL)
        pfree(index->by_number);
    index->strings = NULL;
    index->by_number = NULL;
}
