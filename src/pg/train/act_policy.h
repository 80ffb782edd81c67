/* act_policy.h: what trainings do otherwise that learn from acts, or in a world that answers them.
 */
#ifndef RECADV_PG_TRAIN_ACT_POLICY_H
#define RECADV_PG_TRAIN_ACT_POLICY_H

#include "pg/train/policy_run.h"

/* The world that the request names, or NULL. */
extern const ActEnvironment *RequestWorld(const TrainRequest *request);

/* Fails unless there is a log or a world, one of both. */
extern void ActPolicyCheck(const TrainRequest *request);

/* Reads the log, or takes the scenarios of the world. */
extern void ActPolicyRead(Training *training, const TrainRequest *request, PolicyTraining *policy);

/* Plays MEASURED_SESSIONS sessions of the training's world; a model of its shape; NULL: by chance.
 */
extern Simulated ActPolicyPlay(Training *training, const TrainRequest *request, const Model *model);

/* The same for all versions that follow each other: that of a version which serves, if it acts. */
extern void ActPolicyLineage(Training *training, const TrainRequest *request, ModelStore *serving);

/* Appends the columns of the source to a JSON object. */
extern void ActPolicyDescribeSource(StringInfo json, const ActColumns *columns);

#endif
