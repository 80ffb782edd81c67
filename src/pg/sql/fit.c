/* fit.c: the aggregate recadv_fit(). */
#include "pg/base/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/base/settings.h"
#include "pg/model/image.h"
#include "pg/model/options.h"
#include "pg/base/weights.h"
#include "pg/train/training.h"
#include "pg/train/writer.h"

/* Format of a partial state on its way between workers. */
#define STATE_MAGIC 0x52464954 /* "RFIT" */

/* What a state has before its first row is known to hold the types. */
typedef struct FitState {
    Collector *collector;
    Jsonb *options; /* NULL: defaults */
} FitState;

static MemoryContext AggregateContext(FunctionCallInfo fcinfo)
{
    MemoryContext context;

    if (!AggCheckCallContext(fcinfo, &context))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("this function serves the aggregate recadv_fit() only")));
    return context;
}

static Jsonb *CopyOptions(MemoryContext context, Jsonb *options)
{
    Jsonb *copy = MemoryContextAlloc(context, VARSIZE(options));

    memcpy(copy, options, VARSIZE(options));
    return copy;
}

/* One group is one model: its options cannot change from row to row. */
static void TakeOptions(MemoryContext context, FitState *state, Jsonb *options)
{
    if (state->options == NULL)
        state->options = CopyOptions(context, options);
    else if (compareJsonbContainers(&state->options->root, &options->root) != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("options must be the same for all rows of a group")));
}

/* Arguments of the transition functions: all have the first, and more as their names say. */
enum { FIT_STATE, FIT_USER, FIT_ITEM, FIT_OTHERS };
enum { FIT_OPTIONS_OPTIONS = FIT_OTHERS };
enum { FIT_TIME_TIME = FIT_OTHERS, FIT_TIME_OPTIONS };
enum { FIT_WEIGHT_TIME = FIT_OTHERS, FIT_WEIGHT_WEIGHT, FIT_WEIGHT_OPTIONS };

/* Where a form has what not all have; 0: nowhere. */
typedef struct FitForm {
    int time;
    int weight;
    int options;
} FitForm;

/*
 * Type of an argument that a form may lack; InvalidOid if it does.  So that the form with all of
 * them serves every call, a bare NULL, which has the type unknown, is as good as no argument.  A
 * NULL of another type is a NULL in a column that is there.
 */
static Oid ColumnType(FunctionCallInfo fcinfo, int argument)
{
    Oid type = argument == 0 ? InvalidOid : get_fn_expr_argtype(fcinfo->flinfo, argument);

    return type == UNKNOWNOID && PG_ARGISNULL(argument) ? InvalidOid : type;
}

static FitState *NewState(FunctionCallInfo fcinfo, MemoryContext context, FitForm form)
{
    FitState *state = MemoryContextAllocZero(context, sizeof(FitState));
    RowTypes types = {.user = get_fn_expr_argtype(fcinfo->flinfo, FIT_USER),
                      .item = get_fn_expr_argtype(fcinfo->flinfo, FIT_ITEM),
                      .time = ColumnType(fcinfo, form.time),
                      .time_typmod = -1,
                      .weight = ColumnType(fcinfo, form.weight)};

    state->collector = CollectorCreate(context, &types);
    return state;
}

static Datum Accumulate(FunctionCallInfo fcinfo, FitForm form)
{
    MemoryContext context = AggregateContext(fcinfo);
    FitState *state = PG_ARGISNULL(FIT_STATE) ? NewState(fcinfo, context, form)
                                              : (FitState *)PG_GETARG_POINTER(FIT_STATE);
    SourceRow row = {fcinfo->args[FIT_USER], fcinfo->args[FIT_ITEM], {0, true}, {0, true}};

    if (form.options > 0 && !PG_ARGISNULL(form.options))
        TakeOptions(context, state, PG_GETARG_JSONB_P(form.options));
    if (form.time > 0)
        row.time = fcinfo->args[form.time];
    if (form.weight > 0)
        row.weight = fcinfo->args[form.weight];
    CollectorAdd(state->collector, &row);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(recadv_fit_accum);
PG_FUNCTION_INFO_V1(recadv_fit_accum_options);
PG_FUNCTION_INFO_V1(recadv_fit_accum_time);
PG_FUNCTION_INFO_V1(recadv_fit_accum_weight);

Datum recadv_fit_accum(PG_FUNCTION_ARGS)
{
    return Accumulate(fcinfo, (FitForm){0});
}

Datum recadv_fit_accum_options(PG_FUNCTION_ARGS)
{
    return Accumulate(fcinfo, (FitForm){.options = FIT_OPTIONS_OPTIONS});
}

Datum recadv_fit_accum_time(PG_FUNCTION_ARGS)
{
    return Accumulate(fcinfo, (FitForm){.time = FIT_TIME_TIME, .options = FIT_TIME_OPTIONS});
}

Datum recadv_fit_accum_weight(PG_FUNCTION_ARGS)
{
    return Accumulate(fcinfo, (FitForm){.time = FIT_WEIGHT_TIME,
                                        .weight = FIT_WEIGHT_WEIGHT,
                                        .options = FIT_WEIGHT_OPTIONS});
}

/* The numbers that the ids of one index have in another, to which they are added. */
static uint32 *AddIds(IdIndex *to, const IdIndex *from)
{
    IdList ids = IdIndexList(from);
    uint32 *numbers = PallocArray(uint32, (Size)ids.count + 1);

    for (uint32 i = 0; i < ids.count; i++) {
        CHECK_FOR_INTERRUPTS();
        numbers[i] = IdIndexAdd(to, IdListGet(&ids, i));
    }
    IdListFree(&ids);
    return numbers;
}

static void MergeUnusable(MemoryContext context, Unusable *to, const Unusable *from)
{
    if (to->rows == 0 && from->rows > 0)
        to->first = MemoryContextStrdup(context, from->first);
    to->rows += from->rows;
}

/* Adds the rows of `from` to `to`. */
static void Merge(MemoryContext context, FitState *to, const FitState *from)
{
    const Collector *rows = from->collector;
    uint32 *users = AddIds(to->collector->users, rows->users);
    uint32 *items = AddIds(to->collector->items, rows->items);

    if (from->options != NULL)
        TakeOptions(context, to, from->options);
    for (Size i = 0; i < rows->count; i++) {
        NumberedRow row = CollectorRow(rows, i);

        row.user = users[row.user];
        row.item = items[row.item];
        CollectorAddNumbers(to->collector, &row);
        CHECK_FOR_INTERRUPTS();
    }
    to->collector->null_rows += rows->null_rows;
    to->collector->weightless_rows += rows->weightless_rows;
    MergeUnusable(context, &to->collector->unusable, &rows->unusable);
    pfree(users);
    pfree(items);
}

PG_FUNCTION_INFO_V1(recadv_fit_combine);

/* Arguments of the combine function. */
enum { COMBINE_TO, COMBINE_FROM };

Datum recadv_fit_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = AggregateContext(fcinfo);
    FitState *to = PG_ARGISNULL(COMBINE_TO) ? NULL : (FitState *)PG_GETARG_POINTER(COMBINE_TO);
    FitState *from =
        PG_ARGISNULL(COMBINE_FROM) ? NULL : (FitState *)PG_GETARG_POINTER(COMBINE_FROM);

    if (from == NULL) {
        if (to == NULL)
            PG_RETURN_NULL();
        PG_RETURN_POINTER(to);
    }
    CollectorFlush(from->collector);
    if (to == NULL) {
        to = MemoryContextAllocZero(context, sizeof(FitState));
        to->collector = CollectorCreate(context, &from->collector->types);
    }
    Merge(context, to, from);
    PG_RETURN_POINTER(to);
}

/* As text, which is checked when it is read: nothing checks a jsonb. */
static void SendOptions(StringInfo out, Jsonb *options)
{
    char *text = options == NULL ? "" : JsonbToCString(NULL, &options->root, (int)VARSIZE(options));

    pq_sendint32(out, (uint32)strlen(text));
    pq_sendbytes(out, text, (int)strlen(text));
}

static void SendIds(StringInfo out, const IdIndex *index)
{
    IdList ids = IdIndexList(index);

    pq_sendint32(out, IdIndexType(index));
    pq_sendint32(out, ids.count);
    for (uint32 i = 0; i < ids.count; i++) {
        Id id = IdListGet(&ids, i);

        CHECK_FOR_INTERRUPTS();
        if (id.kind == ID_INTEGER) {
            pq_sendint64(out, (uint64)id.integer);
        } else {
            pq_sendint32(out, id.length);
            pq_sendbytes(out, id.text, (int)id.length);
        }
    }
    IdListFree(&ids);
}

PG_FUNCTION_INFO_V1(recadv_fit_serialize);

Datum recadv_fit_serialize(PG_FUNCTION_ARGS)
{
    FitState *state = (FitState *)PG_GETARG_POINTER(FIT_STATE);
    const Collector *rows = state->collector;
    StringInfoData out;

    AggregateContext(fcinfo);
    CollectorFlush(state->collector);
    pq_begintypsend(&out);
    pq_sendint32(&out, STATE_MAGIC);
    SendOptions(&out, state->options);
    SendIds(&out, rows->users);
    SendIds(&out, rows->items);
    pq_sendint32(&out, rows->types.time);
    pq_sendint32(&out, rows->types.weight);
    pq_sendint64(&out, rows->null_rows);
    pq_sendint64(&out, rows->weightless_rows);
    pq_sendint64(&out, rows->unusable.rows);
    if (rows->unusable.rows > 0)
        pq_sendstring(&out, rows->unusable.first);
    pq_sendint64(&out, rows->count);
    for (Size i = 0; i < rows->count; i++) {
        pq_sendint32(&out, rows->user[i]);
        pq_sendint32(&out, rows->item[i]);
        if (rows->time != NULL)
            pq_sendint64(&out, (uint64)rows->time[i]);
        if (rows->weight != NULL)
            pq_sendfloat4(&out, rows->weight[i]);
        CHECK_FOR_INTERRUPTS();
    }
    PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

static void FailState(void)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                    errmsg("invalid state of the aggregate recadv_fit()")));
}

static Id ReceiveId(StringInfo in, IdKind kind)
{
    uint32 length;

    if (kind == ID_INTEGER)
        return IdOfInteger(pq_getmsgint64(in));
    length = pq_getmsgint(in, 4);
    return (Id){ID_TEXT, 0, pq_getmsgbytes(in, (int)length), length};
}

static bool IsSound(Id id)
{
    return id.kind == ID_INTEGER ||
           (id.length <= MAX_ID_LENGTH && pg_verify_mbstr(PG_UTF8, id.text, (int)id.length, true));
}

static void ReceiveIds(StringInfo in, IdIndex *ids, uint32 count)
{
    for (uint32 i = 0; i < count; i++) {
        Id id = ReceiveId(in, IdIndexKind(ids));

        if (!IsSound(id) || IdIndexAdd(ids, id) != i)
            FailState();
    }
}

/* The ids of a side come before the collector can be made, so remember where they start. */
static Oid SkipIds(StringInfo in, int *start, uint32 *count)
{
    Oid type = pq_getmsgint(in, 4);

    if (!OidIsValid(type) || !get_typisdefined(type))
        FailState();
    *count = pq_getmsgint(in, 4);
    *start = in->cursor;
    for (uint32 i = 0; i < *count; i++)
        pq_getmsgbytes(in, IdKindOfType(type) == ID_INTEGER ? 8 : (int)pq_getmsgint(in, 4));
    return type;
}

static Oid ReceiveColumnType(StringInfo in)
{
    Oid type = pq_getmsgint(in, 4);

    if (OidIsValid(type) && !get_typisdefined(type))
        FailState();
    return type;
}

static void ReceiveRows(StringInfo in, Collector *rows)
{
    uint64 count = (uint64)pq_getmsgint64(in);

    for (uint64 i = 0; i < count; i++) {
        NumberedRow row = {.user = pq_getmsgint(in, 4), .weight = NO_WEIGHT};

        row.item = pq_getmsgint(in, 4);
        if (OidIsValid(rows->types.time))
            row.time = pq_getmsgint64(in);
        if (OidIsValid(rows->types.weight))
            row.weight = pq_getmsgfloat4(in);
        if (row.user >= IdIndexCount(rows->users) || row.item >= IdIndexCount(rows->items) ||
            !(row.weight > 0 && isfinite(row.weight)))
            FailState();
        CollectorAddNumbers(rows, &row);
        CHECK_FOR_INTERRUPTS();
    }
    pq_getmsgend(in);
}

static void ReceiveOptions(StringInfo in, FitState *state)
{
    int size = (int)pq_getmsgint(in, 4);

    if (size != 0)
        state->options = JsonbParse(pnstrdup(pq_getmsgbytes(in, size), (Size)size));
}

PG_FUNCTION_INFO_V1(recadv_fit_deserialize);

/* Arguments of the deserialisation function. */
enum { DESERIALIZE_BYTES, DESERIALIZE_UNUSED };

Datum recadv_fit_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(DESERIALIZE_BYTES);
    FitState *state = palloc0(sizeof(FitState));
    RowTypes types = {.time_typmod = -1};
    int user_start, item_start, end;
    uint32 users, items;
    StringInfoData in;

    AggregateContext(fcinfo);
    initStringInfo(&in);
    appendBinaryStringInfo(&in, VARDATA_ANY(bytes), (int)VARSIZE_ANY_EXHDR(bytes));
    if (pq_getmsgint(&in, 4) != STATE_MAGIC)
        FailState();
    ReceiveOptions(&in, state);
    types.user = SkipIds(&in, &user_start, &users);
    types.item = SkipIds(&in, &item_start, &items);
    types.time = ReceiveColumnType(&in);
    types.weight = ReceiveColumnType(&in);
    end = in.cursor;
    state->collector = CollectorCreate(CurrentMemoryContext, &types);
    in.cursor = user_start;
    ReceiveIds(&in, state->collector->users, users);
    in.cursor = item_start;
    ReceiveIds(&in, state->collector->items, items);
    in.cursor = end;
    state->collector->null_rows = (uint64)pq_getmsgint64(&in);
    state->collector->weightless_rows = (uint64)pq_getmsgint64(&in);
    state->collector->unusable.rows = (uint64)pq_getmsgint64(&in);
    if (state->collector->unusable.rows > 0)
        state->collector->unusable.first = pstrdup(pq_getmsgstring(&in));
    ReceiveRows(&in, state->collector);
    PG_RETURN_POINTER(state);
}

/* Takes the key "algorithm" out of the options. */
static const Algorithm *TakeAlgorithm(Jsonb **options)
{
    char *name = *options == NULL ? NULL : JsonbGetString(*options, "algorithm");

    if (name == NULL)
        return default_algorithm;
    *options = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(*options),
                                                  CStringGetTextDatum("algorithm")));
    return CheckAlgorithm(name);
}

/*
 * A group that its algorithm can learn nothing from, such as one of a single row, must not cost all
 * other groups their images.
 */
static void FallBack(Training *training, TrainRequest *request)
{
    TrainOptions *options;

    if (request->algorithm == fallback_algorithm || TrainingIsRankable(training, request))
        return;
    ereport(NOTICE,
            (errmsg("algorithm \"%s\" can learn nothing from a group in which no user lacks any "
                    "item: its image is of algorithm \"%s\"",
                    request->algorithm->name, fallback_algorithm->name),
             errdetail("The group has %u users and %u items.", training->collected.data.users,
                       training->collected.data.items)));
    options = OptionsParse(fallback_algorithm, NULL);
    *options = *(const TrainOptions *)request->options;
    training->collected.window = NULL; /* it learns from no stream */
    training->collected.learnt = (LearntLists){0};
    request->algorithm = fallback_algorithm;
    request->algorithm_name = fallback_algorithm->name;
    request->options = options;
}

PG_FUNCTION_INFO_V1(recadv_fit_final);

/* NULL for a group without interactions. */
Datum recadv_fit_final(PG_FUNCTION_ARGS)
{
    FitState *state = PG_ARGISNULL(FIT_STATE) ? NULL : (FitState *)PG_GETARG_POINTER(FIT_STATE);
    TrainRequest request = {
        .source = {.text = "recadv_fit()", .user_column = "", .item_column = ""}};
    Training training;
    ImageSink image;
    Jsonb *options;

    AggregateContext(fcinfo);
    if (state == NULL)
        PG_RETURN_NULL();
    CollectorFlush(state->collector);
    if (state->collector->count == 0) {
        UnusableReport(&state->collector->unusable);
        SkippedReport(state->collector->null_rows, state->collector->weightless_rows);
        PG_RETURN_NULL();
    }
    options = state->options;
    request.algorithm = TakeAlgorithm(&options);
    request.options = OptionsParse(request.algorithm, options);
    if (((TrainOptions *)request.options)->warm_start)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"warm_start\" needs a model table, which recadv_fit() has "
                               "not"),
                        errhint("Use recadv_train().")));
    request.algorithm_name = request.algorithm->name;
    request.threads = CheckThreads(((TrainOptions *)request.options)->threads);
    TrainingInit(&training, CurrentMemoryContext, "recadv_fit");
    RunStatusBegin(&training.backend.status, RUN_FIT, InvalidOid, NULL);
    TrainingCollect(&training, &request, state->collector);
    FallBack(&training, &request);
    TrainingFit(&training, &request);
    TrainingReport(&training);
    ImageSinkOpen(&image);
    TrainingWrite(&training, &request, &image.sink);
    RunStatusEnd(&training.backend.status);
    MemoryContextDelete(training.context);
    PG_RETURN_BYTEA_P(ImageSinkClose(&image));
}
