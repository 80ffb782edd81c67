/* info.c: what a model table says about itself: recadv_document(), recadv_run_numbers(),
 * recadv_model_status(). */
#include "pg/base/compat.h"

#include "access/genam.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/resowner.h"

#include "pg/model/header.h"
#include "pg/base/json.h"
#include "pg/base/rowset.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"
#include "pg/train/runs.h"

/* Arguments of recadv_document. */
enum { DOCUMENT_MODEL, DOCUMENT_PART, DOCUMENT_BLOCK, DOCUMENT_VERSION };

/* Arguments of recadv_run_numbers. */
enum { RUN_NUMBERS_MODEL };

/* Arguments of recadv_model_status. */
enum { STATUS_OF_MODEL };

PG_FUNCTION_INFO_V1(recadv_document);

Datum recadv_document(PG_FUNCTION_ARGS)
{
    ModelTable table;
    Jsonb *json;
    char *part;

    if (PG_ARGISNULL(DOCUMENT_PART) || PG_ARGISNULL(DOCUMENT_BLOCK))
        PG_RETURN_NULL();
    part = text_to_cstring(PG_GETARG_TEXT_PP(DOCUMENT_PART));
    if (strcmp(part, PART_HEADER) != 0 && strcmp(part, PART_HISTORY) != 0 &&
        strcmp(part, PART_RUN) != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("part \"%s\" is not a document", part),
                        errhint("Documents are header, history and run.")));
    ModelOpen(PG_ARGISNULL(DOCUMENT_MODEL) ? NULL : PG_GETARG_TEXT_PP(DOCUMENT_MODEL), MODEL_READ,
              &table);
    table.store.version = PG_ARGISNULL(DOCUMENT_VERSION) ? ModelTableCurrent(&table, false).version
                                                         : PG_GETARG_INT32(DOCUMENT_VERSION);
    json = StoreReadJson(&table.store, part, (uint32)PG_GETARG_INT32(DOCUMENT_BLOCK));
    /* Every version has a header and a history; runs and versions may be gone. */
    if (json == NULL && PG_ARGISNULL(DOCUMENT_VERSION) && PG_GETARG_INT32(DOCUMENT_BLOCK) == 0 &&
        strcmp(part, PART_RUN) != 0)
        StoreDamaged(&table.store, part, (uint32)PG_GETARG_INT32(DOCUMENT_BLOCK), "it is missing");
    ModelTableClose(&table);
    if (json == NULL)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(json);
}

PG_FUNCTION_INFO_V1(recadv_run_numbers);

Datum recadv_run_numbers(PG_FUNCTION_ARGS)
{
    ModelTable table;
    RowSet rows;
    List *numbers;
    ListCell *cell;

    RowSetOpen(&rows, fcinfo);
    ModelOpen(PG_ARGISNULL(RUN_NUMBERS_MODEL) ? NULL : PG_GETARG_TEXT_PP(RUN_NUMBERS_MODEL),
              MODEL_READ, &table);
    numbers = RunNumbers(&table);
    foreach (cell, numbers)
        RowSetAdd(&rows, (Datum[]){Int32GetDatum(lfirst_int(cell))}, NULL);
    ModelTableClose(&table);
    return (Datum)0;
}

/* Columns of recadv_model_status. */
enum {
    STATUS_VERSION,
    STATUS_ALGORITHM,
    STATUS_USERS,
    STATUS_ITEMS,
    STATUS_INTERACTIONS,
    STATUS_TRAINED,
    STATUS_TEXT,
    STATUS_BYTES, /* since 0.2.0 */
    STATUS_COLUMNS
};

static void SetStatus(Datum *values, bool *nulls, int column, Datum value)
{
    values[column] = value;
    nulls[column] = false;
}

static void ReadHeaderStatus(ModelStore *store, Datum *values, bool *nulls)
{
    Header header = HeaderRead(store);
    Jsonb *json = StoreReadJson(store, PART_HEADER, 0);
    Jsonb *training = JsonbGetObject(json, "training");
    char *started = training == NULL ? NULL : JsonbGetString(training, "started");
    int64 interactions;

    if (started == NULL) /* an image that was saved */
        started = JsonbGetString(json, "saved");
    SetStatus(values, nulls, STATUS_ALGORITHM, CStringGetTextDatum(header.algorithm->name));
    SetStatus(values, nulls, STATUS_USERS, Int64GetDatum(header.users));
    SetStatus(values, nulls, STATUS_ITEMS, Int64GetDatum(header.items));
    if (JsonbGetInteger(json, "interactions", &interactions))
        SetStatus(values, nulls, STATUS_INTERACTIONS, Int64GetDatum(interactions));
    if (started != NULL)
        SetStatus(values, nulls, STATUS_TRAINED,
                  DirectFunctionCall3(timestamptz_in, CStringGetDatum(started),
                                      ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/*
 * Current version and dimensions of a model, or why they cannot be read.  A list of models neither
 * waits for one that is locked nor keeps a lock on those that it has listed.
 */
static void ReadStatus(Oid relid, Datum *values, bool *nulls)
{
    ModelTable table;
    Current current;

    if (!ModelTableTryOpen(relid, &table)) {
        SetStatus(values, nulls, STATUS_TEXT, CStringGetTextDatum("busy"));
        return;
    }
    SetStatus(values, nulls, STATUS_BYTES,
              DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(relid)));
    current = ModelTableCurrent(&table, true);
    table.store.version = current.version;
    if (current.version > 0) {
        SetStatus(values, nulls, STATUS_VERSION, Int32GetDatum(current.version));
        ReadHeaderStatus(&table.store, values, nulls);
    }
    ModelTableRelease(&table);
    SetStatus(values, nulls, STATUS_TEXT,
              CStringGetTextDatum(current.version == 0 ? "not trained yet" : "ok"));
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
        SetStatus(values, nulls, STATUS_TEXT, CStringGetTextDatum(error->message));
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
}

PG_FUNCTION_INFO_V1(recadv_model_status);

/* Strict. */
Datum recadv_model_status(PG_FUNCTION_ARGS)
{
    Datum values[STATUS_COLUMNS] = {0};
    bool nulls[STATUS_COLUMNS];
    TupleDesc types;

    if (get_call_result_type(fcinfo, NULL, &types) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    types = BlessTupleDesc(types);
    memset(nulls, true, sizeof(nulls));
    TryReadStatus(PG_GETARG_OID(STATUS_OF_MODEL), values, nulls);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(types, values, nulls)));
}
