/*
 * runs.h: the log of runs in a model's table, and the lock that keeps them apart.
 *
 * Trainings and refreshes are numbered together, and each kind keeps so many rows of its own: a
 * refresh every minute does not push the nightly trainings out.
 */
#ifndef RECADV_PG_TRAIN_RUNS_H
#define RECADV_PG_TRAIN_RUNS_H

#include "pg/model/versions.h"
#include "pg/model/header.h"
#include "pg/train/training.h"

/* Runs kept in the log, of trainings and of refreshes. */
#define TRAININGS_KEPT 1000
#define REFRESHES_KEPT 1000

typedef struct Run {
    int32 number;
    RunKind kind;
    const char *status;  /* running, succeeded, kept, failed, skipped */
    const char *message; /* why it ended, or NULL */
    TimestampTz started;
    int32 version; /* written, or 0 */
} Run;

/* What a refresh has come to. */
typedef struct RefreshResult {
    const Header *header; /* as it was before */
    int64 users, items, interactions;
    uint64 read;   /* rows of the source */
    uint64 events; /* learnt; 0: there was nothing new */
    uint64 observed;
    uint64 null_rows;
    uint64 weightless_rows;
    uint64 unusable_ids;
    uint64 new_users, new_items;
    uint64 ranked;
    double hr, ndcg, mrr; /* means at cutoff k; NaN: none was ranked */
    int k;
    double read_seconds, learn_seconds, write_seconds;
} RefreshResult;

/*
 * Next free number for a run of the kind; drops the oldest rows.  While another session is about to
 * log a run and has not committed: waits, or returns 0.  Needs SPI.
 */
extern int32 RunNumber(Oid relid, RunKind kind, bool wait);

/*
 * The number of the last run if that is a refresh that found nothing new, so that its row can be
 * replaced; otherwise as RunNumber, which waits.
 */
extern int32 RunNumberIdle(Oid relid);

/* Writes or replaces the run's row; `training` may be NULL; needs SPI. */
extern void RunWrite(Oid relid, Run *run, const TrainRequest *request, const Training *training);

/* The same for a refresh. */
extern void RunWriteRefresh(Oid relid, const Run *run, const RefreshResult *result);

/* The last refresh that is in the log, as JSON; NULL if there is none.  Needs a snapshot. */
extern Jsonb *RunLastRefresh(ModelTable *table);

/* The status and message of a training that has been stored. */
extern void RunEnd(Run *run, const Training *training);

/* Numbers of the runs in the log, ascending, and the runs (Jsonb), unless `documents` is NULL; what
 * else is there is left out, with a warning. */
extern List *RunNumbers(ModelTable *table, List **documents);

/* Only one run at a time: false if another session has it.  `session`: keep it across commits. */
extern bool RunLock(Oid relid, bool session);
extern void RunUnlock(Oid relid);

/* The same, kept across commits, when the run of the other session has ended. */
extern void RunLockWait(Oid relid);

/* What an argument if_busy says; fails for anything else.  A refresh need not wait: the next comes
 * soon. */
typedef enum IfBusy { IF_BUSY_ERROR, IF_BUSY_SKIP, IF_BUSY_WAIT } IfBusy;
extern IfBusy ParseIfBusy(const char *choice, bool may_wait);

/* Fails with a clear error if RunLock returned false. */
extern void FailBusy(const char *model) __attribute__((noreturn));

#endif
