/*
 * runs.c: logs training runs, and keeps two runs on one model apart.
 *
 * A run is a JSON block of version 0, for recadv_runs(); recadv_train_job() writes it at the start
 * and again at the end, so that failed runs leave one too.
 */
#include "pg/train/runs.h"

#include <math.h>

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "pg/model/options.h"
#include "pg/model/statement.h"
#include "pg/model/table_sink.h"
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

bool SkipsIfBusy(const char *choice)
{
    if (strcmp(choice, "skip") != 0 && strcmp(choice, "error") != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("if_busy must be 'error' or 'skip', not '%s'", choice)));
    return strcmp(choice, "skip") == 0;
}

void FailBusy(const char *model)
{
    ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                    errmsg("model \"%s\" is being trained by another session", model),
                    errhint("Wait until that run ends; recadv_train_job() can skip with "
                            "if_busy => 'skip'.")));
}

void RunEnd(Run *run, const Training *t)
{
    bool serves = t->promotion.reason == NULL;

    run->status = serves ? "succeeded" : "kept";
    run->message = serves ? t->report.stop_reason : t->promotion.reason;
}

/* As far as the run has come. */
static void DescribeResult(StringInfo json, const Training *t)
{
    const Epoch *best = TrainingBest(t);

    if (t->collected.data.count > 0) {
        JsonInteger(json, "users", t->collected.data.users);
        JsonInteger(json, "items", t->collected.data.items);
        JsonInteger(json, "interactions", (int64)t->collected.data.count);
        JsonInteger(json, "null_rows", (int64)t->collected.null_rows);
        JsonInteger(json, "weightless_rows", (int64)t->collected.weightless_rows);
        if (t->collected.unusable.rows > 0)
            JsonInteger(json, "unusable_ids", (int64)t->collected.unusable.rows);
        JsonInteger(json, "epochs", t->report.epochs);
    }
    DescribePhases(json, &t->phases);
    if (t->report.warning[0] != '\0')
        JsonString(json, "warning", t->report.warning);
    if (best != NULL) {
        JsonReal(json, "loss", best->loss);
        DescribeMetrics(json, t->model.algorithm, best->metric);
        JsonOpen(json, "metrics", '{');
        DescribeMetrics(json, t->model.algorithm, best->metric);
        DescribeFindings(json, &t->report);
        JsonClose(json, '}');
    }
}

static char *DescribeRun(const Run *run, const TrainRequest *request, const Training *t)
{
    bool ended = strcmp(run->status, "running") != 0;
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    JsonString(&json, "status", run->status);
    JsonString(&json, "message", run->message);
    JsonTime(&json, "started", run->started);
    if (ended)
        JsonTime(&json, "finished", GetCurrentTimestamp());
    JsonString(&json, "role", GetUserNameFromId(GetUserId(), false));
    JsonInteger(&json, "pid", MyProcPid);
    JsonString(&json, "algorithm", request->algorithm_name);
    JsonString(&json, "source", request->source.text);
    JsonString(&json, "user_column", request->source.user_column);
    JsonString(&json, "item_column", request->source.item_column);
    JsonString(&json, "time_column", request->source.time_column);
    if (request->source.weight_column != NULL)
        JsonString(&json, "weight_column", request->source.weight_column);
    JsonRaw(&json, "options",
            request->options == NULL ? request->options_text
                                     : OptionsToJson(request->algorithm, request->options));
    if (run->version > 0)
        JsonInteger(&json, "version", run->version);
    if (t != NULL)
        DescribeResult(&json, t);
    JsonClose(&json, '}');
    return json.data;
}

void RunWrite(Oid relid, const Run *run, const TrainRequest *request, const Training *training)
{
    TableSink sink;

    if (run->number == 0)
        return;
    TableSinkOpen(relid, 0, &sink);
    SinkPutJson(&sink.sink, PART_RUN, (uint32)run->number, DescribeRun(run, request, training));
    TableSinkClose(&sink);
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

List *RunNumbers(ModelTable *table)
{
    List *numbers = ModelTableBlocks(table, 0, PART_RUN), *runs = NIL;
    int32 last = ModelTableLastRun(table), first_other = 0;
    int others = 0;
    ListCell *cell;

    table->store.version = 0;
    foreach (cell, numbers) {
        int32 number = lfirst_int(cell);

        CHECK_FOR_INTERRUPTS();
        if (number > 0 && number <= last &&
            IsRun(StoreTryJson(&table->store, PART_RUN, (uint32)number)))
            runs = lappend_int(runs, number);
        else if (others++ == 0)
            first_other = number;
    }
    if (others > 0)
        ereport(WARNING,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg_plural("%d row of part \"" PART_RUN "\" of model \"%s\" is no run",
                               "%d rows of part \"" PART_RUN "\" of model \"%s\" are no runs",
                               (unsigned long)others, others, table->store.name),
                 errdetail("The first is block %d.", first_other),
                 errhint("The next training deletes them.")));
    return runs;
}

/* The oldest, and numbers that were never given out. */
static void DeleteRuns(const ModelTable *table, int32 number)
{
    Oid types[] = {INT4OID, INT4OID};

    StatementRun(table,
                 "DELETE FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) 0 "
                 "AND part OPERATOR(pg_catalog.=) '" PART_RUN "' AND "
                 "NOT (block OPERATOR(pg_catalog.>) $1 AND block OPERATOR(pg_catalog.<=) $2)",
                 2, types,
                 (Datum[]){Int32GetDatum(Max(0, number - RUNS_KEPT)), Int32GetDatum(number)});
}

int32 RunNumber(Oid relid, bool wait)
{
    ModelTable table;
    LOCKTAG tag;
    int32 number;

    /* Held until the commit, so that no number is given out twice.  A run that was refused or
     * skipped does not wait for this: it goes without a row in the log. */
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationRelationId, relid, RUN_LOCK + 1);
    if (LockAcquire(&tag, ExclusiveLock, false, !wait) == LOCKACQUIRE_NOT_AVAIL)
        return 0;
    ModelTableOpenOwned(relid, &table);
    number = ModelTableNextRun(&table);
    DeleteRuns(&table, number);
    ModelTableClose(&table);
    return number;
}
