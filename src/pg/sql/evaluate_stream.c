/*
 * evaluate_stream.c: recadv_evaluate_stream(): prequential evaluation of an algorithm on a source.
 *
 * The first part of the events trains a model that knows of nothing later; then each event is
 * ranked and learnt in turn.
 */
#include "pg/base/compat.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "algo/rank/prequential.h"
#include "pg/stream/unlearnt.h"
#include "pg/model/options.h"
#include "pg/base/settings.h"
#include "pg/base/rowset.h"
#include "pg/base/times.h"
#include "pg/base/weights.h"
#include "pg/train/reader.h"
#include "pg/train/training.h"

/* Arguments of recadv_evaluate_stream. */
enum {
    STREAM_SOURCE,
    STREAM_USER_COLUMN,
    STREAM_ITEM_COLUMN,
    STREAM_TIME_COLUMN,
    STREAM_ALGORITHM,
    STREAM_OPTIONS,
    STREAM_WARMUP,
    STREAM_WINDOW_SIZE,
    STREAM_ARGS
};

typedef struct StreamTest {
    TrainRequest request;
    Training training; /* of the warm-up */
    double warmup;
    int32 window;
    Oid time_type;
    IdList users; /* of all events, ascending */
    IdList items;
    uint64 count;
    uint64 warm; /* events of the warm-up */
    UnlearntEvent *events;
    uint32 *user_at; /* of each user, the row in the model, or UNKNOWN_ID */
    uint32 *item_at;
    History history;
    RowSet rows;
} StreamTest;

static void CheckArguments(FunctionCallInfo fcinfo)
{
    static const char *const names[] = {"source",    "user_column", "item_column", "time_column",
                                        "algorithm", NULL,          "warmup",      "window_size"};

    for (int i = 0; i < STREAM_ARGS; i++)
        if (names[i] != NULL && PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("argument \"%s\" must not be NULL", names[i])));
}

static void TakeArguments(FunctionCallInfo fcinfo, StreamTest *test)
{
    TrainRequest *request = &test->request;
    const Jsonb *options = PG_ARGISNULL(STREAM_OPTIONS) ? NULL : PG_GETARG_JSONB_P(STREAM_OPTIONS);

    CheckArguments(fcinfo);
    request->model = "";
    request->source.text = text_to_cstring(PG_GETARG_TEXT_PP(STREAM_SOURCE));
    request->source.user_column = pstrdup(NameStr(*PG_GETARG_NAME(STREAM_USER_COLUMN)));
    request->source.item_column = pstrdup(NameStr(*PG_GETARG_NAME(STREAM_ITEM_COLUMN)));
    request->source.time_column = pstrdup(NameStr(*PG_GETARG_NAME(STREAM_TIME_COLUMN)));
    request->algorithm_name = text_to_cstring(PG_GETARG_TEXT_PP(STREAM_ALGORITHM));
    request->algorithm = CheckAlgorithm(request->algorithm_name);
    request->options = OptionsParse(request->algorithm, (Jsonb *)options);
    request->threads = CheckThreads(((TrainOptions *)request->options)->threads);
    test->warmup = PG_GETARG_FLOAT8(STREAM_WARMUP);
    test->window = PG_GETARG_INT32(STREAM_WINDOW_SIZE);
    if (!(test->warmup > 0 && test->warmup < 1))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("warmup must be between 0 and 1, not %g", test->warmup),
                 errhint("It is the share of the events that train before the evaluation.")));
    if (test->window < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("window_size must be at least 1, not %d", test->window)));
}

/* All events in order. */
static void ReadEvents(StreamTest *test)
{
    MemoryContext context = test->training.context;
    Collector *rows = SourceRead(&test->request.source, context);
    uint32 *user, *item;

    UnusableReport(&rows->unusable);
    IdIndexSort(rows->users, &test->users, &user);
    IdIndexSort(rows->items, &test->items, &item);
    test->time_type = rows->types.time;
    test->count = rows->count;
    CheckMemory(SizeAdd(CollectorMemory(rows), SizeMultiply(rows->count, sizeof(UnlearntEvent))),
                "reading the stream");
    test->events = AllocateArray(context, UnlearntEvent, rows->count + 1);
    for (uint64 i = 0; i < rows->count; i++)
        test->events[i] =
            (UnlearntEvent){user[rows->user[i]], item[rows->item[i]], rows->time[i], NO_WEIGHT};
    SortUnlearnt(test->events, test->count);
    test->warm = (uint64)(test->warmup * (double)test->count);
    if (test->warm < 1 || test->warm == test->count)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("source \"%s\" has " UINT64_FORMAT " events, too few to evaluate",
                               test->request.source.text, test->count)));
}

/* The collector sees the warm-up alone. */
static Collector *CollectWarmUp(StreamTest *test)
{
    RowTypes types = {.user = IdTypeOf(test->users.kind),
                      .item = IdTypeOf(test->items.kind),
                      .time = test->time_type,
                      .time_typmod = -1};
    Collector *warm = CollectorCreate(test->training.context, &types);

    for (uint64 i = 0; i < test->warm; i++) {
        const UnlearntEvent *event = &test->events[i];

        NumberedRow row = {IdIndexAdd(warm->users, IdListGet(&test->users, event->user)),
                           IdIndexAdd(warm->items, IdListGet(&test->items, event->item)),
                           event->time, event->weight};

        CollectorAddNumbers(warm, &row);
    }
    return warm;
}

static uint32 *RowsOf(const IdList *all, const IdList *trained)
{
    uint32 *rows = PallocArray(uint32, (Size)all->count + 1);

    for (uint32 i = 0; i < all->count; i++) {
        rows[i] = IdListFind(trained, IdListGet(all, i));
        CHECK_FOR_INTERRUPTS();
    }
    return rows;
}

static void CheckStreamMemory(const StreamTest *test)
{
    const Model *model = &test->training.model;
    Model all;

    ModelLayout(&all, model->algorithm, model->options, test->users.count, test->items.count);
    CheckMemory(SizeAdd(MemoryContextMemAllocated(test->training.context, true),
                        SizeAdd(ModelMemory(&all), StreamMemory(model, test->items.count))),
                "evaluating the stream");
}

/* Rows for those to come, and what each user has had. */
static void PrepareStream(StreamTest *test)
{
    Training *t = &test->training;
    const Host *host = &t->backend.host;
    const Interactions *data = &t->collected.data;
    MemoryContext caller = MemoryContextSwitchTo(t->context);

    CheckStreamMemory(test);
    test->user_at = RowsOf(&test->users, &t->collected.users);
    test->item_at = RowsOf(&test->items, &t->collected.items);
    ModelMakeRoom(host, &t->model, test->users.count, test->items.count);
    HistoryInit(host, test->users.count, StreamRecent(&t->model), &test->history);
    for (uint32 u = 0; u < data->users; u++)
        HistorySet(&test->history, u, data->item + data->offset[u],
                   (uint32)(data->offset[u + 1] - data->offset[u]));
    for (uint32 u = 0; u < data->users && data->events != NULL; u++)
        for (uint64 i = data->events->offset[u]; i < data->events->offset[u + 1]; i++)
            HistoryNote(&test->history, u, data->events->item[i]);
    MemoryContextSwitchTo(caller);
}

/* One row: what has been added to the metrics since `before`. */
static void AddWindow(StreamTest *test, int32 number, uint64 last, const StreamMetrics *before,
                      const StreamMetrics *now)
{
    StreamMetrics m = StreamMetricsSince(before, now);
    int64 time = test->events[last].time;
    ResultRow row = {0};

    ResultInt4(&row, number);
    ResultText(&row, time == NO_TIME ? NULL : TimeText(test->time_type, time));
    ResultInt8(&row, (int64)m.events);
    ResultInt8(&row, (int64)m.ranked);
    ResultInt8(&row, (int64)m.repeats);
    ResultInt8(&row, (int64)m.new_users);
    ResultInt8(&row, (int64)m.new_items);
    ResultMean(&row, m.hr, m.ranked);
    ResultMean(&row, m.ndcg, m.ranked);
    ResultMean(&row, m.mrr, m.ranked);
    RowSetAddRow(&test->rows, &row);
}

static void RunEvent(StreamTest *test, Stream *stream, const UnlearntEvent *event)
{
    uint32 *user = &test->user_at[event->user], *item = &test->item_at[event->item];
    Model *model = &test->training.model;

    if (*user == UNKNOWN_ID)
        *user = ModelAddUser(model, IdKey(IdListGet(&test->users, event->user)));
    if (*item == UNKNOWN_ID)
        *item = ModelAddItem(model, IdKey(IdListGet(&test->items, event->item)));
    StreamEvent(stream,
                &(Event){*user, *item, TimeSeconds(test->time_type, event->time), event->weight},
                true);
    HostPoll(&test->training.backend.host);
}

static void RunStream(void *arg)
{
    StreamTest *test = arg;
    StreamMetrics before = {0};
    int32 number = 0;
    Stream stream;

    StreamOpen(&test->training.backend.host, &test->training.model, &test->history, test->warm, 1,
               &stream);
    for (uint64 i = test->warm; i < test->count; i++) {
        bool ends = i + 1 == test->count || (i + 1 - test->warm) % (uint64)test->window == 0;

        RunEvent(test, &stream, &test->events[i]);
        if (!ends)
            continue;
        AddWindow(test, ++number, i, &before, &stream.total);
        before = stream.total;
    }
    StreamClose(&stream);
}

PG_FUNCTION_INFO_V1(recadv_evaluate_stream);

Datum recadv_evaluate_stream(PG_FUNCTION_ARGS)
{
    StreamTest test = {0};

    RowSetOpen(&test.rows, fcinfo);
    TakeArguments(fcinfo, &test);
    TrainingInit(&test.training, CurrentMemoryContext, "recadv_evaluate_stream");
    SPI_connect();
    ReadEvents(&test);
    SPI_finish();
    TrainingCollect(&test.training, &test.request, CollectWarmUp(&test));
    TrainingFit(&test.training, &test.request);
    PrepareStream(&test);
    BackendHostRun(&test.training.backend, 1, RunStream, &test);
    MemoryContextDelete(test.training.context);
    return (Datum)0;
}
