/*
 * shared_slots.c: reserves the shared memory when the server starts, and decides which slots and
 * which part of the memory a new item side gets, and who makes room for it.
 */
#include "pg/serve/shared_slots.h"

#include "storage/ipc.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "pg/base/settings.h"

/* What was used so recently stays: else two models asked in turn would drive each other out. */
#define KEEP_SECONDS 1

SharedSlots *shared_slots = NULL;
static char *room = NULL;

static Size RoomSize(void)
{
    return (Size)recadv_shared_cache_size * 1024;
}

Size SharedRoom(void)
{
    return shared_slots == NULL ? 0 : RoomSize();
}

char *SlotMemory(const SharedSlot *slot)
{
    return room + slot->offset;
}

static shmem_startup_hook_type next_startup = NULL;

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type next_request = NULL;
#endif

static Size TableSize(void)
{
    return TYPEALIGN(64, sizeof(SharedSlots));
}

static void Request(void)
{
#if PG_VERSION_NUM >= 150000
    if (next_request != NULL)
        next_request();
#endif
    RequestAddinShmemSpace(add_size(add_size(TableSize(), RoomSize()), 64));
    RequestNamedLWLockTranche("recadv", 1);
}

static void InitialiseSlots(void)
{
    shared_slots->lock = &GetNamedLWLockTranche("recadv")->lock;
    ConditionVariableInit(&shared_slots->changed);
    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &shared_slots->slots[i];

        slot->state = SLOT_FREE;
        pg_atomic_init_u32(&slot->pins, 0);
        pg_atomic_init_u32(&slot->suspect, 0);
        pg_atomic_init_u64(&slot->used, 0);
        pg_atomic_init_u64(&slot->hits, 0);
    }
}

static void Startup(void)
{
    bool found;
    char *memory;

    if (next_startup != NULL)
        next_startup();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    memory = ShmemInitStruct("recadv", add_size(add_size(TableSize(), RoomSize()), 64), &found);
    shared_slots = (SharedSlots *)memory;
    room = (char *)TYPEALIGN(64, memory + TableSize());
    if (!found)
        InitialiseSlots();
    LWLockRelease(AddinShmemInitLock);
}

/*
 * Called when something in the catalog changes.  Only notes which tables may be gone: while
 * invalidations are read, nobody may look into the catalog.
 */
static void MarkSuspect(Datum arg, Oid relid)
{
    (void)arg;
    if (shared_slots == NULL)
        return;
    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &shared_slots->slots[i];

        if (slot->state != SLOT_FREE && slot->database == MyDatabaseId &&
            (!OidIsValid(relid) || slot->relid == relid))
            pg_atomic_write_u32(&slot->suspect, 1);
    }
}

void SharedInstall(void)
{
#if PG_VERSION_NUM >= 150000
    next_request = shmem_request_hook;
    shmem_request_hook = Request;
#else
    Request();
#endif
    next_startup = shmem_startup_hook;
    shmem_startup_hook = Startup;
    CacheRegisterRelcacheCallback(MarkSuspect, (Datum)0);
}

bool SlotIsOf(const SharedSlot *slot, Oid relid)
{
    return slot->state != SLOT_FREE && slot->database == MyDatabaseId && slot->relid == relid;
}

SharedSlot *SlotFind(Oid relid, const Current *current)
{
    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &shared_slots->slots[i];

        if (SlotIsOf(slot, relid) && slot->state != SLOT_DYING &&
            memcmp(&slot->current, current, sizeof(*current)) == 0)
            return slot;
    }
    return NULL;
}

void SlotTouch(SharedSlot *slot)
{
    pg_atomic_write_u64(&slot->used, (uint64)GetCurrentTimestamp());
}

void SlotDrop(SharedSlot *slot)
{
    slot->state = pg_atomic_read_u32(&slot->pins) == 0 ? SLOT_FREE : SLOT_DYING;
}

void SlotsFreeDying(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (shared_slots->slots[i].state == SLOT_DYING)
            SlotDrop(&shared_slots->slots[i]);
}

/*
 * May a version of a model take this slot's room?  What served before it, by its count of changes,
 * may go at once, unless the version is loaded early: then that still serves.
 */
static bool MayGo(const SharedSlot *slot, const SharedSlot *wanted, bool early)
{
    TimestampTz used = (TimestampTz)pg_atomic_read_u64(&((SharedSlot *)slot)->used);

    if (slot->state != SLOT_READY)
        return false;
    if (SlotIsOf(slot, wanted->relid) && slot->current.changes < wanted->current.changes && !early)
        return true;
    return TimestampDifferenceExceeds(used, GetCurrentTimestamp(), KEEP_SECONDS * 1000);
}

SharedSlot *SlotLeastRecentlyUsed(const SharedSlot *wanted, bool early)
{
    SharedSlot *oldest = NULL;

    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &shared_slots->slots[i];

        if (MayGo(slot, wanted, early) &&
            (oldest == NULL || pg_atomic_read_u64(&slot->used) < pg_atomic_read_u64(&oldest->used)))
            oldest = slot;
    }
    return oldest;
}

/* The first slot that begins at or after a place, or NULL. */
static SharedSlot *NextFrom(Size place)
{
    SharedSlot *next = NULL;

    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &shared_slots->slots[i];

        if (slot->state != SLOT_FREE && slot->size > 0 && slot->offset >= place &&
            (next == NULL || slot->offset < next->offset))
            next = slot;
    }
    return next;
}

bool SlotsFindRoom(Size size, Size *offset)
{
    SharedSlot *next;

    *offset = 0;
    while ((next = NextFrom(*offset)) != NULL) {
        if (next->offset - *offset >= size)
            return true;
        *offset = next->offset + next->size;
    }
    return RoomSize() - *offset >= size;
}

SharedSlot *SlotChoose(const SharedSlot *wanted, bool early)
{
    SlotsFreeDying();
    for (int turn = 0; turn < 2; turn++) {
        SharedSlot *oldest;

        for (int i = 0; i < SLOTS; i++)
            if (shared_slots->slots[i].state == SLOT_FREE)
                return &shared_slots->slots[i];
        oldest = SlotLeastRecentlyUsed(wanted, early);
        if (oldest != NULL)
            SlotDrop(oldest);
    }
    return NULL;
}
