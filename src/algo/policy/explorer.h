/* explorer.h: exploration of a policy that is made of a model, in simulated sessions. */
#ifndef RECADV_ALGO_POLICY_EXPLORER_H
#define RECADV_ALGO_POLICY_EXPLORER_H

#include "algo/policy/model_policy.h"

typedef struct Explorer {
    double explore;
    uint64_t seed; /* with session and step it names the draw */
    uint32_t k;
    uint32_t *room; /* threads x 4 k */
} Explorer;

/* Makes the policy explore; before ModelPolicyOpen. */
extern void ExplorerOpen(const Host *host, Explorer *explorer, ModelPolicy *policy);
extern void ExplorerClose(const Host *host, Explorer *explorer);
extern size_t ExplorerMemory(uint32_t k, int threads);

#endif
