/*
 * progress.c: writes and reads the run that a session is busy with, in the backend status.
 *
 * PostgreSQL keeps a command, the table it works on and twenty numbers there for each session, and
 * ends the command itself when a transaction or a subtransaction is rolled back and when the
 * session goes.  Its own views look for the commands that they know.  recadv has a command of its
 * own, and what it has to say in the bytes of the twenty numbers.
 */
#include "pg/base/progress.h"

#include <math.h>

#include "utils/backend_progress.h"
#include "utils/timestamp.h"

/* No command of PostgreSQL, and hardly one of another extension; the mark makes sure. */
#define RECADV_COMMAND ((ProgressCommandType)0x72634164)

/* Changes with the struct: sessions with the library of another version are not read. */
#define PROGRESS_MARK INT64CONST(0x7265636164760002)

#define PROGRESS_NUMBERS ((int)(sizeof(RunProgress) / sizeof(int64)))

const char *RunKindName(RunKind kind)
{
    static const char *const names[] = {"none", "train", "job", "refresh", "fit"};

    return kind > RUN_NONE && kind <= RUN_FIT ? names[kind] : names[RUN_NONE];
}

static void WriteNumbers(const int64 *numbers, int count)
{
    int index[PGSTAT_NUM_PROGRESS_PARAM];

    for (int i = 0; i < count; i++)
        index[i] = i;
    pgstat_progress_update_multi_param(count, index, numbers);
}

/*
 * All numbers at once.  Begins the command where it is not there: the error of a subtransaction
 * ends it, and so may what the queries of the run do.
 */
static void Publish(const RunStatus *status)
{
    int64 numbers[PROGRESS_NUMBERS];

    StaticAssertStmt(sizeof(RunProgress) % sizeof(int64) == 0 &&
                         sizeof(RunProgress) / sizeof(int64) <= PGSTAT_NUM_PROGRESS_PARAM,
                     "the backend status has no room for the progress of a run");
    if (MyBEEntry == NULL)
        return;
    if (MyBEEntry->st_progress_command != RECADV_COMMAND ||
        MyBEEntry->st_progress_command_target != status->relid)
        pgstat_progress_start_command(RECADV_COMMAND, status->relid);
    memcpy(numbers, &status->progress, sizeof(numbers));
    WriteNumbers(numbers, PROGRESS_NUMBERS);
}

/* A COPY of a query that trains, or a training whose source trains another model. */
static void RememberBefore(RunStatus *status)
{
    status->command_before = PROGRESS_COMMAND_INVALID;
    if (MyBEEntry == NULL)
        return;
    status->command_before = (int32)MyBEEntry->st_progress_command;
    status->target_before = MyBEEntry->st_progress_command_target;
    memcpy(status->param_before, MyBEEntry->st_progress_param, sizeof(status->param_before));
}

void RunStatusBegin(RunStatus *status, RunKind kind, Oid relid, const char *model)
{
    RunProgress *p = &status->progress;

    memset(status, 0, sizeof(*status));
    RememberBefore(status);
    status->relid = relid;
    p->mark = PROGRESS_MARK;
    p->kind = kind;
    p->role = GetUserId();
    p->started = GetCurrentTimestamp();
    if (model != NULL)
        strlcpy(p->model, model, sizeof(p->model));
    RunStatusStage(status, "begin");
}

/* No bytes of what was there before stay. */
static void SetText(char *text, Size size, const char *value)
{
    memset(text, 0, size);
    strlcpy(text, value, size);
}

void RunStatusStage(RunStatus *status, const char *stage)
{
    RunProgress *p = &status->progress;

    if (p->kind == RUN_NONE)
        return;
    p->end = 0;
    p->epoch = p->epochs = 0;
    p->percent = p->loss = p->value = NAN;
    SetText(p->stage, sizeof(p->stage), stage);
    SetText(p->metric, sizeof(p->metric), "");
    Publish(status);
}

static TimestampTz EndAt(double seconds_left)
{
    return TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
                                       (int64)(fmin(seconds_left, PG_INT32_MAX) * 1000));
}

/* What was measured last in this stage: not every epoch is. */
static void SetMetric(RunProgress *p, const Progress *progress)
{
    if (strncmp(p->stage, progress->stage, sizeof(p->stage) - 1) != 0) {
        SetText(p->stage, sizeof(p->stage), progress->stage);
        SetText(p->metric, sizeof(p->metric), "");
        p->value = NAN;
    }
    if (!isnan(progress->value) && progress->metric != NULL) {
        SetText(p->metric, sizeof(p->metric), progress->metric);
        p->value = progress->value;
    }
}

void RunStatusEpoch(RunStatus *status, const Progress *progress)
{
    RunProgress *p = &status->progress;

    if (p->kind == RUN_NONE)
        return;
    p->epoch = progress->epoch;
    p->epochs = progress->epochs;
    p->percent = 100.0 * progress->epoch / progress->epochs;
    p->loss = progress->loss;
    p->end = EndAt(progress->seconds / progress->epoch * (progress->epochs - progress->epoch));
    SetMetric(p, progress);
    Publish(status);
}

void RunStatusShare(RunStatus *status, uint64 done, uint64 all)
{
    if (status->progress.kind == RUN_NONE)
        return;
    status->progress.percent = 100.0 * (double)done / (double)Max(all, 1);
    Publish(status);
}

/* Unless the command has been ended, or taken by another, since. */
void RunStatusEnd(RunStatus *status)
{
    bool ours = status->progress.kind != RUN_NONE && MyBEEntry != NULL &&
                MyBEEntry->st_progress_command == RECADV_COMMAND;

    status->progress.kind = RUN_NONE;
    if (!ours)
        return;
    pgstat_progress_end_command();
    if (status->command_before == PROGRESS_COMMAND_INVALID)
        return;
    pgstat_progress_start_command((ProgressCommandType)status->command_before,
                                  status->target_before);
    WriteNumbers(status->param_before, PGSTAT_NUM_PROGRESS_PARAM);
}

static bool IsText(const char *text, Size size)
{
    return memchr(text, '\0', size) != NULL;
}

const RunProgress *RunProgressOf(const PgBackendStatus *entry)
{
    const RunProgress *p = (const RunProgress *)entry->st_progress_param;
    bool sound = entry->st_procpid > 0 && entry->st_progress_command == RECADV_COMMAND &&
                 p->mark == PROGRESS_MARK && IsText(p->stage, sizeof(p->stage)) &&
                 IsText(p->metric, sizeof(p->metric)) && IsText(p->model, sizeof(p->model));

    return sound ? p : NULL;
}
