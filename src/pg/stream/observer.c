/*
 * observer.c: notes events in a model: checks ids and rights, and tells new items from known ones.
 *
 * What that takes of the model is kept by the session; most events then cost one INSERT and no look
 * into the dictionary.
 */
#include "pg/stream/observer.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "pg/base/time_values.h"
#include "pg/model/resolve.h"

static char *StreamingAlgorithms(void)
{
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; algorithms[i] != NULL; i++)
        if (algorithms[i]->stream != NULL)
            appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", algorithms[i]->name);
    return names.data;
}

void FailNoStream(const char *model, const Algorithm *algorithm)
{
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("model \"%s\" cannot learn from a stream", model),
                    errdetail("Its algorithm, \"%s\", learns by training alone.", algorithm->name),
                    errhint("Train it with one of these: %s.", StreamingAlgorithms())));
}

static ObservedModel *Load(Oid relid, Current current, ModelTable *table)
{
    /* A child of the caller's until it is complete: an error then frees it. */
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext context =
        AllocSetContextCreate(caller, "recadv observed model", ALLOCSET_DEFAULT_SIZES);
    ObservedModel *observed = MemoryContextAllocZero(context, sizeof(ObservedModel));

    MemoryContextSwitchTo(context);
    observed->context = context;
    observed->relid = relid;
    observed->current = current;
    observed->known[0] = 1; /* no key of this remainder, as 0 is none of the others */
    observed->header = HeaderRead(&table->store);
    if (observed->header.algorithm->stream == NULL)
        FailNoStream(table->store.name, observed->header.algorithm);
    DictionaryOpen(&table->store, &observed->header, AXIS_ITEM, &observed->items);
    MemoryContextSwitchTo(caller);
    MemoryContextSetParent(context, CacheMemoryContext);
    return observed;
}

/* Rights are checked here, also those that the INSERT checks again. */
static void CheckMayInsert(const ModelTable *table)
{
    Oid relid = RelationGetRelid(table->relation);
    AclResult allowed = pg_class_aclcheck(relid, GetUserId(), ACL_INSERT);

    if (allowed != ACLCHECK_OK)
        aclcheck_error(allowed, OBJECT_TABLE, table->store.name);
    ModelTableCheckPlain(table);
}

ObservedModel *ObserveOpen(text *model, ModelTable *table)
{
    static ObservedModel *kept = NULL;
    Oid relid = ModelResolve(model);
    ObservedModel *loaded;
    Current current;

    ModelTableOpen(relid, table);
    CheckMayInsert(table);
    current = ModelTableCurrent(table, false);
    table->store.version = current.version;
    if (kept != NULL && kept->relid == relid &&
        memcmp(&kept->current, &current, sizeof(current)) == 0)
        return kept;
    loaded = Load(relid, current, table);
    if (kept != NULL)
        MemoryContextDelete(kept->context);
    kept = loaded;
    return kept;
}

static Id IdOfKind(const char *side, const char *model, Id id, IdKind kind)
{
    Id converted;

    if (!IdConvert(id, kind, &converted))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("the %s \"%.*s\" is no integer, as those of model \"%s\" are", side,
                               (int)id.length, id.text, model)));
    return converted;
}

static void CheckLength(const char *side, Id id)
{
    if (id.kind == ID_TEXT && id.length > MAX_ID_LENGTH)
        ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
                        errmsg("the %s is longer than %d bytes", side, MAX_ID_LENGTH)));
}

/* Most events are of items that were seen before: these cost no look into the table. */
static bool IsNewItem(ObservedModel *observed, ModelTable *table, Id item)
{
    uint64 key = IdKey(item), *known = &observed->known[key % KNOWN_ITEMS];

    if (*known == key)
        return false;
    if (DictionaryFind(&observed->items, &table->store, item) == UNKNOWN_ID)
        return true;
    *known = key;
    return false;
}

void ObserveEvent(ObservedModel *observed, ModelTable *table, Id user, Id item, int64 time)
{
    const Header *header = &observed->header;
    PendingEvent event = {
        .user = IdOfKind("user", table->store.name, user, header->user_kind),
        .item = IdOfKind("item", table->store.name, item, header->item_kind),
        .time = time,
    };

    CheckLength("user", event.user);
    CheckLength("item", event.item);
    PendingAdd(table, &event, IsNewItem(observed, table, event.item));
}

/* Of whatever type the caller's is; NULL stands for what a column with the default now() gets. */
static int64 TimeArgument(FunctionCallInfo fcinfo, int argument, const TimeColumn *column)
{
    Oid type = get_fn_expr_argtype(fcinfo->flinfo, argument);

    if (type != TEXTOID)
        CheckTimeKind(column, type);
    if (PG_ARGISNULL(argument))
        return TimeOfNow(column);
    if (type == TEXTOID)
        return TimeOfText(column, PG_GETARG_TEXT_PP(argument));
    return TimeOfValue(column, type, PG_GETARG_DATUM(argument));
}

static Id IdArgument(FunctionCallInfo fcinfo, int argument, IdKind kind)
{
    text *value;

    if (kind == ID_INTEGER)
        return IdOfInteger(PG_GETARG_INT64(argument));
    value = PG_GETARG_TEXT_PP(argument);
    return IdOfText(VARDATA_ANY(value), (uint32)VARSIZE_ANY_EXHDR(value));
}

/* Arguments: model, user_id, item_id, at.  False for a NULL id. */
static Datum Observe(FunctionCallInfo fcinfo, IdKind kind)
{
    ObservedModel *observed;
    TimeColumn column;
    ModelTable table;
    int64 time;

    PreventCommandIfReadOnly("recadv_observe()");
    PreventCommandIfParallelMode("recadv_observe()");
    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_BOOL(false);
    SPI_connect();
    observed = ObserveOpen(PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0), &table);
    column =
        (TimeColumn){table.store.name, observed->header.time_type, observed->header.time_typmod};
    time = TimeArgument(fcinfo, 3, &column);
    ObserveEvent(observed, &table, IdArgument(fcinfo, 1, kind), IdArgument(fcinfo, 2, kind), time);
    ModelTableClose(&table);
    SPI_finish();
    PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(recadv_observe_bigint);
PG_FUNCTION_INFO_V1(recadv_observe_text);

Datum recadv_observe_bigint(PG_FUNCTION_ARGS)
{
    return Observe(fcinfo, ID_INTEGER);
}

Datum recadv_observe_text(PG_FUNCTION_ARGS)
{
    return Observe(fcinfo, ID_TEXT);
}
