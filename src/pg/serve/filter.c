/*
 * filter.c: turns the arguments candidates and exclude of a call into rows of the model.
 *
 * A query that asks for many users calls with the same long arrays again and again, so what the
 * last one meant is remembered in the call's FmgrInfo.
 */
#include "pg/serve/filter.h"

#include "utils/array.h"

#include "pg/serve/arguments.h"

/* Bytes from which on an array is worth remembering. */
#define REMEMBERED_SIZE 1024

/* The array that an argument held in the last call, and the rows that it meant. */
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

/*
 * `which`: candidates or exclude.  Each place of a query that calls a function has a memory of its
 * own, which goes with the query.
 */
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
