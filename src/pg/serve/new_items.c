/* new_items.c: reading the items that were observed, and keeping them. */
#include "pg/serve/new_items.h"

#include "pg/serve/session_cache.h"
#include "pg/stream/pending.h"
#include "pg/base/settings.h"
#include "pg/base/snapshot_compare.h"
#include "pg/model/view.h"

typedef struct Fresh {
    MemoryContext context;
    Oid relid;
    Current current;
    Sight sight;
    IdList ids;
    Model view;
} Fresh;

static void StartRows(Model *view, const IdList *ids)
{
    ViewClear(view, AXIS_ITEM);
    for (uint32 i = 0; i < view->items; i++) {
        view->algorithm->stream->start_item(view, i, IdKey(IdListGet(ids, i)));
        CHECK_FOR_INTERRUPTS();
    }
}

/* What reading takes beside the ids has a context of its own. */
static IdList ReadIds(const Served *served, ModelTable *table)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext reading = AllocSetContextCreate(caller, "recadv items", ALLOCSET_DEFAULT_SIZES);
    IdList read, ids;

    MemoryContextSwitchTo(reading);
    read = PendingItems(table, &served->header, &served->items);
    MemoryContextSwitchTo(caller);
    ids = IdListCreate(read.kind, read.count);
    for (uint32 i = 0; i < read.count; i++) {
        Id id = IdListGet(&read, i);

        if (id.kind == ID_TEXT) /* a list does not own its texts */
            id.text = pnstrdup(id.text, id.length);
        IdListAppend(&ids, id);
    }
    MemoryContextDelete(reading);
    return ids;
}

/* A child of the caller's context until it is complete: an error then frees it. */
static Fresh Read(const Served *served, ModelTable *table)
{
    MemoryContext caller = CurrentMemoryContext;
    Fresh fresh = {.relid = served->relid, .current = served->current};

    fresh.context = AllocSetContextCreate(caller, "recadv fresh items", ALLOCSET_SMALL_SIZES);
    MemoryContextSwitchTo(fresh.context);
    fresh.sight = SightTake();
    fresh.ids = ReadIds(served, table);
    if (fresh.ids.count > 0) {
        CheckMemory(SizeAdd(MemoryContextMemAllocated(fresh.context, true),
                            SizeMultiply(ViewRowBytes(&served->model, AXIS_ITEM), fresh.ids.count)),
                    "serving the items observed since the last refresh");
        fresh.view = ViewAllocate(&served->model, AXIS_ITEM, fresh.ids.count);
        StartRows(&fresh.view, &fresh.ids);
    }
    MemoryContextSwitchTo(caller);
    return fresh;
}

/* All but the items' rows is the model's, wherever it has that now. */
static void Use(Served *served, const Fresh *fresh)
{
    served->fresh_ids = fresh->ids;
    served->fresh = served->model;
    served->fresh.items = fresh->ids.count;
    for (int i = 0; i < fresh->view.parts; i++)
        if (fresh->view.part[i].axis == AXIS_ITEM)
            served->fresh.part[i] = fresh->view.part[i];
}

/* Of the model that was asked last; no context: none. */
static Fresh kept;

static void Forget(void *unused)
{
    (void)unused;
    kept.context = NULL;
}

/* Until the end of the transaction, or another is kept. */
static void Keep(const Fresh *fresh)
{
    MemoryContextCallback *forget =
        MemoryContextAllocZero(fresh->context, sizeof(MemoryContextCallback));

    if (kept.context != NULL)
        MemoryContextDelete(kept.context);
    kept = *fresh;
    forget->func = Forget;
    MemoryContextRegisterResetCallback(kept.context, forget);
    MemoryContextSetParent(kept.context, TopTransactionContext);
}

static bool IsKept(const Served *served)
{
    return kept.context != NULL && kept.relid == served->relid &&
           memcmp(&kept.current, &served->current, sizeof(Current)) == 0 &&
           SightIsSame(&kept.sight);
}

void FreshOpen(Served *served, ModelTable *table)
{
    Fresh fresh;

    served->fresh_ids.count = 0;
    if (served->header.algorithm->stream == NULL)
        return;
    if (IsKept(served)) {
        Use(served, &kept);
        return;
    }
    fresh = Read(served, table);
    Use(served, &fresh);
    if (MemoryContextMemAllocated(fresh.context, true) <= CacheAllowed())
        Keep(&fresh);
}
