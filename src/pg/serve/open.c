/*
 * open.c: opens a model for one call of a serving function.
 *
 * In this order: the table and the version that serves; the session's entry of that version, loaded
 * if there is none; the item side in memory, where it fits; the items that were observed since the
 * last refresh.
 */
#include "pg/serve/open.h"

#include "pg/serve/item_memory.h"
#include "pg/serve/new_items.h"
#include "pg/serve/session_cache.h"
#include "pg/model/resolve.h"

static CacheEntry *OpenServing(ModelTable *table)
{
    Oid relid = RelationGetRelid(table->relation);
    Current current = ModelTableCurrent(table, false);
    CacheEntry *entry;
    bool private;

    table->store.version = current.version;
    entry = CacheFind(relid, &current);
    if (entry == NULL)
        entry = CacheLoad(relid, &current, &table->store);
    entry->served.store = &table->store;
    private = entry->private;
    ItemMemoryOpen(entry, table);
    if (!entry->kept || entry->private != private)
        CacheKeep(entry);
    return entry;
}

Served *ServedOpen(text *model, ModelTable *table)
{
    CacheEntry *entry;

    ModelOpen(model, MODEL_READ, table);
    entry = OpenServing(table);
    NewItemsOpen(&entry->served, table);
    return &entry->served;
}

/* Anything but the version that serves is kept for this call alone. */
static CacheEntry *OpenKept(ModelTable *table, int32 version)
{
    Current current = ModelTableCurrent(table, false);
    CacheEntry *entry;

    table->store.version = version;
    if (StoreReadJson(&table->store, PART_HEADER, 0) == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("model \"%s\" has no version %d", table->store.name, version),
                        errhint("The column versions of recadv_models has those that are kept.")));
    current.version = version;
    entry = CacheLoad(RelationGetRelid(table->relation), &current, &table->store);
    entry->served.store = &table->store;
    ItemMemoryOpenAlone(entry);
    return entry;
}

Served *ServedOpenVersion(text *model, int32 version, ModelTable *table)
{
    CacheEntry *entry;

    ModelOpen(model, MODEL_READ, table);
    if (version == 0 || version == ModelTableCurrent(table, false).version)
        entry = OpenServing(table);
    else
        entry = OpenKept(table, version);
    entry->served.new_items.count = 0;
    return &entry->served;
}

Served *ServedImage(const bytea *image, ImageStore *store)
{
    Served *served = palloc0(sizeof(Served));

    ImageOpen(image, store);
    ServedLoad(served, &store->store);
    return served;
}
