/*
 * observer.c: notes events in a model: checks ids and rights, and tells new items from known ones.
 *
 * What that takes of the model is kept by the session; most events then cost a row and no look into
 * the dictionary.
 */
#include "pg/stream/observer.h"

#include "pg/ids/id_index.h"
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

static uint64 *KnownPlace(ObservedModel *observed, Id item)
{
    return &observed->known[IdKey(item) % KNOWN_ITEMS];
}

/* Most events are of items that were seen before: these cost no look into the table.  Returns NULL
 * if all are. */
static IdIndex *UnseenItems(ObservedModel *observed, const PendingEvent *events, uint32 count)
{
    IdIndex *unseen = NULL;

    for (uint32 i = 0; i < count; i++) {
        Id item = events[i].item;

        if (*KnownPlace(observed, item) == IdKey(item))
            continue;
        if (unseen == NULL)
            unseen = IdIndexCreate(CurrentMemoryContext, IdTypeOf(item.kind));
        IdIndexAdd(unseen, item);
    }
    return unseen;
}

/* Each once; remembers the others. */
static IdList NewItems(ObservedModel *observed, ModelTable *table, const PendingEvent *events,
                       uint32 count)
{
    IdIndex *unseen = UnseenItems(observed, events, count);
    IdList ids, new_items = {.kind = observed->header.item_kind};
    uint32 *dense, *found;

    if (unseen == NULL)
        return new_items;
    IdIndexSort(unseen, &ids, &dense);
    found = PallocArray(uint32, ids.count);
    DictionaryFindAll(&observed->items, &table->store, &ids, found);
    new_items = IdListCreate(ids.kind, ids.count);
    for (uint32 i = 0; i < ids.count; i++) {
        Id item = IdListGet(&ids, i);

        if (found[i] == UNKNOWN_ID)
            IdListAppend(&new_items, item);
        else
            *KnownPlace(observed, item) = IdKey(item);
    }
    return new_items;
}

static void ConvertIds(const ObservedModel *observed, const char *model, PendingEvent *event)
{
    const Header *header = &observed->header;

    event->user = IdOfKind("user", model, event->user, header->user_kind, header->user_text);
    event->item = IdOfKind("item", model, event->item, header->item_kind, header->item_text);
    CheckUsable("user", event->user);
    CheckUsable("item", event->item);
}

PendingBatch *ObserveEvents(ObservedModel *observed, ModelTable *table, PendingEvent *events,
                            uint32 count)
{
    IdList new_items;

    for (uint32 i = 0; i < count; i++) {
        ConvertIds(observed, table->store.name, &events[i]);
        CHECK_FOR_INTERRUPTS();
    }
    new_items = NewItems(observed, table, events, count);
    return PendingPrepare(table, events, count, &new_items);
}
