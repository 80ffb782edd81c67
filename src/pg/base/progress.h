/*
 * progress.h: what a session tells all others about the run that it is busy with.
 *
 * It stands in the session's own entry of PostgreSQL's backend status, where commands such as
 * VACUUM keep their progress: in shared memory without being preloaded, cleared by PostgreSQL when
 * the transaction fails and when the session ends, in whatever way.  The view recadv_progress
 * reads it from there.  Where track_activities is off, there is nothing to read.
 */
#ifndef RECADV_PG_BASE_PROGRESS_H
#define RECADV_PG_BASE_PROGRESS_H

#include "pg/base/compat.h"

#include "utils/backend_status.h"

#include "core/host.h"

typedef enum RunKind { RUN_NONE, RUN_TRAIN, RUN_JOB, RUN_REFRESH, RUN_FIT } RunKind;

/* train, job, refresh, fit. */
extern const char *RunKindName(RunKind kind);

/* What others see; as many bytes as a backend's status has room for. */
typedef struct RunProgress {
    int64 mark; /* PROGRESS_MARK */
    int32 kind; /* a RunKind */
    Oid role;   /* with whose rights it runs */
    TimestampTz started;
    TimestampTz end; /* when it will end at the latest; 0: not known */
    int32 epoch;     /* 0: none yet */
    int32 epochs;    /* planned */
    double percent;  /* of the stage; NaN: not known */
    double loss;     /* NaN: none */
    double value;    /* of the metric; NaN: none */
    char stage[16];
    char metric[16];
    char model[NAMEDATALEN]; /* its name without schema; empty: none */
} RunProgress;

/* The run that a session is busy with, and what its status said before. */
typedef struct RunStatus {
    RunProgress progress; /* kind RUN_NONE: nothing is told */
    Oid relid;            /* of the model; InvalidOid: none */
    int32 command_before;
    Oid target_before;
    int64 param_before[PGSTAT_NUM_PROGRESS_PARAM];
} RunStatus;

/* From here on others see the run. */
extern void RunStatusBegin(RunStatus *status, RunKind kind, Oid relid, const char *model);

/* A stage begins; does nothing for a status that was not begun, like those below. */
extern void RunStatusStage(RunStatus *status, const char *stage);

/* An epoch has ended. */
extern void RunStatusEpoch(RunStatus *status, const Progress *progress);

/* So much of the stage is done. */
extern void RunStatusShare(RunStatus *status, uint64 done, uint64 all);

/* Others see what was there before.  An error or the end of the session need not call it. */
extern void RunStatusEnd(RunStatus *status);

/* What an entry of the backend status tells; NULL if it is not busy with a run. */
extern const RunProgress *RunProgressOf(const PgBackendStatus *entry);

#endif
