/*
 * publish.c: the steps that let a version of a model serve, in their one order.
 *
 * Write, while readers see the old version; switch, which is seen from the commit on; forget the
 * observed events that the version has learnt; preload, so that nobody waits for the first load
 * after the commit.  All are part of the caller's transaction: if it fails, nothing has happened.
 */
#include "pg/serve/publish.h"

#include "utils/snapmgr.h"

#include "pg/serve/item_memory.h"
#include "pg/serve/shared_slots.h"
#include "pg/stream/forget_learnt.h"
#include "pg/model/table_sink.h"
#include "pg/model/versions.h"

static void Write(Oid relid, int32 version, const PublishedVersion *published)
{
    TableSink sink;

    if (published->write == NULL)
        return;
    TableSinkOpen(relid, version, &sink);
    published->write(published->arg, &sink.sink);
    TableSinkClose(&sink);
}

/* Also where the number stays the same: a new stamp tells caches that the content has changed. */
static void Switch(Oid relid, int32 version, const PublishedVersion *published)
{
    ModelTable table;

    if (published->version == 0) {
        ModelTablePublish(relid, version, published->keep);
        return;
    }
    ModelTableOpenOwned(relid, &table);
    ModelTableSetCurrent(&table, version, published->previous);
    ModelTableClose(&table);
}

static void Forget(Oid relid, const PublishedVersion *published)
{
    if (published->learnt != NULL)
        ForgetLearnt(relid, published->learnt);
    if (published->pending != NULL)
        PendingDelete(relid, published->pending);
}

/* By a new snapshot, since no other sees what this transaction itself has written. */
static void LoadCurrent(Oid relid)
{
    ModelTable table;
    CacheEntry *entry;
    Current current;

    PushActiveSnapshot(GetLatestSnapshot());
    ModelTableOpenOwned(relid, &table);
    current = ModelTableCurrent(&table, false);
    table.store.version = current.version;
    entry = CacheLoad(relid, &current, &table.store);
    if (entry->served.header.scenarios == NULL)
        ItemMemoryPreload(entry, &table);
    ModelTableClose(&table);
    PopActiveSnapshot();
}

/*
 * Loads the item side into the shared cache, where sessions use the model and there is room beside
 * the version that serves until the commit.  Otherwise the first question after the commit loads
 * it, and all others wait for that.
 */
static void Preload(Oid relid)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext loading;

    if (SharedRoom() == 0)
        return;
    loading = AllocSetContextCreate(caller, "recadv preload", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(loading);
    LoadCurrent(relid);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(loading);
}

int32 PublishVersion(Oid relid, const PublishedVersion *published)
{
    int32 version = published->version > 0 ? published->version : ModelTableNextVersion(relid);

    Write(relid, version, published);
    if (published->unpromoted) {
        ModelTableKeep(relid, version, published->keep);
        return version;
    }
    Switch(relid, version, published);
    Forget(relid, published);
    Preload(relid);
    return version;
}
