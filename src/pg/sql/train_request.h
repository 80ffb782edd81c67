/*
 * train_request.h: what recadv_train() and recadv_train_job() share.
 */
#ifndef RECADV_PG_SQL_TRAIN_REQUEST_H
#define RECADV_PG_SQL_TRAIN_REQUEST_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/train/training.h"

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

/* What was asked, as it was asked: enough for a row in the log. */
extern TrainRequest *TakeRequest(FunctionCallInfo fcinfo);

/* Everything that can be wrong with the request is found here, before any work. */
extern void CheckRequest(TrainRequest *request);

/* For the progress of the training. */
extern char *Title(const TrainRequest *request);

/* Writes a new version and lets it serve from the commit on. */
extern int32 StoreVersion(Oid relid, const TrainRequest *request, Training *training);

#endif
