/*
 * policy.h: the phases of a training from a log of slates, or of acts: read it, load the simulator,
 * fit.
 *
 * recadv_train_policy() calls them in one transaction, recadv_train_policy_job() with commits
 * between them, where recadv_train() and its job have those of training.h.
 */
#ifndef RECADV_PG_TRAIN_POLICY_H
#define RECADV_PG_TRAIN_POLICY_H

#include "pg/train/policy_run.h"

/* What there is to say of a log, whatever it is of; zeros and NaN without one. */
typedef struct LogSummary {
    uint64 sessions;
    uint64 steps;
    uint64 null_rows;
    uint64 single_steps;
    const BrokenRows *broken;
    double reward; /* of a session */
    double depth;
} LogSummary;

extern LogSummary PolicySummary(const PolicyTraining *policy);

/* Everything that can be wrong with the request is found here, before any work. */
extern void PolicyCheck(const TrainRequest *request);

/* Reads the source, then the simulator; needs SPI and an active snapshot. */
extern void PolicyRead(Training *training, const TrainRequest *request);

/* Needs neither SPI nor a snapshot. */
extern void PolicyFit(Training *training, const TrainRequest *request);

/* Rolls a model out in the simulator of the training, or plays it in its world; `items` are its
 * ids; NULL, both: by chance. */
extern Simulated PolicySimulate(Training *training, const TrainRequest *request, const Model *model,
                                const IdList *items);

/* Bytes that this takes, beside the model. */
extern Size SimulateMemory(const Training *training, const TrainRequest *request,
                           const Model *model);

/* Tells the client what it should know beside the result. */
extern void PolicyReport(const Training *training);

/* Appends the columns of the source, and the simulator, to a JSON object. */
extern void PolicyDescribeSource(StringInfo json, const TrainRequest *request,
                                 const Training *training);

/* What was read: for the header, and for the log of runs. */
extern void PolicyDescribeLog(StringInfo json, const Training *training);

/* The scenarios of a model that acts, and its lineage; of another nothing. */
extern void PolicyDescribeScenarios(StringInfo json, const Training *training);

/* What was measured. */
extern void PolicyDescribeMeasured(StringInfo json, const Training *training);

#endif
