/*
 * item_steps.h: gradients of items' rows, summed over a batch, and the steps that rows then make.
 *
 * A gradient of a row is a list of shares: factors times vectors, added up in the order in which
 * they came, whatever thread does it.  Rows without a share make no step, unless there is a dense
 * gradient, too, in which all rows have one.
 */
#ifndef RECADV_ALGO_LEARN_ITEM_STEPS_H
#define RECADV_ALGO_LEARN_ITEM_STEPS_H

#include "algo/learn/store.h"
#include "algo/learn/adam.h"

typedef struct Share {
    uint32_t next; /* of the same item; NO_SHARE: none */
    float factor;
    const float *vector;
} Share;

typedef struct ItemShares {
    uint32_t items;
    uint32_t stride;
    Share *share;
    uint32_t count;
    uint32_t *first; /* share of each item; NO_SHARE: none */
    uint32_t *last;
    uint32_t *touched; /* items with shares, in the order of their first */
    uint32_t touched_count;
    float *dense; /* items x stride; NULL: there is none */
} ItemShares;

/* One optimiser's state of all rows. */
typedef struct ItemAdam {
    float *state;   /* items x 2 stride */
    uint32_t *step; /* of each */
} ItemAdam;

extern void ItemSharesTake(Store *store, uint32_t items, uint32_t stride, uint32_t room, bool dense,
                           ItemShares *shares);
extern void ItemAdamTake(Store *store, uint32_t items, uint32_t stride, ItemAdam *adam);

/* Main thread. */
extern void ItemSharesAdd(ItemShares *shares, uint32_t item, float factor, const float *vector);

/* One step of all rows that have a gradient, on the host's pool; then there are no shares.  dense:
 * does the dense gradient count? */
extern void ItemSharesStep(const Host *host, ItemShares *shares, bool dense, const AdamRule *rule,
                           const ItemAdam *adam, float *rows);

#endif
