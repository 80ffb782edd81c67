/*
 * lists.c: what recommendations to everybody are made of: recadv_lists(), a list for each user of
 * any version; recadv_popularity() and recadv_seen(), what users had; recadv_model_table().
 */
#include "pg/serve/arguments.h"
#include "pg/serve/batches.h"
#include "pg/serve/open.h"
#include "pg/serve/user.h"
#include "pg/model/resolve.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

/* Arguments of recadv_lists. */
enum { LISTS_MODEL, LISTS_K, LISTS_VERSION, LISTS_USERS, LISTS_SAMPLE };

/* Arguments of recadv_popularity. */
enum { POPULARITY_MODEL, POPULARITY_VERSION };

/* Arguments of recadv_seen. */
enum { SEEN_USER, SEEN_MODEL };

/* Arguments of recadv_model_table. */
enum { TABLE_MODEL };

/* NULL: the version that serves. */
static int32 VersionArgument(FunctionCallInfo fcinfo, int argument)
{
    if (PG_ARGISNULL(argument))
        return 0;
    if (PG_GETARG_INT32(argument) < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("version must be at least 1, not %d", PG_GETARG_INT32(argument))));
    return PG_GETARG_INT32(argument);
}

/* How many of so many users are asked for; NULL: all. */
static uint32 SampleArgument(FunctionCallInfo fcinfo, int argument, uint32 users)
{
    if (PG_ARGISNULL(argument))
        return users;
    if (PG_GETARG_INT32(argument) < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("sample must be at least 1, not %d", PG_GETARG_INT32(argument))));
    return Min((uint32)PG_GETARG_INT32(argument), users);
}

/* ---- a list for each user ---- */

static void PutList(BatchJob *job, Id user, const TopK *top)
{
    Datum *items = PallocArray(Datum, (Size)top->count + 1);
    ArrayType *array;

    for (uint32 i = 0; i < top->count; i++) {
        CheckScore(job->served, top->entries[i].score);
        items[i] = IdToDatum(IdReaderGet(&job->item_ids, top->entries[i].item), ID_TEXT);
    }
    array = construct_array(items, (int)top->count, TEXTOID, -1, false, TYPALIGN_INT);
    RowSetAdd(&job->rows, (Datum[]){IdToDatum(user, ID_TEXT), PointerGetDatum(array)}, NULL);
    CHECK_FOR_INTERRUPTS();
}

/* Those of the array that the version knows, or all; of these a sample that is evenly spread. */
static void TakeUsers(FunctionCallInfo fcinfo, BatchJob *job)
{
    RowList all = {NULL, job->served->header.users};

    if (!PG_ARGISNULL(LISTS_USERS)) {
        IdList ids = IdsArgument(fcinfo, LISTS_USERS, ID_TEXT);

        ServedCanonicalAll(job->served, AXIS_USER, &ids);
        all = RowsOfIds(job->served, AXIS_USER, &ids);
    }
    job->user_count = SampleArgument(fcinfo, LISTS_SAMPLE, all.count);
    job->users = PallocArray(uint32, (Size)job->user_count + 1);
    for (uint32 i = 0; i < job->user_count; i++) {
        uint32 at = (uint32)((uint64)i * all.count / job->user_count);

        job->users[i] = all.rows == NULL ? at : all.rows[at];
    }
}

static void OpenLists(FunctionCallInfo fcinfo, BatchJob *job, ModelTable *table)
{
    uint32 k = KArgument(fcinfo, LISTS_K);

    job->served = ServedOpenVersion(ModelArgument(fcinfo, LISTS_MODEL),
                                    VersionArgument(fcinfo, LISTS_VERSION), table);
    HeaderCheckUsers(&table->store, &job->served->header);
    job->limit = Min(k, ServedItems(job->served));
    BatchesCheckMemory(job);
    job->user_ids = DictionaryRead(&job->served->users, job->served->store);
    job->item_ids = IdReaderOpen(job->served, AXIS_ITEM);
    IdReaderLoadAll(&job->item_ids);
    job->newcomers = job->strangers = IdListCreate(ID_TEXT, 0);
    job->single =
        AllocSetContextCreate(CurrentMemoryContext, "recadv user", ALLOCSET_DEFAULT_SIZES);
    job->batch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv batch", ALLOCSET_DEFAULT_SIZES);
}

PG_FUNCTION_INFO_V1(recadv_lists);

Datum recadv_lists(PG_FUNCTION_ARGS)
{
    BatchJob job = {.kind = ID_TEXT, .exclude_seen = true, .put = PutList};
    ModelTable table;

    RowSetOpen(&job.rows, fcinfo);
    if (PG_ARGISNULL(LISTS_K))
        return (Datum)0;
    BackendHostInit(&job.backend, CurrentMemoryContext, "recadv_lists");
    OpenLists(fcinfo, &job, &table);
    TakeUsers(fcinfo, &job);
    BatchesRun(&job);
    ModelTableClose(&table);
    return (Datum)0;
}

/* ---- what users had ---- */

typedef struct Popularity {
    RowSet rows;
    IdReader ids;
    MemoryContext scratch; /* reset after each row */
} Popularity;

static void AddPopularity(void *arg, uint32 first, const Model *view)
{
    Popularity *popularity = arg;
    const Part *part = &view->part[POPULARITY_PART];

    for (uint32 i = 0; i < ViewRows(view, AXIS_ITEM); i++) {
        MemoryContext caller = MemoryContextSwitchTo(popularity->scratch);
        Datum item = IdToDatum(IdReaderGet(&popularity->ids, first + i), ID_TEXT);

        RowSetAdd(&popularity->rows,
                  (Datum[]){item, Float8GetDatum(part->data[(Size)i * part->stride])}, NULL);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(popularity->scratch);
        CHECK_FOR_INTERRUPTS();
    }
}

PG_FUNCTION_INFO_V1(recadv_popularity);

Datum recadv_popularity(PG_FUNCTION_ARGS)
{
    Popularity popularity;
    ModelTable table;
    Served *served;

    RowSetOpen(&popularity.rows, fcinfo);
    served = ServedOpenVersion(ModelArgument(fcinfo, POPULARITY_MODEL),
                               VersionArgument(fcinfo, POPULARITY_VERSION), &table);
    popularity.ids = IdReaderOpen(served, AXIS_ITEM);
    popularity.scratch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv counts", ALLOCSET_DEFAULT_SIZES);
    RowsVisit(served, AXIS_ITEM, AddPopularity, &popularity);
    ModelTableClose(&table);
    return (Datum)0;
}

static Datum Seen(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    TargetUser target;
    RowList seen;
    Served *served;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(SEEN_USER))
        return (Datum)0;
    served = ServedOpen(ModelArgument(fcinfo, SEEN_MODEL), &table);
    CheckAxisKind(served, AXIS_ITEM, kind);
    target = TargetUserOpen(served, &table, IdArgument(fcinfo, SEEN_USER, kind));
    seen = TargetUserSeen(served, &target);
    for (uint32 i = 0; i < seen.count; i++) {
        Datum item = IdToDatum(ServedItemId(served, seen.rows[i]), kind);

        RowSetAdd(&rows, &item, NULL);
        CHECK_FOR_INTERRUPTS();
    }
    ModelTableClose(&table);
    return (Datum)0;
}

FOR_BOTH_KINDS(recadv_seen, Seen)

/* ---- which model a name means ---- */

PG_FUNCTION_INFO_V1(recadv_model_table);

Datum recadv_model_table(PG_FUNCTION_ARGS)
{
    ModelTable table;
    Oid relid;

    ModelOpen(ModelArgument(fcinfo, TABLE_MODEL), MODEL_READ, &table);
    relid = RelationGetRelid(table.relation);
    ModelTableClose(&table);
    PG_RETURN_OID(relid);
}
