/* ids.c: dictionaries from ids to numbers, sorted lists, conversions. */
#include "pg/ids/ids.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/ids/id_hash.h"

typedef struct TextKey {
    const char *text;
    uint32 length;
} TextKey;

typedef struct TextEntry {
    TextKey key;
    uint32 number;
    uint32 hash;
    char status;
} TextEntry;

typedef struct SortedText {
    TextKey key;
    uint32 number;
} SortedText;

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
    bool casts;          /* ID_TEXT: `output` is a cast to text, not an output function */
    FmgrInfo output;     /* ID_TEXT: the type's output function */
    IdHash ints;         /* ID_INTEGER */
    texts_hash *strings; /* ID_TEXT */
    Size text_bytes;
    uint32 count;
    uint32 room;        /* ID_TEXT */
    TextKey *by_number; /* ID_TEXT: in order of appearance */
};

IdKind IdKindOfType(Oid type)
{
    Oid base = getBaseType(type);

    return base == INT2OID || base == INT4OID || base == INT8OID ? ID_INTEGER : ID_TEXT;
}

Oid IdTypeOf(IdKind kind)
{
    return kind == ID_INTEGER ? INT8OID : TEXTOID;
}

const char *IdKindName(IdKind kind)
{
    return kind == ID_INTEGER ? "bigint" : "text";
}

int CompareIndexes(const void *a, const void *b)
{
    uint32 x = *(const uint32 *)a, y = *(const uint32 *)b;

    return (x > y) - (x < y);
}

int CompareIds(Id a, Id b)
{
    int order;

    if (a.kind == ID_INTEGER)
        return (a.integer > b.integer) - (a.integer < b.integer);
    order = memcmp(a.text, b.text, Min(a.length, b.length));
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

Id IdOfInteger(int64 integer)
{
    return (Id){ID_INTEGER, integer, NULL, 0};
}

Id IdOfText(const char *text, uint32 length)
{
    char *utf8 = pg_server_to_any(text, (int)length, PG_UTF8);

    return (Id){ID_TEXT, 0, utf8, utf8 == text ? length : (uint32)strlen(utf8)};
}

text *IdToText(Id id)
{
    char *local;

    if (id.kind == ID_INTEGER)
        return cstring_to_text(psprintf(INT64_FORMAT, id.integer));
    local = pg_any_to_server(id.text, (int)id.length, PG_UTF8);
    return cstring_to_text_with_len(local, local == id.text ? (int)id.length : (int)strlen(local));
}

Datum IdToDatum(Id id, IdKind kind)
{
    return kind == ID_INTEGER ? Int64GetDatum(id.integer) : PointerGetDatum(IdToText(id));
}

/* Only the canonical spelling of an integer is that integer: " 42" and "042" are other texts. */
static bool ParseInteger(Id id, int64 *integer)
{
    char digits[32], canonical[32], *end;

    if (id.length == 0 || id.length >= sizeof(digits))
        return false;
    memcpy(digits, id.text, id.length);
    digits[id.length] = '\0';
    errno = 0;
    *integer = strtoll(digits, &end, 10);
    snprintf(canonical, sizeof(canonical), INT64_FORMAT, *integer);
    return errno == 0 && *end == '\0' && strcmp(digits, canonical) == 0;
}

bool IdConvert(Id id, IdKind kind, Id *converted)
{
    int64 integer;

    *converted = id;
    if (id.kind == kind)
        return true;
    if (kind == ID_TEXT) {
        char *digits = psprintf(INT64_FORMAT, id.integer);

        *converted = (Id){ID_TEXT, 0, digits, (uint32)strlen(digits)};
        return true;
    }
    if (!ParseInteger(id, &integer))
        return false;
    *converted = IdOfInteger(integer);
    return true;
}

Id IdListGet(const IdList *list, uint32 index)
{
    if (list->kind == ID_INTEGER)
        return IdOfInteger(list->integers[index]);
    return (Id){ID_TEXT, 0, list->texts[index], list->lengths[index]};
}

uint64 IdKey(Id id)
{
    if (id.kind == ID_INTEGER)
        return (uint64)id.integer;
    return DatumGetUInt64(hash_any_extended((const unsigned char *)id.text, (int)id.length, 0));
}

static uint32 IndexAt(const IdList *list, uint32 position)
{
    return list->order == NULL ? position : list->order[position];
}

static Id IdAt(const IdList *list, uint32 position)
{
    return IdListGet(list, IndexAt(list, position));
}

/* First position in [low, high) whose id is not below `key`, or high. */
static uint32 LowerBound(const IdList *list, uint32 low, uint32 high, Id key)
{
    while (low < high) {
        uint32 middle = low + (high - low) / 2;

        if (CompareIds(IdAt(list, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32 FindBetween(const IdList *list, uint32 low, uint32 high, Id key)
{
    uint32 found = LowerBound(list, low, high, key);

    return found < list->count && CompareIds(IdAt(list, found), key) == 0 ? IndexAt(list, found)
                                                                          : UNKNOWN_ID;
}

uint32 IdListFind(const IdList *list, Id id)
{
    Id key;

    if (!IdConvert(id, list->kind, &key))
        return UNKNOWN_ID;
    return FindBetween(list, 0, list->count, key);
}

IdList IdListCreate(IdKind kind, uint32 count)
{
    IdList list = {.kind = kind};

    if (kind == ID_INTEGER) {
        list.integers = PallocArray(int64, (Size)count + 1);
    } else {
        list.texts = PallocArray(const char *, (Size)count + 1);
        list.lengths = PallocArray(uint32, (Size)count + 1);
    }
    return list;
}

void IdListFree(IdList *list)
{
    if (list->kind == ID_INTEGER) {
        pfree(list->integers);
    } else {
        pfree(list->texts);
        pfree(list->lengths);
    }
}

void IdListAppend(IdList *list, Id id)
{
    Assert(id.kind == list->kind);
    if (id.kind == ID_INTEGER) {
        list->integers[list->count] = id.integer;
    } else {
        list->texts[list->count] = id.text;
        list->lengths[list->count] = id.length;
    }
    list->count++;
}

/* The function behind id::text: a cast of the type's own, or its output function. */
static Oid TextFunction(Oid type, bool *casts)
{
    Oid function;
    bool varlena;

    *casts =
        find_coercion_pathway(TEXTOID, type, COERCION_EXPLICIT, &function) == COERCION_PATH_FUNC;
    if (!*casts)
        getTypeOutputInfo(type, &function, &varlena);
    return function;
}

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
        fmgr_info_cxt(TextFunction(index->base, &index->casts), &index->output, context);
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
    each += sizeof(char *) + sizeof(uint32) + sizeof(SortedText);
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

/* With the hash of the id known. */
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

/* The text of a value as id::text gives it. */
static Id TextOfDatum(IdIndex *index, Datum value)
{
    text *cast;
    char *output;

    if (index->casts) {
        cast = DatumGetTextPP(FunctionCall1(&index->output, value));
        return IdOfText(VARDATA_ANY(cast), (uint32)VARSIZE_ANY_EXHDR(cast));
    }
    output = OutputFunctionCall(&index->output, value);
    return IdOfText(output, (uint32)strlen(output));
}

Id IdIndexIdOf(IdIndex *index, Datum value)
{
    if (index->kind == ID_INTEGER)
        return IdOfInteger(IdIndexInteger(index, value));
    return TextOfDatum(index, value);
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

#define DIGITS 8 /* bytes of an id */

/* The byte of an id that a pass sorts by; negative ids come first. */
static inline uint8 Digit(int64 id, int digit)
{
    return (uint8)(((uint64)id ^ UINT64CONST(1) << 63) >> (8 * digit));
}

static void CountDigits(const IdSlot *ids, uint32 n, uint32 counts[DIGITS][256])
{
    memset(counts, 0, sizeof(uint32[DIGITS][256]));
    for (uint32 i = 0; i < n; i++) {
        for (int d = 0; d < DIGITS; d++)
            counts[d][Digit(ids[i].id, d)]++;
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
}

static void SortByDigit(const IdSlot *from, uint32 n, int digit, const uint32 *counts, IdSlot *to)
{
    uint32 next[256], sum = 0;

    for (int v = 0; v < 256; v++) {
        next[v] = sum;
        sum += counts[v];
    }
    for (uint32 i = 0; i < n; i++) {
        to[next[Digit(from[i].id, digit)]++] = from[i];
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
}

/* Byte by byte, without those that all ids share; returns the sorted one of the two arrays. */
static IdSlot *SortIntegers(IdSlot *ids, uint32 n, IdSlot *scratch)
{
    uint32 counts[DIGITS][256];

    CountDigits(ids, n, counts);
    for (int d = 0; d < DIGITS && n > 0; d++) {
        IdSlot *sorted = scratch;

        if (counts[d][Digit(ids[0].id, d)] == n)
            continue;
        SortByDigit(ids, n, d, counts[d], sorted);
        scratch = ids;
        ids = sorted;
    }
    return ids;
}

static inline int CompareTexts(const SortedText *a, const SortedText *b)
{
    return CompareIds((Id){ID_TEXT, 0, a->key.text, a->key.length},
                      (Id){ID_TEXT, 0, b->key.text, b->key.length});
}

#define ST_SORT          SortTexts
#define ST_ELEMENT_TYPE  SortedText
#define ST_COMPARE(a, b) CompareTexts(a, b)
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT          SortPlainIntegers
#define ST_ELEMENT_TYPE  int64
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static void SortPlainTexts(IdList *list)
{
    SortedText *sorted = PallocArray(SortedText, (Size)list->count + 1);

    for (uint32 i = 0; i < list->count; i++)
        sorted[i] = (SortedText){{list->texts[i], list->lengths[i]}, i};
    SortTexts(sorted, list->count);
    for (uint32 i = 0; i < list->count; i++) {
        list->texts[i] = sorted[i].key.text;
        list->lengths[i] = sorted[i].key.length;
    }
    pfree(sorted);
}

/* What a query has put in order needs no sorting. */
static bool IsAscending(const IdList *list)
{
    for (uint32 i = 1; i < list->count; i++)
        if (CompareIds(IdListGet(list, i - 1), IdListGet(list, i)) >= 0)
            return false;
    return true;
}

void IdListSort(IdList *list)
{
    uint32 count = list->count;

    if (IsAscending(list))
        return;
    if (list->kind == ID_INTEGER)
        SortPlainIntegers(list->integers, count);
    else
        SortPlainTexts(list);
    list->count = 1;
    for (uint32 i = 1; i < count; i++) {
        Id id = IdListGet(list, i);

        if (CompareIds(IdListGet(list, list->count - 1), id) != 0)
            IdListAppend(list, id);
    }
}

IdList IdListConvert(const IdList *list, IdKind kind)
{
    IdList converted = IdListCreate(kind, list->count);
    Id id;

    for (uint32 i = 0; i < list->count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (IdConvert(IdListGet(list, i), kind, &id))
            IdListAppend(&converted, id);
    }
    return converted;
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
    SortedText *sorted = AllocateArray(index->context, SortedText, (Size)n + 1);

    for (uint32 i = 0; i < n; i++)
        sorted[i] = (SortedText){index->by_number[i], i};
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
