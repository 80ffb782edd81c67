/*
 * open.c: opens a model for one call of a serving function.
 *
 * In this order: the table and the version that serves; the session's entry of that version, loaded
 * if there is none; the item side in memory, where there is one and it fits; the items that were
 * observed since the last refresh.
 */
#include "pg/serve/open.h"

#include "pg/serve/item_memory.h"
#include "pg/serve/new_items.h"
#include "pg/serve/session_cache.h"
#include "pg/model/resolve.h"

/* Can a model answer what is asked?  Fails, telling what to ask instead, if not. */
typedef void (*CheckAnswers)(const ModelStore *store, const Header *header);

static CacheEntry *OpenServing(ModelTable *table, CheckAnswers check)
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
    check(&table->store, &entry->served.header);
    private = entry->private;
    if (entry->served.header.scenarios == NULL)
        ItemMemoryOpen(entry, table);
    if (!entry->kept || entry->private != private)
        CacheKeep(entry);
    return entry;
}

Served *ServedOpenActs(text *model, ModelTable *table)
{
    ModelOpen(model, MODEL_READ, table);
    return &OpenServing(table, HeaderCheckActs)->served;
}

Served *ServedOpen(text *model, ModelTable *table)
{
    CacheEntry *entry;

    ModelOpen(model, MODEL_READ, table);
    entry = OpenServing(table, HeaderCheckItems);
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
    HeaderCheckItems(&table->store, &entry->served.header);
    ItemMemoryOpenAlone(entry);
    return entry;
}

Served *ServedOpenVersion(text *model, int32 version, ModelTable *table)
{
    CacheEntry *entry;

    ModelOpen(model, MODEL_READ, table);
    if (version == 0 || version == ModelTableCurrent(table, false).version)
        entry = OpenServing(table, HeaderCheckItems);
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
    HeaderCheckItems(&store->store, &served->header);
    return served;
}
