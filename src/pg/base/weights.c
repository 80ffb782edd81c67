/*
 * weights.c: reads weights of the six types of numbers, without any cast that a user has defined.
 */
#include "pg/base/weights.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

Oid WeightType(Oid type)
{
    static const Oid types[] = {INT2OID, INT4OID, INT8OID, FLOAT4OID, FLOAT8OID, NUMERICOID};
    Oid base = getBaseType(type);

    for (int i = 0; i < (int)lengthof(types); i++)
        if (base == types[i])
            return base;
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("type %s cannot serve as the weight of an interaction", format_type_be(type)),
             errhint("Use a number, or a query as the source that makes one of it.")));
    return InvalidOid;
}

static double NumberOf(Oid type, Datum value)
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
    *weight = (float)NumberOf(type, value);
    return *weight > 0 && isfinite(*weight);
}
