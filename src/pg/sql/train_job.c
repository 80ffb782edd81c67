/*
 * train_job.c: recadv_train_job() and recadv_tune_job(): train with a commit after each phase, so
 * that no snapshot is held while fitting, and log every run, also a failed one.
 */
#include "pg/base/compat.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pg/base/subtransaction.h"
#include "pg/model/table.h"
#include "pg/sql/checks.h"
#include "pg/sql/train_request.h"
#include "pg/train/runs.h"
#include "pg/model/ensure.h"
#include "pg/model/versions.h"

/* Arguments of recadv_train_job, after those of TakeRequest. */
enum { JOB_IF_BUSY = TRAIN_OTHERS, JOB_WEIGHT_COLUMN };

/* A job's state, which outlives its transactions. */
typedef struct Job {
    MemoryContext context;
    TrainRequest *request;
    Training training;
    Run run;
    Oid relid;
    IfBusy if_busy;
    bool locked;
} Job;

static void JobFind(Job *job)
{
    job->relid = ModelTableEnsure(job->request->model);
}

static void JobTell(Job *job)
{
    RunStatusBegin(&job->training.backend.status, RUN_JOB, job->relid, get_rel_name(job->relid));
}

/* It may take hours: in a transaction of its own, which has no snapshot and no lock on the table.
 */
static void JobWait(Job *job)
{
    if (!OidIsValid(job->relid))
        return;
    JobTell(job);
    RunStatusStage(&job->training.backend.status, "wait");
    InvalidateCatalogSnapshot();
    RunLockWait(job->relid);
    job->locked = true;
}

static void JobLock(Job *job)
{
    JobFind(job);
    job->locked = OidIsValid(job->relid) && RunLock(job->relid, true);
    if (job->locked)
        JobTell(job);
}

/* A run that finds the model busy is logged too, where there is a table to log it in. */
static void JobOpen(Job *job)
{
    if (job->if_busy != IF_BUSY_WAIT)
        JobLock(job);
    else
        RunStatusStage(&job->training.backend.status, "begin");
    if (!job->locked) {
        job->run.status = job->if_busy == IF_BUSY_SKIP ? "skipped" : "failed";
        job->run.message = "the model was being trained by another session";
    }
    if (!OidIsValid(job->relid))
        return;
    job->run.number = RunNumber(job->relid, RUN_JOB, job->locked);
    RunWrite(job->relid, &job->run, job->request, NULL);
}

static void JobRead(Job *job)
{
    CheckRequest(job->request);
    PushActiveSnapshot(GetTransactionSnapshot());
    ReadSource(&job->training, job->request);
    PopActiveSnapshot();
    LookAtServing(job->request, job->relid, &job->training);
}

static void JobFit(Job *job)
{
    FitAndDecide(&job->training, job->request);
}

static void JobWrite(Job *job)
{
    ModelTable table;

    ModelTableOpenOwned(job->relid, &table);
    job->run.version = StoreVersion(job->relid, job->request, &job->training);
    RunEnd(&job->run, &job->training);
    RunWrite(job->relid, &job->run, job->request, &job->training);
    ModelTableClose(&table);
}

/* The table may be gone by now: then opening it fails, and so does the logging. */
static void JobRecordFailure(Job *job)
{
    ModelTable table;

    if (job->run.number == 0)
        job->run.number = RunNumber(job->relid, RUN_JOB, false);
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

typedef struct PhaseCall {
    void (*phase)(Job *job);
    Job *job;
} PhaseCall;

static void CallPhase(void *arg)
{
    const PhaseCall *call = arg;

    call->phase(call->job);
}

/* In a subtransaction, so that an error, which is returned, leaves the transaction usable for the
 * log. */
static ErrorData *RunPhase(Job *job, void (*phase)(Job *job))
{
    MemoryContextSwitchTo(job->context);
    return SubtransactionTry(CallPhase, &(PhaseCall){phase, job});
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
    bool waited = job->if_busy == IF_BUSY_WAIT && OidIsValid(job->relid);

    if (job->run.number > 0 || waited) {
        job->run.status = "failed";
        job->run.message = error->message;
        job->run.version = 0;
        if (RunPhase(job, JobRecordFailure) == NULL)
            Commit(job);
    }
    ReThrowError(error); /* the abort releases the run lock */
}

/* The snapshot of the statement goes with its transaction: none is to be held while waiting. */
static void LeaveSnapshot(Job *job)
{
    ErrorData *error = Commit(job);

    if (error != NULL)
        FailJob(job, error);
}

static void RunAlone(Job *job, void (*phase)(Job *))
{
    ErrorData *error = RunPhase(job, phase);

    if (error == NULL)
        error = Commit(job);
    if (error != NULL)
        FailJob(job, error);
}

/* Each phase in a transaction of its own; no snapshot while waiting and fitting. */
static void RunJob(Job *job)
{
    void (*const phases[])(Job *) = {JobRead, JobFit, JobWrite};

    if (job->if_busy == IF_BUSY_WAIT) {
        LeaveSnapshot(job);
        RunAlone(job, JobFind);
        RunAlone(job, JobWait);
    }
    RunAlone(job, JobOpen);
    for (int i = 0; i < (int)lengthof(phases) && job->locked; i++)
        RunAlone(job, phases[i]);
    RunStatusEnd(&job->training.backend.status);
    if (job->locked)
        RunUnlock(job->relid);
    else if (job->if_busy != IF_BUSY_SKIP)
        FailBusy(job->request->model);
}

static IfBusy IfBusyArgument(FunctionCallInfo fcinfo, int argument)
{
    CheckNotNull(fcinfo, argument, "if_busy");
    return ParseIfBusy(text_to_cstring(PG_GETARG_TEXT_PP(argument)), true);
}

static void CheckTopLevel(FunctionCallInfo fcinfo, const char *name)
{
    bool atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
                  ((CallContext *)fcinfo->context)->atomic;

    if (atomic)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                        errmsg("%s() commits and cannot run inside a transaction", name),
                        errhint("CALL it outside of BEGIN and of functions, or use "
                                "SELECT %.*s() here.",
                                (int)(strlen(name) - strlen("_job")), name)));
}

/* One of the procedures: how its request is taken, and where its last two arguments stand. */
typedef struct JobForm {
    const char *name;
    TrainRequest *(*take)(FunctionCallInfo fcinfo, int weight_column);
    int if_busy;
    int weight_column;
} JobForm;

static Datum RunForm(FunctionCallInfo fcinfo, const JobForm *form)
{
    MemoryContext context, caller;
    Job *job;

    CheckTopLevel(fcinfo, form->name);
    CheckCanWrite(psprintf("%s()", form->name));
    /* Memory that outlives the transactions of the job. */
    context = AllocSetContextCreate(PortalContext, "recadv job", ALLOCSET_DEFAULT_SIZES);
    caller = MemoryContextSwitchTo(context);
    job = palloc0(sizeof(Job));
    job->context = context;
    job->request = form->take(fcinfo, form->weight_column);
    job->if_busy = IfBusyArgument(fcinfo, form->if_busy);
    job->run = (Run){.kind = RUN_JOB, .status = "running", .started = GetCurrentTimestamp()};
    TrainingInit(&job->training, context, Title(job->request));
    SPI_connect_ext(SPI_OPT_NONATOMIC);
    RunJob(job);
    SPI_finish();
    MemoryContextSwitchTo(caller);
    ReportTrained(&job->training, job->request, job->locked ? job->run.version : 0);
    if (!job->locked)
        ereport(NOTICE, (errmsg("skipped: %s", job->run.message)));
    MemoryContextDelete(context);
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(recadv_train_job_0_2);
PG_FUNCTION_INFO_V1(recadv_tune_job);
PG_FUNCTION_INFO_V1(recadv_train_policy_job);

Datum recadv_train_job_0_2(PG_FUNCTION_ARGS)
{
    static const JobForm form = {"recadv_train_job", TakeRequest, JOB_IF_BUSY, JOB_WEIGHT_COLUMN};

    return RunForm(fcinfo, &form);
}

Datum recadv_tune_job(PG_FUNCTION_ARGS)
{
    static const JobForm form = {"recadv_tune_job", TakeTuning, TUNE_JOB_IF_BUSY,
                                 TUNE_JOB_WEIGHT_COLUMN};

    return RunForm(fcinfo, &form);
}

Datum recadv_train_policy_job(PG_FUNCTION_ARGS)
{
    static const JobForm form = {"recadv_train_policy_job", TakePolicy, POLICY_JOB_IF_BUSY, -1};

    return RunForm(fcinfo, &form);
}
