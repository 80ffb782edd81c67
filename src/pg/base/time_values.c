/*
 * time_values.c: turns the time that recadv_observe() is called with into one of the time column.
 */
#include "pg/base/time_values.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/base/times.h"

void CheckTimeKind(const TimeColumn *column, Oid type)
{
    if (TimeIsNumber(TimeType(type)) != TimeIsNumber(column->type))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("the times of model \"%s\" are of type %s, not %s", column->model,
                               format_type_be(column->type), format_type_be(type)),
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
static void CheckWhole(const TimeColumn *column, Oid type, Datum value)
{
    Oid output;
    bool varlena;

    if ((column->type != INT2OID && column->type != INT4OID && column->type != INT8OID) ||
        IsWhole(type, value))
        return;
    getTypeOutputInfo(type, &output, &varlena);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("the time %s is no integer, as those of model \"%s\" are",
                           OidOutputFunctionCall(output, value), column->model),
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

/* Rounds to the column's precision. */
static Datum Round(const TimeColumn *column, Datum value)
{
    Oid function;

    if (column->typmod < 0 ||
        find_typmod_coercion_function(column->type, &function) != COERCION_PATH_FUNC)
        return value;
    return OidFunctionCall2(function, value, Int32GetDatum(column->typmod));
}

static int64 TimeOfCast(const TimeColumn *column, Oid type, Datum value)
{
    return TimeOf(column->type, Round(column, Cast(type, column->type, value)));
}

int64 TimeOfValue(const TimeColumn *column, Oid type, Datum value)
{
    Oid base = getBaseType(type);

    CheckWhole(column, base, value);
    return TimeOfCast(column, base, value);
}

int64 TimeOfText(const TimeColumn *column, const text *value)
{
    char *string = text_to_cstring(value);
    Oid input, element;

    getTypeInputInfo(column->type, &input, &element);
    return TimeOf(column->type, OidInputFunctionCall(input, string, element, column->typmod));
}

int64 TimeOfNow(const TimeColumn *column)
{
    Datum now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());

    if (TimeIsNumber(column->type))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("an event of model \"%s\" needs a time", column->model),
                        errdetail("Its times are of type %s.", format_type_be(column->type)),
                        errhint("Pass the value of the time column.")));
    return TimeOfCast(column, TIMESTAMPTZOID, now);
}
