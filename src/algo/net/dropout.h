/* dropout.h: some numbers become 0 by chance while a network learns, the others larger. */
#ifndef RECADV_ALGO_NET_DROPOUT_H
#define RECADV_ALGO_NET_DROPOUT_H

#include "algo/net/real.h"
#include "core/random.h"

/* mask: count; 0 with the probability `share`, otherwise 1 / (1 - share); random == NULL: all 1 */
extern void DropoutMask(Random *random, Real share, size_t count, Real *mask);

/* x, mask, y: count; y may be x.  The way back is the same product: dx = g times the mask. */
extern void DropoutApply(const Real *x, const Real *mask, size_t count, Real *y);

#endif
