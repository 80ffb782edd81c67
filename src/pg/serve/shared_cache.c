/*
 * shared_cache.c: how sessions find, load and use the item sides in shared memory.
 *
 * A session that needs an item side pins its slot for the length of a call.  The first that finds
 * none reserves a slot and loads it, while the others wait for that; a slot whose model is gone, or
 * that has to make room, is dropped as soon as its last pin is.
 */
#include "pg/serve/shared_cache.h"

#include "storage/condition_variable.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/base/settings.h"
#include "pg/model/versions.h"
#include "pg/serve/shared_slots.h"

/* A session that needs room which others still use waits 20 times 50 ms for it. */
#define WAIT_MS    50
#define WAIT_TURNS 20

struct SharedPin {
    MemoryContextCallback gone;
    SharedSlot *slot;
    bool loading;
    bool early; /* of a version that is not committed yet */
};

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
        LWLockAcquire(shared_slots->lock, LW_EXCLUSIVE);
        pg_atomic_write_u32(&slot->pins, 0);
        slot->state = SLOT_FREE;
        LWLockRelease(shared_slots->lock);
        ConditionVariableBroadcast(&shared_slots->changed);
        return;
    }
    last = pg_atomic_sub_fetch_u32(&slot->pins, 1) == 0;
    if (last && slot->state == SLOT_DYING) /* read without the lock: who waits looks again anyway */
        ConditionVariableBroadcast(&shared_slots->changed);
}

/* Made before its slot is: if memory runs out here, no slot stays reserved for ever. */
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

/* A pin on a slot that is ready; *busy: another session loads it. */
static SharedSlot *TryFind(Oid relid, const Current *current, bool *busy)
{
    SharedSlot *slot;

    LWLockAcquire(shared_slots->lock, LW_SHARED);
    slot = SlotFind(relid, current);
    *busy = slot != NULL && slot->state == SLOT_LOADING;
    if (slot != NULL && !*busy)
        pg_atomic_fetch_add_u32(&slot->pins, 1);
    LWLockRelease(shared_slots->lock);
    return *busy ? NULL : slot;
}

/* A slot to load into, unless another session was faster (*busy) or there is none. */
static SharedSlot *TryReserve(Oid relid, const Current *current, bool early, bool *busy)
{
    SharedSlot wanted = {.database = MyDatabaseId, .relid = relid, .current = *current};
    SharedSlot *slot;

    LWLockAcquire(shared_slots->lock, LW_EXCLUSIVE);
    *busy = SlotFind(relid, current) != NULL;
    slot = *busy ? NULL : SlotChoose(&wanted, early);
    if (slot != NULL) {
        slot->state = SLOT_LOADING;
        slot->database = MyDatabaseId;
        slot->relid = relid;
        slot->current = *current;
        slot->size = 0;
        pg_atomic_write_u32(&slot->pins, 1);
        pg_atomic_write_u32(&slot->suspect, 0);
        pg_atomic_write_u64(&slot->hits, 0);
        SlotTouch(slot);
    }
    LWLockRelease(shared_slots->lock);
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
        ConditionVariableTimedSleep(&shared_slots->changed, WAIT_MS, PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
    if (slot == NULL) {
        slot = TryReserve(relid, current, false, &busy);
        if (busy)
            return SharedFind(relid, current, load);
        *load = slot != NULL;
    } else {
        SlotTouch(slot);
        pg_atomic_fetch_add_u64(&slot->hits, 1);
    }
    pin->slot = slot;
    pin->loading = *load;
    return slot == NULL ? NULL : pin;
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
