/*
 * act_value.h: what a model that acts would earn in the sessions of a log that another one has
 * written.
 *
 *     logged   mean over sessions of the discounted sum of their rewards, as they were
 *     direct   mean over sessions of what the model's own critic expects where they start
 *
 * Weights of rankings are a continuum: no log has the action that another model would choose, so
 * nothing can be weighted by how likely it was, and nothing corrects what the critic believes. What
 * can be told is how often the model would go where the log has never been.
 */
#ifndef RECADV_ALGO_POLICY_ACT_VALUE_H
#define RECADV_ALGO_POLICY_ACT_VALUE_H

#include "algo/algorithm.h"
#include "algo/policy/value.h"

typedef struct ActValueQuestion {
    const Model *model;
    const Acts *log;
    const uint32_t *scenario; /* the model's, of each of the log; they have the same widths */
    double confidence;        /* of the interval */
    uint64_t seed;
} ActValueQuestion;

typedef struct ActValue {
    Estimate logged;
    Estimate direct; /* value NaN: the model cannot tell; supported: share of steps in which each
                      * weight is between the least and the greatest that the log has tried */
    bool failed;     /* the networks gave no number */
} ActValue;

/* Main thread; works on all threads. */
extern void ActValueEstimate(const Host *host, const ActValueQuestion *question, ActValue *value);

/* Bytes that it allocates. */
extern size_t ActValueMemory(const Acts *shape);

#endif
