/* train.c: recadv_train(), recadv_train_job(), recadv_estimate_memory(), recadv_rollback(). */
#include "pg/base/compat.h"

#include <math.h>

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "pg/model/options.h"
#include "pg/serve/publish.h"
#include "pg/train/runs.h"
#include "pg/base/rowset.h"
#include "pg/base/settings.h"
#include "pg/model/ensure.h"
#include "pg/model/resolve.h"
#include "pg/model/table_sink.h"
#include "pg/model/versions.h"
#include "pg/train/training.h"
#include "pg/train/writer.h"

enum {
    ARG_MODEL,
    ARG_SOURCE,
    ARG_USER_COLUMN,
    ARG_ITEM_COLUMN,
    ARG_TIME_COLUMN,
    ARG_ALGORITHM,
    ARG_OPTIONS,
    ARG_IF_BUSY
};

static void CheckNotNull(FunctionCallInfo fcinfo, int argument, const char *name)
{
    if (PG_ARGISNULL(argument))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("argument \"%s\" must not be NULL", name)));
}

/* What was asked, as it was asked: enough for a row in the log. */
static TrainRequest *TakeRequest(FunctionCallInfo fcinfo)
{
    TrainRequest *request = palloc0(sizeof(TrainRequest));

    CheckNotNull(fcinfo, ARG_MODEL, "model");
    CheckNotNull(fcinfo, ARG_SOURCE, "source");
    CheckNotNull(fcinfo, ARG_USER_COLUMN, "user_column");
    CheckNotNull(fcinfo, ARG_ITEM_COLUMN, "item_column");
    CheckNotNull(fcinfo, ARG_ALGORITHM, "algorithm");
    request->model = text_to_cstring(PG_GETARG_TEXT_PP(ARG_MODEL));
    request->source.text = text_to_cstring(PG_GETARG_TEXT_PP(ARG_SOURCE));
    request->source.user_column = pstrdup(NameStr(*PG_GETARG_NAME(ARG_USER_COLUMN)));
    request->source.item_column = pstrdup(NameStr(*PG_GETARG_NAME(ARG_ITEM_COLUMN)));
    if (!PG_ARGISNULL(ARG_TIME_COLUMN))
        request->source.time_column = pstrdup(NameStr(*PG_GETARG_NAME(ARG_TIME_COLUMN)));
    request->algorithm_name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_ALGORITHM));
    request->options_text = "{}";
    if (!PG_ARGISNULL(ARG_OPTIONS)) {
        Jsonb *options = PG_GETARG_JSONB_P(ARG_OPTIONS);

        request->options_text = JsonbToCString(NULL, &options->root, VARSIZE(options));
    }
    return request;
}

/* Everything that can be wrong with the request is found here, before any work. */
static void CheckRequest(TrainRequest *request)
{
    request->algorithm = CheckAlgorithm(request->algorithm_name);
    request->options = OptionsParse(request->algorithm, JsonbParse(request->options_text));
    request->threads = CheckThreads(((TrainOptions *)request->options)->threads);
    CheckHoldout(request->options, request->source.time_column != NULL);
    if (request->algorithm->stream != NULL && request->source.time_column == NULL)
        FailNoTime(request->algorithm);
}

static void CheckCanWrite(const char *function)
{
    PreventCommandIfReadOnly(function);
    PreventCommandIfParallelMode(function);
    PreventCommandDuringRecovery(function);
}

static char *Title(const TrainRequest *request)
{
    return psprintf("recadv_train \"%s\"", request->model);
}

typedef struct Trained {
    const TrainRequest *request;
    Training *training;
} Trained;

static void WriteTrained(void *arg, ModelSink *sink)
{
    Trained *trained = arg;

    TrainingWrite(trained->training, trained->request, sink);
}

/* Writes a new version and lets it serve from the commit on. */
static int32 StoreVersion(Oid relid, const TrainRequest *request, Training *training)
{
    double start = HostClock();
    PublishedVersion published = {.keep = (int)((TrainOptions *)request->options)->keep_versions,
                                  .write = WriteTrained,
                                  .arg = &(Trained){request, training},
                                  .learnt = &training->collected};
    int32 version = PublishVersion(relid, &published);

    training->phases.write = HostClock() - start;
    return version;
}

static Datum Summary(FunctionCallInfo fcinfo, const TrainRequest *request, const Training *t,
                     int32 version)
{
    const Collected *c = &t->collected;
    const Epoch *best = TrainingBest(t);
    bool validated = best != NULL && !isnan(best->ndcg);
    ResultRow row = {0};

    ResultText(&row, request->model);
    ResultInt4(&row, version);
    ResultText(&row, request->algorithm->name);
    ResultInt8(&row, c->data.users);
    ResultInt8(&row, c->data.items);
    ResultInt8(&row, (int64)c->data.count);
    ResultInt8(&row, (int64)c->null_rows);
    ResultInt8(&row, (int64)c->duplicates);
    ResultInt4(&row, t->report.epochs);
    if (best != NULL)
        ResultInt4(&row, best->epoch);
    else
        ResultNull(&row);
    ResultFloat8If(&row, best != NULL, best != NULL ? best->loss : 0);
    ResultFloat8If(&row, validated, validated ? best->ndcg : 0);
    ResultFloat8If(&row, validated, validated ? best->hr : 0);
    ResultFloat8(&row, (double)(GetCurrentTimestamp() - t->started) / USECS_PER_SEC);
    ResultText(&row, t->report.stop_reason);
    return ResultRowDatum(fcinfo, &row);
}

PG_FUNCTION_INFO_V1(recadv_train);

/* All in the caller's transaction. */
Datum recadv_train(PG_FUNCTION_ARGS)
{
    TrainRequest *request;
    Training training;
    Run run = {.status = "succeeded"};
    Datum result;
    Oid relid;

    CheckCanWrite("recadv_train()");
    request = TakeRequest(fcinfo);
    CheckRequest(request);
    TrainingInit(&training, CurrentMemoryContext, Title(request));
    SPI_connect();
    relid = ModelTableEnsure(request->model);
    if (!OidIsValid(relid) || !RunLock(relid, false))
        FailBusy(request->model);
    TrainingRead(&training, request);
    TrainingWarm(&training, request, relid);
    TrainingFit(&training, request);
    run.version = StoreVersion(relid, request, &training);
    run.number = RunNumber(relid, true);
    run.started = training.started;
    run.message = training.report.stop_reason;
    RunWrite(relid, &run, request, &training);
    SPI_finish();
    TrainingReport(&training);
    result = Summary(fcinfo, request, &training, run.version);
    MemoryContextDelete(training.context);
    PG_RETURN_DATUM(result);
}

/* A job's state, which outlives its transactions. */
typedef struct Job {
    MemoryContext context;
    TrainRequest *request;
    Training training;
    Run run;
    Oid relid;
    bool skip_if_busy;
    bool locked;
} Job;

/* A run that finds the model busy is logged too, where there is a table to log it in. */
static void JobOpen(Job *job)
{
    job->relid = ModelTableEnsure(job->request->model);
    job->locked = OidIsValid(job->relid) && RunLock(job->relid, true);
    if (!job->locked) {
        job->run.status = job->skip_if_busy ? "skipped" : "failed";
        job->run.message = "the model was being trained by another session";
    }
    if (!OidIsValid(job->relid))
        return;
    job->run.number = RunNumber(job->relid, job->locked);
    RunWrite(job->relid, &job->run, job->request, NULL);
}

static void JobRead(Job *job)
{
    CheckRequest(job->request);
    PushActiveSnapshot(GetTransactionSnapshot());
    TrainingRead(&job->training, job->request);
    TrainingWarm(&job->training, job->request, job->relid);
    PopActiveSnapshot();
}

static void JobFit(Job *job)
{
    TrainingFit(&job->training, job->request);
}

static void JobWrite(Job *job)
{
    ModelTable table;

    ModelTableOpenOwned(job->relid, &table);
    job->run.version = StoreVersion(job->relid, job->request, &job->training);
    job->run.status = "succeeded";
    job->run.message = job->training.report.stop_reason;
    RunWrite(job->relid, &job->run, job->request, &job->training);
    ModelTableClose(&table);
}

/* The table may be gone by now: then opening it fails, and so does the logging. */
static void JobRecordFailure(Job *job)
{
    ModelTable table;

    ModelTableOpenOwned(job->relid, &table);
    RunWrite(job->relid, &job->run, job->request, &job->training);
    ModelTableClose(&table);
}

/* Keeps the error and leaves the error state; to be called in PG_CATCH. */
static ErrorData *TakeError(Job *job)
{
    ErrorData *error;

    MemoryContextSwitchTo(job->context);
    error = CopyErrorData();
    FlushErrorState();
    return error;
}

/*
 * Runs a phase in a subtransaction, so that an error leaves the transaction usable for the log.
 * Returns the error, or NULL.
 */
static ErrorData *RunPhase(Job *job, void (*phase)(Job *job))
{
    ResourceOwner owner = CurrentResourceOwner;
    ErrorData *volatile error = NULL;

    BeginInternalSubTransaction(NULL);
    MemoryContextSwitchTo(job->context);
    PG_TRY();
    {
        phase(job);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        error = TakeError(job);
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(job->context);
    CurrentResourceOwner = owner;
    return error;
}

/*
 * Ends the transaction and begins the next, without a snapshot.  Returns the error of a commit that
 * fails (a serialization failure, say), or NULL.
 */
static ErrorData *Commit(Job *job)
{
    ErrorData *volatile error = NULL;

#if PG_VERSION_NUM >= 140003 /* since then SPI_commit begins the next transaction */
    PG_TRY();
    {
        SPI_commit();
    }
    PG_CATCH();
    {
        error = TakeError(job); /* SPI has begun a new transaction already */
    }
    PG_END_TRY();
#else
    SPI_commit();
    SPI_start_transaction();
#endif
    MemoryContextSwitchTo(job->context);
    return error;
}

/* Logs the failure where there is a log, and passes the error on. */
static void FailJob(Job *job, ErrorData *error)
{
    if (job->run.number > 0) {
        job->run.status = "failed";
        job->run.message = error->message;
        job->run.version = 0;
        if (RunPhase(job, JobRecordFailure) == NULL)
            Commit(job);
    }
    ReThrowError(error); /* the abort releases the run lock */
}

/* Each phase in a transaction of its own; no snapshot while fitting. */
static void RunJob(Job *job)
{
    void (*const phases[])(Job *) = {JobOpen, JobRead, JobFit, JobWrite};

    for (int i = 0; i < (int)lengthof(phases); i++) {
        ErrorData *error = RunPhase(job, phases[i]);

        if (error == NULL)
            error = Commit(job);
        if (error != NULL)
            FailJob(job, error);
        if (!job->locked)
            break;
    }
    if (job->locked)
        RunUnlock(job->relid);
    else if (!job->skip_if_busy)
        FailBusy(job->request->model);
}

static bool ParseIfBusy(FunctionCallInfo fcinfo)
{
    CheckNotNull(fcinfo, ARG_IF_BUSY, "if_busy");
    return SkipsIfBusy(text_to_cstring(PG_GETARG_TEXT_PP(ARG_IF_BUSY)));
}

static void CheckTopLevel(FunctionCallInfo fcinfo)
{
    bool atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
                  ((CallContext *)fcinfo->context)->atomic;

    if (atomic)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                        errmsg("recadv_train_job() commits and cannot run inside a transaction"),
                        errhint("CALL it outside of BEGIN and of functions, or use "
                                "SELECT recadv_train() here.")));
}

PG_FUNCTION_INFO_V1(recadv_train_job);

Datum recadv_train_job(PG_FUNCTION_ARGS)
{
    MemoryContext context, caller;
    Job *job;

    CheckTopLevel(fcinfo);
    CheckCanWrite("recadv_train_job()");
    /* Memory that outlives the transactions of the job. */
    context = AllocSetContextCreate(PortalContext, "recadv job", ALLOCSET_DEFAULT_SIZES);
    caller = MemoryContextSwitchTo(context);
    job = palloc0(sizeof(Job));
    job->context = context;
    job->request = TakeRequest(fcinfo);
    job->skip_if_busy = ParseIfBusy(fcinfo);
    job->run = (Run){.status = "running", .started = GetCurrentTimestamp()};
    TrainingInit(&job->training, context, Title(job->request));
    SPI_connect_ext(SPI_OPT_NONATOMIC);
    RunJob(job);
    SPI_finish();
    MemoryContextSwitchTo(caller);
    TrainingReport(&job->training);
    if (!job->locked)
        ereport(NOTICE, (errmsg("skipped: %s", job->run.message)));
    MemoryContextDelete(context);
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(recadv_estimate_memory);

/* Arguments: users, items, interactions, algorithm, options, has_time; strict. */
Datum recadv_estimate_memory(PG_FUNCTION_ARGS)
{
    int64 users = PG_GETARG_INT64(0), items = PG_GETARG_INT64(1), rows = PG_GETARG_INT64(2);
    const Algorithm *algorithm = CheckAlgorithm(text_to_cstring(PG_GETARG_TEXT_PP(3)));
    void *options = OptionsParse(algorithm, PG_GETARG_JSONB_P(4));
    Size bytes;

    if (users < 1 || items < 1 || rows < 1 || users > MAX_IDS || items > MAX_IDS)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("users, items and interactions must be at least 1, users and "
                               "items at most %d",
                               MAX_IDS)));
    bytes = TrainingMemory(algorithm, options, (uint32)users, (uint32)items, (uint64)rows,
                           PG_GETARG_BOOL(5), CheckThreads(((TrainOptions *)options)->threads));
    if (bytes > PG_INT64_MAX)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("the memory needed does not fit into a bigint")));
    PG_RETURN_INT64((int64)bytes);
}

/* The newest version below. */
static int32 VersionBelow(List *versions, int32 version)
{
    ListCell *cell;

    foreach (cell, versions)
        if (lfirst_int(cell) < version)
            return lfirst_int(cell);
    return 0;
}

/* The version that served before, or the newest one below. */
static int32 PreviousVersion(List *versions, Current current)
{
    return list_member_int(versions, current.previous) ? current.previous
                                                       : VersionBelow(versions, current.version);
}

PG_FUNCTION_INFO_V1(recadv_rollback);

/* Arguments: model, version. */
Datum recadv_rollback(PG_FUNCTION_ARGS)
{
    ModelTable table;
    List *versions;
    int32 version;
    Oid relid;

    CheckCanWrite("recadv_rollback()");
    CheckNotNull(fcinfo, 0, "model");
    relid = ModelResolve(PG_GETARG_TEXT_PP(0));
    ModelTableOpenOwned(relid, &table);
    SPI_connect();
    if (!RunLock(relid, false))
        FailBusy(get_rel_name(relid));
    versions = ModelTableVersions(relid);
    version = PG_ARGISNULL(1) ? PreviousVersion(versions, ModelTableCurrent(&table, false))
                              : PG_GETARG_INT32(1);
    if (!list_member_int(versions, version))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("model \"%s\" has no version to return to", get_rel_name(relid)),
                        errhint("The option keep_versions of recadv_train() tells how many "
                                "versions are kept.")));
    /* So that another rollback goes further back, not forth again. */
    PublishVersion(relid, &(PublishedVersion){.version = version,
                                              .previous = VersionBelow(versions, version)});
    SPI_finish();
    ModelTableClose(&table);
    PG_RETURN_INT32(version);
}
