/* ids.c: recadv_to_uuid and recadv_to_numeric: ids of a model as the type that a caller asked with.
 */
#include "pg/ids/id_value.h"

PG_FUNCTION_INFO_V1(recadv_to_uuid);
PG_FUNCTION_INFO_V1(recadv_to_numeric);

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
