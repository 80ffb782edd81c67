/* arguments.c: ids, arrays of ids and the like, out of a function call. */
#include "pg/serve/arguments.h"

#include "pg/model/versions.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Bytes from which on an array is worth remembering. */
#define REMEMBERED_SIZE 1024

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

/* The rows of the array that an argument held last. */
typedef struct Remembered {
    MemoryContext context;
    Oid relid;
    Current current;
    Axis axis;
    ArrayType *array; /* a copy */
    RowList rows;
} Remembered;

static void Remember(Remembered *memory, const Served *served, Axis axis, const ArrayType *array,
                     RowList rows)
{
    MemoryContext caller;

    MemoryContextReset(memory->context);
    caller = MemoryContextSwitchTo(memory->context);
    memory->relid = served->relid;
    memory->current = served->current;
    memory->axis = axis;
    memory->array = palloc(VARSIZE(array));
    memcpy(memory->array, array, VARSIZE(array));
    memory->rows = (RowList){PallocArray(uint32, (Size)rows.count + 1), rows.count};
    memcpy(memory->rows.rows, rows.rows, (Size)rows.count * sizeof(uint32));
    MemoryContextSwitchTo(caller);
}

/* Memory for the arrays of one place in a plan, which goes with the plan's execution. */
static Remembered *MemoryOf(FunctionCallInfo fcinfo, int which)
{
    FmgrInfo *function = fcinfo->flinfo;
    Remembered *memory = function->fn_extra;

    if (memory == NULL) {
        memory = MemoryContextAllocZero(function->fn_mcxt, 2 * sizeof(Remembered));
        function->fn_extra = memory;
    }
    if (memory[which].context == NULL)
        memory[which].context =
            AllocSetContextCreate(function->fn_mcxt, "recadv filter", ALLOCSET_START_SMALL_SIZES);
    return &memory[which];
}

/*
 * A long array is mostly the same for every row of a query: comparing it with the last one is far
 * cheaper than sorting it and finding its ids again.
 */
static RowList RowsArgument(FunctionCallInfo fcinfo, int argument, int which, Served *served,
                            Axis axis, IdKind kind)
{
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(argument);
    bool remember = OidIsValid(served->relid) && VARSIZE(array) >= REMEMBERED_SIZE;
    Remembered *memory = remember ? MemoryOf(fcinfo, which) : NULL;
    RowList rows;
    IdList ids;

    if (remember && memory->array != NULL && memory->relid == served->relid &&
        memory->axis == axis && memcmp(&memory->current, &served->current, sizeof(Current)) == 0 &&
        VARSIZE(memory->array) == VARSIZE(array) &&
        memcmp(memory->array, array, VARSIZE(array)) == 0)
        return memory->rows;
    ids = IdsArgument(fcinfo, argument, kind);
    rows = RowsOfIds(served, axis, &ids);
    if (remember)
        Remember(memory, served, axis, array, rows);
    return rows;
}

Filter FilterArguments(FunctionCallInfo fcinfo, int argument, Served *served, Axis axis,
                       IdKind kind)
{
    Filter filter = {.only_given = !PG_ARGISNULL(argument)};

    if (filter.only_given)
        filter.only = RowsArgument(fcinfo, argument, 0, served, axis, kind);
    if (!PG_ARGISNULL(argument + 1))
        filter.without = RowsArgument(fcinfo, argument + 1, 1, served, axis, kind);
    return filter;
}

void CheckAxisKind(const Served *served, Axis axis, IdKind kind)
{
    if (kind == ID_INTEGER && AxisKind(served, axis) == ID_TEXT)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("%s of model \"%s\" are not integers",
                               axis == AXIS_USER ? "users" : "items", served->store->name),
                        errhint("Pass ids as text, and get ids as text: id::text, ids::text[].")));
}

bool AnyArgumentNull(FunctionCallInfo fcinfo, int first, int last)
{
    for (int i = first; i <= last; i++)
        if (PG_ARGISNULL(i))
            return true;
    return false;
}
