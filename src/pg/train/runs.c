/*
 * runs.c: logs training runs, and keeps two runs on one model apart.
 *
 * A run is a JSON block of version 0, for recadv_runs(); recadv_train_job() writes it at the start
 * and again at the end, so that failed runs leave one too.
 */
#include "pg/train/runs.h"

#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"

#include "pg/model/options.h"
#include "pg/model/catalog.h"
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

int32 RunNumber(Oid relid, bool wait)
{
    char *name = RelationName(relid);
    LOCKTAG tag;
    bool null;
    int32 number;

    /* Held until the commit, so that no number is given out twice.  A run that was refused or
     * skipped does not wait for this: it goes without a row in the log. */
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationRelationId, relid, RUN_LOCK + 1);
    if (LockAcquire(&tag, ExclusiveLock, false, !wait) == LOCKACQUIRE_NOT_AVAIL)
        return 0;
    SPI_execute(psprintf("SELECT coalesce(pg_catalog.max(block), 0) OPERATOR(pg_catalog.+) 1 "
                         "FROM %s WHERE version OPERATOR(pg_catalog.=) 0 "
                         "AND part OPERATOR(pg_catalog.=) '" PART_RUN "'",
                         name),
                false, 0);
    number = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
    if (number > RUNS_KEPT)
        SPI_execute(psprintf("DELETE FROM %s WHERE version OPERATOR(pg_catalog.=) 0 "
                             "AND part OPERATOR(pg_catalog.=) '" PART_RUN
                             "' AND block OPERATOR(pg_catalog.<=) %d",
                             name, number - RUNS_KEPT),
                    false, 0);
    return number;
}
