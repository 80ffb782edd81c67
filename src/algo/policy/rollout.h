/*
 * rollout.h: plays sessions of visitors against a policy.
 *
 * Visitors are played in waves, each step of a wave on the host's pool: rows do not depend on the
 * number of threads, nor a session on what else is played.
 */
#ifndef RECADV_ALGO_POLICY_ROLLOUT_H
#define RECADV_ALGO_POLICY_ROLLOUT_H

#include "algo/policy/environment.h"

/* Visitors that are played at a time, at most. */
#define ROLLOUT_WAVE 256

/* A slate that a policy is asked for. */
typedef struct Slate {
    const Visitor *visitor;
    uint32_t wanted;   /* items, each once */
    uint32_t *shown;   /* best first; the policy's own indexes */
    float *propensity; /* beside shown: the probability that the item is in the slate; NaN: nobody
                          knows */
    uint32_t count;    /* filled: fewer than wanted where no more may be shown; 0: the visitor
                          leaves */
    bool undefined;    /* there are scores that are not finite */
} Slate;

typedef struct Policy {
    void *arg;
    uint32_t batch;                 /* slates of one call of fill(), at most; at least 1 */
    const uint32_t *simulator_item; /* of each item, or NO_ITEM; NULL: they are the same */
    /* Main thread, about all slates of a step, at most ROLLOUT_WAVE; NULL: nothing is due. */
    void (*prepare)(void *arg, const Slate *slates, uint32_t count);
    /* Any thread; nothing is allocated.  `first`: of these slates among those of prepare().  May
     * leave them unfilled where HostCancelled(). */
    void (*fill)(void *arg, Slate *slates, uint32_t first, uint32_t count, int worker);
} Policy;

/* Fails if the scores behind one of them are not finite. */
extern void SlatesCheck(const Host *host, const Slate *slates, uint32_t count);

typedef struct RolloutStep {
    uint64_t session;
    uint32_t step;         /* from 1 on */
    const uint32_t *shown; /* the policy's own indexes */
    const bool *clicked;
    const float *propensity;
    uint32_t count;
    float reward;
    bool ended; /* the last step of its session */
} RolloutStep;

typedef struct Rollout {
    const Environment *environment;
    const Policy *policy;
    uint64_t first; /* number of the first session, which names its chance */
    uint64_t sessions;
    uint32_t k; /* items of a slate */
    void *arg;
    /* Main thread, of both; by session, and by step.  NULL: not wanted. */
    void (*step)(void *arg, const RolloutStep *step);
    void (*session)(void *arg, uint64_t session, double reward, uint32_t depth);
} Rollout;

/* Over the sessions; deviations are of a session, not of the mean. */
typedef struct RolloutResult {
    double reward, reward_deviation;
    double depth, depth_deviation;
} RolloutResult;

extern RolloutResult RolloutRun(const Host *host, const Rollout *rollout);

/* Bytes that it allocates. */
extern size_t RolloutMemory(const Rollout *rollout);

/* The same where steps are not wanted, of an environment that is not open yet. */
extern size_t RolloutMemoryOf(const Model *simulator, const VisitorRules *rules, uint32_t k,
                              uint64_t sessions);

#endif
