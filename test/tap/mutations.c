/*
 * mutations.c: functions of SQL for 024_mutations.pl, which builds and loads them: stored blocks,
 * images and states of the aggregate, changed by chance, with checksums that fit again.
 *
 * The same seed always makes the same change.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "fmgr.h"
#include "port/pg_crc32c.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

#define HEADER_SIZE 32
#define CHECKSUM_AT 24
#define TYPE_JSON   6

typedef struct Bytes {
    uint8 *at;
    Size size;
} Bytes;

/* ---- chance ---- */

static uint64 state;

/* splitmix64 */
static uint64 Draw(void)
{
    uint64 z = (state += UINT64CONST(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static Size Below(Size limit)
{
    return limit == 0 ? 0 : (Size)(Draw() % limit);
}

static bool OneIn(Size n)
{
    return Below(n) == 0;
}

/* ---- numbers ---- */

static uint32 StrangeInteger(uint32 old)
{
    static const uint32 values[] = {
        0,     1,     2,        3,          39,         40,         41,         255,       256,
        65535, 65536, 16777216, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};

    switch (Below(4)) {
    case 0:
        return old + 1;
    case 1:
        return old - 1;
    case 2:
        return (uint32)Draw();
    default:
        return values[Below(lengthof(values))];
    }
}

static uint32 StrangeFloat(void)
{
    static const float values[] = {
        0,     -0.0f,  -1,         1,      FLT_MAX,  -FLT_MAX, FLT_MIN,   1e-45f,        -1e-40f,
        1e30f, -1e30f, 1e19f,      -1e19f, 16777216, 16777217, -16777216, 2147483648.0f, 39,
        40,    4.5f,   4294967296, -0.5f,  NAN,      INFINITY, 1e-20f};
    uint32 bits;

    memcpy(&bits, &values[Below(lengthof(values))], sizeof(bits));
    return bits;
}

static void ChangeNumbers(Bytes bytes)
{
    Size numbers = bytes.size / sizeof(uint32);
    Size at = Below(numbers), count = OneIn(3) ? 1 + Below(numbers) : 1,
         step = OneIn(4) ? 1 + Below(9) : 1;
    bool floats = OneIn(2);

    for (; count > 0 && at < numbers; count--, at += step) {
        uint32 value;

        memcpy(&value, bytes.at + at * sizeof(value), sizeof(value));
        value = floats ? StrangeFloat() : StrangeInteger(value);
        memcpy(bytes.at + at * sizeof(value), &value, sizeof(value));
    }
}

static void SwapNumbers(Bytes bytes)
{
    Size numbers = bytes.size / sizeof(uint32);
    uint8 *a = bytes.at + Below(numbers) * sizeof(uint32),
          *b = bytes.at + Below(numbers) * sizeof(uint32);
    uint32 one, other;

    if (numbers == 0)
        return;
    memcpy(&one, a, sizeof(one));
    memcpy(&other, b, sizeof(other));
    memcpy(a, &other, sizeof(one));
    memcpy(b, &one, sizeof(other));
}

static void FlipBit(Bytes bytes)
{
    if (bytes.size > 0)
        bytes.at[Below(bytes.size)] ^= (uint8)(1 << Below(8));
}

/* Big-endian, as states have them. */
static void ChangeBigNumber(Bytes bytes)
{
    uint8 *at;
    uint32 value;

    if (bytes.size < sizeof(value))
        return;
    at = bytes.at + Below(bytes.size - sizeof(value) + 1);
    memcpy(&value, at, sizeof(value));
    value = pg_hton32(StrangeInteger(pg_ntoh32(value)));
    memcpy(at, &value, sizeof(value));
}

/* ---- JSON ---- */

/* Puts `text` in place of `length` bytes. */
static Bytes Replace(Bytes bytes, Size at, Size length, const char *text)
{
    Size more = strlen(text);
    Bytes changed = {palloc(bytes.size - length + more + 1), bytes.size - length + more};

    memcpy(changed.at, bytes.at, at);
    memcpy(changed.at + at, text, more);
    memcpy(changed.at + at + more, bytes.at + at + length, bytes.size - at - length);
    return changed;
}

static bool IsOfNumber(uint8 c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '+' || c == 'e';
}

static Bytes ChangeJsonNumber(Bytes json)
{
    static const char *const values[] = {"0",
                                         "1",
                                         "-1",
                                         "2",
                                         "39",
                                         "41",
                                         "-0.5",
                                         "0.5",
                                         "1e300",
                                         "-1e300",
                                         "1e-320",
                                         "2147483647",
                                         "1e999",
                                         "null",
                                         "\"7\"",
                                         "[]",
                                         "{}",
                                         "65536",
                                         "4294967296",
                                         "2147483646",
                                         "true",
                                         "1e400",
                                         "\"\"",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "18446744073709551616"};
    Size at = Below(json.size), length = 0;

    while (at < json.size && !(json.at[at] >= '0' && json.at[at] <= '9'))
        at++;
    while (at > 0 && at < json.size && IsOfNumber(json.at[at - 1]))
        at--;
    while (at + length < json.size && IsOfNumber(json.at[at + length]))
        length++;
    return Replace(json, at, length, values[Below(lengthof(values))]);
}

/* A string, which may be a key. */
static Bytes ChangeJsonString(Bytes json)
{
    static const char *const values[] = {
        "",         "x",          "bpr",      "nmrn",
        "itemknn",  "als",        "softmax",  "popularity",
        "integer",  "text",       "user_id",  "item_id",
        "at",       "date",       "numeric",  "timestamp with time zone",
        "bigint",   "\\u0000",    "\xff\xfe", "orders",
        "pg_class", "items",      "users",    "events",
        "1",        "(SELECT 1)", "learnt"};
    Size at = Below(json.size), length = 0;

    while (at < json.size && json.at[at] != '"')
        at++;
    if (at++ >= json.size)
        return json;
    while (at + length < json.size && json.at[at + length] != '"')
        length++;
    return Replace(json, at, length, values[Below(lengthof(values))]);
}

/* ---- blocks ---- */

static uint32 Field(const uint8 *at)
{
    uint32 value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static void SetField(uint8 *at, uint32 value)
{
    memcpy(at, &value, sizeof(value));
}

static void Mend(Bytes block, const char *place, Size length)
{
    pg_crc32c crc;

    if (block.size < HEADER_SIZE)
        return;
    SetField(block.at + CHECKSUM_AT, 0);
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, place, length);
    COMP_CRC32C(crc, block.at, block.size);
    FIN_CRC32C(crc);
    SetField(block.at + CHECKSUM_AT, crc);
}

static Bytes MutateJson(Bytes block)
{
    Bytes payload = {block.at + HEADER_SIZE, block.size - HEADER_SIZE};
    Bytes changed;

    if (OneIn(12))
        FlipBit(payload);
    payload = OneIn(3) ? ChangeJsonString(payload) : ChangeJsonNumber(payload);
    changed = (Bytes){palloc(HEADER_SIZE + payload.size), HEADER_SIZE + payload.size};
    memcpy(changed.at, block.at, HEADER_SIZE);
    memcpy(changed.at + HEADER_SIZE, payload.at, payload.size);
    SetField(changed.at + 20, (uint32)payload.size);
    return changed;
}

/* A block keeps its header. */
static Bytes Shortened(Bytes block, Size by)
{
    block.size -= Min(by, block.size - HEADER_SIZE);
    return block;
}

/* One change of a block of numbers or texts; some make it shorter. */
static Bytes MutateOnce(Bytes block)
{
    Bytes payload = {block.at + HEADER_SIZE, block.size - HEADER_SIZE};

    switch (Below(16)) {
    case 0:
        FlipBit(block);
        break;
    case 1: /* a field of the header */
        SetField(block.at + 8 + 4 * Below(4), StrangeInteger(Field(block.at + 8)));
        break;
    case 2:
        block = Shortened(block, OneIn(2) ? 4 : Below(64));
        break;
    case 3:
    case 4:
    case 5:
        SwapNumbers(payload);
        break;
    case 6: /* a row less, and its payload: sound by itself */
        if (Field(block.at + 16) > 0 && Field(block.at + 8) <= 2) {
            SetField(block.at + 16, Field(block.at + 16) - 1);
            block = Shortened(block, Field(block.at + 20) * sizeof(uint32));
        }
        break;
    default:
        ChangeNumbers(payload);
    }
    return block;
}

static Bytes Copy(const bytea *bytes)
{
    Bytes copy = {palloc(VARSIZE_ANY_EXHDR(bytes) + 1), VARSIZE_ANY_EXHDR(bytes)};

    memcpy(copy.at, VARDATA_ANY(bytes), copy.size);
    return copy;
}

static Bytes Mutate(Bytes block, const char *place, Size length)
{
    if (block.size < HEADER_SIZE)
        return block;
    for (Size n = 1 + Below(3); n > 0 && block.size >= HEADER_SIZE; n--)
        block =
            Field(block.at + 8) == TYPE_JSON && !OneIn(16) ? MutateJson(block) : MutateOnce(block);
    if (!OneIn(24))
        Mend(block, place, length);
    return block;
}

static Datum ToBytea(Bytes bytes)
{
    bytea *result = palloc(bytes.size + VARHDRSZ);

    SET_VARSIZE(result, bytes.size + VARHDRSZ);
    memcpy(VARDATA(result), bytes.at, bytes.size);
    PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(mutated);

/* mutated(block bytea, place text, seed bigint); place: part/version, which the seal covers. */
Datum mutated(PG_FUNCTION_ARGS)
{
    char *place = text_to_cstring(PG_GETARG_TEXT_PP(1));

    state = (uint64)PG_GETARG_INT64(2);
    return ToBytea(Mutate(Copy(PG_GETARG_BYTEA_PP(0)), place, strlen(place)));
}

/* ---- images ---- */

/* The entry of the image at `at`: where its block is. */
static bool BlockAt(Bytes image, Size at, Bytes *name, Bytes *block)
{
    Size length, size;

    if (at + 12 > image.size || (length = Field(image.at + at)) > image.size - at - 12)
        return false;
    *name = (Bytes){image.at + at + 4, length};
    size = Field(name->at + length + 4);
    *block = (Bytes){name->at + length + 8, size};
    return size <= image.size - at - 12 - length;
}

/* The image with another block in the place of one of its own. */
static Bytes Splice(Bytes image, Bytes from, Bytes to)
{
    Size before = (Size)(from.at - image.at), after = image.size - before - from.size;
    Bytes spliced = {palloc(before + to.size + after + 1), before + to.size + after};

    memcpy(spliced.at, image.at, before);
    memcpy(spliced.at + before, to.at, to.size);
    memcpy(spliced.at + before + to.size, from.at + from.size, after);
    SetField(spliced.at + before - sizeof(uint32), (uint32)to.size);
    return spliced;
}

PG_FUNCTION_INFO_V1(mutated_image);

/* mutated_image(image bytea, seed bigint) */
Datum mutated_image(PG_FUNCTION_ARGS)
{
    Bytes image = Copy(PG_GETARG_BYTEA_PP(0)), name, block, changed;
    Size at = 12;
    char place[64];

    state = (uint64)PG_GETARG_INT64(1);
    if (OneIn(8)) { /* the directory */
        SetField(image.at + Below(image.size - 4), StrangeInteger((uint32)Draw()));
        image.size -= OneIn(3) ? Below(image.size) : 0;
        return ToBytea(image);
    }
    for (Size n = Below(Field(image.at + 8)); n > 0 && BlockAt(image, at, &name, &block); n--)
        at = (Size)(block.at + block.size - image.at);
    if (!BlockAt(image, at, &name, &block) || name.size > 32)
        return ToBytea(image);
    snprintf(place, sizeof(place), "%.*s/0", (int)name.size, (char *)name.at);
    changed = (Bytes){palloc(block.size + 1), block.size};
    memcpy(changed.at, block.at, block.size);
    return ToBytea(Splice(image, block, Mutate(changed, place, strlen(place))));
}

/* ---- states of the aggregate ---- */

PG_FUNCTION_INFO_V1(mutated_state);

/* mutated_state(state bytea, seed bigint) */
Datum mutated_state(PG_FUNCTION_ARGS)
{
    Bytes bytes = Copy(PG_GETARG_BYTEA_PP(0));

    state = (uint64)PG_GETARG_INT64(1);
    for (Size n = 1 + Below(3); n > 0; n--)
        switch (Below(6)) {
        case 0:
            FlipBit(bytes);
            break;
        case 1:
            bytes.size -= Below(bytes.size / 8 + 1);
            break;
        case 2: /* near the front: what all else goes by */
            ChangeBigNumber((Bytes){bytes.at, Min(bytes.size, 300)});
            break;
        default:
            ChangeBigNumber(bytes);
        }
    return ToBytea(bytes);
}

/* Calls a function that may be called by an aggregate only. */
static NullableDatum CallAs(FunctionCallInfo fcinfo, Oid oid, NullableDatum a, NullableDatum b)
{
    LOCAL_FCINFO(call, 2);
    FmgrInfo function;
    NullableDatum result;

    fmgr_info(oid, &function);
    InitFunctionCallInfoData(*call, &function, 2, InvalidOid, fcinfo->context, NULL);
    call->args[0] = a;
    call->args[1] = b;
    result.value = FunctionCallInvoke(call);
    result.isnull = call->isnull;
    return result;
}

PG_FUNCTION_INFO_V1(take_state);

/*
 * take_state(internal, bytea, oid, oid): the transition of an aggregate of states, as they come
 * from workers; the functions recadv_fit_deserialize and recadv_fit_combine.
 */
Datum take_state(PG_FUNCTION_ARGS)
{
    NullableDatum none = {0, true};
    NullableDatum from = CallAs(fcinfo, PG_GETARG_OID(2), fcinfo->args[1], none);
    NullableDatum to = CallAs(fcinfo, PG_GETARG_OID(3), fcinfo->args[0], from);

    fcinfo->isnull = to.isnull;
    return to.value;
}
