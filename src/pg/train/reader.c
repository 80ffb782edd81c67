/*
 * reader.c: runs the query on a source and hands each row to a collector.
 *
 * The rows come through a destination receiver, as the executor makes them, so that no result of
 * millions of rows is ever stored.
 */
#include "pg/train/reader.h"

#include "executor/spi.h"
#include "executor/tuptable.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "pg/base/times.h"

typedef struct SourceReceiver {
    DestReceiver pub;
    MemoryContext context;
    int time; /* place of the column, or -1; likewise */
    int weight;
    Collector *collector;
} SourceReceiver;

static Oid TypeAt(TupleDesc types, int column)
{
    return column < 0 ? InvalidOid : TupleDescAttr(types, column)->atttypid;
}

/* Called before the first row, when the types of the columns are known. */
static void Startup(DestReceiver *self, int operation, TupleDesc types)
{
    SourceReceiver *receiver = (SourceReceiver *)self;
    RowTypes columns = {.user = TypeAt(types, 0),
                        .item = TypeAt(types, 1),
                        .time = TypeAt(types, receiver->time),
                        .time_typmod = -1,
                        .weight = TypeAt(types, receiver->weight)};

    (void)operation;
    if (receiver->time >= 0) {
        columns.time_typmod = TupleDescAttr(types, receiver->time)->atttypmod;
        getBaseTypeAndTypmod(columns.time, &columns.time_typmod);
    }
    receiver->collector = CollectorCreate(receiver->context, &columns);
}

static NullableDatum ValueAt(const TupleTableSlot *slot, int column)
{
    return column < 0 ? (NullableDatum){0, true}
                      : (NullableDatum){slot->tts_values[column], slot->tts_isnull[column]};
}

static bool Receive(TupleTableSlot *slot, DestReceiver *self)
{
    SourceReceiver *receiver = (SourceReceiver *)self;
    SourceRow row;

    slot_getallattrs(slot);
    row = (SourceRow){ValueAt(slot, 0), ValueAt(slot, 1), ValueAt(slot, receiver->time),
                      ValueAt(slot, receiver->weight)};
    CollectorAdd(receiver->collector, &row);
    return true;
}

static void Nothing(DestReceiver *self)
{
    (void)self;
}

static ParamListInfo OneParameter(const SourceArgument *argument)
{
    ParamListInfo list = makeParamList(1);

    list->params[0] = (ParamExternData){argument->value, false, PARAM_FLAG_CONST, argument->type};
    return list;
}

bool SourceExecute(const char *query, const SourceArgument *argument, DestReceiver *receiver)
{
    SPIExecuteOptions options = {.read_only = true, .dest = receiver};
    int arguments = OidIsValid(argument->type) ? 1 : 0;
    Oid type = argument->type;
    SPIPlanPtr plan = SPI_prepare_cursor(query, arguments, &type, CURSOR_OPT_PARALLEL_OK);
    int status;

    /* A source such as "(SELECT 1) x; DROP TABLE t; (SELECT 2)" would be several statements. */
    if (list_length(SPI_plan_get_plan_sources(plan)) != 1)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source must be one table or one query in parentheses")));
    if (arguments > 0)
        options.params = OneParameter(argument);
    status = SPI_execute_plan_extended(plan, &options);
    SPI_freeplan(plan);
    return status >= 0;
}

static Collector *Read(const Source *source, const char *query, SourceArgument argument,
                       MemoryContext context)
{
    SourceReceiver receiver = {
        .pub = {.receiveSlot = Receive,
                .rStartup = Startup,
                .rShutdown = Nothing,
                .rDestroy = Nothing,
                .mydest = DestNone},
        .context = context,
        .time = source->time_column == NULL ? -1 : 2,
        .weight = source->weight_column == NULL ? -1
                  : source->time_column == NULL ? 2
                                                : 3,
    };

    if (!SourceExecute(query, &argument, &receiver.pub) || receiver.collector == NULL)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source \"%s\" gives no rows to read", source->text)));
    CollectorFlush(receiver.collector);
    return receiver.collector;
}

Collector *SourceRead(const Source *source, MemoryContext context)
{
    return Read(source, SourceQuery(source), (SourceArgument){InvalidOid, 0}, context);
}

Collector *SourceReadFrom(const Source *source, Oid time_type, int64 from, MemoryContext context)
{
    SourceArgument argument;

    if (from == NO_TIME)
        return SourceRead(source, context);
    argument.value = TimeBound(time_type, from, &argument.type);
    return Read(source,
                psprintf("%s WHERE %s OPERATOR(pg_catalog.>=) $1", SourceQuery(source),
                         quote_identifier(source->time_column)),
                argument, context);
}
