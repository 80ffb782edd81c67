/* info.c: what a model table says about itself: recadv_documents(), recadv_model_status(). */
#include "pg/compat.h"

#include "access/genam.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/resowner.h"

#include "pg/json.h"
#include "pg/srf.h"
#include "pg/table.h"

PG_FUNCTION_INFO_V1(recadv_document);

/* Arguments: model, part, block, version (NULL: the current one). */
Datum recadv_document(PG_FUNCTION_ARGS)
{
    ModelTable table;
    char *json;

    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_NULL();
    ModelTableOpen(ModelResolve(PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0)), &table);
    table.store.version =
        PG_ARGISNULL(3) ? ModelTableCurrent(&table, false).version : PG_GETARG_INT32(3);
    json = StoreReadJson(&table.store, text_to_cstring(PG_GETARG_TEXT_PP(1)),
                         (uint32)PG_GETARG_INT32(2));
    ModelTableClose(&table);
    if (json == NULL)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(JsonbParse(json));
}

PG_FUNCTION_INFO_V1(recadv_run_numbers);

/* Argument: model. */
Datum recadv_run_numbers(PG_FUNCTION_ARGS)
{
    ModelTable table;
    RowSet rows;
    List *numbers;
    ListCell *cell;

    RowSetOpen(&rows, fcinfo);
    ModelTableOpen(ModelResolve(PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0)), &table);
    numbers = ModelTableBlocks(&table, 0, PART_RUN);
    foreach (cell, numbers)
        RowSetAdd(&rows, (Datum[]){Int32GetDatum(lfirst_int(cell))}, NULL);
    ModelTableClose(&table);
    return (Datum)0;
}

/* Current version and header of a model, or why it cannot be read. */
static void ReadStatus(Oid relid, Datum *values, bool *nulls)
{
    ModelTable table;
    Current current;

    ModelTableOpen(relid, &table);
    current = ModelTableCurrent(&table, true);
    table.store.version = current.version;
    values[0] = Int32GetDatum(current.version);
    nulls[0] = current.version == 0;
    if (current.version > 0) {
        char *json = StoreReadJson(&table.store, PART_HEADER, 0);

        if (json == NULL)
            StoreDamaged(&table.store, PART_HEADER, 0, "it is missing");
        values[1] = PointerGetDatum(JsonbParse(json));
        nulls[1] = false;
    }
    ModelTableClose(&table);
    values[2] = CStringGetTextDatum(current.version == 0 ? "not trained yet" : "ok");
}

/* A damaged model must not hide the others from the view: its error becomes its status. */
static void TryReadStatus(Oid relid, Datum *values, bool *nulls)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;

    BeginInternalSubTransaction(NULL);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        ReadStatus(relid, values, nulls);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        ErrorData *error;

        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
            PG_RE_THROW();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        nulls[0] = nulls[1] = true;
        values[2] = CStringGetTextDatum(error->message);
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
}

PG_FUNCTION_INFO_V1(recadv_model_status);

/* Argument: table; strict. */
Datum recadv_model_status(PG_FUNCTION_ARGS)
{
    Datum values[3] = {0};
    bool nulls[3] = {true, true, false};
    TupleDesc types;

    if (get_call_result_type(fcinfo, NULL, &types) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    types = BlessTupleDesc(types);
    TryReadStatus(PG_GETARG_OID(0), values, nulls);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(types, values, nulls)));
}
