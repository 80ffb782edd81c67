/* observe.c: recadv_observe(): tells a model of one event. */
#include "pg/base/compat.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

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

/* How a form of the function takes its ids. */
typedef Id (*IdArgument)(FunctionCallInfo fcinfo, int argument);

static Id IdOfString(const char *string)
{
    return IdOfText(string, (uint32)strlen(string));
}

static Id IntegerArgument(FunctionCallInfo fcinfo, int argument)
{
    return IdOfInteger(PG_GETARG_INT64(argument));
}

static Id TextArgument(FunctionCallInfo fcinfo, int argument)
{
    return IdOfString(text_to_cstring(PG_GETARG_TEXT_PP(argument)));
}

static Id UuidArgument(FunctionCallInfo fcinfo, int argument)
{
    return IdOfString(DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(argument))));
}

/* Without trailing zeros. */
static Id NumericArgument(FunctionCallInfo fcinfo, int argument)
{
    return IdOfString(numeric_normalize(PG_GETARG_NUMERIC(argument)));
}

/* False for a NULL id. */
static Datum Observe(FunctionCallInfo fcinfo, IdArgument id_argument, TimeArgument time_argument)
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
    event.user = id_argument(fcinfo, OBSERVE_USER);
    event.item = id_argument(fcinfo, OBSERVE_ITEM);
    PendingWrite(&table, ObserveEvents(observed, &table, &event, 1));
    ModelTableClose(&table);
    SPI_finish();
    PG_RETURN_BOOL(true);
}

/* The C function of SQL `name`. */
#define OBSERVE(name, id_argument, time_argument)                                                  \
    PG_FUNCTION_INFO_V1(name);                                                                     \
    Datum name(PG_FUNCTION_ARGS)                                                                   \
    {                                                                                              \
        return Observe(fcinfo, id_argument, time_argument);                                        \
    }

OBSERVE(recadv_observe_bigint_literal, IntegerArgument, LiteralTime)
OBSERVE(recadv_observe_bigint_value, IntegerArgument, ValueTime)
OBSERVE(recadv_observe_text_literal, TextArgument, LiteralTime)
OBSERVE(recadv_observe_text_value, TextArgument, ValueTime)
OBSERVE(recadv_observe_uuid_literal, UuidArgument, LiteralTime)
OBSERVE(recadv_observe_uuid_value, UuidArgument, ValueTime)
OBSERVE(recadv_observe_numeric_literal, NumericArgument, LiteralTime)
OBSERVE(recadv_observe_numeric_value, NumericArgument, ValueTime)
