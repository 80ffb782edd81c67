/*
 * losses.h: the losses of actors on a slate (Liu et al. 2023), and their gradients by
 * the hyper-action Z and by the items' rows.
 *
 * A slate is `k` items; a matrix of items has `all` rows.  A gradient by an item's row is a factor
 * times a vector, which the caller adds up.
 */
#ifndef RECADV_ALGO_ACTOR_CRITIC_LOSSES_H
#define RECADV_ALGO_ACTOR_CRITIC_LOSSES_H

#include "algo/net/real.h"

typedef struct ShownSlate {
    const uint32_t *items;
    uint32_t count; /* at least 1 */
} ShownSlate;

/* items: all x factors, mean: factors: of the slate's rows (the paper's inverse, h(a)) */
extern void SlateMean(const Real *items, size_t factors, ShownSlate slate, Real *mean);

/*
 * Supervision: sum over the slate of the cross entropy of sigmoid(row . z) with the label, divided
 * by k, times `weight`.  dz: factors, written; factor: k: item i's row has the gradient
 * factor[i] z.
 */
extern Real SupervisionLoss(const Real *items, size_t factors, ShownSlate slate, const bool *label,
                            const Real *z, Real weight, Real *dz, Real *factor);

/*
 * Alignment: |z - mean of the slate's rows|^2 / factors, times `weight`.  delta: factors, written:
 * the gradient by z; each item's row has the gradient -delta / k.
 */
extern Real AlignmentLoss(const Real *items, size_t factors, ShownSlate slate, const Real *z,
                          Real weight, Real *delta);

/* One tile of a softmax over all items: their greatest logit and the sum of exp(logit - greatest);
 * logits: count */
extern void SoftmaxTileSums(const Real *logits, size_t count, Real *greatest, Real *sum);

/*
 * The loss -weight * sum over the slate of ln softmax_i, by the logits of a tile, in place: items
 * first .. first + count - 1; log_sum: of the exponentials of all logits.
 */
extern void SoftmaxTileGradient(Real *logits, size_t first, size_t count, ShownSlate slate,
                                Real log_sum, Real weight);

#endif
