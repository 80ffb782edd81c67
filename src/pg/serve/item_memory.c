/*
 * item_memory.c: finds or loads the item side of a model that is opened.
 *
 * Shared memory comes first: there one session loads for all.  Without it, or where it is full, the
 * session loads an item side of its own, within recadv.cache_size.  A model that fits nowhere is
 * served block by block from its table.
 */
#include "pg/serve/item_memory.h"

#include "pg/serve/shared_cache.h"
#include "pg/serve/shared_slots.h"

/* Makes the item side the one that answers. */
static void UseSide(CacheEntry *entry)
{
    Served *served = &entry->served;

    served->resident = true;
    served->side = &entry->side;
    for (int i = 0; i < served->model.parts; i++)
        if (served->model.part[i].axis == AXIS_ITEM)
            served->model.part[i].data = entry->side.model.part[i].data;
}

static void ForgetSide(CacheEntry *entry)
{
    Served *served = &entry->served;

    served->resident = false;
    served->side = NULL;
    for (int i = 0; i < served->model.parts; i++)
        if (served->model.part[i].axis == AXIS_ITEM)
            served->model.part[i].data = NULL;
}

static void PlaceSide(CacheEntry *entry, const ItemShape *shape, void *memory)
{
    ItemSidePlace(&entry->side, &entry->served.header, &entry->served.model, shape, memory);
}

/* The ids, without which the size is not known.  Notes the size: a model too large is read once. */
static IdList ReadItemIds(CacheEntry *entry, ItemShape *shape)
{
    const Served *served = &entry->served;
    IdList ids = DictionaryRead(&served->items, served->store);

    entry->size = ItemShapeOf(&served->header, &served->model, &ids, shape)
                      ? ItemSideSize(&served->header, &served->model, shape)
                      : SIZE_MAX;
    return ids;
}

/* Loads into the shared slot that the pin has reserved; false if there is no room. */
static bool LoadShared(CacheEntry *entry, SharedPin *pin)
{
    ItemShape shape;
    IdList ids = ReadItemIds(entry, &shape);
    void *memory = SharedAllocate(pin, entry->size, &shape);

    if (memory == NULL)
        return false;
    PlaceSide(entry, &shape, memory);
    ItemSideLoad(&entry->side, entry->served.store, &ids);
    SharedSetReady(pin);
    return true;
}

/* Loads into the entry's own memory, if it may keep as much. */
static bool LoadPrivate(CacheEntry *entry, SharedPin *unused)
{
    Size allowed = CacheAllowed(), head = CacheEntrySize(entry);
    ItemShape shape;
    IdList ids;

    (void)unused;
    if (head > allowed || entry->size > allowed - head)
        return false;
    ids = ReadItemIds(entry, &shape);
    if (entry->size > allowed - head)
        return false;
    PlaceSide(entry, &shape, AllocateAligned(entry->context, entry->size));
    ItemSideLoad(&entry->side, entry->served.store, &ids);
    entry->private = true;
    return true;
}

/* Calls `load` with a context of its own for what is read on the way. */
static bool LoadAside(bool (*load)(CacheEntry *, SharedPin *), CacheEntry *entry, SharedPin *pin)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext reading = AllocSetContextCreate(caller, "recadv items", ALLOCSET_DEFAULT_SIZES);
    bool loaded;

    MemoryContextSwitchTo(reading);
    loaded = load(entry, pin);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(reading);
    return loaded;
}

/*
 * Other sessions wait for what this one loads, so a failure gives the slot up at once.  The pin's
 * context may live on for long: a block of PL/pgSQL can catch the error.
 */
static bool LoadSharedOrRelease(CacheEntry *entry, SharedPin *pin)
{
    volatile bool loaded = false;

    PG_TRY();
    {
        loaded = LoadAside(LoadShared, entry, pin);
    }
    PG_CATCH();
    {
        SharedRelease(pin);
        PG_RE_THROW();
    }
    PG_END_TRY();
    if (!loaded)
        SharedRelease(pin);
    return loaded;
}

static void Unpin(void *closing)
{
    SharedPin *pin = closing;

    SharedRelease(pin);
}

/* The pin goes when the table is closed. */
static void KeepPin(ModelTable *table, SharedPin *pin)
{
    table->on_close = Unpin;
    table->closing = pin;
}

/*
 * Uses what another session has loaded, if it was laid out for the same header: the owner of a
 * table can write another header over that of a version.
 */
static bool UseShared(CacheEntry *entry, SharedPin *pin)
{
    const Served *served = &entry->served;
    ItemShape shape;
    void *memory = SharedMemory(pin, &shape);
    bool fits = ItemShapeFits(&shape, &served->header, &served->model);

    if (fits)
        PlaceSide(entry, &shape, memory);
    else
        SharedRelease(pin);
    return fits;
}

/* Finds or makes the item side in shared memory, pinned until the table is closed. */
static bool AttachShared(CacheEntry *entry, ModelTable *table)
{
    SharedPin *pin;
    bool load;

    if (entry->size > SharedRoom())
        return false;
    pin = SharedFind(entry->served.relid, &entry->served.current, &load);
    if (pin == NULL)
        return false;
    if (!(load ? LoadSharedOrRelease(entry, pin) : UseShared(entry, pin)))
        return false;
    KeepPin(table, pin);
    return true;
}

void ItemMemoryOpen(CacheEntry *entry, ModelTable *table)
{
    if (entry->private)
        return;
    ForgetSide(entry);
    if ((SharedRoom() > 0 && AttachShared(entry, table)) || LoadAside(LoadPrivate, entry, NULL))
        UseSide(entry);
}

void ItemMemoryOpenAlone(CacheEntry *entry)
{
    ForgetSide(entry);
    if (LoadAside(LoadPrivate, entry, NULL))
        UseSide(entry);
}

void ItemMemoryPreload(CacheEntry *entry, ModelTable *table)
{
    SharedPin *pin;

    if (entry->size > SharedRoom())
        return;
    pin = SharedReserveEarly(entry->served.relid, &entry->served.current);
    if (pin != NULL && LoadSharedOrRelease(entry, pin))
        KeepPin(table, pin);
}
