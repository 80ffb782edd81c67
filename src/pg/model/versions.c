/*
 * versions.c: keeps which version of a model serves, and which versions there are.
 *
 * The part "current" names the version that serves: replacing its only block switches all readers
 * at the commit.  Trainings, refreshes and recadv_rollback() do that.  The part "versions" lists
 * the versions, "unpromoted" those of them that have never served.  Anyone who may INSERT can write
 * rows that look like a version or a run; what counts is what these, "last_run", "trainings" and
 * "refreshes" say, which are there from the beginning.
 */
#include "pg/model/versions.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/model/header.h"
#include "pg/model/statement.h"
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

static List *NumbersNow(ModelTable *table, const char *part)
{
    List *numbers;

    PushActiveSnapshot(GetLatestSnapshot()); /* as LatestCurrent */
    ModelTableNumbers(table, part, &numbers);
    PopActiveSnapshot();
    return numbers;
}

List *ModelTableUnpromoted(ModelTable *table)
{
    return NumbersNow(table, PART_UNPROMOTED);
}

/* It serves now. */
static void NotePromoted(ModelTable *table, int32 version)
{
    List *unpromoted = ModelTableUnpromoted(table);

    if (list_member_int(unpromoted, version))
        ModelTableSetNumbers(RelationGetRelid(table->relation), PART_UNPROMOTED,
                             list_delete_int(unpromoted, version));
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
    NotePromoted(table, version);
}

bool ModelTableNumbers(ModelTable *table, const char *part, List **numbers)
{
    bytea *bytes = ModelTableFetch(table, 0, part, 0);
    DataBlock block;

    *numbers = NIL;
    if (bytes == NULL ||
        BlockParse(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, SealName(part, 0), 0, Crc32c,
                   &block) != NULL ||
        block.type != BLOCK_UINT || block.columns != 1)
        return false;
    for (uint32 i = 0; i < block.rows; i++) {
        uint32 value;

        memcpy(&value, block.payload + i * sizeof(value), sizeof(value));
        *numbers = lappend_int(*numbers, (int32)value);
    }
    return true;
}

void ModelTableSetNumbers(Oid relid, const char *part, const List *numbers)
{
    DataBlock block = {
        .type = BLOCK_UINT, .number = 0, .rows = (uint32)list_length(numbers), .columns = 1};
    bytea *bytes = BlockAllocate(&block);
    TableSink sink;

    for (uint32 i = 0; i < block.rows; i++) {
        uint32 value = (uint32)list_nth_int(numbers, (int)i);

        memcpy((char *)BlockData(bytes) + i * sizeof(value), &value, sizeof(value));
    }
    TableSinkOpen(relid, 0, &sink);
    SinkPut(&sink.sink, part, &block, bytes);
    TableSinkClose(&sink);
}

void ModelTableBegin(Oid relid)
{
    ModelTable table;

    ModelTableOpenOwned(relid, &table);
    ModelTableSetCurrent(&table, 0, 0);
    ModelTableSetNumbers(relid, PART_VERSIONS, NIL);
    ModelTableSetNumbers(relid, PART_UNPROMOTED, NIL);
    ModelTableSetNumbers(relid, PART_TRAININGS, NIL);
    ModelTableSetNumbers(relid, PART_REFRESHES, NIL);
    ModelTableSetNumbers(relid, PART_LAST_RUN, list_make1_int(0));
    ModelTableClose(&table);
}

/* Is the block sound, whatever it says? */
static bool IsSealed(ModelTable *table, int32 version, const char *part, int32 number)
{
    bytea *bytes = ModelTableFetch(table, version, part, (uint32)number);
    DataBlock block;
    bool sealed = bytes != NULL &&
                  BlockParse(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, SealName(part, version),
                             (uint32)number, Crc32c, &block) == NULL;

    if (bytes != NULL)
        pfree(bytes);
    return sealed;
}

/* Of a model that recadv 0.1.0 made: no list, so all that have a sound header. */
static List *SealedVersions(ModelTable *table)
{
    List *versions = NIL;
    MemoryContext caller = CurrentMemoryContext;

    StatementRun(table,
                 "SELECT version FROM ONLY %s WHERE version OPERATOR(pg_catalog.>) 0 "
                 "AND part OPERATOR(pg_catalog.=) '" PART_HEADER
                 "' AND block OPERATOR(pg_catalog.=) 0 "
                 "ORDER BY version USING OPERATOR(pg_catalog.>)",
                 0, NULL, NULL);
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool null;
        int32 version =
            DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null));
        MemoryContext spi = MemoryContextSwitchTo(caller);

        if (IsSealed(table, version, PART_HEADER, 0))
            versions = lappend_int(versions, version);
        MemoryContextSwitchTo(spi);
    }
    return versions;
}

static int CompareDescending(const ListCell *a, const ListCell *b)
{
    return lfirst_int(a) < lfirst_int(b) ? 1 : lfirst_int(a) > lfirst_int(b) ? -1 : 0;
}

List *ModelTableVersions(ModelTable *table)
{
    List *versions, *present = NIL;
    ListCell *cell;

    PushActiveSnapshot(GetLatestSnapshot()); /* as LatestCurrent */
    if (ModelTableNumbers(table, PART_VERSIONS, &versions)) {
        foreach (cell, versions) /* somebody may have deleted one by hand */
            if (ModelTableFetch(table, lfirst_int(cell), PART_HEADER, 0) != NULL)
                present = lappend_int(present, lfirst_int(cell));
    } else {
        present = SealedVersions(table);
    }
    PopActiveSnapshot();
    list_sort(present, CompareDescending);
    return present;
}

/* Above `last` and of which there is no row; after the greatest number there is comes the first. */
static int32 FreeNumber(ModelTable *table, int32 last, const char *part)
{
    for (int64 tried = 0; tried < PG_INT32_MAX; tried++) {
        last = last == PG_INT32_MAX ? 1 : last + 1;
        CHECK_FOR_INTERRUPTS();
        if (!ModelTableOccupied(table, part == NULL ? last : 0, part, last))
            return last;
    }
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("model \"%s\" has no number left for a %s", table->store.name,
                           part == NULL ? "version" : part)));
}

int32 ModelTableNextVersion(Oid relid)
{
    ModelTable table;
    List *versions;
    int32 version;

    ModelTableOpenOwned(relid, &table);
    versions = ModelTableVersions(&table);
    version = FreeNumber(&table, versions == NIL ? 0 : linitial_int(versions), NULL);
    ModelTableClose(&table);
    return version;
}

/* Of a model that recadv 0.1.0 made: no counter, so the highest number of a sound row. */
static int32 LastSealedRun(ModelTable *table)
{
    List *numbers = ModelTableBlocks(table, 0, PART_RUN);

    for (int i = list_length(numbers) - 1; i >= 0; i--)
        if (list_nth_int(numbers, i) > 0 && IsSealed(table, 0, PART_RUN, list_nth_int(numbers, i)))
            return list_nth_int(numbers, i);
    return 0;
}

int32 ModelTableLastRun(ModelTable *table)
{
    List *last;

    if (ModelTableNumbers(table, PART_LAST_RUN, &last) && list_length(last) == 1)
        return Max(linitial_int(last), 0);
    return LastSealedRun(table);
}

int32 ModelTableNextRun(ModelTable *table)
{
    int32 number;

    PushActiveSnapshot(GetLatestSnapshot());
    number = FreeNumber(table, ModelTableLastRun(table), PART_RUN);
    PopActiveSnapshot();
    ModelTableSetNumbers(RelationGetRelid(table->relation), PART_LAST_RUN, list_make1_int(number));
    return number;
}

/* Leaves `keep` versions: the one that serves, the one that served before it, then the newest. */
static List *KeptVersions(List *versions, int keep, Current current)
{
    List *kept = list_make1_int(current.version);
    ListCell *cell;

    if (--keep > 0 && list_member_int(versions, current.previous)) {
        kept = lappend_int(kept, current.previous);
        keep--;
    }
    foreach (cell, versions)
        if (keep > 0 && !list_member_int(kept, lfirst_int(cell))) {
            kept = lappend_int(kept, lfirst_int(cell));
            keep--;
        }
    return kept;
}

static void DeleteVersions(ModelTable *table, List *versions, const List *kept)
{
    Oid types[] = {INT4OID};
    ListCell *cell;

    foreach (cell, versions)
        if (!list_member_int(kept, lfirst_int(cell)))
            StatementRun(table, "DELETE FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) $1", 1,
                         types, (Datum[]){Int32GetDatum(lfirst_int(cell))});
}

/* Rows of versions that nobody has published: whoever may INSERT can write them. */
static void DeleteStrays(ModelTable *table, const List *kept)
{
    Oid types[] = {INT4ARRAYOID};
    Datum *numbers = PallocArray(Datum, (Size)list_length(kept) + 1);
    bool null;

    for (int i = 0; i < list_length(kept); i++)
        numbers[i] = Int32GetDatum(list_nth_int(kept, i));
    StatementRun(table,
                 "DELETE FROM ONLY %s WHERE version OPERATOR(pg_catalog.<>) 0 "
                 "AND version OPERATOR(pg_catalog.<>) ALL ($1) "
                 "RETURNING pg_catalog.format('part %%L, block %%s of version %%s', part, block, "
                 "version)",
                 1, types,
                 (Datum[]){PointerGetDatum(
                     construct_array(numbers, list_length(kept), INT4OID, 4, true, TYPALIGN_INT))});
    if (SPI_processed > 0)
        ereport(WARNING,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg_plural("%llu row of model \"%s\" belonged to no version and was deleted",
                               "%llu rows of model \"%s\" belonged to no version and were deleted",
                               (unsigned long)SPI_processed, (unsigned long long)SPI_processed,
                               table->store.name),
                 errdetail("The first is %s.",
                           TextDatumGetCString(SPI_getbinval(SPI_tuptable->vals[0],
                                                             SPI_tuptable->tupdesc, 1, &null)))));
}

/* `beside`: a version that is kept whatever `keep` says, and has not served; 0: none. */
static void Prune(ModelTable *table, int keep, Current current, int32 beside)
{
    Oid relid = RelationGetRelid(table->relation);
    List *versions = ModelTableVersions(table), *unpromoted = ModelTableUnpromoted(table);
    List *kept = KeptVersions(versions, keep, current);

    if (beside > 0) {
        kept = list_append_unique_int(kept, beside);
        unpromoted = list_append_unique_int(unpromoted, beside);
    }
    DeleteVersions(table, versions, kept);
    DeleteStrays(table, kept);
    ModelTableSetNumbers(relid, PART_VERSIONS, kept);
    ModelTableSetNumbers(relid, PART_UNPROMOTED, list_intersection_int(unpromoted, kept));
}

void ModelTablePublish(Oid relid, int32 version, int keep)
{
    Current current = {.version = version};
    ModelTable table;

    ModelTableOpenOwned(relid, &table);
    current.previous = LatestCurrent(&table).version;
    ModelTableSetCurrent(&table, version, current.previous);
    Prune(&table, keep, current, 0);
    ModelTableClose(&table);
}

void ModelTableKeep(Oid relid, int32 version, int keep)
{
    ModelTable table;

    ModelTableOpenOwned(relid, &table);
    Prune(&table, keep, LatestCurrent(&table), version);
    ModelTableClose(&table);
}
