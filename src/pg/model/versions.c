/*
 * versions.c: keeps which version of a model serves, and which versions there are.
 *
 * The part "current" names the version that serves: replacing its only block switches all readers
 * at the commit.  Trainings, refreshes and recadv_rollback() do that.
 */
#include "pg/model/versions.h"

#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/model/catalog.h"
#include "pg/model/header.h"
#include "pg/model/table_sink.h"

const char *ModelTableTryCurrent(ModelTable *table, Current *current)
{
    bytea *bytes = ModelTableFetch(table, 0, PART_CURRENT, 0);
    const char *problem;
    DataBlock block;

    memset(current, 0, sizeof(*current));
    if (bytes == NULL)
        return NULL;
    problem = BlockParse(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, SealName(PART_CURRENT, 0), 0,
                         Crc32c, &block);
    if (problem == NULL && (block.type != BLOCK_UINT || block.size != sizeof(Current)))
        problem = "its dimensions are not the expected ones";
    if (problem == NULL)
        memcpy(current, block.payload, sizeof(*current));
    pfree(bytes);
    return problem;
}

Current ModelTableCurrent(ModelTable *table, bool missing_ok)
{
    ModelStore whole = table->store;
    Current current;
    const char *problem = ModelTableTryCurrent(table, &current);

    whole.version = 0;
    if (problem != NULL)
        StoreRefuse(&whole, PART_CURRENT, 0, problem);
    if (current.version == 0 && !missing_ok)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("model \"%s\" has not been trained yet", table->store.name),
                        errhint("Call recadv_train() or wait until its first run ends.")));
    return current;
}

/*
 * What is committed now.  The statement's snapshot may be older than the lock that keeps runs
 * apart, and then shows the version before the last run's.
 */
static Current LatestCurrent(ModelTable *table)
{
    Current current;

    PushActiveSnapshot(GetLatestSnapshot());
    if (ModelTableTryCurrent(table, &current) != NULL) /* a damaged row is about to be replaced */
        memset(&current, 0, sizeof(current));
    PopActiveSnapshot();
    return current;
}

void ModelTableSetCurrent(ModelTable *table, int32 version, int32 previous)
{
    DataBlock block = {
        .type = BLOCK_UINT, .number = 0, .rows = 1, .columns = sizeof(Current) / sizeof(uint32)};
    bytea *bytes = BlockAllocate(&block);
    Current current = {
        .version = version, .previous = previous, .changes = LatestCurrent(table).changes + 1};
    TableSink sink;

    if (!pg_strong_random(current.stamp, sizeof(current.stamp)))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes")));
    memcpy(BlockData(bytes), &current, sizeof(current));
    TableSinkOpen(RelationGetRelid(table->relation), 0, &sink);
    SinkPut(&sink.sink, PART_CURRENT, &block, bytes);
    TableSinkClose(&sink);
}

List *ModelTableVersions(Oid relid)
{
    List *versions = NIL;
    MemoryContext caller = CurrentMemoryContext;

    SPI_execute(psprintf("SELECT version FROM %s WHERE version OPERATOR(pg_catalog.>) 0 "
                         "AND part OPERATOR(pg_catalog.=) '" PART_HEADER
                         "' AND block OPERATOR(pg_catalog.=) 0 "
                         "ORDER BY version USING OPERATOR(pg_catalog.>)",
                         RelationName(relid)),
                false, 0);
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool null;
        Datum version = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null);
        MemoryContext spi = MemoryContextSwitchTo(caller);

        versions = lappend_int(versions, DatumGetInt32(version));
        MemoryContextSwitchTo(spi);
    }
    return versions;
}

static void DeleteVersion(Oid relid, int32 version)
{
    SPI_execute(psprintf("DELETE FROM %s WHERE version OPERATOR(pg_catalog.=) %d",
                         RelationName(relid), version),
                false, 0);
}

/* Leaves `keep` versions: the one that serves, the one that served before it, then the newest. */
static void Prune(Oid relid, int keep, Current current)
{
    List *versions = ModelTableVersions(relid);
    ListCell *cell;

    keep -= list_member_int(versions, current.version);
    if (keep > 0)
        keep -= list_member_int(versions, current.previous);
    else
        current.previous = 0;
    foreach (cell, versions) {
        int32 version = lfirst_int(cell);

        if (version == current.version || version == current.previous)
            continue;
        if (keep-- > 0)
            continue;
        DeleteVersion(relid, version);
    }
}

int32 ModelTableNextVersion(Oid relid)
{
    List *versions = ModelTableVersions(relid);

    if (versions != NIL && linitial_int(versions) == PG_INT32_MAX)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("model \"%s\" has no version number left", get_rel_name(relid)),
                        errhint("Delete the rows of the versions that recadv did not write.")));
    return versions == NIL ? 1 : linitial_int(versions) + 1;
}

void ModelTablePublish(Oid relid, int32 version, int keep)
{
    Current current = {.version = version};
    ModelTable table;

    ModelTableOpenOwned(relid, &table);
    current.previous = LatestCurrent(&table).version;
    ModelTableSetCurrent(&table, version, current.previous);
    Prune(relid, keep, current);
    ModelTableClose(&table);
}
