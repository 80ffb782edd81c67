/*
 * shared_cache.h: item sides in memory that all sessions share, where recadv is in
 * shared_preload_libraries.
 *
 * A slot holds one item side, found by database, table, version and the version's random stamp, so
 * a version that was rolled back is never found again.  A session pins the slots that it uses, for
 * the length of a call; when room is needed, those go that were used least recently.
 * Whatever ends a session gives its pins back, and what it was loading; a process that dies hard
 * takes the server's shared memory with it, and all pins.
 *
 * Nobody may look here before the right to read the model's table has been checked.
 */
#ifndef RECADV_PG_SERVE_SHARED_CACHE_H
#define RECADV_PG_SERVE_SHARED_CACHE_H

#include "pg/model/versions.h"
#include "pg/serve/item_side.h"

typedef struct SharedPin SharedPin;

/*
 * A pin on the item side of a version, made in the current context and given back when that goes.
 * Waits while another session loads the item side, but not for long.  *load: nobody has loaded it,
 * so the caller must: SharedAllocate, fill the memory, SharedSetReady.  NULL: all slots are in use,
 * or the other session takes its time.
 */
extern SharedPin *SharedFind(Oid relid, const Current *current, bool *load);

/*
 * A pin on a slot to load a version into that is about to be committed, so that nobody waits for it
 * afterwards.  It takes no room from what serves until then.  NULL: no session uses the model, or
 * all slots are in use.
 */
extern SharedPin *SharedReserveEarly(Oid relid, const Current *current);

/* Memory to load an item side of that size and shape into; NULL if there is no room. */
extern void *SharedAllocate(SharedPin *pin, Size size, const ItemShape *shape);

/* Lets the other sessions use what was loaded. */
extern void SharedSetReady(SharedPin *pin);

/* Memory and shape of an item side that was loaded before. */
extern void *SharedMemory(const SharedPin *pin, ItemShape *shape);

/* Gives the pin back before its context goes; a slot that is not ready yet becomes free. */
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
