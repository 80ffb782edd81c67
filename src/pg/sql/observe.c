/* observe.c: recadv_observe(): tells a model of one event. */
#include "pg/base/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"

#include "pg/base/time_values.h"
#include "pg/stream/observer.h"

/* Arguments of recadv_observe. */
enum { OBSERVE_MODEL, OBSERVE_USER, OBSERVE_ITEM, OBSERVE_AT };

/* Of whatever type the caller's is; NULL stands for what a column with the default now() gets. */
static int64 TimeArgument(FunctionCallInfo fcinfo, int argument, const TimeColumn *column)
{
    Oid type = get_fn_expr_argtype(fcinfo->flinfo, argument);

    if (type != TEXTOID)
        CheckTimeKind(column, type);
    if (PG_ARGISNULL(argument))
        return TimeOfNow(column);
    if (type == TEXTOID)
        return TimeOfText(column, PG_GETARG_TEXT_PP(argument));
    return TimeOfValue(column, type, PG_GETARG_DATUM(argument));
}

static Id IdArgument(FunctionCallInfo fcinfo, int argument, IdKind kind)
{
    text *value;

    if (kind == ID_INTEGER)
        return IdOfInteger(PG_GETARG_INT64(argument));
    value = PG_GETARG_TEXT_PP(argument);
    return IdOfText(VARDATA_ANY(value), (uint32)VARSIZE_ANY_EXHDR(value));
}

/* False for a NULL id. */
static Datum Observe(FunctionCallInfo fcinfo, IdKind kind)
{
    Observed *observed;
    TimeColumn column;
    ModelTable table;
    int64 time;

    PreventCommandIfReadOnly("recadv_observe()");
    PreventCommandIfParallelMode("recadv_observe()");
    if (PG_ARGISNULL(OBSERVE_USER) || PG_ARGISNULL(OBSERVE_ITEM))
        PG_RETURN_BOOL(false);
    SPI_connect();
    observed =
        ObserveOpen(PG_ARGISNULL(OBSERVE_MODEL) ? NULL : PG_GETARG_TEXT_PP(OBSERVE_MODEL), &table);
    column =
        (TimeColumn){table.store.name, observed->header.time_type, observed->header.time_typmod};
    time = TimeArgument(fcinfo, OBSERVE_AT, &column);
    ObserveEvent(observed, &table, IdArgument(fcinfo, OBSERVE_USER, kind),
                 IdArgument(fcinfo, OBSERVE_ITEM, kind), time);
    ModelTableClose(&table);
    SPI_finish();
    PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(recadv_observe_bigint);
PG_FUNCTION_INFO_V1(recadv_observe_text);

Datum recadv_observe_bigint(PG_FUNCTION_ARGS)
{
    return Observe(fcinfo, ID_INTEGER);
}

Datum recadv_observe_text(PG_FUNCTION_ARGS)
{
    return Observe(fcinfo, ID_TEXT);
}
