/*
 * session_cache.h: the models that this session keeps, up to recadv.cache_size.
 *
 * An entry is what serving a version takes beside the table: header, first ids of blocks, shared
 * parts, and its item side if that is kept here and not in shared memory.
 */
#ifndef RECADV_PG_SERVE_SESSION_CACHE_H
#define RECADV_PG_SERVE_SESSION_CACHE_H

#include "pg/serve/served.h"

#include "lib/ilist.h"

typedef struct CacheEntry {
    dlist_node node; /* most recently used first */
    Served served;
    MemoryContext context; /* holds the entry */
    ItemSide side;         /* where served.side points */
    Size size;             /* of the item side, or what it has at least */
    bool private;          /* is the item side in this context? */
    uint64 hits;
    bool kept;    /* in the list, and not for one call only */
    bool suspect; /* the catalog has changed: the table may be gone */
} CacheEntry;

/* The entry of what serves now; entries of the model's other versions go. */
extern CacheEntry *CacheFind(Oid relid, const Current *current);

/* A new entry of a version, but for its item side; below the caller's context until it is kept. */
extern CacheEntry *CacheLoad(Oid relid, const Current *current, ModelStore *store);

/* Keeps an entry that was loaded or has grown; what was used least recently goes. */
extern void CacheKeep(CacheEntry *entry);

/* Most recently used first; entries of dropped tables go before. */
extern dlist_head *CacheEntries(void);

/* Bytes of an entry. */
extern Size CacheEntrySize(const CacheEntry *entry);

/* Bytes that this session may keep. */
extern Size CacheAllowed(void);

#endif
