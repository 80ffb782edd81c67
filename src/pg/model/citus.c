/*
 * citus.c: tables that Citus has taken over, which no model can be.
 *
 * A distributed or reference table of Citus has its rows in shards, which are other tables.  Blocks
 * are read below the executor, where Citus is not asked: the model would go on serving what it was
 * when Citus took it, whatever happens to the shards.  Citus is an extension that may be there or
 * not, so that its catalog is found by its name, in pg_catalog, where nobody else can make one.
 */
#include "pg/model/citus.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

/* How many models a session uses in turn without looking their tables up again. */
#define MAX_LOCAL 16

/* Tables that are this server's own; a change to one, as Citus makes it, takes it out. */
static Oid local[MAX_LOCAL];
static int next_local = 0;

static void ForgetLocal(Datum arg, Oid relid)
{
    (void)arg;
    for (int i = 0; i < MAX_LOCAL; i++)
        if (local[i] == relid || !OidIsValid(relid))
            local[i] = InvalidOid;
}

static bool IsLocal(Oid relid)
{
    for (int i = 0; i < MAX_LOCAL; i++)
        if (local[i] == relid)
            return true;
    return false;
}

static void RememberLocal(Oid relid)
{
    static bool registered = false;

    if (!registered) {
        CacheRegisterRelcacheCallback(ForgetLocal, (Datum)0);
        registered = true;
    }
    local[next_local] = relid;
    next_local = (next_local + 1) % MAX_LOCAL;
}

/* Does Citus list the table?  A few rows, which are read once a session. */
static bool IsListed(Oid catalog, AttrNumber column, Oid relid)
{
    Relation listed = table_open(catalog, AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan;
    bool found;

    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    scan = systable_beginscan(listed, InvalidOid, false, NULL, 1, &key);
    found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(listed, AccessShareLock);
    return found;
}

/* Without Citus it is one look into a cache of PostgreSQL's. */
bool IsCitusTable(Oid relid)
{
    Oid catalog = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
    AttrNumber column;

    if (!OidIsValid(catalog) || IsLocal(relid))
        return false;
    column = get_attnum(catalog, "logicalrelid");
    if (column == InvalidAttrNumber || get_atttype(catalog, column) != REGCLASSOID)
        return false;
    if (IsListed(catalog, column, relid))
        return true;
    RememberLocal(relid);
    return false;
}
