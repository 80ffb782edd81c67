/* timecast.c: values of all types as times of one type. */
#include "pg/timecast.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/times.h"

void CheckTimeKind(const char *model, Oid time_type, Oid type)
{
    if (TimeIsNumber(TimeType(type)) != TimeIsNumber(time_type))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("the times of model \"%s\" are of type %s, not %s", model,
                               format_type_be(time_type), format_type_be(type)),
                        errhint("Pass the value of the time column.")));
}

static bool IsWhole(Oid type, Datum value)
{
    switch (type) {
    case FLOAT4OID:
        return DatumGetFloat4(value) == rintf(DatumGetFloat4(value));
    case FLOAT8OID:
        return DatumGetFloat8(value) == rint(DatumGetFloat8(value));
    case NUMERICOID:
        return DatumGetBool(DirectFunctionCall2(
            numeric_eq, value, DirectFunctionCall2(numeric_trunc, value, Int32GetDatum(0))));
    default:
        return true;
    }
}

/* A cast would round, and the event would not be that of any row. */
static void CheckWhole(const char *model, Oid time_type, Oid type, Datum value)
{
    Oid output;
    bool varlena;

    if ((time_type != INT2OID && time_type != INT4OID && time_type != INT8OID) ||
        IsWhole(type, value))
        return;
    getTypeOutputInfo(type, &output, &varlena);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("the time %s is no integer, as those of model \"%s\" are",
                           OidOutputFunctionCall(output, value), model),
                    errhint("Pass the value of the time column.")));
}

/* As an INSERT casts; between types of one kind this is always a function. */
static Datum Cast(Oid from, Oid to, Datum value)
{
    Oid function;

    if (from == to)
        return value;
    if (find_coercion_pathway(to, from, COERCION_ASSIGNMENT, &function) != COERCION_PATH_FUNC)
        elog(ERROR, "no cast from type %u to %u", from, to);
    return OidFunctionCall1(function, value);
}

int64 TimeOfValue(const char *model, Oid time_type, Oid type, Datum value)
{
    Oid base = getBaseType(type);

    CheckWhole(model, time_type, base, value);
    return TimeOf(time_type, Cast(base, time_type, value));
}

int64 TimeOfText(Oid time_type, const text *value)
{
    Oid input, element;

    getTypeInputInfo(time_type, &input, &element);
    return TimeOf(time_type, OidInputFunctionCall(input, text_to_cstring(value), element, -1));
}

int64 TimeOfNow(const char *model, Oid time_type)
{
    Datum now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());

    if (TimeIsNumber(time_type))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("an event of model \"%s\" needs a time", model),
                        errdetail("Its times are of type %s.", format_type_be(time_type)),
                        errhint("Pass the value of the time column.")));
    return TimeOf(time_type, Cast(TIMESTAMPTZOID, time_type, now));
}
