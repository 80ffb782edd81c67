/*
 * policy_run.h: what is asked of a training from a log of slates, or of acts, and what comes of it,
 * beside what all trainings have.
 */
#ifndef RECADV_PG_TRAIN_POLICY_RUN_H
#define RECADV_PG_TRAIN_POLICY_RUN_H

#include "algo/policy/act_environment.h"
#include "pg/train/acts.h"
#include "pg/train/simulator.h"
#include "pg/train/slates.h"
#include "pg/train/training.h"

/* What is asked beside what TrainRequest has. */
typedef struct PolicyRequest {
    SlateColumns columns;   /* of an algorithm that reads slates */
    ActColumns act_columns; /* of one that reads acts */
    const char *simulator;  /* NULL: the log alone */
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
    CollectedSlates log;         /* of an algorithm that reads slates */
    CollectedActs acts;          /* of one that reads acts */
    const ActEnvironment *world; /* in which it acts instead; NULL: there is a log */
    Scenarios scenarios;         /* of either */
    uint64 lineage;              /* of a model that acts: see Header */
    Simulator *simulator;        /* NULL: none */
    Simulated measured;          /* the new version; NaN without a simulator and a world */
    Simulated random;            /* what chance does, with the same visitors */
} PolicyTraining;

#endif
