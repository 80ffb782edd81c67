/* observe.c: recadv_observe(): tells a model of one event. */
#include "pg/base/compat.h"

#include "executor/spi.h"
#include "fmgr.h"

#include "pg/base/time_values.h"
#include "pg/model/resolve.h"
#include "pg/stream/observer.h"

/* Arguments of recadv_observe. */
enum { OBSERVE_MODEL, OBSERVE_USER, OBSERVE_ITEM, OBSERVE_AT };

/* How a form of the function takes its time. */
typedef int64 (*TimeArgument)(FunctionCallInfo fcinfo, const TimeColumn *column);

/* As a literal; NULL stands for what a column with the default now() gets. */
static int64 LiteralTime(FunctionCallInfo fcinfo, const TimeColumn *column)
{
    if (PG_ARGISNULL(OBSERVE_AT))
        return TimeOfNow(column);
    return TimeOfText(column, PG_GETARG_TEXT_PP(OBSERVE_AT));
}

/* As a value of the caller's type; NULL as above. */
static int64 ValueTime(FunctionCallInfo fcinfo, const TimeColumn *column)
{
    Oid type = get_fn_expr_argtype(fcinfo->flinfo, OBSERVE_AT);

    CheckTimeKind(column, type);
    if (PG_ARGISNULL(OBSERVE_AT))
        return TimeOfNow(column);
    return TimeOfValue(column, type, PG_GETARG_DATUM(OBSERVE_AT));
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
static Datum Observe(FunctionCallInfo fcinfo, IdKind kind, TimeArgument time_argument)
{
    ObservedModel *observed;
    TimeColumn column;
    PendingEvent event;
    ModelTable table;

    PreventCommandIfReadOnly("recadv_observe()");
    PreventCommandIfParallelMode("recadv_observe()");
    if (PG_ARGISNULL(OBSERVE_USER) || PG_ARGISNULL(OBSERVE_ITEM))
        PG_RETURN_BOOL(false);
    SPI_connect();
    ModelOpen(PG_ARGISNULL(OBSERVE_MODEL) ? NULL : PG_GETARG_TEXT_PP(OBSERVE_MODEL), MODEL_OBSERVE,
              &table);
    observed = ObserveOpen(&table);
    column =
        (TimeColumn){table.store.name, observed->header.time_type, observed->header.time_typmod};
    event.time = time_argument(fcinfo, &column);
    event.user = IdArgument(fcinfo, OBSERVE_USER, kind);
    event.item = IdArgument(fcinfo, OBSERVE_ITEM, kind);
    PendingWrite(&table, ObserveEvents(observed, &table, &event, 1));
    ModelTableClose(&table);
    SPI_finish();
    PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(recadv_observe_bigint_literal);
PG_FUNCTION_INFO_V1(recadv_observe_bigint_value);
PG_FUNCTION_INFO_V1(recadv_observe_text_literal);
PG_FUNCTION_INFO_V1(recadv_observe_text_value);

Datum recadv_observe_bigint_literal(PG_FUNCTION_ARGS)
{
    return Observe(fcinfo, ID_INTEGER, LiteralTime);
}

Datum recadv_observe_bigint_value(PG_FUNCTION_ARGS)
{
    return Observe(fcinfo, ID_INTEGER, ValueTime);
}

Datum recadv_observe_text_literal(PG_FUNCTION_ARGS)
{
    return Observe(fcinfo, ID_TEXT, LiteralTime);
}

Datum recadv_observe_text_value(PG_FUNCTION_ARGS)
{
    return Observe(fcinfo, ID_TEXT, ValueTime);
}
