/*
 * arguments.c: reads what the serving functions are called with, and refuses what makes no sense.
 *
 * Each SQL function exists for ids of type bigint and of type text; the kind tells which of the two
 * was called.
 */
#include "pg/serve/arguments.h"

#include "pg/model/versions.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Popularity as the score can have values of millions, and a logarithm is a small number. */
#define MOST_POPULARITY_WEIGHT 1e6

Id IdArgument(FunctionCallInfo fcinfo, int argument, IdKind kind)
{
    text *value;

    if (kind == ID_INTEGER)
        return IdOfInteger(PG_GETARG_INT64(argument));
    value = PG_GETARG_TEXT_PP(argument);
    return IdOfText(VARDATA_ANY(value), (uint32)VARSIZE_ANY_EXHDR(value));
}

text *ModelArgument(FunctionCallInfo fcinfo, int argument)
{
    return PG_ARGISNULL(argument) ? NULL : PG_GETARG_TEXT_PP(argument);
}

uint32 KArgument(FunctionCallInfo fcinfo, int argument)
{
    int32 k = PG_GETARG_INT32(argument);

    if (k < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("k must be at least 1, not %d", k)));
    return (uint32)k;
}

float PopularityWeightArgument(FunctionCallInfo fcinfo, int argument)
{
    double weight = PG_ARGISNULL(argument) ? 0 : PG_GETARG_FLOAT8(argument);

    if (!(weight >= 0 && weight <= MOST_POPULARITY_WEIGHT))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("popularity_weight must be from 0 to %g, not %g",
                               MOST_POPULARITY_WEIGHT, weight)));
    return (float)weight;
}

bool LiveArgument(FunctionCallInfo fcinfo, int argument)
{
    char *seen = text_to_cstring(PG_GETARG_TEXT_PP(argument));

    if (strcmp(seen, "model") != 0 && strcmp(seen, "live") != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("seen must be \"model\" or \"live\", not \"%s\"", seen),
                        errhint("model: the interactions that the model was trained on; "
                                "live: those in its source now.")));
    return strcmp(seen, "live") == 0;
}

/* Elements of bigint[] without NULLs lie side by side. */
static IdList PlainIntegers(ArrayType *array, uint32 count)
{
    IdList ids = IdListCreate(ID_INTEGER, count);

    memcpy(ids.integers, ARR_DATA_PTR(array), (Size)count * sizeof(int64));
    ids.count = count;
    return ids;
}

static Id IdOfElement(Datum value, IdKind kind)
{
    text *element;

    if (kind == ID_INTEGER)
        return IdOfInteger(DatumGetInt64(value));
    element = DatumGetTextPP(value);
    return IdOfText(VARDATA_ANY(element), (uint32)VARSIZE_ANY_EXHDR(element));
}

static IdList IdsOfElements(ArrayType *array, IdKind kind)
{
    int16 width;
    bool by_value, *nulls;
    char align;
    Datum *values;
    int count;
    IdList ids;

    get_typlenbyvalalign(ARR_ELEMTYPE(array), &width, &by_value, &align);
    deconstruct_array(array, ARR_ELEMTYPE(array), width, by_value, align, &values, &nulls, &count);
    ids = IdListCreate(kind, (uint32)count);
    for (int i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (!nulls[i])
            IdListAppend(&ids, IdOfElement(values[i], kind));
    }
    return ids;
}

IdList IdsArgument(FunctionCallInfo fcinfo, int argument, IdKind kind)
{
    ArrayType *array;

    if (PG_ARGISNULL(argument))
        return IdListCreate(kind, 0);
    array = PG_GETARG_ARRAYTYPE_P(argument);
    Assert(ARR_ELEMTYPE(array) == (kind == ID_INTEGER ? INT8OID : TEXTOID));
    if (kind == ID_INTEGER && !ARR_HASNULL(array))
        return PlainIntegers(array, (uint32)ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)));
    return IdsOfElements(array, kind);
}

bool AnyArgumentNull(FunctionCallInfo fcinfo, int first, int last)
{
    for (int i = first; i <= last; i++)
        if (PG_ARGISNULL(i))
            return true;
    return false;
}
