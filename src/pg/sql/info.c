/*
 * info.c: what a model table says about itself: recadv_document(), recadv_run_numbers(),
 * recadv_run_documents(), recadv_model_status().
 *
 * The last two are for views over all models: these neither wait for a model that is locked nor
 * fail at one that is damaged.
 */
#include "pg/base/compat.h"

#include "access/genam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "pg/model/header.h"
#include "pg/base/json.h"
#include "pg/base/rowset.h"
#include "pg/base/subtransaction.h"
#include "pg/base/times.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"
#include "pg/stream/pending.h"
#include "pg/train/runs.h"

/* Arguments of recadv_document. */
enum { DOCUMENT_MODEL, DOCUMENT_PART, DOCUMENT_BLOCK, DOCUMENT_VERSION };

/* Arguments of recadv_run_numbers. */
enum { RUN_NUMBERS_MODEL };

/* Arguments of recadv_run_documents. */
enum { RUN_DOCUMENTS_MODEL };

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
    numbers = RunNumbers(&table, NULL);
    foreach (cell, numbers)
        RowSetAdd(&rows, (Datum[]){Int32GetDatum(lfirst_int(cell))}, NULL);
    ModelTableClose(&table);
    return (Datum)0;
}

/* --- for views over all models */

/* Calls read(arg); the error that it fails with becomes the result.  NULL: none. */
static ErrorData *Try(void (*read)(void *arg), void *arg)
{
    ErrorData *error = SubtransactionTry(read, arg);

    if (error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
        ReThrowError(error);
    return error;
}

typedef struct RunDocuments {
    Oid relid;
    bool busy;
    List *numbers;
    List *documents;
} RunDocuments;

static void ReadRuns(void *arg)
{
    RunDocuments *runs = arg;
    ModelTable table;

    runs->busy = !ModelTableTryOpen(runs->relid, &table);
    if (runs->busy)
        return;
    runs->numbers = RunNumbers(&table, &runs->documents);
    ModelTableRelease(&table);
}

static void WarnOfNoRuns(Oid relid, const ErrorData *error)
{
    const char *why = error == NULL ? "it is locked by another session" : error->message;

    ereport(WARNING,
            (errmsg("the runs of model \"%s\" are left out: %s", get_rel_name(relid), why)));
}

PG_FUNCTION_INFO_V1(recadv_run_documents);

/* Strict. */
Datum recadv_run_documents(PG_FUNCTION_ARGS)
{
    RunDocuments runs = {.relid = PG_GETARG_OID(RUN_DOCUMENTS_MODEL)};
    RowSet rows;
    ErrorData *error;

    RowSetOpen(&rows, fcinfo);
    error = Try(ReadRuns, &runs);
    if (error != NULL || runs.busy)
        WarnOfNoRuns(runs.relid, error);
    for (int i = 0; error == NULL && i < list_length(runs.numbers); i++)
        RowSetAdd(&rows,
                  (Datum[]){Int32GetDatum(list_nth_int(runs.numbers, i)),
                            PointerGetDatum(list_nth(runs.documents, i))},
                  NULL);
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
    STATUS_BYTES, /* this and all below since 0.2.0 */
    STATUS_REFRESHED,
    STATUS_NEWEST_EVENT,
    STATUS_PENDING,
    STATUS_METRIC,
    STATUS_VALUE,
    STATUS_HOLDOUT,
    STATUS_HELD_OUT_USERS,
    STATUS_VERSIONS,
    STATUS_UNPROMOTED,
    STATUS_COLUMNS
};

typedef struct Status {
    Oid relid;
    Datum values[STATUS_COLUMNS];
    bool nulls[STATUS_COLUMNS];
} Status;

static void Set(Status *status, int column, Datum value)
{
    status->values[column] = value;
    status->nulls[column] = false;
}

static void SetText(Status *status, int column, const char *text)
{
    if (text != NULL)
        Set(status, column, CStringGetTextDatum(text));
}

static void SetTime(Status *status, int column, const char *text)
{
    if (text != NULL)
        Set(status, column,
            DirectFunctionCall3(timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
                                Int32GetDatum(-1)));
}

static void SetInteger(Status *status, int column, Jsonb *json, const char *key)
{
    int64 value;

    if (JsonbGetInteger(json, key, &value))
        Set(status, column, Int64GetDatum(value));
}

static int NewestFirst(const ListCell *a, const ListCell *b)
{
    return list_int_cmp(b, a);
}

static void SetNumbers(Status *status, int column, List *numbers)
{
    Datum *values = PallocArray(Datum, (Size)list_length(numbers) + 1);

    list_sort(numbers, NewestFirst);
    for (int i = 0; i < list_length(numbers); i++)
        values[i] = Int32GetDatum(list_nth_int(numbers, i));
    Set(status, column,
        PointerGetDatum(
            construct_array(values, list_length(numbers), INT4OID, 4, true, TYPALIGN_INT)));
}

/* What its training measured, and on what. */
static void SetMeasured(Status *status, const Header *header, Jsonb *training)
{
    const Metric *metric = &header->algorithm->metrics[0];
    double value;

    if (training == NULL)
        return;
    SetText(status, STATUS_HOLDOUT, JsonbGetString(training, "holdout"));
    SetInteger(status, STATUS_HELD_OUT_USERS, training, "held_out_users");
    if (!JsonbGetReal(training, metric->name, &value))
        return;
    SetText(status, STATUS_METRIC, metric->label);
    Set(status, STATUS_VALUE, Float8GetDatum(value));
}

/* A model that learns from a stream: how fresh it is, and what waits to be learnt. */
static void SetStream(Status *status, ModelTable *table, const Header *header, Jsonb *json)
{
    Jsonb *refresh;

    if (header->algorithm->stream == NULL)
        return;
    refresh = RunLastRefresh(table);
    SetTime(status, STATUS_REFRESHED,
            refresh != NULL ? JsonbGetString(refresh, "finished")
                            : JsonbGetString(json, "refreshed"));
    if (header->watermark != NO_TIME)
        SetText(status, STATUS_NEWEST_EVENT, TimeText(header->time_type, header->watermark));
    Set(status, STATUS_PENDING, Int64GetDatum((int64)PendingCount(table, header)));
}

static void SetHeader(Status *status, ModelTable *table)
{
    Header header = HeaderRead(&table->store);
    Jsonb *json = StoreReadJson(&table->store, PART_HEADER, 0);
    Jsonb *training = JsonbGetObject(json, "training");
    char *started = training == NULL ? NULL : JsonbGetString(training, "started");

    if (started == NULL) /* an image that was saved */
        started = JsonbGetString(json, "saved");
    SetText(status, STATUS_ALGORITHM, header.algorithm->name);
    Set(status, STATUS_USERS, Int64GetDatum(header.users));
    Set(status, STATUS_ITEMS, Int64GetDatum(header.items));
    SetInteger(status, STATUS_INTERACTIONS, json, "interactions");
    SetTime(status, STATUS_TRAINED, started);
    SetMeasured(status, &header, training);
    SetStream(status, table, &header, json);
}

/* The lists of versions, by the statement's snapshot; a model of recadv 0.1.0 has none yet. */
static void SetVersions(Status *status, ModelTable *table)
{
    List *versions, *unpromoted;

    if (!ModelTableNumbers(table, PART_VERSIONS, &versions))
        return;
    ModelTableNumbers(table, PART_UNPROMOTED, &unpromoted);
    SetNumbers(status, STATUS_UNPROMOTED, list_intersection_int(versions, unpromoted));
    SetNumbers(status, STATUS_VERSIONS, versions);
}

/*
 * Current version and dimensions of a model, or why they cannot be read.  A list of models neither
 * waits for one that is locked nor keeps a lock on those that it has listed.
 */
static void ReadStatus(void *arg)
{
    Status *status = arg;
    ModelTable table;
    Current current;

    if (!ModelTableTryOpen(status->relid, &table)) {
        SetText(status, STATUS_TEXT, "busy");
        return;
    }
    Set(status, STATUS_BYTES,
        DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(status->relid)));
    SetVersions(status, &table);
    current = ModelTableCurrent(&table, true);
    table.store.version = current.version;
    if (current.version > 0) {
        Set(status, STATUS_VERSION, Int32GetDatum(current.version));
        SetHeader(status, &table);
    }
    ModelTableRelease(&table);
    SetText(status, STATUS_TEXT, current.version == 0 ? "not trained yet" : "ok");
}

PG_FUNCTION_INFO_V1(recadv_model_status);

/* Strict.  A damaged model must not hide the others from the view: its error becomes its status. */
Datum recadv_model_status(PG_FUNCTION_ARGS)
{
    Status status = {.relid = PG_GETARG_OID(STATUS_OF_MODEL)};
    ErrorData *error;
    TupleDesc types;

    if (get_call_result_type(fcinfo, NULL, &types) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    types = BlessTupleDesc(types);
    memset(status.nulls, true, sizeof(status.nulls));
    error = Try(ReadStatus, &status);
    if (error != NULL)
        SetText(&status, STATUS_TEXT, error->message);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(types, status.values, status.nulls)));
}
