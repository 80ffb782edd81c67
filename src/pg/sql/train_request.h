/*
 * train_request.h: what recadv_train() and recadv_train_job() share.
 */
#ifndef RECADV_PG_SQL_TRAIN_REQUEST_H
#define RECADV_PG_SQL_TRAIN_REQUEST_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/train/training.h"

/* The arguments that recadv_train() and recadv_train_job() begin with. */
enum {
    TRAIN_MODEL,
    TRAIN_SOURCE,
    TRAIN_USER_COLUMN,
    TRAIN_ITEM_COLUMN,
    TRAIN_TIME_COLUMN,
    TRAIN_ALGORITHM,
    TRAIN_OPTIONS,
    TRAIN_OTHERS /* the first that they do not share */
};

/* An argument "options", as it was asked; NULL is none. */
extern const char *OptionsText(FunctionCallInfo fcinfo, int argument);

/*
 * What was asked, as it was asked: enough for a row in the log.  weight_column is the position of
 * that argument.
 */
extern TrainRequest *TakeSource(FunctionCallInfo fcinfo, int weight_column); /* no algorithm yet */
extern TrainRequest *TakeRequest(FunctionCallInfo fcinfo, int weight_column);

/* The arguments of recadv_tune and recadv_tune_job; algorithms stand where others have one. */
enum {
    TUNE_ALGORITHMS = TRAIN_ALGORITHM,
    TUNE_SPACE = TRAIN_OTHERS,
    TUNE_BUDGET,
    TUNE_TRIALS,
    TUNE_WEIGHT_COLUMN,
    TUNE_JOB_IF_BUSY = TUNE_WEIGHT_COLUMN,
    TUNE_JOB_WEIGHT_COLUMN
};

/* The same of a search. */
extern TrainRequest *TakeTuning(FunctionCallInfo fcinfo, int weight_column);

/* The arguments of recadv_train_policy and recadv_train_policy_job. */
enum {
    POLICY_MODEL,
    POLICY_SOURCE,
    POLICY_SESSION_COLUMN,
    POLICY_STEP_COLUMN,
    POLICY_SHOWN_COLUMN,
    POLICY_CLICKED_COLUMN,
    POLICY_SCENARIO_COLUMN,
    POLICY_OBSERVATION_COLUMN,
    POLICY_ACTION_COLUMN,
    POLICY_REWARD_COLUMN,
    POLICY_PROPENSITY_COLUMN,
    POLICY_SIMULATOR,
    POLICY_ALGORITHM,
    POLICY_OPTIONS,
    POLICY_JOB_IF_BUSY
};

/* The same of a training from a log of slates. */
extern TrainRequest *TakePolicy(FunctionCallInfo fcinfo, int weight_column);

/* Everything that can be wrong with the request is found here, before any work. */
extern void CheckRequest(TrainRequest *request);

/* For the progress of the training. */
extern char *Title(const TrainRequest *request);

/* Trains and stores in the caller's transaction, and says what is to be said; returns the version.
 */
extern int32 TrainNow(TrainRequest *request, Training *training);

/* After CheckRequest(): reads the source; needs SPI and an active snapshot. */
extern void ReadSource(Training *training, const TrainRequest *request);

/*
 * What a training asks of the version that serves, after reading: the choice that is kept, where to
 * start from, what to compare with; under a new snapshot, since the statement's may be older than
 * the lock of runs.
 */
extern void LookAtServing(TrainRequest *request, Oid relid, Training *training);

/* Chooses, fits, and decides whether the new version is to serve. */
extern void FitAndDecide(Training *training, TrainRequest *request);

/* Tells the client what it should know beside the result; version 0: nothing was stored. */
extern void ReportTrained(const Training *training, const TrainRequest *request, int32 version);

/* Writes a new version and lets it serve from the commit on. */
extern int32 StoreVersion(Oid relid, const TrainRequest *request, Training *training);

#endif
