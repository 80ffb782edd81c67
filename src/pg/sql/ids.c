/* ids.c: ids of a model as the type that a caller asked with, and numbers as such ids. */
#include "pg/ids/id_value.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(recadv_to_uuid);
PG_FUNCTION_INFO_V1(recadv_to_numeric);
PG_FUNCTION_INFO_V1(recadv_numeric_texts);

/* Strict. */
Datum recadv_to_uuid(PG_FUNCTION_ARGS)
{
    return IdTextAsUuid(PG_GETARG_TEXT_PP(0));
}

/* Strict. */
Datum recadv_to_numeric(PG_FUNCTION_ARGS)
{
    return IdTextAsNumeric(PG_GETARG_TEXT_PP(0));
}

/* Strict.  Without trailing zeros, so that equal numbers are one id; NULLs stay. */
Datum recadv_numeric_texts(PG_FUNCTION_ARGS)
{
    Datum *values;
    bool *nulls;
    int count, lower = 1;

    deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), NUMERICOID, -1, false, TYPALIGN_INT, &values,
                      &nulls, &count);
    for (int i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (!nulls[i])
            values[i] = CStringGetTextDatum(numeric_normalize(DatumGetNumeric(values[i])));
    }
    PG_RETURN_ARRAYTYPE_P(
        construct_md_array(values, nulls, 1, &count, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}
