/*
 * shared_slots.h: the slots of the shared cache and the memory that they share.
 *
 * The memory is one piece of recadv.shared_cache_size, reserved when the server starts, at the same
 * address in all processes; slots get parts of it by first fit.  A slot is free, being loaded,
 * ready, or dying: dropped, but still pinned by a session that answers from it.
 */
#ifndef RECADV_PG_SERVE_SHARED_SLOTS_H
#define RECADV_PG_SERVE_SHARED_SLOTS_H

#include "pg/base/compat.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"

#include "pg/model/table.h"
#include "pg/serve/item_side.h"
#include "pg/model/versions.h"

#define SLOTS 128

typedef enum SlotState { SLOT_FREE, SLOT_LOADING, SLOT_READY, SLOT_DYING } SlotState;

/*
 * The lock covers all but the atomics.  Pins rise under the lock in shared mode, so that who holds
 * it exclusively can trust a slot without pins; they fall without it.
 */
typedef struct SharedSlot {
    SlotState state;
    int loader; /* the process that loads it */
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

typedef struct SharedSlots {
    LWLock *lock;
    ConditionVariable changed; /* a slot was loaded, given up or unpinned while dying */
    SharedSlot slots[SLOTS];
} SharedSlots;

/* Called while the server starts. */
extern void SharedInstall(void);

/* Bytes of the memory; 0: recadv was not loaded with the server. */
extern Size SharedRoom(void);

/* What follows is for shared_cache.c. */

/* NULL: recadv was not loaded with the server. */
extern SharedSlots *shared_slots;

extern char *SlotMemory(const SharedSlot *slot);

/* Does the slot belong to this table of this database? */
extern bool SlotIsOf(const SharedSlot *slot, Oid relid);

/* Notes that the slot is used now. */
extern void SlotTouch(SharedSlot *slot);

/* For all that follows the caller holds the lock; exclusively where a slot or its room changes. */

/* The slot of a version that is ready or being loaded, or NULL. */
extern SharedSlot *SlotFind(Oid relid, const Current *current);

/* Frees the slot, as soon as nobody uses it. */
extern void SlotDrop(SharedSlot *slot);

/* Frees those that were dropped and are used no more. */
extern void SlotsFreeDying(void);

/* The slot that is to make room for the wanted one, or NULL. */
extern SharedSlot *SlotLeastRecentlyUsed(const SharedSlot *wanted, bool early);

/* A free slot, if need be at the cost of the least recently used one; NULL if none may go. */
extern SharedSlot *SlotChoose(const SharedSlot *wanted, bool early);

/* The first place with so much room between the slots. */
extern bool SlotsFindRoom(Size size, Size *offset);

#endif
