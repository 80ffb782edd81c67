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

Served *ServedOpen(text *model, ModelTable *table)
{
    CacheEntry *entry;
    Current current;
    bool private;
    Oid relid;

    ModelOpen(model, MODEL_READ, table);
    relid = RelationGetRelid(table->relation);
    current = ModelTableCurrent(table, false);
    table->store.version = current.version;
    entry = CacheFind(relid, &current);
    if (entry == NULL)
        entry = CacheLoad(relid, &current, &table->store);
    entry->served.store = &table->store;
    private = entry->private;
    ItemMemoryOpen(entry, table);
    if (!entry->kept || entry->private != private)
        CacheKeep(entry);
    NewItemsOpen(&entry->served, table);
    return &entry->served;
}

Served *ServedImage(const bytea *image, ImageStore *store)
{
    Served *served = palloc0(sizeof(Served));

    ImageOpen(image, store);
    ServedLoad(served, &store->store);
    return served;
}
