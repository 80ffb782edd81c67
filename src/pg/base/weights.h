/* weights.h: how much an interaction counts, from a column of numbers of whatever type. */
#ifndef RECADV_PG_BASE_WEIGHTS_H
#define RECADV_PG_BASE_WEIGHTS_H

#include "pg/base/compat.h"

/* What a row without a weight counts. */
#define NO_WEIGHT 1.0f

/* The type a weight column has, below any domain; fails if it is no number. */
extern Oid WeightType(Oid type);

/* False if the value is no weight: zero, negative, infinite or NaN as a single-precision number. */
extern bool WeightOf(Oid type, Datum value, float *weight);

#endif
