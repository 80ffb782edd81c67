/*
 * session_cache.c: the list of models that this session keeps ready, most recently used first.
 *
 * Entries go when another version of their model serves, when their table is dropped, and when the
 * list is larger than recadv.cache_size, which is looked at in every call.
 */
#include "pg/serve/session_cache.h"

#include "utils/inval.h"
#include "utils/syscache.h"

#include "pg/base/settings.h"

static dlist_head entries = DLIST_STATIC_INIT(entries);

Size CacheAllowed(void)
{
    return (Size)recadv_cache_size * 1024;
}

Size CacheEntrySize(const CacheEntry *entry)
{
    return MemoryContextMemAllocated(entry->context, true);
}

static void Evict(CacheEntry *entry)
{
    dlist_delete(&entry->node);
    MemoryContextDelete(entry->context);
}

/*
 * Called when something in the catalog changes.  Only notes which tables may be gone: while
 * invalidations are read, nobody may look into the catalog.
 */
static void MarkSuspect(Datum arg, Oid relid)
{
    dlist_iter i;

    (void)arg;
    dlist_foreach(i, &entries)
    {
        CacheEntry *entry = dlist_container(CacheEntry, node, i.cur);

        entry->suspect |= !OidIsValid(relid) || entry->served.relid == relid;
    }
}

/* Evicts the suspects whose table is gone indeed. */
static void EvictDropped(void)
{
    dlist_mutable_iter i;

    dlist_foreach_modify(i, &entries)
    {
        CacheEntry *entry = dlist_container(CacheEntry, node, i.cur);

        if (!entry->suspect)
            continue;
        entry->suspect = false;
        if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->served.relid)))
            Evict(entry);
    }
}

/* Lets the least recently used go until the rest fits. */
static void Shrink(void)
{
    Size total = 0;
    dlist_mutable_iter i;

    dlist_foreach_modify(i, &entries)
    {
        CacheEntry *entry = dlist_container(CacheEntry, node, i.cur);
        Size size = CacheEntrySize(entry);

        if (total + size > CacheAllowed())
            Evict(entry);
        else
            total += size;
    }
}

/* The setting may have been lowered since the last call. */
static void FollowSetting(void)
{
    static int followed = -1;

    if (followed != recadv_cache_size)
        Shrink();
    followed = recadv_cache_size;
}

CacheEntry *CacheFind(Oid relid, const Current *current)
{
    dlist_mutable_iter i;

    EvictDropped();
    FollowSetting();
    dlist_foreach_modify(i, &entries)
    {
        CacheEntry *entry = dlist_container(CacheEntry, node, i.cur);

        if (entry->served.relid != relid)
            continue;
        if (memcmp(&entry->served.current, current, sizeof(*current)) == 0) {
            entry->hits++;
            dlist_move_head(&entries, &entry->node);
            return entry;
        }
        Evict(entry);
    }
    return NULL;
}

/* A child of the caller's context until it is kept: an error while it is loaded frees it. */
static CacheEntry *CreateEntry(void)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv model", ALLOCSET_SMALL_SIZES);
    CacheEntry *entry = MemoryContextAllocZero(context, sizeof(CacheEntry));

    entry->context = context;
    return entry;
}

CacheEntry *CacheLoad(Oid relid, const Current *current, ModelStore *store)
{
    CacheEntry *entry = CreateEntry();
    MemoryContext caller = MemoryContextSwitchTo(entry->context);

    entry->served.relid = relid;
    entry->served.current = *current;
    ServedLoad(&entry->served, store);
    entry->size = ItemSideLeast(&entry->served.header, &entry->served.model);
    MemoryContextSwitchTo(caller);
    return entry;
}

void CacheKeep(CacheEntry *entry)
{
    static bool registered = false;

    if (!registered) {
        CacheRegisterRelcacheCallback(MarkSuspect, (Datum)0);
        registered = true;
    }
    if (CacheEntrySize(entry) > CacheAllowed())
        return;
    if (!entry->kept) {
        MemoryContextSetParent(entry->context, CacheMemoryContext);
        entry->kept = true;
        dlist_push_head(&entries, &entry->node);
    }
    Shrink();
}

dlist_head *CacheEntries(void)
{
    EvictDropped();
    FollowSetting();
    return &entries;
}
