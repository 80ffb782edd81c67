/*
 * shared_cache.h: item sides in memory that all sessions share, where recadv is in
 * shared_preload_libraries.
 *
 * The memory is one piece of recadv.shared_cache_size, reserved when the server starts, at the same
 * address in all processes.  A slot holds one item side, under database, table, version and the
 * version's random stamp, so a version that was rolled back is never found again.  Slots in use are
 * pinned for the length of a call; when room is needed, those go that were used least recently.
 * A process that dies hard takes the server's shared memory with it, and all pins.
 *
 * Nobody may look here before the right to read the model's table has been checked.
 */
#ifndef RECADV_PG_SERVE_SHARED_CACHE_H
#define RECADV_PG_SERVE_SHARED_CACHE_H

#include "pg/serve/item_side.h"
#include "pg/model/versions.h"

/* Called while the server starts. */
extern void SharedInstall(void);

/* Bytes for item sides; 0: recadv was not loaded with the server. */
extern Size SharedRoom(void);

typedef struct SharedPin SharedPin;

/*
 * A pin on the item side, in the current context, which gives it back when it goes.  Waits while
 * another session loads it.  *load: nobody has it, and the caller shall load it.  NULL: no slot.
 */
extern SharedPin *SharedFind(Oid relid, const Current *current, bool *load);

/*
 * A pin on a slot to load a version into that is about to be committed, so that nobody waits for it
 * afterwards.  It takes no room of what serves until then.  NULL: nobody uses the model, or no
 * slot.
 */
extern SharedPin *SharedReserveEarly(Oid relid, const Current *current);

/* Memory to load into; NULL if there is no room. */
extern void *SharedAllocate(SharedPin *pin, Size size, const ItemShape *shape);

/* Lets the others see what was loaded. */
extern void SharedPublish(SharedPin *pin);

/* What a pin that was not to be loaded holds. */
extern void *SharedMemory(const SharedPin *pin, ItemShape *shape);

/* Gives the pin back before its context goes; one that was not published drops its slot. */
extern void SharedRelease(SharedPin *pin);

/* One row per slot of this database. */
typedef struct SharedEntry {
    Oid relid;
    int32 version;
    Size size;
    uint64 hits;
} SharedEntry;

/* In the current context; returns how many. */
extern int SharedEntries(SharedEntry **entries);

#endif
