/*
 * new_items.c: gives items that were observed, but not yet learnt, the rows that a refresh would
 * start them with, so that they can be recommended at once.
 *
 * Reading them takes a scan of the model's table; one statement may ask for thousands of users, so
 * they are kept until the end of the transaction, and used as long as its snapshots see the same.
 */
#include "pg/serve/new_items.h"

#include "pg/serve/session_cache.h"
#include "pg/stream/pending.h"
#include "pg/base/settings.h"
#include "pg/base/snapshot_compare.h"
#include "pg/model/view.h"

typedef struct NewItems {
    MemoryContext context;
    Oid relid;
    Current current;
    SnapshotMark mark;
    IdList ids;
    Model view;
} NewItems;

static void StartRows(Model *view, const IdList *ids)
{
    ViewClear(view, AXIS_ITEM);
    for (uint32 i = 0; i < view->items; i++) {
        view->algorithm->stream->start_item(view, i, IdKey(IdListGet(ids, i)));
        CHECK_FOR_INTERRUPTS();
    }
}

/* The ids in the current context; what else reading takes is freed. */
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
static NewItems Read(const Served *served, ModelTable *table)
{
    MemoryContext caller = CurrentMemoryContext;
    NewItems found = {.relid = served->relid, .current = served->current};

    found.context = AllocSetContextCreate(caller, "recadv new items", ALLOCSET_SMALL_SIZES);
    MemoryContextSwitchTo(found.context);
    found.mark = SnapshotMarkTake();
    found.ids = ReadIds(served, table);
    if (found.ids.count > 0) {
        CheckMemory(SizeAdd(MemoryContextMemAllocated(found.context, true),
                            SizeMultiply(ViewRowBytes(&served->model, AXIS_ITEM), found.ids.count)),
                    "serving the items observed since the last refresh");
        found.view = ViewAllocate(&served->model, AXIS_ITEM, found.ids.count);
        StartRows(&found.view, &found.ids);
    }
    MemoryContextSwitchTo(caller);
    return found;
}

/* The view has item rows of its own; its other parts are the model's, wherever these lie now. */
static void Use(Served *served, const NewItems *found)
{
    served->new_items = found->ids;
    served->new_rows = served->model;
    served->new_rows.first_item = served->header.items;
    served->new_rows.items = found->ids.count;
    for (int i = 0; i < found->view.parts; i++)
        if (found->view.part[i].axis == AXIS_ITEM)
            served->new_rows.part[i] = found->view.part[i];
}

/* Those of the model that was asked last; without a context there are none. */
static NewItems kept;

static void Forget(void *unused)
{
    (void)unused;
    kept.context = NULL;
}

/* Keeps them until the end of the transaction, or until others are kept. */
static void Keep(const NewItems *found)
{
    MemoryContextCallback *forget =
        MemoryContextAllocZero(found->context, sizeof(MemoryContextCallback));

    if (kept.context != NULL)
        MemoryContextDelete(kept.context);
    kept = *found;
    forget->func = Forget;
    MemoryContextRegisterResetCallback(kept.context, forget);
    MemoryContextSetParent(kept.context, TopTransactionContext);
}

static bool IsKept(const Served *served)
{
    return kept.context != NULL && kept.relid == served->relid &&
           memcmp(&kept.current, &served->current, sizeof(Current)) == 0 &&
           SnapshotMarkIsSame(&kept.mark);
}

void NewItemsOpen(Served *served, ModelTable *table)
{
    NewItems found;

    served->new_items.count = 0;
    if (served->header.algorithm->stream == NULL)
        return;
    if (IsKept(served)) {
        Use(served, &kept);
        return;
    }
    found = Read(served, table);
    Use(served, &found);
    if (MemoryContextMemAllocated(found.context, true) <= CacheAllowed())
        Keep(&found);
}
