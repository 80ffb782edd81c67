/*
 * times.c: turns the times of a source, of nine types, into integers of the same order, and back.
 *
 * Training and streams sort and compare these integers; the type stands beside them in the model's
 * header, so that queries and messages can show them as what they were.
 */
#include "pg/base/times.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

static const Oid time_types[] = {INT2OID,    INT4OID, INT8OID,      FLOAT4OID,     FLOAT8OID,
                                 NUMERICOID, DATEOID, TIMESTAMPOID, TIMESTAMPTZOID};

bool IsTimeType(Oid type)
{
    for (int i = 0; i < (int)lengthof(time_types); i++)
        if (type == time_types[i])
            return true;
    return false;
}

Oid TimeType(Oid type)
{
    Oid base = getBaseType(type);

    if (IsTimeType(base))
        return base;
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("type %s cannot serve as the time of an interaction", format_type_be(type)),
             errhint("Use a date, a timestamp or a number.")));
    return InvalidOid;
}

const char *TimeTypeName(Oid type)
{
    return format_type_be_qualified(type);
}

Oid TimeTypeOfName(const char *name)
{
    for (int i = 0; i < (int)lengthof(time_types); i++)
        if (strcmp(TimeTypeName(time_types[i]), name) == 0)
            return time_types[i];
    return InvalidOid;
}

bool TimeIsNumber(Oid type)
{
    return type != DATEOID && type != TIMESTAMPOID && type != TIMESTAMPTZOID;
}

/* Ordering of doubles as ordering of integers; NaN counts as no time. */
static int64 OrderedDouble(double value)
{
    int64 bits;

    if (isnan(value))
        return NO_TIME;
    value += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &value, sizeof(bits));
    return bits >= 0 ? bits : PG_INT64_MIN - bits;
}

int64 TimeOf(Oid type, Datum value)
{
    switch (type) {
    case INT2OID:
        return DatumGetInt16(value);
    case INT4OID:
        return DatumGetInt32(value);
    case DATEOID:
        return DatumGetDateADT(value);
    case FLOAT4OID:
        return OrderedDouble(DatumGetFloat4(value));
    case FLOAT8OID:
        return OrderedDouble(DatumGetFloat8(value));
    case NUMERICOID:
        return OrderedDouble(
            DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)));
    default:
        return DatumGetInt64(value);
    }
}

/* The inverse of OrderedDouble. */
static double DoubleOf(int64 time)
{
    int64 bits = time >= 0 ? time : PG_INT64_MIN - time;
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static bool IsFloating(Oid type)
{
    return type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

static bool IsFloatingTime(Oid type, int64 time)
{
    double value = DoubleOf(time);

    return !isnan(value) && (type != FLOAT4OID || value == (double)(float)value);
}

bool TimeIsOf(Oid type, int64 time)
{
    if (time == NO_TIME)
        return true;
    switch (type) {
    case INT2OID:
        return time >= PG_INT16_MIN && time <= PG_INT16_MAX;
    case INT4OID:
        return time >= PG_INT32_MIN && time <= PG_INT32_MAX;
    case DATEOID:
        return time == DATEVAL_NOBEGIN || time == DATEVAL_NOEND || IS_VALID_DATE(time);
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return time == DT_NOEND || IS_VALID_TIMESTAMP(time);
    default:
        return !IsFloating(type) || IsFloatingTime(type, time);
    }
}

static double UnitsPerSecond(Oid type)
{
    if (type == TIMESTAMPOID || type == TIMESTAMPTZOID)
        return USECS_PER_SEC;
    return type == DATEOID ? 1.0 / SECS_PER_DAY : 1;
}

static bool IsEndOfTime(Oid type, int64 time)
{
    return type == DATEOID ? time == DATEVAL_NOEND : !TimeIsNumber(type) && time == DT_NOEND;
}

double TimeSeconds(Oid type, int64 time)
{
    if (time == NO_TIME || (type == DATEOID && time == DATEVAL_NOBEGIN))
        return -INFINITY;
    if (IsEndOfTime(type, time))
        return INFINITY;
    return IsFloating(type) ? DoubleOf(time) : (double)time / UnitsPerSecond(type);
}

int64 TimeBefore(Oid type, int64 time, double lateness)
{
    double units = ceil(lateness * UnitsPerSecond(type));
    int64 before;

    if (time == NO_TIME)
        return NO_TIME;
    if (IsFloating(type))
        return OrderedDouble(DoubleOf(time) - lateness);
    if (units >= (double)PG_INT64_MAX || pg_sub_s64_overflow(time, (int64)units, &before))
        return NO_TIME + 1;
    return Max(before, NO_TIME + 1);
}

int64 TimeMirrored(Oid type, int64 first, int64 time)
{
    int64 span, mirrored;

    if (IsFloating(type))
        mirrored = OrderedDouble(DoubleOf(time) + (DoubleOf(time) - DoubleOf(first)));
    else if (pg_sub_s64_overflow(time, first, &span) || pg_add_s64_overflow(time, span, &mirrored))
        return PG_INT64_MAX;
    return mirrored == NO_TIME ? PG_INT64_MAX : mirrored;
}

bool TimeIsInfinite(Oid type, int64 time)
{
    if (type == DATEOID && time == DATEVAL_NOBEGIN)
        return true;
    return IsFloating(type) ? isinf(DoubleOf(time)) : IsEndOfTime(type, time);
}

int64 TimeSoon(Oid type)
{
    int64 now = TimeNow(type);

    return TimeIsNumber(type) ? now : now + (int64)(SECS_PER_DAY * UnitsPerSecond(type));
}

int64 TimeNow(Oid type)
{
    Datum now = TimestampTzGetDatum(GetCurrentTimestamp());

    switch (type) {
    case TIMESTAMPTZOID:
        return TimeOf(type, now);
    case TIMESTAMPOID:
        return TimeOf(type, DirectFunctionCall1(timestamptz_timestamp, now));
    case DATEOID:
        return TimeOf(type, DirectFunctionCall1(timestamptz_date, now));
    default:
        return PG_INT64_MAX;
    }
}

Datum TimeDatum(Oid type, int64 time, Oid *datum_type)
{
    *datum_type = type;
    switch (type) {
    case DATEOID:
        return DateADTGetDatum((DateADT)Max(time, PG_INT32_MIN));
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return Int64GetDatum(time);
    case FLOAT4OID:
    case FLOAT8OID:
    case NUMERICOID:
        *datum_type = FLOAT8OID;
        return Float8GetDatum(DoubleOf(time));
    default:
        *datum_type = INT8OID;
        return Int64GetDatum(time);
    }
}

Datum TimeBound(Oid type, int64 time, Oid *datum_type)
{
    double lower;

    if (type != NUMERICOID)
        return TimeDatum(type, time, datum_type);
    *datum_type = NUMERICOID;
    lower = nextafter(DoubleOf(time), -INFINITY); /* its digits may round up */
    return DirectFunctionCall3(numeric_in, CStringGetDatum(float8out_internal(lower)),
                               ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

char *TimeText(Oid type, int64 time)
{
    Oid datum_type, output;
    Datum value = TimeDatum(type, time, &datum_type);
    bool varlena;

    getTypeOutputInfo(datum_type, &output, &varlena);
    return OidOutputFunctionCall(output, value);
}
