/* trigger.c: recadv_observe_trigger(): observes every row of an INSERT or COPY. */
#include "pg/base/compat.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "pg/base/times.h"
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

/* The model must not keep the INSERT waiting: a lock that is not free is an error. */
static void LockModel(const char *model)
{
    Oid relid = ModelLookup(model);

    if (OidIsValid(relid) && !ConditionalLockRelationOid(relid, RowExclusiveLock))
        ereport(ERROR,
                (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("model \"%s\" is locked", model)));
}

/* As the readers of sources do: a row whose id is none is counted, and the others are observed. */
static bool AreUsable(Unusable *unusable, const Id *ids, MemoryContext context)
{
    static const char *const sides[] = {"user", "item"};

    for (int i = 0; i < 2; i++)
        if (!IdIsUsable(ids[i])) {
            UnusableCount(unusable, sides[i], ids[i], context);
            return false;
        }
    return true;
}

static void ObserveRows(TriggerData *data, char **arguments)
{
    TupleDesc types = RelationGetDescr(data->tg_relation);
    Column user = FindColumn(types, arguments[TRIGGER_USER]);
    Column item = FindColumn(types, arguments[TRIGGER_ITEM]);
    Column time = FindColumn(types, arguments[TRIGGER_TIME]);
    Oid time_type = TimeType(time.type);
    IdIndex *users = IdIndexCreate(CurrentMemoryContext, user.type);
    IdIndex *items = IdIndexCreate(CurrentMemoryContext, item.type);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(types, &TTSOpsMinimalTuple);
    MemoryContext row, caller;
    ObservedModel *observed;
    Unusable unusable = {0};
    ModelTable table;
    Id ids[2];

    LockModel(arguments[TRIGGER_MODEL]);
    observed = ObserveOpen(cstring_to_text(arguments[TRIGGER_MODEL]), &table);
    HeaderCheckIds(&table.store, &observed->header);
    if (time_type != observed->header.time_type)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("the times of model \"%s\" are of type %s, not %s", table.store.name,
                               TimeTypeName(observed->header.time_type), TimeTypeName(time_type)),
                        errhint("Train the model again: its time column has another type now.")));
    /* Triggers of other models read the same rows. */
    tuplestore_select_read_pointer(data->tg_newtable, 0);
    tuplestore_rescan(data->tg_newtable);
    row = AllocSetContextCreate(CurrentMemoryContext, "recadv observed row", ALLOCSET_SMALL_SIZES);
    caller = MemoryContextSwitchTo(row);
    while (tuplestore_gettupleslot(data->tg_newtable, true, false, slot)) {
        bool no_user, no_item, no_time;
        Datum user_value = slot_getattr(slot, user.number, &no_user);
        Datum item_value = slot_getattr(slot, item.number, &no_item);
        Datum time_value = slot_getattr(slot, time.number, &no_time);

        if (no_user || no_item || no_time) /* a refresh does not read it either */
            continue;
        ids[0] = IdIndexIdOf(users, user_value);
        ids[1] = IdIndexIdOf(items, item_value);
        if (AreUsable(&unusable, ids, caller))
            ObserveEvent(observed, &table, ids[0], ids[1], TimeOf(time_type, time_value));
        ExecClearTuple(slot); /* a row that was read from disk is in this memory */
        MemoryContextReset(row);
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(row);
    ExecDropSingleTupleTableSlot(slot);
    ModelTableClose(&table);
    UnusableReport(&unusable);
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

/* An error undoes what the model was told and nothing else. */
static void ObserveOrWarn(TriggerData *data, char **arguments)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    ErrorData *volatile error = NULL;

    BeginInternalSubTransaction(NULL);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        ObserveRows(data, arguments);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    if (error == NULL)
        return;
    if (IsInterrupt(error))
        ReThrowError(error);
    WarnAndGoOn(arguments[TRIGGER_MODEL], error);
}

PG_FUNCTION_INFO_V1(recadv_observe_trigger);

Datum recadv_observe_trigger(PG_FUNCTION_ARGS)
{
    TriggerData *data = (TriggerData *)fcinfo->context;

    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
        !TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event) ||
        data->tg_newtable == NULL || data->tg_trigger->tgnargs != TRIGGER_ARGS)
        ereport(ERROR,
                (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                 errmsg("recadv_observe_trigger() is a trigger that recadv_attach() makes")));
    SPI_connect();
    if (strcmp(data->tg_trigger->tgargs[TRIGGER_ON_ERROR], ON_ERROR_RAISE) == 0)
        ObserveRows(data, data->tg_trigger->tgargs);
    else
        ObserveOrWarn(data, data->tg_trigger->tgargs);
    SPI_finish();
    return PointerGetDatum(NULL);
}
