/*
 * ids.c: what an id is, whatever type of SQL it came from.
 *
 * Each id has one canonical form: an integer, or a text in UTF-8 whatever the encoding of the
 * database.  An integer and the text that spells it stand for the same id.
 */
#include "pg/ids/ids.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Bytes of an id that a message shows. */
#define EXCERPT_LENGTH 40

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

#define ST_SORT          SortNumbers
#define ST_ELEMENT_TYPE  uint32
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

void SortIndexes(uint32 *indexes, uint64 count)
{
    SortNumbers(indexes, count);
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

/* A database without an encoding has any bytes: IdIsUsable looks at them. */
Id IdOfText(const char *text, uint32 length)
{
    char *utf8;

    if (GetDatabaseEncoding() == PG_SQL_ASCII)
        return (Id){ID_TEXT, 0, text, length};
    utf8 = pg_server_to_any(text, (int)length, PG_UTF8);
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

bool IdIsUsable(Id id)
{
    return id.kind == ID_INTEGER || (id.length <= MAX_ID_LENGTH &&
                                     (GetDatabaseEncoding() != PG_SQL_ASCII ||
                                      pg_verify_mbstr(PG_UTF8, id.text, (int)id.length, true)));
}

/* Where the encoding is not known, bytes that are not ASCII are shown as question marks. */
static char *PlainExcerpt(Id id, Size length)
{
    char *excerpt = pnstrdup(id.text, length);

    for (Size i = 0; i < length; i++)
        if (IS_HIGHBIT_SET(excerpt[i]))
            excerpt[i] = '?';
    return excerpt;
}

static char *LocalExcerpt(Id id)
{
    int length = pg_encoding_mbcliplen(PG_UTF8, id.text, (int)id.length, EXCERPT_LENGTH);

    return text_to_cstring(IdToText((Id){ID_TEXT, 0, id.text, (uint32)length}));
}

char *IdExcerpt(Id id)
{
    return psprintf("%s%s",
                    GetDatabaseEncoding() == PG_SQL_ASCII
                        ? PlainExcerpt(id, Min(id.length, EXCERPT_LENGTH))
                        : LocalExcerpt(id),
                    id.length > EXCERPT_LENGTH ? "..." : "");
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

Datum IdToDatum(Id id, IdKind kind)
{
    Id integer;

    if (kind == ID_TEXT)
        return PointerGetDatum(IdToText(id));
    if (!IdConvert(id, ID_INTEGER, &integer))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("id \"%s\" of the model is no integer", IdExcerpt(id)),
                        errhint("Pass ids as text, and get ids as text: id::text, ids::text[].")));
    return Int64GetDatum(integer.integer);
}

uint64 IdKey(Id id)
{
    if (id.kind == ID_INTEGER)
        return (uint64)id.integer;
    return DatumGetUInt64(hash_any_extended((const unsigned char *)id.text, (int)id.length, 0));
}
