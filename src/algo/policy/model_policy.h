/*
 * model_policy.h: a policy made of any model: the k items with the greatest scores for what a
 * visitor clicked last; without a model, items by chance.
 *
 * Only items that the simulator knows are shown, and none that the visitor may not see again.
 */
#ifndef RECADV_ALGO_POLICY_MODEL_POLICY_H
#define RECADV_ALGO_POLICY_MODEL_POLICY_H

#include "algo/policy/rollout.h"

/* What may be shown to a visitor, for who explores. */
typedef struct SlateChoice {
    uint64_t session;
    uint32_t step;         /* slates answered before */
    const uint32_t *items; /* own indexes, ascending; those of the slate among them */
    uint32_t count;
} SlateChoice;

typedef struct ModelPolicy {
    /* Set by the caller before ModelPolicyOpen. */
    const Environment *environment; /* NULL: there is none; visitors may see all of the model's
                                       items, and their histories are of them */
    const Model *model;             /* all of it in memory; NULL: random slates */
    const uint32_t *simulator_item; /* of the model's items, or NO_ITEM; NULL: they are the same */
    const bool *may_show;           /* of its items: others are never shown; NULL: all may be */
    uint64_t seed;                  /* of random slates */
    void *arg;
    /*
     * Puts other items into a greedy slate and says with which propensities, which are 1 before;
     * any thread; NULL: the slate stays.  Not called for random slates.
     */
    void (*explore)(void *arg, const SlateChoice *choice, Slate *slate, int worker);

    struct ModelPolicyRoom *room; /* its own */
} ModelPolicy;

/* Main thread.  Fails if the model cannot place a visitor by a history. */
extern Policy ModelPolicyOpen(const Host *host, ModelPolicy *policy, uint32_t k);
extern void ModelPolicyClose(const Host *host, ModelPolicy *policy);
extern size_t ModelPolicyMemory(const ModelPolicy *policy, uint32_t k, int threads);

/* The same of random slates of so many items, before there is an environment. */
extern size_t RandomPolicyMemory(uint32_t items, int threads);

#endif
