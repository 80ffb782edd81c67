/*
 * numbers.h: functions of a number or of a few, and their derivatives, for the type of number that
 * the includer defines as REAL.
 *
 * Most are always_inline, so that they take the instruction set of their caller.  Sums of products
 * over slots are not: which of these are fused depends on how many a vector leaves over, so they
 * are compiled once, for all instruction sets.
 */
#ifndef RECADV_ALGO_NMRN_NUMBERS_H
#define RECADV_ALGO_NMRN_NUMBERS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "algo/nmrn/memory_shape.h"
#include "core/vector.h"

/* A file need not use all. */
#define FOR_ALL_LEVELS static __attribute__((noinline, unused))

VECTOR_INLINE REAL Root(REAL x)
{
    return sizeof(REAL) == sizeof(double) ? (REAL)sqrt((double)x) : (REAL)sqrtf((float)x);
}

VECTOR_INLINE REAL Exponential(REAL x)
{
    return sizeof(REAL) == sizeof(double) ? (REAL)exp((double)x) : (REAL)expf((float)x);
}

VECTOR_INLINE REAL Logarithm(REAL x)
{
    return sizeof(REAL) == sizeof(double) ? (REAL)log((double)x) : (REAL)logf((float)x);
}

VECTOR_INLINE REAL Sigmoid(REAL x)
{
    REAL e = Exponential(x < 0 ? x : -x);

    return (x < 0 ? e : 1) / (1 + e);
}

VECTOR_INLINE REAL HyperbolicTangent(REAL x)
{
    REAL e = Exponential(x < 0 ? 2 * x : -2 * x), t = (1 - e) / (1 + e);

    return x < 0 ? -t : t;
}

VECTOR_INLINE REAL SoftPlus(REAL x)
{
    REAL tail = Logarithm(1 + Exponential(x < 0 ? x : -x));

    return x < 0 ? tail : x + tail;
}

/* Derivative of softplus where its value is y. */
VECTOR_INLINE REAL SoftPlusSlope(REAL y)
{
    return 1 - Exponential(-y);
}

/* out = softmax(scale * x), n numbers */
VECTOR_INLINE void Softmax(const REAL *x, REAL scale, uint32_t n, REAL *out)
{
    REAL top = scale * x[0], sum = 0;

    for (uint32_t i = 1; i < n; i++)
        top = scale * x[i] > top ? scale * x[i] : top;
    for (uint32_t i = 0; i < n; i++)
        sum += out[i] = Exponential(scale * x[i] - top);
    for (uint32_t i = 0; i < n; i++)
        out[i] /= sum;
}

/* out_i = sum over l of shift[l] x_(i - first - l), counted around. */
FOR_ALL_LEVELS void CircularShift(const REAL *x, uint32_t n, const REAL *shift, int first,
                                  int count, REAL *out)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = 0;
        for (int l = 0; l < count; l++) {
            int64_t from = ((int64_t)i - first - l) % (int64_t)n;

            out[i] += shift[l] * x[from < 0 ? from + n : from];
        }
    }
}

/* out = x^power / sum */
VECTOR_INLINE void Sharpen(const REAL *x, uint32_t n, REAL power, REAL *out)
{
    REAL sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += out[i] = x[i] > 0 ? Exponential(power * Logarithm(x[i])) : 0;
    for (uint32_t i = 0; i < n; i++)
        out[i] /= sum;
}

/* d(x) += gradient of softmax(scale * x) = p, d(p) in; returns the gradient of scale. */
FOR_ALL_LEVELS REAL SoftmaxBack(const REAL *p, const REAL *x, REAL scale, uint32_t n,
                                const REAL *dp, REAL *dx)
{
    REAL mean = 0, dscale = 0;

    for (uint32_t i = 0; i < n; i++)
        mean += p[i] * dp[i];
    for (uint32_t i = 0; i < n; i++) {
        REAL dz = p[i] * (dp[i] - mean);

        dx[i] = scale * dz;
        dscale += dz * x[i];
    }
    return dscale;
}

/* d(shifted) from d(weight); returns the gradient of the power. */
FOR_ALL_LEVELS REAL SharpenBack(const REAL *x, const REAL *w, uint32_t n, REAL power,
                                const REAL *dw, REAL *dx)
{
    REAL mean = 0, dpower = 0;

    for (uint32_t i = 0; i < n; i++)
        mean += w[i] * dw[i];
    for (uint32_t i = 0; i < n; i++) {
        dx[i] = x[i] > 0 ? power * w[i] / x[i] * (dw[i] - mean) : 0;
        if (x[i] > 0)
            dpower += w[i] * Logarithm(x[i]) * (dw[i] - mean);
    }
    return dpower;
}

/* d(x) and d(shift) += from d(out); see CircularShift. */
FOR_ALL_LEVELS void ShiftBack(const REAL *x, uint32_t n, const REAL *shift, int first, int count,
                              const REAL *dout, REAL *dx, REAL *dshift)
{
    memset(dx, 0, n * sizeof(REAL));
    memset(dshift, 0, (size_t)count * sizeof(REAL));
    for (uint32_t i = 0; i < n; i++)
        for (int l = 0; l < count; l++) {
            int64_t from = ((int64_t)i - first - l) % (int64_t)n;

            from = from < 0 ? from + n : from;
            dx[from] += shift[l] * dout[i];
            dshift[l] += dout[i] * x[from];
        }
}

/* x = share a + (1 - share) b: d(a) from d(x); returns the gradient of share. */
FOR_ALL_LEVELS REAL MixBack(const REAL *a, const REAL *b, REAL share, uint32_t n, const REAL *dx,
                            REAL *da)
{
    REAL dshare = 0;

    for (uint32_t i = 0; i < n; i++) {
        dshare += dx[i] * (a[i] - b[i]);
        da[i] = share * dx[i];
    }
    return dshare;
}

#endif
