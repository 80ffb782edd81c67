/*
 * observer.c: notes events in a model: checks ids and rights, and tells new items from known ones.
 *
 * What that takes of the model is kept by the session; most events then cost one INSERT and no look
 * into the dictionary.
 */
#include "pg/stream/observer.h"

#include "pg/ids/id_text.h"

#include "utils/acl.h"
#include "utils/builtins.h"

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

ObservedModel *ObserveOpen(ModelTable *table)
{
    static ObservedModel *kept = NULL;
    Oid relid = RelationGetRelid(table->relation);
    ObservedModel *loaded;
    Current current;

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

static Id IdOfKind(const char *side, const char *model, Id id, IdKind kind, Oid text)
{
    Id converted;

    if (!IdConvert(IdCanonical(text, id), kind, &converted))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("the %s \"%.*s\" is no integer, as those of model \"%s\" are", side,
                               (int)id.length, id.text, model)));
    return converted;
}

static void CheckUsable(const char *side, Id id)
{
    if (IdIsUsable(id))
        return;
    if (id.length > MAX_ID_LENGTH)
        ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
                        errmsg("the %s is longer than %d bytes", side, MAX_ID_LENGTH)));
    ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
                    errmsg("the %s is no text in UTF-8", side)));
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
        .user = IdOfKind("user", table->store.name, user, header->user_kind, header->user_text),
        .item = IdOfKind("item", table->store.name, item, header->item_kind, header->item_text),
        .time = time,
    };

    CheckUsable("user", event.user);
    CheckUsable("item", event.item);
    PendingAdd(table, &event, IsNewItem(observed, table, event.item));
}
