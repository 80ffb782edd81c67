/* ids.c: hash tables from ids to numbers (PostgreSQL's simplehash), sorted lists, conversions. */
#include "pg/ids.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

typedef struct IntegerEntry {
    int64 key;
    uint32 number;
    char status;
} IntegerEntry;

#define SH_PREFIX          integers
#define SH_ELEMENT_TYPE    IntegerEntry
#define SH_KEY_TYPE        int64
#define SH_KEY             key
#define SH_HASH_KEY(tb, k) ((uint32)murmurhash64((uint64)(k)))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE           static inline
#define SH_DECLARE
#define SH_DEFINE

/* PostgreSQL 17 brought its own; before there is only the 32-bit form. */
#if PG_VERSION_NUM < 170000
static inline uint64 murmurhash64(uint64 data)
{
    uint64 h = data;

    h ^= h >> 33;
    h *= UINT64CONST(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64CONST(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    return h;
}
#endif
#include "lib/simplehash.h"

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

struct IdIndex {
    MemoryContext context;
    Oid type;
    Oid base; /* of a domain: what it is over */
    IdKind kind;
    bool casts;          /* ID_TEXT: `output` is a cast to text, not an output function */
    FmgrInfo output;     /* ID_TEXT: the type's output function */
    integers_hash *ints; /* ID_INTEGER */
    texts_hash *strings; /* ID_TEXT */
    Size text_bytes;
    uint32 count;
    uint32 room;
    int64 *by_number;        /* ID_INTEGER: ids in order of appearance */
    TextKey *text_by_number; /* ID_TEXT */
};

IdKind IdKindOfType(Oid type)
{
    Oid base = getBaseType(type);

    return base == INT2OID || base == INT4OID || base == INT8OID ? ID_INTEGER : ID_TEXT;
}

const char *IdKindName(IdKind kind)
{
    return kind == ID_INTEGER ? "bigint" : "text";
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

/* First position in [low, high) whose id is not below `key`, or high. */
static uint32 LowerBound(const IdList *list, uint32 low, uint32 high, Id key)
{
    while (low < high) {
        uint32 middle = low + (high - low) / 2;

        if (CompareIds(IdListGet(list, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32 FindBetween(const IdList *list, uint32 low, uint32 high, Id key)
{
    uint32 found = LowerBound(list, low, high, key);

    return found < list->count && CompareIds(IdListGet(list, found), key) == 0 ? found : UNKNOWN_ID;
}

uint32 IdListFind(const IdList *list, Id id)
{
    Id key;

    if (!IdConvert(id, list->kind, &key))
        return UNKNOWN_ID;
    return FindBetween(list, 0, list->count, key);
}

/* Steps double until they pass the id: cheap where the next id is near. */
uint32 IdListFindFrom(const IdList *list, uint32 from, Id id)
{
    uint32 low = from, step = 1;
    Id key;

    if (!IdConvert(id, list->kind, &key))
        return UNKNOWN_ID;
    while (step < list->count - low && CompareIds(IdListGet(list, low + step), key) < 0) {
        low += step;
        step *= 2;
    }
    return FindBetween(list, low, step < list->count - low ? low + step + 1 : list->count, key);
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
        index->ints = integers_create(context, 1024, NULL);
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

Size IdIndexMemory(const IdIndex *index)
{
    Size entries = index->kind == ID_INTEGER
                       ? index->ints->size * sizeof(IntegerEntry) + index->room * sizeof(int64)
                       : index->strings->size * sizeof(TextEntry) + index->room * sizeof(TextKey);

    return entries + index->text_bytes;
}

/* Makes room for one more id. */
static void Grow(IdIndex *index)
{
    Size width = index->kind == ID_INTEGER ? sizeof(int64) : sizeof(TextKey);
    void **array =
        index->kind == ID_INTEGER ? (void **)&index->by_number : (void **)&index->text_by_number;

    if (index->count < index->room)
        return;
    if (index->count >= MAX_IDS)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("a model cannot hold more than %d users or items", MAX_IDS)));
    index->room = index->room == 0 ? 1024 : Min(index->room * 2, (uint32)MAX_IDS);
    if (*array == NULL)
        *array = MemoryContextAllocHuge(index->context, mul_size(index->room, width));
    else
        *array = repalloc_huge(*array, mul_size(index->room, width));
}

static uint32 AddInteger(IdIndex *index, int64 integer)
{
    bool found;
    IntegerEntry *entry = integers_insert(index->ints, integer, &found);

    if (!found) {
        entry->number = index->count;
        Grow(index);
        index->by_number[index->count++] = integer;
    }
    return entry->number;
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
        Grow(index);
        index->text_by_number[index->count++] = entry->key;
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

/* A large table misses the cache at nearly every row: let the misses overlap. */
void IdIndexAddIntegers(IdIndex *index, const int64 *ids, uint32 count, uint32 *numbers)
{
    for (uint32 i = 0; i < count; i++)
        __builtin_prefetch(
            &index->ints->data[murmurhash64((uint64)ids[i]) & index->ints->sizemask]);
    for (uint32 i = 0; i < count; i++)
        numbers[i] = AddInteger(index, ids[i]);
}

Id IdIndexGet(const IdIndex *index, uint32 number)
{
    if (index->kind == ID_INTEGER)
        return IdOfInteger(index->by_number[number]);
    return (Id){ID_TEXT, 0, index->text_by_number[number].text,
                index->text_by_number[number].length};
}

/* An id beside its provisional number, so that sorting touches no other memory. */
typedef struct SortedInteger {
    int64 id;
    uint32 number;
} SortedInteger;

#define ST_SORT          SortIntegers
#define ST_ELEMENT_TYPE  SortedInteger
#define ST_COMPARE(a, b) (((a)->id > (b)->id) - ((a)->id < (b)->id))
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

typedef struct SortedText {
    TextKey key;
    uint32 number;
} SortedText;

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
    IdList converted;
    Id id;

    if (list->kind == kind)
        return *list;
    converted = IdListCreate(kind, list->count);
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
    SortedInteger *sorted = AllocateArray(index->context, SortedInteger, (Size)n + 1);

    for (uint32 i = 0; i < n; i++)
        sorted[i] = (SortedInteger){index->by_number[i], i};
    SortIntegers(sorted, n);
    list->integers = AllocateArray(index->context, int64, (Size)n + 1);
    for (uint32 i = 0; i < n; i++) {
        list->integers[i] = sorted[i].id;
        dense[sorted[i].number] = i;
    }
    pfree(sorted);
}

static void SortTextIds(IdIndex *index, IdList *list, uint32 *dense)
{
    uint32 n = index->count;
    SortedText *sorted = AllocateArray(index->context, SortedText, (Size)n + 1);

    for (uint32 i = 0; i < n; i++)
        sorted[i] = (SortedText){index->text_by_number[i], i};
    SortTexts(sorted, n);
    list->texts = AllocateArray(index->context, const char *, (Size)n + 1);
    list->lengths = AllocateArray(index->context, uint32, (Size)n + 1);
    for (uint32 i = 0; i < n; i++) {
        list->texts[i] = sorted[i].key.text;
        list->lengths[i] = sorted[i].key.length;
        dense[sorted[i].number] = i;
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
        integers_destroy(index->ints);
    else
        texts_destroy(index->strings);
    if (index->by_number != NULL)
        pfree(index->by_number);
    if (index->text_by_number != NULL)
        pfree(index->text_by_number);
    index->ints = NULL;
    index->strings = NULL;
    index->by_number = NULL;
    index->text_by_number = NULL;
}
