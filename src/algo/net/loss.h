/* loss.h: softmax, log-softmax, and the cross entropy of a sigmoid. */
#ifndef RECADV_ALGO_NET_LOSS_H
#define RECADV_ALGO_NET_LOSS_H

#include "algo/net/real.h"

static inline Real RealSigmoid(Real x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* ln(1 + exp(x)); -ln sigmoid(x) = RealSoftplus(-x) */
static inline Real RealSoftplus(Real x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* x, y: rows x columns; y may be x */
extern void SoftmaxForward(const Real *x, size_t rows, size_t columns, Real *y);

/* y, g, dx: rows x columns, g the gradient of y; dx may be g */
extern void SoftmaxBackward(const Real *y, const Real *g, size_t rows, size_t columns, Real *dx);

/* x, y: rows x columns; y may be x */
extern void LogSoftmaxForward(const Real *x, size_t rows, size_t columns, Real *y);

/* y, g, dx: rows x columns, g the gradient of y; dx may be g */
extern void LogSoftmaxBackward(const Real *y, const Real *g, size_t rows, size_t columns, Real *dx);

/* x: count log odds, label: count of 0 to 1; returns the sum of the cross entropies; dx: count, its
 * gradient, times `scale` (NULL: not wanted); dx may be x */
extern Real BceForward(const Real *x, const Real *label, size_t count, Real scale, Real *dx);

#endif
