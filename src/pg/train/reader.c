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
    bool has_time;
    Collector *collector;
} SourceReceiver;

/* Called before the first row, when the types of the columns are known. */
static void Startup(DestReceiver *self, int operation, TupleDesc types)
{
    SourceReceiver *receiver = (SourceReceiver *)self;
    Oid time_type = receiver->has_time ? TupleDescAttr(types, 2)->atttypid : InvalidOid;

    (void)operation;
    receiver->collector = CollectorCreate(receiver->context, TupleDescAttr(types, 0)->atttypid,
                                          TupleDescAttr(types, 1)->atttypid, time_type);
    if (receiver->has_time) {
        receiver->collector->time_typmod = TupleDescAttr(types, 2)->atttypmod;
        getBaseTypeAndTypmod(time_type, &receiver->collector->time_typmod);
    }
}

static bool Receive(TupleTableSlot *slot, DestReceiver *self)
{
    SourceReceiver *receiver = (SourceReceiver *)self;
    NullableDatum time = {0, true};

    slot_getallattrs(slot);
    if (receiver->has_time)
        time = (NullableDatum){slot->tts_values[2], slot->tts_isnull[2]};
    CollectorAdd(receiver->collector, (NullableDatum){slot->tts_values[0], slot->tts_isnull[0]},
                 (NullableDatum){slot->tts_values[1], slot->tts_isnull[1]}, time);
    return true;
}

static void Nothing(DestReceiver *self)
{
    (void)self;
}

/* An argument of the query; type == InvalidOid: none. */
typedef struct Argument {
    Oid type;
    Datum value;
} Argument;

static ParamListInfo OneParameter(const Argument *argument)
{
    ParamListInfo list = makeParamList(1);

    list->params[0] = (ParamExternData){argument->value, false, PARAM_FLAG_CONST, argument->type};
    return list;
}

static Collector *Read(const Source *source, const char *query, Argument argument,
                       MemoryContext context)
{
    SourceReceiver receiver = {
        .pub = {.receiveSlot = Receive,
                .rStartup = Startup,
                .rShutdown = Nothing,
                .rDestroy = Nothing,
                .mydest = DestNone},
        .context = context,
        .has_time = source->time_column != NULL,
    };
    SPIExecuteOptions options = {.read_only = true, .dest = &receiver.pub};
    int arguments = OidIsValid(argument.type) ? 1 : 0;
    SPIPlanPtr plan = SPI_prepare_cursor(query, arguments, &argument.type, CURSOR_OPT_PARALLEL_OK);
    int status;

    /* A source such as "(SELECT 1) x; DROP TABLE t; (SELECT 2)" would be several statements. */
    if (list_length(SPI_plan_get_plan_sources(plan)) != 1)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source must be one table or one query in parentheses")));
    if (arguments > 0)
        options.params = OneParameter(&argument);
    status = SPI_execute_plan_extended(plan, &options);
    if (status < 0 || receiver.collector == NULL)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source \"%s\" gives no rows to read", source->text)));
    SPI_freeplan(plan);
    CollectorFlush(receiver.collector);
    return receiver.collector;
}

Collector *SourceRead(const Source *source, MemoryContext context)
{
    return Read(source, SourceQuery(source), (Argument){InvalidOid, 0}, context);
}

Collector *SourceReadFrom(const Source *source, Oid time_type, int64 from, MemoryContext context)
{
    Argument argument;

    if (from == NO_TIME)
        return SourceRead(source, context);
    argument.value = TimeDatum(time_type, from, &argument.type);
    return Read(source,
                psprintf("%s WHERE %s OPERATOR(pg_catalog.>=) $1", SourceQuery(source),
                         quote_identifier(source->time_column)),
                argument, context);
}
