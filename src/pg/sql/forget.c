/*
 * forget.c: recadv_forget(): removes a user from a model, so that no question, rollback or refresh
 * finds the id again.
 *
 * For requests under data protection law.  The rows of the source are the application's to delete.
 */
#include "pg/base/compat.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pg/base/rowset.h"
#include "pg/ids/id_text.h"
#include "pg/model/resolve.h"
#include "pg/model/statement.h"
#include "pg/model/table_sink.h"
#include "pg/model/user_removal.h"
#include "pg/model/versions.h"
#include "pg/serve/arguments.h"
#include "pg/serve/publish.h"
#include "pg/sql/checks.h"
#include "pg/train/runs.h"

/* Arguments of recadv_forget. */
enum { FORGET_MODEL, FORGET_USER };

#define FORGOTTEN_MESSAGE "(it named a user who has been forgotten)"

typedef struct Forgotten {
    int32 versions;
    int64 interactions; /* of the version that has the most */
    int64 events;
    int32 runs;
} Forgotten;

/* One for a row that nobody unfolds. */
static uint32 EventsOf(const char *part, uint32 number, Datum data)
{
    uint32 count = 1;

    if (toast_raw_datum_size(data) <= MAX_SHARED_ROW) {
        bytea *bytes = DatumGetByteaPCopy(data);

        count = CountEvents(part, number, bytes);
        pfree(bytes);
    }
    return count;
}

static int64 DeleteEvents(const ModelTable *table, const char *part)
{
    Oid types[] = {TEXTOID};
    int64 count = 0;

    StatementRun(table,
                 "DELETE FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) 0 "
                 "AND part OPERATOR(pg_catalog.=) $1 RETURNING block, data",
                 1, types, (Datum[]){CStringGetTextDatum(part)});
    for (uint64 i = 0; i < SPI_processed; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        bool null;
        Datum block = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &null);
        Datum data = SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &null);

        count += null ? 1 : EventsOf(part, (uint32)DatumGetInt32(block), data);
        CHECK_FOR_INTERRUPTS();
    }
    SPI_freetuptable(SPI_tuptable);
    return count;
}

/* Also those that no version knows: a user may have been observed alone. */
static int64 DeleteEventsOf(const ModelTable *table, Id id)
{
    return DeleteEvents(table, PartOfId(EVENT_PREFIX, id)) +
           DeleteEvents(table, PartOfId(EVENTS_PREFIX, id));
}

static void ForgetVersions(ModelTable *table, Id id, Forgotten *forgotten)
{
    ListCell *cell;

    foreach (cell, ModelTableVersions(table)) {
        MemoryContext caller = CurrentMemoryContext;
        MemoryContext scratch =
            AllocSetContextCreate(caller, "recadv forget", ALLOCSET_DEFAULT_SIZES);
        uint32 interactions;
        bool known;

        MemoryContextSwitchTo(scratch);
        table->store.version = lfirst_int(cell);
        forgotten->events +=
            DeleteEventsOf(table, IdCanonical(HeaderRead(&table->store).user_text, id));
        interactions = RemoveUser(table, id, &known);
        forgotten->versions += known;
        forgotten->interactions = Max(forgotten->interactions, (int64)interactions);
        MemoryContextSwitchTo(caller);
        MemoryContextDelete(scratch);
    }
}

static bool IsWordByte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* As a word of its own. */
static bool Names(const char *message, const char *name)
{
    Size length = strlen(name);

    if (length == 0)
        return false;
    for (const char *at = strstr(message, name); at != NULL; at = strstr(at + 1, name))
        if ((at == message || !IsWordByte(at[-1])) && !IsWordByte(at[length]))
            return true;
    return false;
}

static void WriteWithoutMessage(TableSink *sink, uint32 number, Jsonb *run)
{
    StringInfoData json;
    Jsonb *merged;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    JsonString(&json, "message", FORGOTTEN_MESSAGE);
    JsonClose(&json, '}');
    merged = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(run),
                                                JsonbPGetDatum(JsonbParse(json.data))));
    SinkPutJson(&sink->sink, PART_RUN, number,
                JsonbToCString(NULL, &merged->root, VARSIZE(merged)));
}

/* Error messages may name whom a run failed at. */
static int32 ForgetRuns(ModelTable *table, const char *name)
{
    List *documents = NIL, *numbers;
    TableSink sink;
    int32 changed = 0;

    table->store.version = 0;
    numbers = RunNumbers(table, &documents);
    TableSinkOpen(RelationGetRelid(table->relation), 0, &sink);
    for (int i = 0; i < list_length(numbers); i++) {
        uint32 number = (uint32)list_nth_int(numbers, i);
        Jsonb *run = list_nth(documents, i);
        char *status = JsonbGetString(run, "status"), *message = JsonbGetString(run, "message");

        CHECK_FOR_INTERRUPTS();
        if (status == NULL || strcmp(status, "failed") != 0 || message == NULL ||
            !Names(message, name))
            continue;
        WriteWithoutMessage(&sink, number, run);
        changed++;
    }
    TableSinkClose(&sink);
    return changed;
}

static Datum Report(FunctionCallInfo fcinfo, const Forgotten *forgotten)
{
    ResultRow row = {0};

    ResultInt4(&row, forgotten->versions);
    ResultInt8(&row, forgotten->interactions);
    ResultInt8(&row, forgotten->events);
    ResultInt4(&row, forgotten->runs);
    return ResultRowDatum(fcinfo, &row);
}

/* A new stamp: whoever has the version in memory loads it again. */
static void Announce(ModelTable *table)
{
    Current current = ModelTableCurrent(table, true);

    if (current.version > 0)
        PublishVersion(
            RelationGetRelid(table->relation),
            &(PublishedVersion){.version = current.version, .previous = current.previous});
}

static Datum Forget(FunctionCallInfo fcinfo, IdKind kind)
{
    Forgotten forgotten = {0};
    ModelTable table;
    Id id;

    CheckCanWrite("recadv_forget()");
    CheckNotNull(fcinfo, FORGET_MODEL, "model");
    CheckNotNull(fcinfo, FORGET_USER, "user_id");
    id = IdArgument(fcinfo, FORGET_USER, kind);
    ModelOpen(PG_GETARG_TEXT_PP(FORGET_MODEL), MODEL_OWN, &table);
    SPI_connect();
    if (!RunLock(RelationGetRelid(table.relation), false))
        FailBusy(table.store.name);
    /* Not the statement's snapshot: it may be older than the lock. */
    PushActiveSnapshot(GetLatestSnapshot());
    forgotten.events = DeleteEventsOf(&table, id);
    ForgetVersions(&table, id, &forgotten);
    forgotten.runs = ForgetRuns(&table, text_to_cstring(IdToText(id)));
    Announce(&table);
    PopActiveSnapshot();
    SPI_finish();
    ModelTableClose(&table);
    return Report(fcinfo, &forgotten);
}

FOR_BOTH_KINDS(recadv_forget, Forget)
