/* item_memory.c: an item side from shared memory, or loaded there, or into the session's own. */
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

/* The ids, which tell the size; remembers it, so that what is too large is not read again. */
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

/* What is read on the way has a context of its own. */
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
 * Others wait for what this session loads: a failure gives the slot up at once, and not when the
 * pin's context goes, for a block of PL/pgSQL may catch the error and live on.
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
 * Uses what another session has loaded.  It may have read another header: the owner can write one
 * over that of a version.
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

void ItemMemoryPreload(CacheEntry *entry, ModelTable *table)
{
    SharedPin *pin;

    if (entry->size > SharedRoom())
        return;
    pin = SharedReserveEarly(entry->served.relid, &entry->served.current);
    if (pin != NULL && LoadSharedOrRelease(entry, pin))
        KeepPin(table, pin);
}
