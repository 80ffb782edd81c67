/* trigger.c: recadv_observe_trigger(): observes every row of an INSERT or COPY. */
#include "pg/base/compat.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "pg/base/subtransaction.h"
#include "pg/base/times.h"
#include "pg/base/weights.h"
#include "pg/sql/trigger.h"
#include "pg/stream/observer.h"
#include "pg/model/catalog.h"
#include "pg/ids/id_index.h"
#include "pg/train/collect.h"

/* A column of the rows that a statement inserted. */
typedef struct Column {
    int number;
    Oid type;
} Column;

static Column FindColumn(TupleDesc types, const char *name)
{
    Column column = {.number = SPI_fnumber(types, name)};

    if (column.number <= 0)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" does not exist", name),
                 errhint("Call recadv_detach() and recadv_attach() again.")));
    column.type = TupleDescAttr(types, column.number - 1)->atttypid;
    return column;
}

char *TriggerIdentity(Oid model)
{
    return psprintf("%u in %u of " UINT64_FORMAT, model, MyDatabaseId, GetSystemIdentifier());
}

static bool IsModel(Oid relid)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    bool is_model = HeapTupleIsValid(tuple) && OidIsValid(ModelType()) &&
                    ((Form_pg_class)GETSTRUCT(tuple))->reloftype == ModelType();

    if (HeapTupleIsValid(tuple))
        ReleaseSysCache(tuple);
    return is_model;
}

Oid TriggerModel(const Trigger *trigger)
{
    Oid relid = InvalidOid;

    if (trigger->tgnargs > TRIGGER_IDENTITY)
        relid = (Oid)strtoul(trigger->tgargs[TRIGGER_IDENTITY], NULL, 10);
    if (OidIsValid(relid) && IsModel(relid) &&
        strcmp(trigger->tgargs[TRIGGER_IDENTITY], TriggerIdentity(relid)) == 0)
        return relid;
    return ModelLookup(trigger->tgargs[TRIGGER_MODEL]);
}

/* The model must not keep the INSERT waiting: a lock that is not free is an error. */
static Oid LockModel(const Trigger *trigger)
{
    const char *name = trigger->tgargs[TRIGGER_MODEL];
    Oid relid = TriggerModel(trigger);

    if (!OidIsValid(relid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("model \"%s\" does not exist", name),
                 errhint("Drop the trigger \"%s\", or make a model of that name again.",
                         trigger->tgname)));
    if (!ConditionalLockRelationOid(relid, ModelLock(MODEL_OBSERVE)))
        ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                        errmsg("model \"%s\" is locked",
                               get_rel_name(relid) == NULL ? name : get_rel_name(relid))));
    return relid;
}

/* Of the model's source; NULL: its rows have no weights.  What notes the events opens the model
 * again: reading the rows may run code of users. */
static char *WeightColumnOf(Oid model)
{
    ModelTable table;
    const char *name;
    char *copy;

    ModelTableOpenFor(model, MODEL_OBSERVE, &table);
    name = ObserveOpen(&table)->header.source.weight_column;
    copy = name == NULL ? NULL : pstrdup(name);
    ModelTableClose(&table);
    return copy;
}

/* A batch: the rows whose ids are converted before the model is opened to note them.  Longer ones
 * find more events of one user, which share a row of the model's table. */
#define BATCH_ROWS  131072
#define BATCH_BYTES ((Size)32 << 20) /* and what the row that crosses this takes */

/* The rows of the statement, as they are read. */
typedef struct InsertedRows {
    Tuplestorestate *store;
    TupleTableSlot *slot;
    Column user, item, time, weight; /* weight.number 0: rows have none */
    Oid time_type;
    IdIndex *users, *items;
    Unusable unusable;
    MemoryContext context; /* of the statement */
    PendingEvent *rows;    /* of the batch */
    uint32 room;
    bool done;
} InsertedRows;

/* As the readers of sources do: a row whose id is none is counted, and the others are observed. */
static bool AreUsable(InsertedRows *in, const Id *ids)
{
    static const char *const sides[] = {"user", "item"};

    for (int i = 0; i < 2; i++)
        if (!IdIsUsable(ids[i])) {
            UnusableCount(&in->unusable, sides[i], ids[i], in->context);
            return false;
        }
    return true;
}

/* That of the model's source, where the table has it, too, with numbers. */
static Column FindWeight(TupleDesc types, const char *name)
{
    Column none = {0}, found;

    if (name == NULL || SPI_fnumber(types, name) <= 0)
        return none;
    found = FindColumn(types, name);
    found.type = getBaseType(found.type);
    return IsNumberType(found.type) ? found : none;
}

static void OpenRows(TriggerData *data, const char *weight_column, InsertedRows *in)
{
    TupleDesc types = RelationGetDescr(data->tg_relation);
    char **arguments = data->tg_trigger->tgargs;

    in->user = FindColumn(types, arguments[TRIGGER_USER]);
    in->item = FindColumn(types, arguments[TRIGGER_ITEM]);
    in->time = FindColumn(types, arguments[TRIGGER_TIME]);
    in->time_type = TimeType(in->time.type);
    in->weight = FindWeight(types, weight_column);
    in->users = IdIndexCreate(CurrentMemoryContext, in->user.type);
    in->items = IdIndexCreate(CurrentMemoryContext, in->item.type);
    in->slot = MakeSingleTupleTableSlot(types, &TTSOpsMinimalTuple);
    in->store = data->tg_newtable;
    in->context = CurrentMemoryContext;
    in->room = (uint32)Min(BATCH_ROWS, tuplestore_tuple_count(in->store) + 1); /* to see the end */
    /* Triggers of other models read the same rows. */
    tuplestore_select_read_pointer(in->store, 0);
    tuplestore_rescan(in->store);
}

/* A cast may return what it was given, which goes with the row. */
static Id KeptId(Id id)
{
    if (id.kind == ID_TEXT)
        id.text = pnstrdup(id.text, id.length);
    return id;
}

static bool Counts(const InsertedRows *in)
{
    bool no_weight;
    Datum weight;
    float unused;

    if (in->weight.number == 0)
        return true;
    weight = slot_getattr(in->slot, in->weight.number, &no_weight);
    return no_weight || WeightOf(in->weight.type, weight, &unused);
}

/* False if a value is NULL, an id is none or a weight does not count: a refresh does not read the
 * row either. */
static bool TakeRow(InsertedRows *in, PendingEvent *row)
{
    bool no_user, no_item, no_time;
    Datum user = slot_getattr(in->slot, in->user.number, &no_user);
    Datum item = slot_getattr(in->slot, in->item.number, &no_item);
    Datum time = slot_getattr(in->slot, in->time.number, &no_time);
    Id ids[2];

    if (no_user || no_item || no_time || !Counts(in))
        return false;
    ids[0] = IdIndexIdOf(in->users, user);
    ids[1] = IdIndexIdOf(in->items, item);
    if (!AreUsable(in, ids))
        return false;
    row->user = KeptId(ids[0]);
    row->item = KeptId(ids[1]);
    row->time = TimeOf(in->time_type, time);
    return true;
}

static bool IsFull(const InsertedRows *in, uint32 count)
{
    return count == in->room || MemoryContextMemAllocated(CurrentMemoryContext, true) > BATCH_BYTES;
}

/* Runs the casts and output functions of the ids' types, which may be anybody's. */
static uint32 ReadBatch(InsertedRows *in)
{
    uint32 count = 0;

    in->rows = PallocArray(PendingEvent, in->room);
    while (!IsFull(in, count)) {
        in->done = !tuplestore_gettupleslot(in->store, true, false, in->slot);
        if (in->done)
            break;
        count += TakeRow(in, &in->rows[count]);
        CHECK_FOR_INTERRUPTS();
    }
    ExecClearTuple(in->slot); /* a row that was read from disk is in the batch's memory */
    return count;
}

static void CheckTimeType(const ObservedModel *observed, const ModelTable *table, Oid type)
{
    if (type != observed->header.time_type)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("the times of model \"%s\" are of type %s, not %s", table->store.name,
                        TimeTypeName(observed->header.time_type), TimeTypeName(type)),
                 errhint("Train the model again: its time column has another type now.")));
}

/* Runs no code of users, so that what the session keeps of the model stays. */
static PendingBatch *PrepareBatch(const InsertedRows *in, uint32 count, ModelTable *table)
{
    ObservedModel *observed = ObserveOpen(table);

    HeaderCheckIds(&table->store, &observed->header);
    CheckTimeType(observed, table, in->time_type);
    return ObserveEvents(observed, table, in->rows, count);
}

/* Writes the batch, or leaves it to the caller. */
static void NoteBatch(Oid model, const InsertedRows *in, uint32 count, PendingBatch **left)
{
    PendingBatch *batch;
    ModelTable table;

    ModelTableOpenFor(model, MODEL_OBSERVE, &table);
    batch = PrepareBatch(in, count, &table);
    if (left == NULL)
        PendingWrite(&table, batch);
    else
        *left = batch;
    ModelTableClose(&table);
}

/* Returns the model; with `left`, what is to be written of a statement that is one batch. */
static Oid ObserveRows(TriggerData *data, PendingBatch **left)
{
    MemoryContext batch, caller;
    InsertedRows *in = palloc0(sizeof(InsertedRows));
    Oid model = LockModel(data->tg_trigger);
    uint32 count;

    OpenRows(data, WeightColumnOf(model), in);
    batch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv observed rows", ALLOCSET_DEFAULT_SIZES);
    caller = MemoryContextSwitchTo(batch);
    count = ReadBatch(in);
    NoteBatch(model, in, count, in->done ? left : NULL);
    while (!in->done) {
        MemoryContextReset(batch);
        count = ReadBatch(in);
        NoteBatch(model, in, count, NULL);
    }
    MemoryContextSwitchTo(caller);
    UnusableReport(&in->unusable);
    ExecDropSingleTupleTableSlot(in->slot);
    return model;
}

/* The statement ends with these, whatever the trigger was told to do. */
static bool IsInterrupt(const ErrorData *error)
{
    return error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
           error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
           error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN;
}

static void WarnAndGoOn(const char *model, const ErrorData *error)
{
    ereport(WARNING,
            (errcode(error->sqlerrcode),
             errmsg("model \"%s\" did not observe these rows: %s", model, error->message),
             errdetail("The rows are inserted; recadv_refresh() learns what is in its source."),
             error->hint == NULL ? 0 : errhint("%s", error->hint)));
}

/* Rows whose model was checked in a subtransaction that has ended, but for its lock. */
static void WriteLeft(Oid model, PendingBatch *batch)
{
    ModelTable table;

    ModelTableReopen(model, &table);
    PendingWrite(&table, batch);
    ModelTableClose(&table);
}

/* A statement that is observed in a subtransaction. */
typedef struct Observation {
    TriggerData *data;
    bool write_inside;
    Oid model;
    PendingBatch *left;
} Observation;

static void Observe(void *arg)
{
    Observation *o = arg;

    o->model = ObserveRows(o->data, o->write_inside ? NULL : &o->left);
}

/*
 * An error undoes what the model was told and nothing else.  A subtransaction that writes takes a
 * transaction id, so where one batch is all, it prepares, and the statement's own transaction
 * writes: there only storage can fail, such as a disk that is full.
 */
static void ObserveOrWarn(TriggerData *data, bool write_inside)
{
    Observation o = {data, write_inside};
    ErrorData *error = SubtransactionTry(Observe, &o);

    if (error == NULL && o.left != NULL)
        WriteLeft(o.model, o.left);
    if (error == NULL)
        return;
    if (IsInterrupt(error))
        ReThrowError(error);
    WarnAndGoOn(data->tg_trigger->tgargs[TRIGGER_MODEL], error);
}

PG_FUNCTION_INFO_V1(recadv_observe_trigger);

Datum recadv_observe_trigger(PG_FUNCTION_ARGS)
{
    TriggerData *data = (TriggerData *)fcinfo->context;
    const char *on_error;

    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
        !TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event) ||
        data->tg_newtable == NULL || data->tg_trigger->tgnargs < TRIGGER_IDENTITY ||
        data->tg_trigger->tgnargs > TRIGGER_ARGS)
        ereport(ERROR,
                (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                 errmsg("recadv_observe_trigger() is a trigger that recadv_attach() makes")));
    SPI_connect();
    on_error = data->tg_trigger->tgargs[TRIGGER_ON_ERROR];
    if (strcmp(on_error, ON_ERROR_RAISE) == 0)
        ObserveRows(data, NULL);
    else
        ObserveOrWarn(data, strcmp(on_error, ON_ERROR_SAVEPOINT) == 0);
    SPI_finish();
    return PointerGetDatum(NULL);
}
