/* layer_norm.h: each row with mean 0 and variance 1, then scaled and moved (Ba et al. 2016). */
#ifndef RECADV_ALGO_NET_LAYER_NORM_H
#define RECADV_ALGO_NET_LAYER_NORM_H

#include "algo/net/real.h"

/* x, y: rows x columns; gain, bias: columns; inverse: rows, 1 / deviation, for the way back (NULL:
 * not wanted); y may be x */
extern void LayerNormForward(const Real *x, const Real *gain, const Real *bias, size_t rows,
                             size_t columns, Real *y, Real *inverse);

/*
 * x, g, dx: rows x columns, g the gradient of y; dgain, dbias: columns, added to (NULL: not
 * wanted); dx may be g
 */
extern void LayerNormBackward(const Real *x, const Real *gain, const Real *inverse, const Real *g,
                              size_t rows, size_t columns, Real *dx, Real *dgain, Real *dbias);

#endif
