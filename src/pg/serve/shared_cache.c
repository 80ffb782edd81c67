/*
 * shared_cache.c: how sessions find, load and use the item sides in shared memory.
 *
 * A session that needs an item side pins its slot for the length of a call.  The first that finds
 * none reserves a slot and loads it, while the others wait for that; a slot whose model is gone, or
 * that has to make room, is dropped as soon as its last pin is.
 *
 * A pin is given back by its holder, or else when its memory context goes, or else when the process
 * ends: a session that is terminated exits without deleting the contexts of the planner.
 */
#include "pg/serve/shared_cache.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/base/settings.h"
#include "pg/model/versions.h"
#include "pg/serve/shared_slots.h"

/* A session that needs room which others still use waits 20 times 50 ms for it. */
#define WAIT_MS    50
#define WAIT_TURNS 20

/* Who has waited so long for what another session loads serves the model by itself. */
#define LOAD_WAIT_MS 10000

/* In the list while it has a slot. */
struct SharedPin {
    MemoryContextCallback gone;
    dlist_node node;
    SharedSlot *slot;
    bool loading;
    bool early; /* of a version that is not committed yet */
};

/* ---- pins ---- */

static dlist_head pins = DLIST_STATIC_INIT(pins);

/* The caller holds the lock. */
static void GiveUp(SharedSlot *slot)
{
    pg_atomic_write_u32(&slot->pins, 0);
    slot->state = SLOT_FREE;
}

static void GiveUpLoading(SharedSlot *slot)
{
    LWLockAcquire(shared_slots->lock, LW_EXCLUSIVE);
    GiveUp(slot);
    LWLockRelease(shared_slots->lock);
    ConditionVariableBroadcast(&shared_slots->changed);
}

/* Also called when the pin's context goes, after an error or in its normal course. */
static void Unpin(void *arg)
{
    SharedPin *pin = arg;
    SharedSlot *slot = pin->slot;
    bool last;

    if (slot == NULL)
        return;
    pin->slot = NULL;
    dlist_delete(&pin->node);
    if (pin->loading) {
        GiveUpLoading(slot);
        return;
    }
    last = pg_atomic_sub_fetch_u32(&slot->pins, 1) == 0;
    if (last && slot->state == SLOT_DYING) /* read without the lock: who waits looks again anyway */
        ConditionVariableBroadcast(&shared_slots->changed);
}

static void UnpinAll(int code, Datum arg)
{
    dlist_mutable_iter i;

    (void)code;
    (void)arg;
    dlist_foreach_modify(i, &pins) Unpin(dlist_container(SharedPin, node, i.cur));
}

/*
 * After the transaction was aborted, and before others see this process gone.  Not
 * before_shmem_exit(): from there only the latest function can be taken back, and ours may come
 * between that of a caller and its end.
 */
static void ArrangeUnpinAll(void)
{
    static bool arranged = false;

    if (!arranged)
        on_shmem_exit(UnpinAll, (Datum)0);
    arranged = true;
}

/* Made before its slot is: if memory runs out here, no slot stays reserved for ever. */
static SharedPin *MakePin(void)
{
    SharedPin *pin = palloc0(sizeof(SharedPin));

    ArrangeUnpinAll();
    pin->gone.func = Unpin;
    pin->gone.arg = pin;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &pin->gone);
    return pin;
}

/* Nothing may fail between the count of pins and this. */
static void PinSlot(SharedPin *pin, SharedSlot *slot, bool loading)
{
    pin->slot = slot;
    pin->loading = loading;
    dlist_push_head(&pins, &pin->node);
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
        SharedSlot *slot = &shared_slots->slots[i];

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
    LWLockAcquire(shared_slots->lock, LW_EXCLUSIVE);
    for (int i = 0; i < SLOTS; i++)
        if (SlotIsOf(&shared_slots->slots[i], relid) && shared_slots->slots[i].state == SLOT_READY)
            SlotDrop(&shared_slots->slots[i]);
    LWLockRelease(shared_slots->lock);
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

/* What there is of a version for a session that looks. */
typedef enum Found { FOUND_NOTHING, FOUND_READY, FOUND_LOADING } Found;

/* Pins a slot that is ready; *loader: the process that loads it. */
static Found TryFind(SharedPin *pin, Oid relid, const Current *current, int *loader)
{
    Found found = FOUND_NOTHING;
    SharedSlot *slot;

    LWLockAcquire(shared_slots->lock, LW_SHARED);
    slot = SlotFind(relid, current);
    if (slot != NULL && slot->state == SLOT_LOADING) {
        found = FOUND_LOADING;
        *loader = slot->loader;
    } else if (slot != NULL) {
        found = FOUND_READY;
        pg_atomic_fetch_add_u32(&slot->pins, 1);
        PinSlot(pin, slot, false);
    }
    LWLockRelease(shared_slots->lock);
    return found;
}

/* A slot to load into, unless another session was faster (*busy) or there is none. */
static void TryReserve(SharedPin *pin, Oid relid, const Current *current, bool *busy)
{
    SharedSlot wanted = {.database = MyDatabaseId, .relid = relid, .current = *current};
    SharedSlot *slot;

    LWLockAcquire(shared_slots->lock, LW_EXCLUSIVE);
    *busy = SlotFind(relid, current) != NULL;
    slot = *busy ? NULL : SlotChoose(&wanted, pin->early);
    if (slot != NULL) {
        slot->state = SLOT_LOADING;
        slot->loader = MyProcPid;
        slot->database = MyDatabaseId;
        slot->relid = relid;
        slot->current = *current;
        slot->size = 0;
        pg_atomic_write_u32(&slot->pins, 1);
        pg_atomic_write_u32(&slot->suspect, 0);
        pg_atomic_write_u64(&slot->hits, 0);
        SlotTouch(slot);
        PinSlot(pin, slot, true);
    }
    LWLockRelease(shared_slots->lock);
}

/*
 * Every process gives its slots up before it leaves the list of processes; should one have left
 * without, who waits for it does it instead.
 */
static void GiveUpOfGone(Oid relid, const Current *current, int loader)
{
    SharedSlot *slot;

    if (BackendPidGetProc(loader) != NULL)
        return;
    LWLockAcquire(shared_slots->lock, LW_EXCLUSIVE);
    slot = SlotFind(relid, current);
    if (slot != NULL && slot->state == SLOT_LOADING && slot->loader == loader)
        GiveUp(slot);
    LWLockRelease(shared_slots->lock);
}

/* TryFind, but waits for what another session loads, for a while. */
static Found FindOrAwait(SharedPin *pin, Oid relid, const Current *current, TimestampTz since)
{
    Found found;
    int loader;

    while ((found = TryFind(pin, relid, current, &loader)) == FOUND_LOADING) {
        if (loader == MyProcPid ||
            TimestampDifferenceExceeds(since, GetCurrentTimestamp(), LOAD_WAIT_MS))
            break;
        GiveUpOfGone(relid, current, loader);
        ConditionVariableTimedSleep(&shared_slots->changed, WAIT_MS, PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
    return found;
}

SharedPin *SharedFind(Oid relid, const Current *current, bool *load)
{
    TimestampTz since = GetCurrentTimestamp();
    SharedPin *pin = MakePin();
    bool busy = true;
    Found found;

    DropGone();
    while ((found = FindOrAwait(pin, relid, current, since)) == FOUND_NOTHING && busy)
        TryReserve(pin, relid, current, &busy);
    if (found == FOUND_READY) {
        SlotTouch(pin->slot);
        pg_atomic_fetch_add_u64(&pin->slot->hits, 1);
    }
    *load = pin->loading;
    return pin->slot == NULL ? NULL : pin;
}

static bool IsInUse(Oid relid)
{
    bool found = false;

    LWLockAcquire(shared_slots->lock, LW_SHARED);
    for (int i = 0; i < SLOTS && !found; i++)
        found = SlotIsOf(&shared_slots->slots[i], relid);
    LWLockRelease(shared_slots->lock);
    return found;
}

SharedPin *SharedReserveEarly(Oid relid, const Current *current)
{
    SharedPin *pin;
    bool busy;

    if (!IsInUse(relid))
        return NULL;
    pin = MakePin();
    pin->early = true;
    TryReserve(pin, relid, current, &busy);
    return pin->slot == NULL ? NULL : pin;
}

/* Makes room by dropping what may go, least recently used first. */
static bool TryAllocate(const SharedPin *pin, Size size)
{
    SharedSlot *slot = pin->slot;
    SharedSlot *oldest;
    bool found;
    Size offset;

    LWLockAcquire(shared_slots->lock, LW_EXCLUSIVE);
    SlotsFreeDying();
    while (!(found = SlotsFindRoom(size, &offset)) &&
           (oldest = SlotLeastRecentlyUsed(slot, pin->early)) != NULL)
        SlotDrop(oldest);
    if (found) {
        slot->offset = offset;
        slot->size = size;
    }
    LWLockRelease(shared_slots->lock);
    return found;
}

static bool AnyDying(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (shared_slots->slots[i].state == SLOT_DYING)
            return true;
    return false;
}

void *SharedAllocate(SharedPin *pin, Size size, const ItemShape *shape)
{
    SharedSlot *slot = pin->slot;

    if (size > SharedRoom())
        return NULL;
    for (int turn = 0; !TryAllocate(pin, size); turn++) {
        if (turn == WAIT_TURNS || pin->early || !AnyDying()) {
            ConditionVariableCancelSleep();
            return NULL;
        }
        ConditionVariableTimedSleep(&shared_slots->changed, WAIT_MS, PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
    slot->shape = *shape;
    return SlotMemory(slot);
}

void SharedSetReady(SharedPin *pin)
{
    LWLockAcquire(shared_slots->lock, LW_EXCLUSIVE);
    pin->slot->state = SLOT_READY;
    LWLockRelease(shared_slots->lock);
    pin->loading = false;
    ConditionVariableBroadcast(&shared_slots->changed);
}

void *SharedMemory(const SharedPin *pin, ItemShape *shape)
{
    *shape = pin->slot->shape;
    return SlotMemory(pin->slot);
}

int SharedEntries(SharedEntry **entries)
{
    int count = 0;

    *entries = palloc(sizeof(SharedEntry) * SLOTS);
    if (shared_slots == NULL)
        return 0;
    DropGone();
    LWLockAcquire(shared_slots->lock, LW_SHARED);
    for (int i = 0; i < SLOTS; i++) {
        SharedSlot *slot = &shared_slots->slots[i];

        if (slot->state == SLOT_READY && slot->database == MyDatabaseId)
            (*entries)[count++] = (SharedEntry){slot->relid, slot->current.version, slot->size,
                                                pg_atomic_read_u64(&slot->hits)};
    }
    LWLockRelease(shared_slots->lock);
    return count;
}
