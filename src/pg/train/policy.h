/*
 * policy.h: the phases of a training from a log of slates: read it, load the simulator, fit.
 *
 * recadv_train_policy() calls them in one transaction, recadv_train_policy_job() with commits
 * between them, where recadv_train() and its job have those of training.h.
 */
#ifndef RECADV_PG_TRAIN_POLICY_H
#define RECADV_PG_TRAIN_POLICY_H

#include "pg/train/simulator.h"
#include "pg/train/slates.h"
#include "pg/train/training.h"

/* What is asked beside what TrainRequest has. */
typedef struct PolicyRequest {
    SlateColumns columns;
    const char *simulator; /* NULL: the log alone */
} PolicyRequest;

/* Sessions of the simulator that a policy is measured by; training has others. */
#define MEASURED_SESSIONS 400

/* What rolling out comes to: means over sessions; NaN: it was not done. */
typedef struct Simulated {
    double reward;
    double depth;
} Simulated;

/* What has come of it beside what Training has. */
typedef struct PolicyTraining {
    CollectedSlates log;
    Simulator *simulator; /* NULL: none */
    Simulated measured;   /* the new version; NaN without a simulator */
    Simulated random;     /* slates by chance, to the same visitors */
} PolicyTraining;

/* Everything that can be wrong with the request is found here, before any work. */
extern void PolicyCheck(const TrainRequest *request);

/* Reads the source, then the simulator; needs SPI and an active snapshot. */
extern void PolicyRead(Training *training, const TrainRequest *request);

/* Needs neither SPI nor a snapshot. */
extern void PolicyFit(Training *training, const TrainRequest *request);

/* Rolls a model out in the simulator of the training; `items` are its ids; NULL, both: by chance.
 */
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

/* What was measured. */
extern void PolicyDescribeMeasured(StringInfo json, const Training *training);

#endif
