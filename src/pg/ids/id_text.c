/*
 * id_text.c: makes canonical texts of values of any type, and of texts that name such values.
 *
 * Whoever reads ids comes here: readers of sources, the trigger, seen => 'live', the aggregate, and
 * the functions that are given ids as text.  The settings that output functions go by are fixed for
 * the one call, not for the query that reads the source: what that means is the session's business.
 */
#include "pg/ids/id_text.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#endif
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* Longer texts are no value of these types that could be an id. */
#define MAX_VALUE_LENGTH (8 * MAX_ID_LENGTH)

typedef struct Setting {
    const char *name;
    const char *value;
} Setting;

static const Setting canonical_settings[] = {
    {"datestyle", "ISO, MDY"}, {"intervalstyle", "postgres"},    {"timezone", "UTC"},
    {"bytea_output", "hex"},   {"extra_float_digits", "1"},      {"lc_monetary", "C"},
    {"xmlbinary", "base64"},   {"quote_all_identifiers", "off"},
};

/* Types of PostgreSQL whose text no setting changes. */
static const Oid plain_types[] = {BOOLOID,    CHAROID,     NAMEOID, TEXTOID,   VARCHAROID,
                                  BPCHAROID,  UUIDOID,     OIDOID,  INETOID,   CIDROID,
                                  MACADDROID, MACADDR8OID, BITOID,  VARBITOID, JSONBOID};

/* Types with more than one text for a value; their input functions are PostgreSQL's own. */
static const Oid text_types[] = {UUIDOID,     NUMERICOID, DATEOID,     TIMESTAMPOID, TIMESTAMPTZOID,
                                 TIMEOID,     TIMETZOID,  INTERVALOID, BYTEAOID,     BOOLOID,
                                 FLOAT4OID,   FLOAT8OID,  INETOID,     CIDROID,      MACADDROID,
                                 MACADDR8OID, OIDOID};

static bool IsAmong(Oid type, const Oid *types, int count)
{
    for (int i = 0; i < count; i++)
        if (type == types[i])
            return true;
    return false;
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

void IdTextOpen(IdText *form, Oid type, MemoryContext context)
{
    form->type = getBaseType(type);
    form->depends =
        !IsAmong(form->type, plain_types, lengthof(plain_types)) && !type_is_enum(form->type);
    fmgr_info_cxt(TextFunction(form->type, &form->casts), &form->function, context);
}

/* A cast may want the typmod, and whether it is explicit. */
static char *Cast(IdText *form, Datum value)
{
    switch (form->function.fn_nargs) {
    case 1:
        return TextDatumGetCString(FunctionCall1(&form->function, value));
    case 2:
        return TextDatumGetCString(FunctionCall2(&form->function, value, Int32GetDatum(-1)));
    default:
        return TextDatumGetCString(
            FunctionCall3(&form->function, value, Int32GetDatum(-1), BoolGetDatum(true)));
    }
}

static char *Output(IdText *form, Datum value)
{
    return form->casts ? Cast(form, value) : OutputFunctionCall(&form->function, value);
}

static void FixSetting(const char *name, const char *value)
{
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* An error on the way ends the transaction or subtransaction, and with it the settings. */
static char *OutputUnderSettings(IdText *form, Datum value)
{
    int level = NewGUCNestLevel();
    char *output;

    for (int i = 0; i < (int)lengthof(canonical_settings); i++)
        FixSetting(canonical_settings[i].name, canonical_settings[i].value);
    if (form->type < FirstNormalObjectId) /* of regclass and its like; others run code of users */
        FixSetting("search_path", "pg_catalog");
    output = Output(form, value);
    AtEOXact_GUC(true, level);
    return output;
}

static char *DateText(DateADT date)
{
    char text[MAXDATELEN + 1];
    struct pg_tm tm = {0};

    if (DATE_NOT_FINITE(date)) {
        EncodeSpecialDate(date, text);
    } else {
        j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
        EncodeDateOnly(&tm, USE_ISO_DATES, text);
    }
    return pstrdup(text);
}

/* With a zone: UTC, which is what a moment counts in. */
static char *TimestampText(Timestamp timestamp, bool zone)
{
    char text[MAXDATELEN + 1];
    struct pg_tm tm;
    fsec_t fraction;

    if (TIMESTAMP_NOT_FINITE(timestamp)) {
        EncodeSpecialTimestamp(timestamp, text);
    } else {
        if (timestamp2tm(timestamp, NULL, &tm, &fraction, NULL, NULL) != 0)
            ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                            errmsg("timestamp out of range")));
        tm.tm_isdst = 0;
        EncodeDateTime(&tm, fraction, zone, 0, NULL, USE_ISO_DATES, text);
    }
    return pstrdup(text);
}

static char *NumericText(Datum value)
{
    return DatumGetCString(
        DirectFunctionCall1(numeric_out, DirectFunctionCall1(numeric_trim_scale, value)));
}

/* Equal values are one id: of the two zeros, the positive. */
static Datum OneZero(Oid type, Datum value)
{
    if (type == FLOAT4OID && DatumGetFloat4(value) == 0)
        return Float4GetDatum(0);
    if (type == FLOAT8OID && DatumGetFloat8(value) == 0)
        return Float8GetDatum(0);
    return value;
}

static char *CanonicalText(IdText *form, Datum value)
{
    switch (form->casts ? InvalidOid : form->type) {
    case DATEOID:
        return DateText(DatumGetDateADT(value));
    case TIMESTAMPOID:
        return TimestampText(DatumGetTimestamp(value), false);
    case TIMESTAMPTZOID:
        return TimestampText(DatumGetTimestampTz(value), true);
    case NUMERICOID:
        return NumericText(value);
    default:
        value = OneZero(form->type, value);
        return form->depends ? OutputUnderSettings(form, value) : Output(form, value);
    }
}

Id IdTextOf(IdText *form, Datum value)
{
    char *canonical = CanonicalText(form, value);

    return IdOfText(canonical, (uint32)strlen(canonical));
}

Oid IdTextType(Oid type)
{
    Oid base = getBaseType(type);

    return IsAmong(base, text_types, lengthof(text_types)) ? base : InvalidOid;
}

const char *IdTextTypeName(Oid type)
{
    return format_type_be_qualified(type);
}

Oid IdTextTypeOfName(const char *name)
{
    for (int i = 0; i < (int)lengthof(text_types); i++)
        if (strcmp(IdTextTypeName(text_types[i]), name) == 0)
            return text_types[i];
    return InvalidOid;
}

#if PG_VERSION_NUM >= 160000

static bool ReadValue(Oid type, char *text, Datum *value)
{
    ErrorSaveContext error = {T_ErrorSaveContext};
    Oid function, parameter;
    FmgrInfo input;

    getTypeInputInfo(type, &function, &parameter);
    fmgr_info(function, &input);
    return InputFunctionCallSafe(&input, text, parameter, -1, (Node *)&error, value);
}

#else

/*
 * Before PostgreSQL 16 an input function can only raise an error.  Those of the types above take no
 * lock, open nothing and write nothing, so there is nothing to undo but memory, which is the
 * caller's; a subtransaction would make the function parallel unsafe.
 */
static bool ReadValue(Oid type, char *text, Datum *value)
{
    MemoryContext caller = CurrentMemoryContext;
    Oid function, parameter;
    volatile bool sound = true;

    getTypeInputInfo(type, &function, &parameter);
    PG_TRY();
    {
        *value = OidInputFunctionCall(function, text, parameter, -1);
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(caller);
        if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION &&
            ERRCODE_TO_CATEGORY(geterrcode()) !=
                ERRCODE_TO_CATEGORY(ERRCODE_PROGRAM_LIMIT_EXCEEDED))
            PG_RE_THROW();
        FlushErrorState();
        sound = false;
    }
    PG_END_TRY();
    return sound;
}

#endif

/* Long lists of uuids mostly are as PostgreSQL writes them: that is seen at a glance. */
static bool IsPlainUuid(Id id)
{
    bool plain = id.length == 36;

    for (uint32 i = 0; i < id.length && plain; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = id.text[i];

        plain = dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return plain;
}

/* All texts of these types are ASCII, so that the encoding does not matter. */
Id IdCanonical(Oid type, Id id)
{
    IdText form;
    Datum value;

    if (!OidIsValid(type) || id.kind != ID_TEXT || id.length > MAX_VALUE_LENGTH ||
        (type == UUIDOID && IsPlainUuid(id)))
        return id;
    if (!ReadValue(type, pnstrdup(id.text, id.length), &value))
        return id;
    IdTextOpen(&form, type, CurrentMemoryContext);
    return IdTextOf(&form, value);
}

bool IdTextHasChanged(const char *type_name)
{
    return strncmp(type_name, "numeric", strlen("numeric")) == 0 ||
           strncmp(type_name, "reg", strlen("reg")) == 0 ||
           (strncmp(type_name, "timestamp", strlen("timestamp")) == 0 &&
            strstr(type_name, "with time zone") != NULL);
}
