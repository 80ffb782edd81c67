/* target.h: what a model would have shown, without exploration, at each step of a log. */
#ifndef RECADV_ALGO_POLICY_TARGET_H
#define RECADV_ALGO_POLICY_TARGET_H

#include "algo/algorithm.h"
#include "algo/policy/past.h"

/*
 * greedy[]: beside log->shown, as many items a step as were shown, best first, by the model's
 * indexes; NO_ITEM where it has fewer.  The model is asked with the last VISITOR_HISTORY items of
 * the past; NULL: of what was clicked before in the session.  policy_item[]: of each item of the
 * log, or NO_ITEM.
 */
extern void TargetSlates(const Host *host, const Model *policy, const Slates *log, const Past *past,
                         const uint32_t *policy_item, uint32_t *greedy);

/* Bytes that it allocates. */
extern size_t TargetMemory(const Model *policy, const Slates *shape, int threads);

#endif
