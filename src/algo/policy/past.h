/*
 * past.h: what visitors had clicked before the sessions of a log, which the log does not say.
 *
 * Of session s the items[first[s]] .. items[first[s + 1] - 1], oldest first, by the log's indexes.
 */
#ifndef RECADV_ALGO_POLICY_PAST_H
#define RECADV_ALGO_POLICY_PAST_H

#include <stdint.h>

typedef struct Past {
    const uint64_t *first; /* sessions + 1 */
    const uint32_t *items;
} Past;

#endif
