/* item_memory.h: giving a cache entry its item side. */
#ifndef RECADV_PG_SERVE_ITEM_MEMORY_H
#define RECADV_PG_SERVE_ITEM_MEMORY_H

#include "pg/serve/session_cache.h"

/*
 * Lets the entry answer from memory if its item side is there or fits: first from memory that all
 * sessions share, pinned until the table is closed, else from the session's own.
 */
extern void ItemMemoryOpen(CacheEntry *entry, ModelTable *table);

/* Loads the item side into shared memory for others, if there is room and the model is in use. */
extern void ItemMemoryPreload(CacheEntry *entry, ModelTable *table);

#endif
