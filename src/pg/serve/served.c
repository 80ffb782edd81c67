/* served.c: getting a model ready, and answering from memory or from the table. */
#include "pg/serve/served.h"

#include "utils/snapmgr.h"

#include "pg/model/resolve.h"
#include "pg/serve/item_memory.h"
#include "pg/serve/new_items.h"
#include "pg/serve/preload.h"
#include "pg/serve/shared_cache.h"
#include "pg/model/view.h"

/* The header alone, without the documents that it is read from. */
static Header ReadHeader(ModelStore *store)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext reading = AllocSetContextCreate(caller, "recadv header", ALLOCSET_DEFAULT_SIZES);
    Header header;
    void *options;

    MemoryContextSwitchTo(reading);
    header = HeaderRead(store);
    MemoryContextSwitchTo(caller);
    options = palloc(header.algorithm->options_size);
    memcpy(options, header.options, header.algorithm->options_size);
    header.options = options;
    MemoryContextDelete(reading);
    return header;
}

/* Header, roots and shared parts. */
static void LoadHead(Served *served)
{
    served->header = ReadHeader(served->store);
    HeaderLayout(&served->header, &served->model);
    DictionaryOpen(served->store, &served->header, AXIS_USER, &served->users);
    DictionaryOpen(served->store, &served->header, AXIS_ITEM, &served->items);
    for (int i = 0; i < served->model.parts; i++) {
        Part *part = &served->model.part[i];

        if (!PartServes(part, AXIS_SHARED))
            continue;
        part->data = AllocateFloats(part->rows, part->stride);
        ReadPart(served->store, &served->model, part);
    }
}

static CacheEntry *LoadEntry(Oid relid, Current current, ModelStore *store)
{
    CacheEntry *entry = CacheCreate();
    MemoryContext caller = MemoryContextSwitchTo(entry->context);

    entry->served.relid = relid;
    entry->served.current = current;
    entry->served.store = store;
    LoadHead(&entry->served);
    entry->size = ItemSideLeast(&entry->served.header, &entry->served.model);
    MemoryContextSwitchTo(caller);
    return entry;
}

Served *ServedOpen(text *model, ModelTable *table)
{
    Oid relid = ModelResolve(model);
    CacheEntry *entry;
    Current current;
    bool private;

    ModelTableOpen(relid, table);
    current = ModelTableCurrent(table, false);
    table->store.version = current.version;
    entry = CacheFind(relid, &current);
    if (entry == NULL)
        entry = LoadEntry(relid, current, &table->store);
    entry->served.store = &table->store;
    private = entry->private;
    AttachItems(entry, table);
    if (!entry->kept || entry->private != private)
        CacheKeep(entry);
    FreshOpen(&entry->served, table);
    return &entry->served;
}

/* What the transaction itself has written is seen by a new snapshot only. */
void Preload(Oid relid)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext loading;
    ModelTable table;
    Current current;

    if (SharedRoom() == 0)
        return;
    loading = AllocSetContextCreate(caller, "recadv preload", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(loading);
    PushActiveSnapshot(GetLatestSnapshot());
    ModelTableOpenOwned(relid, &table);
    current = ModelTableCurrent(&table, false);
    table.store.version = current.version;
    AttachEarly(LoadEntry(relid, current, &table.store), &table);
    ModelTableClose(&table);
    PopActiveSnapshot();
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(loading);
}

Served *ServedImage(const bytea *image, ImageStore *store)
{
    Served *served = palloc0(sizeof(Served));

    ImageOpen(image, store);
    served->store = &store->store;
    LoadHead(served);
    return served;
}

uint32 ServedUser(Served *served, Id id)
{
    return DictionaryFind(&served->users, served->store, id);
}

/* Among the items of the model. */
static uint32 FindTrained(Served *served, Id id)
{
    uint32 found;

    if (!served->resident)
        return DictionaryFind(&served->items, served->store, id);
    found = ItemSideFind(served->side, id);
    return found != UNKNOWN_ID ? found : DictionaryFindAdded(&served->items, id);
}

uint32 ServedItem(Served *served, Id id)
{
    uint32 found = FindTrained(served, id);

    if (found == UNKNOWN_ID && served->fresh_ids.count > 0) {
        found = IdListFind(&served->fresh_ids, id);
        if (found != UNKNOWN_ID)
            found += served->header.items;
    }
    return found;
}

Id ServedItemId(Served *served, uint32 item)
{
    if (item >= served->header.items)
        return IdListGet(&served->fresh_ids, item - served->header.items);
    if (served->resident)
        return ItemSideId(served->side, item);
    return DictionaryGet(&served->items, served->store, item);
}

uint32 ServedItems(const Served *served)
{
    return served->header.items + served->fresh_ids.count;
}

float *ServedQueryRoom(const Served *served)
{
    return AllocateFloats(1, (Size)served->model.algorithm->query_width(&served->model) + 1);
}

float *ServedQuery(Served *served, uint32 user)
{
    Model view = ViewAllocate(&served->model, AXIS_USER, 1);
    float *query = ServedQueryRoom(served);

    ViewReadRow(served->store, &served->model, AXIS_USER, user, &view);
    view.algorithm->query(&view, 0, query);
    return query;
}

float ServedScore(Served *served, const float *query, uint32 item)
{
    Model view;
    float score;

    if (item >= served->header.items) {
        ModelViewItems(&served->fresh, item - served->header.items, 1, &view);
    } else if (served->resident) {
        ModelViewItems(&served->model, item, 1, &view);
    } else {
        view = ViewAllocate(&served->model, AXIS_ITEM, 1);
        ViewReadRow(served->store, &served->model, AXIS_ITEM, item, &view);
    }
    ModelScore(&view, query, 1, &score);
    return score;
}
