/* linear.h: y = x W + b, and ReLU. */
#ifndef RECADV_ALGO_NET_LINEAR_H
#define RECADV_ALGO_NET_LINEAR_H

#include "algo/net/real.h"

/* x: rows x in, weight: in x out, bias: out (NULL: none), y: rows x out */
extern void LinearForward(const Real *x, const Real *weight, const Real *bias, size_t rows,
                          size_t in, size_t out, Real *y);

/*
 * g: rows x out, the gradient of y; dweight: in x out, dbias: out, added to (NULL: not wanted);
 * dx: rows x in (NULL: not wanted)
 */
extern void LinearBackward(const Real *x, const Real *weight, const Real *g, size_t rows, size_t in,
                           size_t out, Real *dx, Real *dweight, Real *dbias);

/* x, y: count; y may be x */
extern void ReluForward(const Real *x, size_t count, Real *y);

/* y, g, dx: count; dx may be g: g where y > 0, else 0 */
extern void ReluBackward(const Real *y, const Real *g, size_t count, Real *dx);

#endif
