/*
 * value.h: what a policy would have earned on a log that another one has written.
 *
 * Item by item: an item's answer is taken to depend on neither its place in the slate nor on its
 * neighbours, and the contexts (who comes, and what was clicked before) are those of the log.  With
 * q(x, i) the expected reward of item i in context x, m(i) the logged probability that the slate
 * has it, and p(i) that of the policy, the value of a slate of k is the mean over its items, and
 *
 *     logged   mean of the rewards as they were
 *     direct   sum of p(i) q(i), with q learnt from the log (answers.h)
 *     ips      sum over what was shown of w(i) reward(i), w = p / m
 *     snips    the same, divided by the mean of w instead of 1
 *     dr       direct + sum over what was shown of w(i) (reward(i) - q(i))
 *
 * Doubly robust: the last is right on average where either m or q is, as long as the log may show
 * what the policy would.  Slate t of a session counts gamma^t.  Intervals are percentiles of
 * resamples of whole sessions; `direct` has none, since resamples know nothing of its model's
 * error.
 */
#ifndef RECADV_ALGO_POLICY_VALUE_H
#define RECADV_ALGO_POLICY_VALUE_H

#include "core/host.h"
#include "core/slates.h"
#include "algo/policy/past.h"

typedef enum Estimator {
    ESTIMATE_LOGGED,
    ESTIMATE_DIRECT,
    ESTIMATE_IPS,
    ESTIMATE_SNIPS,
    ESTIMATE_DR
} Estimator;

#define ESTIMATORS 5

extern const char *const estimator_names[ESTIMATORS];

/* Below, intervals are too narrow, and none is given. */
#define LEAST_EFFECTIVE 200
#define LEAST_SESSIONS  20

typedef struct ValueQuestion {
    const Slates *log;           /* a propensity that is NaN: its step has none */
    const Past *past;            /* NULL: the log does not tell */
    const uint32_t *greedy;      /* beside log->shown: what the policy would show, by its own
                                    indexes; NO_ITEM where it has too few items */
    uint32_t items;              /* of the policy */
    const uint32_t *policy_item; /* of each item of the log, or NO_ITEM */
    const uint32_t *log_item;    /* of each item of the policy, or NO_ITEM */
    double explore;              /* of the policy: see exploration.h */
    double gamma;
    double confidence; /* of the intervals */
    double clip;       /* greatest weight; INFINITY: none */
    uint64_t seed;
} ValueQuestion;

/* NaN where there is none. */
typedef struct Estimate {
    double value;
    double lower, upper;
    uint64_t sessions;
    double effective;  /* items that count: (sum of w)^2 / sum of w^2 */
    double max_weight; /* after clipping */
    double supported;  /* estimated share of what the policy shows that the log may show */
    uint64_t clipped;  /* items */
} Estimate;

/* How often so many sessions are resampled, at most RESAMPLES times, and the interval in which that
 * share of the resampled values lies; they are sorted. */
#define RESAMPLES 1000
extern uint32_t ResampleCount(uint32_t sessions);
extern void ResampleInterval(double *values, uint32_t count, double confidence, Estimate *estimate);

typedef struct PolicyValue {
    Estimate of[ESTIMATORS];
    uint64_t steps;   /* with propensities */
    bool sparse;      /* too few effective items, or sessions, for intervals */
    bool unsupported; /* the policy shows what the log does not, beyond doubt */
} PolicyValue;

/* Main thread; works on all threads. */
extern void PolicyValueEstimate(const Host *host, const ValueQuestion *question,
                                PolicyValue *value);

/* Bytes that it allocates. */
extern size_t PolicyValueMemory(const Slates *shape, uint32_t items, int threads);

#endif
