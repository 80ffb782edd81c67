/* shared_cache.c: slots, room and pins of the shared cache. */
#include "pg/serve/shared_cache.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/base/settings.h"
#include "pg/model/versions.h"

#define SLOTS 128

/* What was used so recently stays, for two models in turn would drive each other out. */
#define KEEP_SECONDS 1

/* So long a session waits for room that others still use. */
#define WAIT_MS    50
#define WAIT_TURNS 20

typedef enum SlotState { SLOT_FREE, SLOT_LOADING, SLOT_READY, SLOT_DYING } SlotState;

/* `lock` covers all but the atomics; pins rise under it in shared mode and fall without. */
typedef struct SharedSlot {
    SlotState state;
    Oid database;
    Oid relid;
    Current current;
    ItemShape shape;
    Size offset;
    Size size;
    pg_atomic_uint32 pins;
    pg_atomic_uint32 suspect; /* the catalog has changed: the table may be gone */
    pg_atomic_uint64 used;    /* TimestampTz */
    pg_atomic_uint64 hits;
} SharedSlot;

typedef struct SharedCache {
    LWLock *lock;
    ConditionVariable changed; /* a slot was loaded, given up or unpinned while dying */
    SharedSlot slots[SLOTS];
} SharedCache;

struct SharedPin {
    MemoryContextCallback gone;
    SharedSlot *slot;
    bool loading;
    bool early; /* loads what nobody can see yet */
};

static SharedCache *cache = NULL;
static char *room = NULL;

static Size RoomSize(void)
{
    return (Size)recadv_shared_cache_size * 1024;
}

Size SharedRoom(void)
{
    return cache == NULL ? 0 : RoomSize();
}

/* ---- start of the server ---- */

static shmem_startup_hook_type next_startup = NULL;

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type next_request = NULL;
#endif

static Size TableSize(void)
{
    return TYPEALIGN(64, sizeof(SharedCache));
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
    cache->lock = &GetNamedLWLockTranche("recadv")->lock;
    ConditionVariableInit(&cache->changed);
    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &cache->slots[i];

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
    cache = (SharedCache *)memory;
    room = (char *)TYPEALIGN(64, memory + TableSize());
    if (!found)
        InitialiseSlots();
    LWLockRelease(AddinShmemInitLock);
}

/* No look at the catalog here: this runs while invalidations are read. */
static void Suspect(Datum arg, Oid relid)
{
    (void)arg;
    if (cache == NULL)
        return;
    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &cache->slots[i];

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
    CacheRegisterRelcacheCallback(Suspect, (Datum)0);
}

/* ---- slots; the caller holds the lock ---- */

static bool IsOf(const SharedSlot *slot, Oid relid)
{
    return slot->state != SLOT_FREE && slot->database == MyDatabaseId && slot->relid == relid;
}

static SharedSlot *Lookup(Oid relid, const Current *current)
{
    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &cache->slots[i];

        if (IsOf(slot, relid) && slot->state != SLOT_DYING &&
            memcmp(&slot->current, current, sizeof(*current)) == 0)
            return slot;
    }
    return NULL;
}

static void Touch(SharedSlot *slot)
{
    pg_atomic_write_u64(&slot->used, (uint64)GetCurrentTimestamp());
}

/* Lets go of a slot as soon as nobody uses it. */
static void Drop(SharedSlot *slot)
{
    slot->state = pg_atomic_read_u32(&slot->pins) == 0 ? SLOT_FREE : SLOT_DYING;
}

static void FreeDying(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (cache->slots[i].state == SLOT_DYING)
            Drop(&cache->slots[i]);
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
    if (IsOf(slot, wanted->relid) && slot->current.changes < wanted->current.changes && !early)
        return true;
    return TimestampDifferenceExceeds(used, GetCurrentTimestamp(), KEEP_SECONDS * 1000);
}

static SharedSlot *LeastRecentlyUsed(const SharedSlot *wanted, bool early)
{
    SharedSlot *oldest = NULL;

    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &cache->slots[i];

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
        SharedSlot *slot = &cache->slots[i];

        if (slot->state != SLOT_FREE && slot->size > 0 && slot->offset >= place &&
            (next == NULL || slot->offset < next->offset))
            next = slot;
    }
    return next;
}

/* First fit. */
static bool FindRoom(Size size, Size *offset)
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

static SharedSlot *FreeSlot(const SharedSlot *wanted, bool early)
{
    FreeDying();
    for (int turn = 0; turn < 2; turn++) {
        SharedSlot *oldest;

        for (int i = 0; i < SLOTS; i++)
            if (cache->slots[i].state == SLOT_FREE)
                return &cache->slots[i];
        oldest = LeastRecentlyUsed(wanted, early);
        if (oldest != NULL)
            Drop(oldest);
    }
    return NULL;
}

/* ---- pins ---- */

/* Also called when the pin's context goes, after an error or in its normal course. */
static void Unpin(void *arg)
{
    SharedPin *pin = arg;
    SharedSlot *slot = pin->slot;
    bool last;

    pin->slot = NULL;
    if (slot == NULL)
        return;
    if (pin->loading) {
        LWLockAcquire(cache->lock, LW_EXCLUSIVE);
        pg_atomic_write_u32(&slot->pins, 0);
        slot->state = SLOT_FREE;
        LWLockRelease(cache->lock);
        ConditionVariableBroadcast(&cache->changed);
        return;
    }
    last = pg_atomic_sub_fetch_u32(&slot->pins, 1) == 0;
    if (last && slot->state == SLOT_DYING) /* a guess: who waits looks again by itself */
        ConditionVariableBroadcast(&cache->changed);
}

/* Comes before its slot: where memory is out, no slot is held for ever. */
static SharedPin *MakePin(void)
{
    SharedPin *pin = palloc0(sizeof(SharedPin));

    pin->gone.func = Unpin;
    pin->gone.arg = pin;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &pin->gone);
    return pin;
}

void SharedRelease(SharedPin *pin)
{
    Unpin(pin);
}

/* ---- dropped tables ---- */

/* Notes suspects of this database and trusts them again; returns how many. */
static int TakeSuspects(Oid *relids)
{
    int count = 0;

    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &cache->slots[i];

        if (pg_atomic_read_u32(&slot->suspect) == 0 || slot->state == SLOT_FREE ||
            slot->database != MyDatabaseId)
            continue;
        pg_atomic_write_u32(&slot->suspect, 0);
        relids[count++] = slot->relid;
    }
    return count;
}

static void DropAllOf(Oid relid)
{
    LWLockAcquire(cache->lock, LW_EXCLUSIVE);
    for (int i = 0; i < SLOTS; i++)
        if (IsOf(&cache->slots[i], relid) && cache->slots[i].state == SLOT_READY)
            Drop(&cache->slots[i]);
    LWLockRelease(cache->lock);
}

static void DropGone(void)
{
    Oid relids[SLOTS];
    int count = TakeSuspects(relids);

    for (int i = 0; i < count; i++)
        if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relids[i])))
            DropAllOf(relids[i]);
}

/* ---- finding and loading ---- */

/* A pin on a slot that is ready; *busy: another session loads it. */
static SharedSlot *TryFind(Oid relid, const Current *current, bool *busy)
{
    SharedSlot *slot;

    LWLockAcquire(cache->lock, LW_SHARED);
    slot = Lookup(relid, current);
    *busy = slot != NULL && slot->state == SLOT_LOADING;
    if (slot != NULL && !*busy)
        pg_atomic_fetch_add_u32(&slot->pins, 1);
    LWLockRelease(cache->lock);
    return *busy ? NULL : slot;
}

/* A slot to load into, unless another session was faster (*busy) or there is none. */
static SharedSlot *TryReserve(Oid relid, const Current *current, bool early, bool *busy)
{
    SharedSlot wanted = {.database = MyDatabaseId, .relid = relid, .current = *current};
    SharedSlot *slot;

    LWLockAcquire(cache->lock, LW_EXCLUSIVE);
    *busy = Lookup(relid, current) != NULL;
    slot = *busy ? NULL : FreeSlot(&wanted, early);
    if (slot != NULL) {
        slot->state = SLOT_LOADING;
        slot->database = MyDatabaseId;
        slot->relid = relid;
        slot->current = *current;
        slot->size = 0;
        pg_atomic_write_u32(&slot->pins, 1);
        pg_atomic_write_u32(&slot->suspect, 0);
        pg_atomic_write_u64(&slot->hits, 0);
        Touch(slot);
    }
    LWLockRelease(cache->lock);
    return slot;
}

SharedPin *SharedFind(Oid relid, const Current *current, bool *load)
{
    SharedPin *pin = MakePin();
    SharedSlot *slot;
    bool busy;

    DropGone();
    *load = false;
    for (;;) {
        slot = TryFind(relid, current, &busy);
        if (slot != NULL || !busy)
            break;
        ConditionVariableTimedSleep(&cache->changed, WAIT_MS, PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
    if (slot == NULL) {
        slot = TryReserve(relid, current, false, &busy);
        if (busy)
            return SharedFind(relid, current, load);
        *load = slot != NULL;
    } else {
        Touch(slot);
        pg_atomic_fetch_add_u64(&slot->hits, 1);
    }
    pin->slot = slot;
    pin->loading = *load;
    return slot == NULL ? NULL : pin;
}

static bool IsInUse(Oid relid)
{
    bool found = false;

    LWLockAcquire(cache->lock, LW_SHARED);
    for (int i = 0; i < SLOTS && !found; i++)
        found = IsOf(&cache->slots[i], relid);
    LWLockRelease(cache->lock);
    return found;
}

SharedPin *SharedReserveEarly(Oid relid, const Current *current)
{
    SharedPin *pin;
    bool busy;

    if (!IsInUse(relid))
        return NULL;
    pin = MakePin();
    pin->slot = TryReserve(relid, current, true, &busy);
    pin->loading = pin->early = true;
    return pin->slot == NULL ? NULL : pin;
}

/* Makes room by dropping what may go, least recently used first. */
static bool TryAllocate(const SharedPin *pin, Size size)
{
    SharedSlot *slot = pin->slot;
    SharedSlot *oldest;
    bool found;
    Size offset;

    LWLockAcquire(cache->lock, LW_EXCLUSIVE);
    FreeDying();
    while (!(found = FindRoom(size, &offset)) &&
           (oldest = LeastRecentlyUsed(slot, pin->early)) != NULL)
        Drop(oldest);
    if (found) {
        slot->offset = offset;
        slot->size = size;
    }
    LWLockRelease(cache->lock);
    return found;
}

static bool AnyDying(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (cache->slots[i].state == SLOT_DYING)
            return true;
    return false;
}

void *SharedAllocate(SharedPin *pin, Size size, const ItemShape *shape)
{
    SharedSlot *slot = pin->slot;

    if (size > RoomSize())
        return NULL;
    for (int turn = 0; !TryAllocate(pin, size); turn++) {
        if (turn == WAIT_TURNS || pin->early || !AnyDying()) {
            ConditionVariableCancelSleep();
            return NULL;
        }
        ConditionVariableTimedSleep(&cache->changed, WAIT_MS, PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
    slot->shape = *shape;
    return room + slot->offset;
}

void SharedPublish(SharedPin *pin)
{
    LWLockAcquire(cache->lock, LW_EXCLUSIVE);
    pin->slot->state = SLOT_READY;
    LWLockRelease(cache->lock);
    pin->loading = false;
    ConditionVariableBroadcast(&cache->changed);
}

void *SharedMemory(const SharedPin *pin, ItemShape *shape)
{
    *shape = pin->slot->shape;
    return room + pin->slot->offset;
}

int SharedEntries(SharedEntry **entries)
{
    int count = 0;

    *entries = palloc(sizeof(SharedEntry) * SLOTS);
    if (cache == NULL)
        return 0;
    DropGone();
    LWLockAcquire(cache->lock, LW_SHARED);
    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &cache->slots[i];

        if (slot->state == SLOT_READY && slot->database == MyDatabaseId)
            (*entries)[count++] = (SharedEntry){slot->relid, slot->current.version, slot->size,
                                                pg_atomic_read_u64(&slot->hits)};
    }
    LWLockRelease(cache->lock);
    return count;
}
