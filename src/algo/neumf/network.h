/*
 * network.h: the network of NeuMF (He et al. 2017), on Real: so tests compare its gradients.
 *
 * A row of a user or an item is [mlp | gmf]: `width` numbers that the layers read, then `factors`
 * that meet each other number by number.  With u and i two rows,
 *
 *     log odds = h . (u_gmf * i_gmf) + tower([u_mlp, i_mlp])
 *
 * where the tower is layers of ReLU, each half as wide as the one before it, and a linear one.
 */
#ifndef RECADV_ALGO_NEUMF_NETWORK_H
#define RECADV_ALGO_NEUMF_NETWORK_H

#include "algo/net/mlp.h"

#define NEUMF_MOST_WIDTH  128
#define NEUMF_MOST_LAYERS (MAX_LAYERS - 1)

typedef struct NeumfShape {
    uint32_t factors;
    uint32_t width;
    int layers; /* of the tower, without the last, linear one */
} NeumfShape;

typedef struct NeumfNetwork {
    NeumfShape shape;
    Pack pack;
    Mlp tower;
    int product; /* matrix of h */
} NeumfNetwork;

extern void NeumfNetworkOf(const NeumfShape *shape, NeumfNetwork *network);

static inline size_t NeumfColumns(const NeumfShape *shape)
{
    return shape->width + shape->factors;
}

/* First values of the weights. */
extern void NeumfStartNetwork(const NeumfNetwork *network, Random *random, Real *parameters);

/* Reals of what NeumfForward leaves for the way back, and what that needs. */
extern size_t NeumfTape(const NeumfNetwork *network, size_t rows);

/* user, item: rows x (width + factors); tape: NeumfTape; odds: rows */
extern void NeumfForward(const NeumfNetwork *network, const Real *parameters, const Real *user,
                         const Real *item, size_t rows, Real *tape, Real *odds);

/* g: rows, the gradient of the odds; duser, ditem: rows x (width + factors); gradient: of the pack,
 * added to; the tape is used up */
extern void NeumfBackward(const NeumfNetwork *network, const Real *parameters, const Real *user,
                          const Real *item, size_t rows, Real *tape, const Real *g, Real *duser,
                          Real *ditem, Real *gradient);

#endif
