/*
 * backend.c: what the algorithms, which know nothing of PostgreSQL, get from the backend they run
 * in.
 *
 * The callbacks of core/host.h: memory from a memory context, looks at interrupts, progress as
 * notices and in pg_stat_activity, errors by ereport, and threads that are always joined again.
 */
#include "pg/base/backend.h"

#include <math.h>

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"

#include "core/pool.h"
#include "pg/base/settings.h"

/* PostgreSQL 17 brought transaction_timeout. */
#if PG_VERSION_NUM >= 170000
#define TRANSACTION_TIMEOUT_FLAG &TransactionTimeoutPending
#else
#define TRANSACTION_TIMEOUT_FLAG NULL
#endif

#define NOTICE_SECONDS   3.0
#define ACTIVITY_SECONDS 0.5

static void *Allocate(void *arg, size_t size)
{
    return MemoryContextAllocHuge(((BackendHost *)arg)->context, size);
}

static void Release(void *arg, void *pointer)
{
    (void)arg;
    pfree(pointer);
}

static bool Pending(void *arg)
{
    (void)arg;
    return InterruptPending;
}

static void Check(void *arg)
{
    (void)arg;
    CHECK_FOR_INTERRUPTS();
}

static void Describe(StringInfo text, const BackendHost *backend, const Progress *p)
{
    double left = p->seconds / p->epoch * (p->epochs - p->epoch);

    appendStringInfo(text, "%s: stage %s, epoch %d of at most %d (%d %%)", backend->title, p->stage,
                     p->epoch, p->epochs, (int)(100.0 * p->epoch / p->epochs));
    if (!isnan(p->loss))
        appendStringInfo(text, ", loss %.4f", p->loss);
    if (!isnan(p->value))
        appendStringInfo(text, ", %s %.4f", p->metric, p->value);
    appendStringInfo(text, ", at most %.0f s left", left);
}

/*
 * Other sessions see the numbers in recadv_progress and the text in pg_stat_activity.query; the
 * client gets it as a notice.
 */
static void Report(void *arg, const Progress *p)
{
    BackendHost *backend = arg;
    StringInfoData text;

    RunStatusEpoch(&backend->status, p);
    if (p->seconds - backend->last_activity < ACTIVITY_SECONDS)
        return;
    initStringInfo(&text);
    Describe(&text, backend, p);
    pgstat_report_activity(STATE_RUNNING, text.data);
    backend->last_activity = p->seconds;
    if (recadv_progress && p->seconds - backend->last_notice >= NOTICE_SECONDS) {
        ereport(NOTICE, (errmsg_internal("%s", text.data)));
        backend->last_notice = p->seconds;
    }
    pfree(text.data);
}

static int SqlState(FailKind kind)
{
    switch (kind) {
    case FAIL_NOT_FINITE:
        return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
    case FAIL_INVALID:
        return ERRCODE_INVALID_PARAMETER_VALUE;
    case FAIL_RESOURCE:
        return ERRCODE_INSUFFICIENT_RESOURCES;
    }
    return ERRCODE_INTERNAL_ERROR;
}

static void Fail(void *arg, const Failure *failure) __attribute__((noreturn));

static void Fail(void *arg, const Failure *failure)
{
    ((BackendHost *)arg)->failing = true;
    ereport(ERROR, (errcode(SqlState(failure->kind)), errmsg("%s", failure->message),
                    failure->hint == NULL ? 0 : errhint("%s", failure->hint)));
    pg_unreachable();
}

/* What an attempt may fail of; all else, a cancel above all, ends the run. */
static bool IsOwnFailure(const BackendHost *backend, const ErrorData *error)
{
    return backend->failing || error->sqlerrcode == ERRCODE_OUT_OF_MEMORY;
}

/* In PG_CATCH: what went wrong, or on with the error. */
static const char *TakeFailure(BackendHost *backend, MemoryContext outer)
{
    ErrorData *error;

    MemoryContextSwitchTo(outer);
    error = CopyErrorData();
    if (!IsOwnFailure(backend, error)) {
        backend->context = outer;
        PG_RE_THROW();
    }
    FlushErrorState();
    backend->failing = false;
    return error->message;
}

/*
 * An algorithm takes nothing of the backend but memory, in a context of its own here, so its error
 * needs no subtransaction to be undone; and no thread is busy when it fails.
 */
static bool RunAttempt(void *arg, void (*work)(void *work_arg), void *work_arg,
                       const char **message)
{
    BackendHost *backend = arg;
    MemoryContext outer = backend->context, caller = CurrentMemoryContext;
    volatile bool done = false;

    backend->context = AllocSetContextCreate(outer, "recadv attempt", ALLOCSET_DEFAULT_SIZES);
    PG_TRY();
    {
        work(work_arg);
        done = true;
    }
    PG_CATCH();
    {
        *message = TakeFailure(backend, outer);
    }
    PG_END_TRY();
    MemoryContextDelete(backend->context);
    backend->context = outer;
    MemoryContextSwitchTo(caller);
    return done;
}

void BackendHostInit(BackendHost *backend, MemoryContext context, const char *title)
{
    *backend = (BackendHost){
        .host =
            {
                .arg = backend,
                .allocate = Allocate,
                .release = Release,
                .pending = Pending,
                .check = Check,
                .cancel = {&QueryCancelPending, &ProcDiePending, TRANSACTION_TIMEOUT_FLAG},
                .progress = Report,
                .fail = Fail,
                .attempt = RunAttempt,
            },
        .context = context,
        .title = title,
    };
}

/* Also gives pg_stat_activity the statement back. */
static void Finish(int code, Datum arg)
{
    BackendHost *backend = (BackendHost *)DatumGetPointer(arg);
    Pool *pool = backend->host.pool;

    (void)code;
    backend->host.pool = NULL;
    if (pool != NULL)
        PoolDestroy(pool);
    if (backend->last_activity > 0 && debug_query_string != NULL)
        pgstat_report_activity(STATE_RUNNING, debug_query_string);
    backend->last_activity = backend->last_notice = 0; /* the next run counts from its own start */
}

void BackendHostRun(BackendHost *backend, int threads, void (*work)(void *arg), void *arg)
{
    PG_ENSURE_ERROR_CLEANUP(Finish, PointerGetDatum(backend));
    {
        if (threads > 1)
            backend->host.pool = PoolCreate(&backend->host, threads);
        work(arg);
    }
    PG_END_ENSURE_ERROR_CLEANUP(Finish, PointerGetDatum(backend));
    Finish(0, PointerGetDatum(backend));
}
