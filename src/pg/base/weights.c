/*
 * weights.c: reads weights of the six types of numbers, without any cast that a user has defined.
 */
#include "pg/base/weights.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

bool IsNumberType(Oid type)
{
    static const Oid types[] = {INT2OID, INT4OID, INT8OID, FLOAT4OID, FLOAT8OID, NUMERICOID};

    for (int i = 0; i < (int)lengthof(types); i++)
        if (type == types[i])
            return true;
    return false;
}

Oid WeightType(Oid type)
{
    Oid base = getBaseType(type);

    if (IsNumberType(base))
        return base;
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("type %s cannot serve as the weight of an interaction", format_type_be(type)),
             errhint("Use a number, or a query as the source that makes one of it.")));
    return InvalidOid;
}

double RealOf(Oid type, Datum value)
{
    switch (type) {
    case INT2OID:
        return DatumGetInt16(value);
    case INT4OID:
        return DatumGetInt32(value);
    case INT8OID:
        return (double)DatumGetInt64(value);
    case FLOAT4OID:
        return DatumGetFloat4(value);
    case FLOAT8OID:
        return DatumGetFloat8(value);
    default: /* beyond double precision it is infinite, not an error */
        return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
    }
}

bool WeightOf(Oid type, Datum value, float *weight)
{
    *weight = (float)RealOf(type, value);
    return *weight > 0 && isfinite(*weight);
}

#define CHECK_EVERY 65536

/* Single precision has these exponents, also of denormal numbers. */
#define LEAST_EXPONENT (FLT_MIN_EXP - FLT_MANT_DIG)
#define EXPONENTS      (FLT_MAX_EXP - LEAST_EXPONENT + 1)

static void CountExponents(const float *weight, Size count, uint64 *at)
{
    for (Size i = 0; i < count; i++) {
        int exponent;

        (void)frexpf(weight[i], &exponent);
        at[exponent - LEAST_EXPONENT]++;
        if (i % CHECK_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
}

double WeightLimit(const float *weight, Size count)
{
    uint64 at[EXPONENTS] = {0}, above = 0, many = Max(10, count / 100);

    CountExponents(weight, count, at);
    for (int i = EXPONENTS - 1; i >= 0; i--) {
        above += at[i];
        if (above > many)
            return ldexp(WEIGHT_LIMIT, i + LEAST_EXPONENT);
    }
    return INFINITY;
}

CappedWeights WeightsCap(float *weight, Size count, double limit)
{
    CappedWeights capped = {.limit = (float)Min(limit, FLT_MAX)};

    for (Size i = 0; i < count; i++) {
        if (i % CHECK_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
        if (weight[i] <= capped.limit)
            continue;
        capped.count++;
        capped.greatest = Max(capped.greatest, weight[i]);
        weight[i] = capped.limit;
    }
    return capped;
}

void CappedReport(const CappedWeights *capped)
{
    if (capped->count > 0)
        ereport(WARNING, (errmsg_plural(
                              "%llu row has a weight far beyond those of the others, and counts %g",
                              "%llu rows have weights far beyond those of the others, and count "
                              "%g each",
                              (unsigned long)capped->count, (unsigned long long)capped->count,
                              capped->limit),
                          errdetail("The greatest is %g.", capped->greatest),
                          errhint("Correct such rows if they are wrong.")));
}
