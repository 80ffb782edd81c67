/* weights.h: how much an interaction counts, from a column of numbers of whatever type. */
#ifndef RECADV_PG_BASE_WEIGHTS_H
#define RECADV_PG_BASE_WEIGHTS_H

#include "pg/base/compat.h"

/* What a row without a weight counts. */
#define NO_WEIGHT 1.0f

/* The type a weight column has, below any domain; fails if it is no number. */
extern Oid WeightType(Oid type);

/* Is a type, below any domain, one of the six types of numbers?  And a value of it. */
extern bool IsNumberType(Oid type);
extern double RealOf(Oid type, Datum value);

/* False if the value is no weight: zero, negative, infinite or NaN as a single-precision number. */
extern bool WeightOf(Oid type, Datum value, float *weight);

/* A weight counts at most this many times what others reach, so that no row outweighs all others.
 */
#define WEIGHT_LIMIT 1024

/*
 * The limit by the weights themselves: WEIGHT_LIMIT times the power of two next above what more
 * than ten of them, and more than 1 %, reach.  Infinite where none is reached by so many.
 */
extern double WeightLimit(const float *weight, Size count);

/* Weights beyond a limit, which count as much as it says. */
typedef struct CappedWeights {
    uint64 count;
    float greatest;
    float limit;
} CappedWeights;

extern CappedWeights WeightsCap(float *weight, Size count, double limit);

/* A warning, if there are any. */
extern void CappedReport(const CappedWeights *capped);

#endif
