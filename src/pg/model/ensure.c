/*
 * ensure.c: the table of a model, created by the first training under its name.
 *
 * Two sessions may train a new name at once: the second must neither wait for the first nor fail
 * for a name that is taken.
 */
#include "pg/model/ensure.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/model/catalog.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"

Oid ModelTableCreate(const char *name)
{
    RangeVar *wanted = ParseRelationName(name);
    Oid schema = RangeVarGetCreationNamespace(wanted);
    char *table = quote_qualified_identifier(get_namespace_name(schema), wanted->relname);
    char *type = quote_qualified_identifier(get_namespace_name(ExtensionSchema()), "recadv_model");

    SPI_execute(psprintf("CREATE TABLE %s OF %s (data WITH OPTIONS NOT NULL, "
                         "PRIMARY KEY (version, part, block))",
                         table, type),
                false, 0);
    /* Vectors of floats hardly compress, so trying to would only cost time. */
    SPI_execute(psprintf("ALTER TABLE %s ALTER COLUMN data SET STORAGE EXTERNAL", table), false, 0);
    CommandCounterIncrement();
    return get_relname_relid(wanted->relname, schema);
}

static Oid Create(const char *name)
{
    Oid relid = ModelTableCreate(name);

    ModelTableBegin(relid);
    return relid;
}

/*
 * Locks a name under which there is no table yet, so no OID to lock: a hash of the name stands for
 * it.  False if another session holds it; a collision of hashes does no harm but that.
 */
static bool NameLock(Oid schema, const char *name)
{
    uint16 hash = (uint16)hash_bytes((const unsigned char *)name, (int)strlen(name));
    LOCKTAG tag;

    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, NamespaceRelationId, schema, hash);
    return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* The table, if there is one of the name: a model that the caller owns. */
static Oid Find(const char *name)
{
    Oid relid = ModelLookupFor(name, MODEL_OWN);
    ModelTable table;

    if (OidIsValid(relid)) {
        ModelTableOpenOwned(relid, &table);
        ModelTableClose(&table);
    }
    return relid;
}

Oid ModelTableEnsure(const char *name)
{
    Oid relid = Find(name);
    RangeVar *wanted;

    if (OidIsValid(relid))
        return relid;
    wanted = ParseRelationName(name);
    if (!NameLock(RangeVarGetCreationNamespace(wanted), wanted->relname))
        return InvalidOid;
    relid = Find(name); /* its creator may have committed since */
    return OidIsValid(relid) ? relid : Create(name);
}
