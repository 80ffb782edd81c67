/*
 * runs.c: logs trainings and refreshes, and keeps two runs on one model apart.
 *
 * A run is a JSON block of version 0, for recadv_runs(); recadv_train_job() writes it at the start
 * and again at the end, so that failed runs leave one too.  Two lists, "trainings" and "refreshes",
 * say which numbers count.  Refreshes in a row that find nothing new share one row, whose update is
 * all that they write: in place, as a heap-only tuple that the next one prunes.
 */
#include "pg/train/runs.h"

#include <math.h>

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "pg/model/options.h"
#include "pg/model/statement.h"
#include "pg/model/table_sink.h"
#include "pg/train/policy.h"
#include "pg/train/writer.h"

/* Sub-object of the table in the lock's tag; PostgreSQL locks tables by another kind of tag. */
#define RUN_LOCK 1

static void RunLockTag(Oid relid, LOCKTAG *tag)
{
    SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, RelationRelationId, relid, RUN_LOCK);
}

bool RunLock(Oid relid, bool session)
{
    LOCKTAG tag;

    RunLockTag(relid, &tag);
    return LockAcquire(&tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

void RunUnlock(Oid relid)
{
    LOCKTAG tag;

    RunLockTag(relid, &tag);
    LockRelease(&tag, ExclusiveLock, true);
}

void RunLockWait(Oid relid)
{
    LOCKTAG tag;

    RunLockTag(relid, &tag);
    (void)LockAcquire(&tag, ExclusiveLock, true, false);
}

IfBusy ParseIfBusy(const char *choice, bool may_wait)
{
    if (strcmp(choice, "error") == 0)
        return IF_BUSY_ERROR;
    if (strcmp(choice, "skip") == 0)
        return IF_BUSY_SKIP;
    if (strcmp(choice, "wait") == 0 && may_wait)
        return IF_BUSY_WAIT;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("if_busy must be %s, not '%s'",
                           may_wait ? "'error', 'skip' or 'wait'" : "'error' or 'skip'", choice)));
}

void FailBusy(const char *model)
{
    ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                    errmsg("model \"%s\" is being trained by another session", model),
                    errhint("Wait until that run ends; recadv_train_job() does with if_busy => "
                            "'wait'.")));
}

void RunEnd(Run *run, const Training *t)
{
    const Promotion *p = &t->promotion;

    run->status = p->reason == NULL ? "succeeded" : "kept";
    run->message = p->reason == NULL ? t->report.stop_reason : p->reason;
    if (p->reason == NULL && p->problem != NULL)
        run->message = psprintf("%s; not compared with version %d: %s", t->report.stop_reason,
                                p->serving, p->problem);
}

/* As far as the run has come. */
static void DescribeResult(StringInfo json, const Algorithm *algorithm, const Training *t)
{
    const Epoch *best = TrainingBest(t);

    if (t->policy != NULL)
        PolicyDescribeLog(json, t);
    if (t->collected.rows > 0 || t->report.epochs > 0) { /* a world has no rows */
        JsonInteger(json, "users", t->collected.data.users);
        JsonInteger(json, "items", t->collected.data.items);
        JsonInteger(json, "interactions", (int64)t->collected.data.count);
        JsonInteger(json, "events", (int64)t->collected.rows);
        JsonInteger(json, "null_rows", (int64)t->collected.null_rows);
        JsonInteger(json, "weightless_rows", (int64)t->collected.weightless_rows);
        if (t->collected.unusable.rows > 0)
            JsonInteger(json, "unusable_ids", (int64)t->collected.unusable.rows);
        JsonInteger(json, "epochs", t->report.epochs);
    }
    DescribeHoldout(json, algorithm, t);
    DescribePhases(json, &t->phases);
    if (t->report.warning[0] != '\0')
        JsonString(json, "warning", t->report.warning);
    if (best != NULL) {
        JsonReal(json, "loss", best->loss);
        DescribeMetrics(json, t->model.algorithm, best->metric);
        JsonOpen(json, "metrics", '{');
        DescribeMetrics(json, t->model.algorithm, best->metric);
        DescribeFindings(json, &t->report);
        DescribeCalibration(json, &t->report);
        if (t->policy != NULL)
            PolicyDescribeMeasured(json, t);
        JsonClose(json, '}');
    }
}

/* What all kinds have: who ran, when, on what. */
static void OpenRun(StringInfo json, const Run *run, const char *algorithm, const Source *source)
{
    initStringInfo(json);
    JsonOpen(json, NULL, '{');
    JsonString(json, "kind", RunKindName(run->kind));
    JsonString(json, "status", run->status);
    JsonString(json, "message", run->message);
    JsonTime(json, "started", run->started);
    if (strcmp(run->status, "running") != 0)
        JsonTime(json, "finished", GetCurrentTimestamp());
    JsonString(json, "role", GetUserNameFromId(GetUserId(), false));
    JsonInteger(json, "pid", MyProcPid);
    JsonString(json, "algorithm", algorithm);
    JsonString(json, "source", source->text);
    JsonString(json, "user_column", source->user_column);
    JsonString(json, "item_column", source->item_column);
    JsonString(json, "time_column", source->time_column);
    if (source->weight_column != NULL)
        JsonString(json, "weight_column", source->weight_column);
    if (run->version > 0)
        JsonInteger(json, "version", run->version);
}

static char *DescribeRun(const Run *run, const TrainRequest *request, const Training *t)
{
    StringInfoData json;

    OpenRun(&json, run, request->algorithm_name, &request->source);
    JsonRaw(&json, "options",
            request->options == NULL ? request->options_text
                                     : OptionsToJson(request->algorithm, request->options));
    if (request->policy != NULL)
        PolicyDescribeSource(&json, request, t);
    if (t != NULL)
        DescribeResult(&json, request->algorithm, t);
    JsonClose(&json, '}');
    return json.data;
}

/* The numbers that a refresh ranks by, under their names. */
static void DescribeRanked(StringInfo json, const RefreshResult *result)
{
    JsonReal(json, "hr", result->hr);
    JsonReal(json, "ndcg", result->ndcg);
    JsonReal(json, "mrr", result->mrr);
}

static char *DescribeRefresh(const Run *run, const RefreshResult *result)
{
    StringInfoData json;

    OpenRun(&json, run, result->header->algorithm->name, &result->header->source);
    JsonInteger(&json, "users", result->users);
    JsonInteger(&json, "items", result->items);
    JsonInteger(&json, "interactions", result->interactions);
    JsonInteger(&json, "read", (int64)result->read);
    JsonInteger(&json, "null_rows", (int64)result->null_rows);
    JsonInteger(&json, "weightless_rows", (int64)result->weightless_rows);
    if (result->unusable_ids > 0)
        JsonInteger(&json, "unusable_ids", (int64)result->unusable_ids);
    JsonInteger(&json, "events", (int64)result->events);
    JsonInteger(&json, "observed", (int64)result->observed);
    JsonInteger(&json, "new_users", (int64)result->new_users);
    JsonInteger(&json, "new_items", (int64)result->new_items);
    JsonInteger(&json, "ranked", (int64)result->ranked);
    if (result->ranked > 0) {
        JsonInteger(&json, "k", result->k);
        DescribeRanked(&json, result);
        JsonOpen(&json, "metrics", '{');
        DescribeRanked(&json, result);
        JsonClose(&json, '}');
    }
    JsonOpen(&json, "phases", '{');
    DescribeSeconds(&json, "read", result->read_seconds);
    DescribeSeconds(&json, "learn", result->learn_seconds);
    DescribeSeconds(&json, "write", result->write_seconds);
    JsonClose(&json, '}');
    JsonClose(&json, '}');
    return json.data;
}

static void Write(Oid relid, const Run *run, const char *json)
{
    TableSink sink;

    TableSinkOpen(relid, 0, &sink);
    SinkPutJson(&sink.sink, PART_RUN, (uint32)run->number, json);
    TableSinkClose(&sink);
}

void RunWriteRefresh(Oid relid, const Run *run, const RefreshResult *result)
{
    Write(relid, run, DescribeRefresh(run, result));
}

/* Can timestamptz read it?  That takes nothing but memory, so catching its error is safe. */
static bool IsTime(const char *text)
{
    MemoryContext context = CurrentMemoryContext;
    volatile bool is_time = false;

    PG_TRY();
    {
        DirectFunctionCall3(timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
                            Int32GetDatum(-1));
        is_time = true;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION &&
            geterrcode() != ERRCODE_FEATURE_NOT_SUPPORTED)
            PG_RE_THROW();
        FlushErrorState();
    }
    PG_END_TRY();
    return is_time;
}

/* Integers of at most that size, or real numbers, where they are there. */
static bool HasNumber(Jsonb *run, const char *key, int64 limit)
{
    int64 integer;
    double real;

    if (JsonbIsNull(run, key))
        return true;
    if (limit == 0)
        return JsonbGetReal(run, key, &real) && isfinite(real);
    return JsonbGetInteger(run, key, &integer) && integer <= limit && integer >= -limit;
}

static bool HasTime(Jsonb *run, const char *key)
{
    char *text = JsonbGetString(run, key);

    return JsonbIsNull(run, key) || (text != NULL && IsTime(text));
}

/* Will the columns of recadv_runs() take what it says?  Whoever may INSERT can write it. */
static bool IsRun(Jsonb *run)
{
    static const struct {
        const char *key;
        int64 limit;
    } numbers[] = {{"version", PG_INT32_MAX},
                   {"users", PG_INT64_MAX},
                   {"items", PG_INT64_MAX},
                   {"interactions", PG_INT64_MAX},
                   {"null_rows", PG_INT64_MAX},
                   {"events", PG_INT64_MAX},
                   {"ranked", PG_INT64_MAX},
                   {"held_out_users", PG_INT64_MAX},
                   {"k", PG_INT32_MAX},
                   {"epochs", PG_INT32_MAX},
                   {"pid", PG_INT32_MAX},
                   {"loss", 0},
                   {"ndcg", 0}};

    if (run == NULL || !JB_ROOT_IS_OBJECT(run) || JB_ROOT_IS_SCALAR(run))
        return false;
    for (int i = 0; i < (int)lengthof(numbers); i++)
        if (!HasNumber(run, numbers[i].key, numbers[i].limit))
            return false;
    return HasTime(run, "started") && HasTime(run, "finished");
}

/* True if the row is a run, which is added to the documents unless these are NULL. */
static bool TakeRun(ModelTable *table, uint32 number, List **documents)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext scratch = AllocSetContextCreate(caller, "recadv run", ALLOCSET_DEFAULT_SIZES);
    Jsonb *run;
    bool is_run;

    MemoryContextSwitchTo(scratch);
    run = StoreTryJson(&table->store, PART_RUN, number);
    is_run = IsRun(run);
    MemoryContextSwitchTo(caller);
    if (is_run && documents != NULL)
        *documents = lappend(*documents, DatumGetJsonbPCopy(JsonbPGetDatum(run)));
    MemoryContextDelete(scratch);
    return is_run;
}

/* Of a model that an earlier version made there is no list of trainings: all that there are. */
static List *Listed(ModelTable *table, RunKind kind)
{
    List *numbers, *all, *trainings = NIL;
    int32 last;
    ListCell *cell;

    if (ModelTableNumbers(table, kind == RUN_REFRESH ? PART_REFRESHES : PART_TRAININGS, &numbers) ||
        kind == RUN_REFRESH)
        return numbers;
    all = ModelTableBlocks(table, 0, PART_RUN);
    last = ModelTableLastRun(table);
    foreach (cell, all)
        if (lfirst_int(cell) > 0 && lfirst_int(cell) <= last)
            trainings = lappend_int(trainings, lfirst_int(cell));
    return trainings;
}

static List *AllListed(ModelTable *table)
{
    List *numbers = list_concat_copy(Listed(table, RUN_TRAIN), Listed(table, RUN_REFRESH));

    list_sort(numbers, list_int_cmp);
    return numbers;
}

/* Divides numbers of rows into those that are in a list and the others; all ascend. */
static void Divide(const List *blocks, const List *listed, List **runs, List **others)
{
    int at = 0;
    const ListCell *cell;

    *runs = *others = NIL;
    foreach (cell, blocks) {
        int32 number = lfirst_int(cell);

        while (at < list_length(listed) && list_nth_int(listed, at) < number)
            at++;
        if (at < list_length(listed) && list_nth_int(listed, at) == number)
            *runs = lappend_int(*runs, number);
        else
            *others = lappend_int(*others, number);
    }
}

static void WarnOfOthers(const ModelTable *table, const List *others)
{
    if (others == NIL)
        return;
    ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED),
                      errmsg_plural("%d row of part \"" PART_RUN "\" of model \"%s\" is no run",
                                    "%d rows of part \"" PART_RUN "\" of model \"%s\" are no runs",
                                    (unsigned long)list_length(others), list_length(others),
                                    table->store.name),
                      errdetail("The first is block %d.", linitial_int(others)),
                      errhint("The next training deletes them.")));
}

List *RunNumbers(ModelTable *table, List **documents)
{
    List *listed, *others, *runs = NIL;
    ListCell *cell;

    Divide(ModelTableBlocks(table, 0, PART_RUN), AllListed(table), &listed, &others);
    table->store.version = 0;
    foreach (cell, listed) {
        CHECK_FOR_INTERRUPTS();
        if (TakeRun(table, (uint32)lfirst_int(cell), documents))
            runs = lappend_int(runs, lfirst_int(cell));
        else
            others = lappend_int(others, lfirst_int(cell));
    }
    list_sort(others, list_int_cmp);
    WarnOfOthers(table, others);
    return runs;
}

Jsonb *RunLastRefresh(ModelTable *table)
{
    List *refreshes = Listed(table, RUN_REFRESH);
    int32 version = table->store.version;
    Jsonb *run = NULL;

    table->store.version = 0;
    if (refreshes != NIL)
        run = StoreTryJson(&table->store, PART_RUN, (uint32)llast_int(refreshes));
    table->store.version = version;
    return IsRun(run) ? run : NULL;
}

/* Those that are in no list: the oldest, and numbers that were never given out. */
static void DeleteStrays(const ModelTable *table, const List *strays)
{
    Oid types[] = {INT4ARRAYOID};
    Datum *numbers = PallocArray(Datum, (Size)list_length(strays) + 1);

    if (strays == NIL)
        return;
    for (int i = 0; i < list_length(strays); i++)
        numbers[i] = Int32GetDatum(list_nth_int(strays, i));
    StatementRun(table,
                 "DELETE FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) 0 "
                 "AND part OPERATOR(pg_catalog.=) '" PART_RUN "' "
                 "AND block OPERATOR(pg_catalog.=) ANY ($1)",
                 1, types,
                 (Datum[]){PointerGetDatum(construct_array(numbers, list_length(strays), INT4OID, 4,
                                                           true, TYPALIGN_INT))});
}

static const char *ListOf(RunKind kind)
{
    return kind == RUN_REFRESH ? PART_REFRESHES : PART_TRAININGS;
}

/* Adds a number to those of its kind; the oldest go, with whatever else is no run. */
static void Enlist(ModelTable *table, RunKind kind, int32 number)
{
    int keep = kind == RUN_REFRESH ? REFRESHES_KEPT : TRAININGS_KEPT;
    List *numbers, *runs, *strays;

    PushActiveSnapshot(GetLatestSnapshot());
    numbers = lappend_int(Listed(table, kind), number);
    if (list_length(numbers) > keep)
        numbers = list_copy_tail(numbers, list_length(numbers) - keep);
    ModelTableSetNumbers(RelationGetRelid(table->relation), ListOf(kind), numbers);
    PopActiveSnapshot();
    PushActiveSnapshot(GetLatestSnapshot()); /* which sees the new list */
    Divide(ModelTableBlocks(table, 0, PART_RUN), AllListed(table), &runs, &strays);
    DeleteStrays(table, strays);
    PopActiveSnapshot();
}

/*
 * Held until the commit, so that no number is given out twice.  A run that was refused or skipped
 * does not wait for this: it goes without a row in the log.
 */
static bool LockNumbers(Oid relid, bool wait)
{
    LOCKTAG tag;

    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationRelationId, relid, RUN_LOCK + 1);
    return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/* Before a refresh gets a number, which would count as that of a training where there is no list.
 */
static void BeginLists(ModelTable *table)
{
    List *numbers;

    PushActiveSnapshot(GetLatestSnapshot());
    if (!ModelTableNumbers(table, PART_TRAININGS, &numbers))
        ModelTableSetNumbers(RelationGetRelid(table->relation), PART_TRAININGS,
                             Listed(table, RUN_TRAIN));
    PopActiveSnapshot();
}

int32 RunNumber(Oid relid, RunKind kind, bool wait)
{
    ModelTable table;
    int32 number;

    if (!LockNumbers(relid, wait))
        return 0;
    ModelTableOpenOwned(relid, &table);
    BeginLists(&table);
    number = ModelTableNextRun(&table);
    Enlist(&table, kind, number);
    ModelTableClose(&table);
    return number;
}

/* 0: there is none, or another run came after it. */
static int32 LastIdle(ModelTable *table)
{
    int32 last = ModelTableLastRun(table);
    List *refreshes = Listed(table, RUN_REFRESH);
    Jsonb *run = RunLastRefresh(table);
    int64 events, observed;

    if (run == NULL || llast_int(refreshes) != last || !JsonbGetInteger(run, "events", &events) ||
        !JsonbGetInteger(run, "observed", &observed) || events > 0 || observed > 0)
        return 0;
    return last;
}

int32 RunNumberIdle(Oid relid)
{
    ModelTable table;
    int32 number;

    LockNumbers(relid, true);
    ModelTableOpenOwned(relid, &table);
    PushActiveSnapshot(GetLatestSnapshot());
    number = LastIdle(&table);
    PopActiveSnapshot();
    ModelTableClose(&table);
    return number > 0 ? number : RunNumber(relid, RUN_REFRESH, true);
}

/* While a job ran, others may have left more rows than are kept. */
static bool IsListed(Oid relid, const Run *run)
{
    ModelTable table;
    bool listed;

    ModelTableOpenOwned(relid, &table);
    PushActiveSnapshot(GetLatestSnapshot());
    listed = list_member_int(Listed(&table, run->kind), run->number);
    PopActiveSnapshot();
    ModelTableClose(&table);
    return listed;
}

void RunWrite(Oid relid, Run *run, const TrainRequest *request, const Training *training)
{
    if (run->number == 0)
        return;
    if (!IsListed(relid, run))
        run->number = RunNumber(relid, run->kind, true);
    Write(relid, run, DescribeRun(run, request, training));
}
