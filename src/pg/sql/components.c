/* components.c: recadv_components(): rows of numbers as points of a plane. */
#include "pg/base/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "core/components.h"
#include "pg/base/backend.h"
#include "pg/base/rowset.h"

/* Arguments of recadv_components. */
enum { COMPONENTS_ROWS };

static void CheckRows(ArrayType *array)
{
    float *values = (float *)ARR_DATA_PTR(array);

    if (ARR_NDIM(array) != 2 || array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("rows must be an array of two dimensions without NULLs"),
                        errhint("array_agg(embedding) makes one of embeddings.")));
    for (int64 i = 0; i < (int64)ARR_DIMS(array)[0] * ARR_DIMS(array)[1]; i++)
        if (!isfinite(values[i]))
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                            errmsg("rows must be finite numbers")));
}

static void AddRows(RowSet *rows, ArrayType *array)
{
    int count = ARR_DIMS(array)[0], width = ARR_DIMS(array)[1];
    double *plane = PallocArray(double, 2 * (Size)count);
    BackendHost backend;

    BackendHostInit(&backend, CurrentMemoryContext, "recadv_components");
    PrincipalComponents(&backend.host, (float *)ARR_DATA_PTR(array), (size_t)count, (size_t)width,
                        plane);
    for (int i = 0; i < count; i++) {
        ResultRow row = {0};

        ResultInt4(&row, i + 1);
        ResultFloat8(&row, plane[2 * i]);
        ResultFloat8(&row, plane[2 * i + 1]);
        RowSetAddRow(rows, &row);
    }
}

PG_FUNCTION_INFO_V1(recadv_components);

Datum recadv_components(PG_FUNCTION_ARGS)
{
    RowSet rows;
    ArrayType *array;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(COMPONENTS_ROWS))
        return (Datum)0;
    array = PG_GETARG_ARRAYTYPE_P(COMPONENTS_ROWS);
    if (ARR_NDIM(array) == 0)
        return (Datum)0;
    CheckRows(array);
    AddRows(&rows, array);
    return (Datum)0;
}
