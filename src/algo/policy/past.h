/*
 * past.h: what a policy is asked with at each step of a log: what the visitor had clicked before.
 *
 * At step t items[first[t]] .. items[first[t + 1] - 1], oldest first, by the log's indexes.  A log
 * that does not tell has the clicks of the session's earlier steps.
 */
#ifndef RECADV_ALGO_POLICY_PAST_H
#define RECADV_ALGO_POLICY_PAST_H

#include <stdint.h>

typedef struct Past {
    const uint64_t *first; /* steps + 1 */
    const uint32_t *items;
} Past;

#endif
