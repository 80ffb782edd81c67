/* runs.h: the log of training runs in a model's table, and the lock that keeps them apart. */
#ifndef RECADV_PG_TRAIN_RUNS_H
#define RECADV_PG_TRAIN_RUNS_H

#include "pg/model/versions.h"
#include "pg/train/training.h"

/* Runs kept in the log. */
#define RUNS_KEPT 1000

typedef struct Run {
    int32 number;
    const char *status;  /* running, succeeded, kept, failed, skipped */
    const char *message; /* why it ended, or NULL */
    TimestampTz started;
    int32 version; /* written, or 0 */
} Run;

/*
 * Next free number; drops the oldest rows.  While another session is about to log a run and has not
 * committed: waits, or returns 0.  Needs SPI.
 */
extern int32 RunNumber(Oid relid, bool wait);

/* Writes or replaces the run's row; `training` may be NULL; needs SPI. */
extern void RunWrite(Oid relid, const Run *run, const TrainRequest *request,
                     const Training *training);

/* The status and message of a training that has been stored. */
extern void RunEnd(Run *run, const Training *training);

/* Numbers of the runs in the log, ascending; what else is there is left out, with a warning. */
extern List *RunNumbers(ModelTable *table);

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
