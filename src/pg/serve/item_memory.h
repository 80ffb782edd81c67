/*
 * item_memory.h: gets the item side of a cache entry into memory, where it fits.
 */
#ifndef RECADV_PG_SERVE_ITEM_MEMORY_H
#define RECADV_PG_SERVE_ITEM_MEMORY_H

#include "pg/serve/session_cache.h"

/*
 * Lets the entry answer from memory, if its item side is there or fits: from memory that all
 * sessions share, where it stays pinned until the table is closed, or from the session's own.
 */
extern void ItemMemoryOpen(CacheEntry *entry, ModelTable *table);

/* The same for a version that does not serve: from memory of the entry alone. */
extern void ItemMemoryOpenAlone(CacheEntry *entry);

/* Loads the item side into shared memory before the commit, if sessions use the model. */
extern void ItemMemoryPreload(CacheEntry *entry, ModelTable *table);

#endif
