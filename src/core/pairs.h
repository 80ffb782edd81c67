/* pairs.h: users and items that belong together, as they come. */
#ifndef RECADV_CORE_PAIRS_H
#define RECADV_CORE_PAIRS_H

#include "core/host.h"

/* Raw pairs in any order, repeats included; time and weight may be NULL. */
typedef struct Pairs {
    uint64_t count;
    uint32_t *user;
    uint32_t *item;
    double *time;
    float *weight;
    void (*release)(struct Pairs *pairs); /* frees the arrays, or NULL */
} Pairs;

#endif
