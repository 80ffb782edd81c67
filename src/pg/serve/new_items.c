/*
 * new_items.c: gives items that were observed, but not yet learnt, the rows that a refresh would
 * start them with, so that they can be recommended at once.
 *
 * Reading them and making their rows takes long where they are thousands, so the session keeps
 * them, and uses them as long as a look into the model's table finds the same rows of new items.
 * One statement may ask for thousands of users: it looks once.
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
    PendingItemsMark mark;
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
static NewItems Read(const Served *served, ModelTable *table, const PendingItemsMark *mark)
{
    MemoryContext caller = CurrentMemoryContext;
    NewItems found = {.relid = served->relid, .current = served->current, .mark = *mark};

    found.context = AllocSetContextCreate(caller, "recadv new items", ALLOCSET_SMALL_SIZES);
    MemoryContextSwitchTo(found.context);
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

static void Keep(const NewItems *found)
{
    if (kept.context != NULL)
        MemoryContextDelete(kept.context);
    kept = *found;
    MemoryContextSetParent(kept.context, CacheMemoryContext);
}

static bool IsKept(const Served *served)
{
    return kept.context != NULL && kept.relid == served->relid &&
           memcmp(&kept.current, &served->current, sizeof(Current)) == 0;
}

/* The last look that found what is kept: of this transaction; without a context there is none. */
static struct {
    MemoryContext context;
    SnapshotMark snapshot;
} look;

static void ForgetLook(void *unused)
{
    (void)unused;
    look.context = NULL;
}

static void DropLook(void)
{
    if (look.context != NULL)
        MemoryContextDelete(look.context);
}

static void KeepLook(void)
{
    MemoryContext context, caller;
    MemoryContextCallback *forget;

    DropLook();
    context = AllocSetContextCreate(TopTransactionContext, "recadv look", ALLOCSET_SMALL_SIZES);
    caller = MemoryContextSwitchTo(context);
    look.snapshot = SnapshotMarkTake();
    forget = palloc0(sizeof(MemoryContextCallback));
    forget->func = ForgetLook;
    MemoryContextRegisterResetCallback(context, forget);
    look.context = context;
    MemoryContextSwitchTo(caller);
}

static bool LooksTheSame(void)
{
    return look.context != NULL && SnapshotMarkIsSame(&look.snapshot);
}

static void ReadAgain(Served *served, ModelTable *table, const PendingItemsMark *mark)
{
    NewItems found;

    DropLook(); /* it was of what is kept now */
    found = Read(served, table, mark);
    Use(served, &found);
    if (MemoryContextMemAllocated(found.context, true) > CacheAllowed())
        return;
    Keep(&found);
    KeepLook();
}

void NewItemsOpen(Served *served, ModelTable *table)
{
    PendingItemsMark mark;

    served->new_items.count = 0;
    if (served->header.algorithm->stream == NULL)
        return;
    if (IsKept(served) && LooksTheSame()) {
        Use(served, &kept);
        return;
    }
    mark = PendingItemsMarkTake(table);
    if (!IsKept(served) || memcmp(&kept.mark, &mark, sizeof(mark)) != 0) {
        ReadAgain(served, table, &mark);
        return;
    }
    Use(served, &kept);
    KeepLook();
}
