/* cache.c: recadv_cache_entries(): what this session and all sessions keep. */
#include "pg/base/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "pg/serve/session_cache.h"
#include "pg/serve/shared_cache.h"
#include "pg/base/rowset.h"

/* Nobody learns of models that he may not read; a table may be dropped by another session. */
static bool MayRead(Oid relid)
{
    bool missing = false;

    return pg_class_aclcheck_ext(relid, GetUserId(), ACL_SELECT, &missing) == ACLCHECK_OK &&
           !missing;
}

static void PutEntry(RowSet *rows, Oid relid, int32 version, const char *location, bool items,
                     Size bytes, uint64 hits)
{
    if (MayRead(relid))
        RowSetAdd(rows,
                  (Datum[]){ObjectIdGetDatum(relid), Int32GetDatum(version),
                            CStringGetTextDatum(location), BoolGetDatum(items),
                            Int64GetDatum((int64)bytes), Int64GetDatum((int64)hits)},
                  NULL);
}

PG_FUNCTION_INFO_V1(recadv_cache_entries);

Datum recadv_cache_entries(PG_FUNCTION_ARGS)
{
    SharedEntry *shared;
    int count = SharedEntries(&shared);
    dlist_iter i;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    dlist_foreach(i, CacheEntries())
    {
        CacheEntry *entry = dlist_container(CacheEntry, node, i.cur);

        PutEntry(&rows, entry->served.relid, entry->served.current.version, "backend",
                 entry->private, CacheEntrySize(entry), entry->hits);
    }
    for (int s = 0; s < count; s++)
        PutEntry(&rows, shared[s].relid, shared[s].version, "shared", true, shared[s].size,
                 shared[s].hits);
    return (Datum)0;
}
