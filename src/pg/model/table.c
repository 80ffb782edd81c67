/*
 * table.c: opens a model's table after checks of its shape and of rights, and reads its blocks.
 *
 * Blocks are read by index scans below the executor: a serving function reads a few of them in
 * each call, and a query for each would cost more than the answer.
 */
#include "pg/model/table.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/model/catalog.h"
#include "pg/model/citus.h"

enum { COLUMN_VERSION = 1, COLUMN_PART, COLUMN_BLOCK, COLUMN_DATA };

static void __attribute__((noreturn))
FailNotAModelBut(Relation relation, const char *detail, const char *hint)
{
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("\"%s\" is not a model", RelationGetRelationName(relation)),
                    errdetail("%s", detail), errhint("%s", hint)));
}

static void FailNotAModel(Relation relation, const char *detail)
{
    FailNotAModelBut(relation, detail,
                     "recadv_train() makes models; SELECT * FROM recadv_models lists them.");
}

/* The lookups rely on the primary key of (version, part, block). */
static Oid CheckKey(Relation relation)
{
    Oid index = PrimaryKeyOf(relation);
    HeapTuple tuple;
    bool sound;

    if (!OidIsValid(index))
        FailNotAModel(relation, "It has no primary key.");
    tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for index %u", index);
    sound = ((Form_pg_index)GETSTRUCT(tuple))->indnkeyatts == 3;
    for (int i = 0; sound && i < 3; i++)
        sound = ((Form_pg_index)GETSTRUCT(tuple))->indkey.values[i] == COLUMN_VERSION + i;
    ReleaseSysCache(tuple);
    if (!sound)
        FailNotAModel(relation, "Its primary key is not (version, part, block).");
    return index;
}

/*
 * Columns are read by position: ALTER TABLE ... OF accepts tables whose physical columns differ
 * from the type's, such as after a DROP COLUMN.
 */
static bool HasColumns(Relation relation)
{
    static const Oid types[] = {INT4OID, TEXTOID, INT4OID, BYTEAOID};
    TupleDesc columns = RelationGetDescr(relation);

    if (columns->natts != lengthof(types))
        return false;
    for (int i = 0; i < columns->natts; i++) {
        Form_pg_attribute column = TupleDescAttr(columns, i);

        if (column->attisdropped || column->attgenerated != '\0' || column->atttypid != types[i] ||
            (types[i] == TEXTOID && column->attcollation != C_COLLATION_OID))
            return false;
    }
    return true;
}

static char *ModelTypeName(void)
{
    return format_type_be_qualified(ModelType());
}

/* Whatever copies the columns of a model alone, such as CREATE TABLE AS, loses the mark. */
static void CheckType(Relation relation)
{
    static const char *detail = "It is not a table of the type recadv_model.";

    if (relation->rd_rel->reloftype != ModelType()) {
        if (!OidIsValid(ModelType()) || !HasColumns(relation))
            FailNotAModel(relation, detail);
        FailNotAModelBut(
            relation, detail,
            psprintf("If it has the rows of a model, ALTER TABLE %s OF %s makes it one.",
                     RelationName(RelationGetRelid(relation)), ModelTypeName()));
    }
    if (!HasColumns(relation))
        FailNotAModel(relation, "Its columns are not those of the type recadv_model.");
}

/* No bytes, which are no block, in place of a row that is too large. */
static bytea *Unfold(int32 version, Datum data)
{
    bytea *empty;

    if (version != 0 || toast_raw_datum_size(data) <= MAX_SHARED_ROW)
        return DatumGetByteaPCopy(data);
    empty = palloc(VARHDRSZ);
    SET_VARSIZE(empty, VARHDRSZ);
    return empty;
}

bytea *ModelTableFetch(ModelTable *table, int32 version, const char *part, uint32 number)
{
    ScanKeyData key[3];
    SysScanDesc scan;
    HeapTuple tuple;
    bytea *bytes = NULL;

    ScanKeyInit(&key[0], COLUMN_VERSION, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(version));
    ScanKeyInit(&key[1], COLUMN_PART, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(part));
    ScanKeyInit(&key[2], COLUMN_BLOCK, BTEqualStrategyNumber, F_INT4EQ,
                Int32GetDatum((int32)number));
    scan = systable_beginscan(table->relation, table->index, true, GetActiveSnapshot(), 3, key);
    tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        bool null;
        Datum data = heap_getattr(tuple, COLUMN_DATA, RelationGetDescr(table->relation), &null);

        if (!null)
            bytes = Unfold(version, data);
    }
    systable_endscan(scan);
    return bytes;
}

static bytea *Fetch(ModelStore *store, const char *part, uint32 number)
{
    CHECK_FOR_INTERRUPTS();
    return ModelTableFetch((ModelTable *)store, store->version, part, number);
}

List *ModelTableBlocks(ModelTable *table, int32 version, const char *part)
{
    ScanKeyData key[2];
    SysScanDesc scan;
    HeapTuple tuple;
    List *numbers = NIL;

    ScanKeyInit(&key[0], COLUMN_VERSION, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(version));
    ScanKeyInit(&key[1], COLUMN_PART, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(part));
    scan = systable_beginscan(table->relation, table->index, true, GetActiveSnapshot(), 2, key);
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool null;
        Datum number = heap_getattr(tuple, COLUMN_BLOCK, RelationGetDescr(table->relation), &null);

        numbers = lappend_int(numbers, DatumGetInt32(number));
    }
    systable_endscan(scan);
    list_sort(numbers, list_int_cmp);
    return numbers;
}

bool ModelTableOccupied(ModelTable *table, int32 version, const char *part, int32 number)
{
    ScanKeyData key[3];
    SnapshotData dirty;
    SysScanDesc scan;
    bool occupied;

    InitDirtySnapshot(dirty);
    ScanKeyInit(&key[0], COLUMN_VERSION, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(version));
    if (part != NULL) {
        ScanKeyInit(&key[1], COLUMN_PART, BTEqualStrategyNumber, F_TEXTEQ,
                    CStringGetTextDatum(part));
        ScanKeyInit(&key[2], COLUMN_BLOCK, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(number));
    }
    scan =
        systable_beginscan(table->relation, table->index, true, &dirty, part == NULL ? 1 : 3, key);
    occupied = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    return occupied;
}

LOCKMODE ModelLock(ModelUse use)
{
    return use == MODEL_READ ? AccessShareLock : RowExclusiveLock;
}

void ModelCheckRights(Oid relid, ModelUse use)
{
    AclMode needed = use == MODEL_OBSERVE ? ACL_SELECT | ACL_INSERT : ACL_SELECT;
    AclResult allowed = ACLCHECK_OK;

    if (use != MODEL_OWN)
        allowed = pg_class_aclmask(relid, GetUserId(), needed, ACLMASK_ALL) == needed
                      ? ACLCHECK_OK
                      : ACLCHECK_NO_PRIV;
    else if (!RelationOwnedBy(relid, GetUserId()))
        allowed = ACLCHECK_NOT_OWNER;
    if (allowed != ACLCHECK_OK)
        aclcheck_error(allowed, OBJECT_TABLE, get_rel_name(relid));
}

static void __attribute__((noreturn))
FailNotPlain(const ModelTable *table, const char *what, const char *hint)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("model \"%s\" has %s", table->store.name, what),
                    errdetail("A model's table is written by recadv alone."), errhint("%s", hint)));
}

/* Those for TRUNCATE never fire: recadv does not truncate, but distributed engines have them. */
static void CheckNoTriggers(const ModelTable *table)
{
    const TriggerDesc *triggers = table->relation->trigdesc;

    for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++) {
        const Trigger *trigger = &triggers->triggers[i];

        if (!TRIGGER_FOR_INSERT(trigger->tgtype) && !TRIGGER_FOR_UPDATE(trigger->tgtype) &&
            !TRIGGER_FOR_DELETE(trigger->tgtype))
            continue;
        FailNotPlain(table, "triggers or rules",
                     trigger->tgisinternal
                         ? "Drop the constraint, such as a foreign key to it, that made them."
                         : psprintf("DROP TRIGGER %s ON %s.", quote_identifier(trigger->tgname),
                                    RelationName(RelationGetRelid(table->relation))));
    }
}

/*
 * Functions in them, another owner's perhaps, would run in the statements that write.  Who may make
 * them waits for the lock that is held here, but for two: an index that is built concurrently is
 * not used before the transactions that hold the lock have ended, and a child table is passed over,
 * since all statements say ONLY.
 */
static void CheckRunsNoCode(const ModelTable *table)
{
    const TupleConstr *constraints = RelationGetDescr(table->relation)->constr;

    CheckNoTriggers(table);
    if (table->relation->rd_rules != NULL)
        FailNotPlain(table, "triggers or rules", "Drop them.");
    if (constraints != NULL && constraints->num_check > 0)
        FailNotPlain(table, "check constraints", "Drop them.");
    if (list_length(RelationGetIndexList(table->relation)) > 1)
        FailNotPlain(table, "indexes beside its primary key", "Drop them.");
    if (table->relation->rd_rel->relrowsecurity && table->relation->rd_rel->relforcerowsecurity)
        FailNotPlain(table, "row-level security that is forced",
                     "Use GRANT SELECT to say who may use a model.");
}

/*
 * What logical replication brings is the publisher's to write: rows of this server's would be in
 * the way of those that come, and the subscription would stop at the first of them.
 */
static void CheckNotSubscribed(const ModelTable *table)
{
    CatCList *subscriptions = SearchSysCacheList1(
        SUBSCRIPTIONRELMAP, ObjectIdGetDatum(RelationGetRelid(table->relation)));
    int count = subscriptions->n_members;

    ReleaseSysCacheList(subscriptions);
    if (count > 0)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("model \"%s\" comes by a subscription and is not written here",
                        table->store.name),
                 errhint("Call this on the publisher; or DROP SUBSCRIPTION, and the model is this "
                         "server's own.")));
}

/* As the executor does, which index scans do without: such a table has no rows on a standby. */
static void CheckHasRows(Relation relation)
{
    if (RecoveryInProgress() && relation->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("model \"%s\" is unlogged, so a standby has none of it",
                               RelationGetRelationName(relation)),
                        errhint("Ask the primary, or ALTER TABLE ... SET LOGGED there.")));
}

/* Before the type: Citus makes shells of the table on its other nodes, which have none. */
static void CheckNotOfCitus(Relation relation)
{
    char *name;

    if (!IsCitusTable(RelationGetRelid(relation)))
        return;
    name = RelationName(RelationGetRelid(relation));
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("\"%s\" is a table of Citus, which no model can be",
                    RelationGetRelationName(relation)),
             errdetail("Citus keeps its rows in shards, which are copies and no models."),
             errhint("SELECT undistribute_table(%s), then ALTER TABLE %s OF %s makes it a model "
                     "again; recadv_publish() and recadv_subscribe() bring it to other nodes.",
                     quote_literal_cstr(name), name, ModelTypeName())));
}

/* Statements run with the owner's rights, which an owner can be without. */
static void CheckOwnerWrites(const ModelTable *table, ModelUse use)
{
    Oid relid = RelationGetRelid(table->relation), owner = table->relation->rd_rel->relowner;
    AclMode needed = ACL_SELECT | ACL_INSERT | (use == MODEL_OWN ? ACL_UPDATE | ACL_DELETE : 0);

    if (pg_class_aclmask(relid, owner, needed, ACLMASK_ALL) != needed)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("the owner of model \"%s\" may not write it", table->store.name),
                        errhint("GRANT ALL ON %s TO %s.", RelationName(relid),
                                quote_identifier(GetUserNameFromId(owner, false)))));
}

static void CheckNoRowSecurity(const ModelTable *table)
{
    if (check_enable_rls(RelationGetRelid(table->relation), InvalidOid, false) == RLS_ENABLED)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("model \"%s\" has row-level security, which would apply to blocks",
                               table->store.name),
                        errhint("Use GRANT SELECT to say who may use a model.")));
}

static ModelTable TableOf(Relation relation)
{
    return (ModelTable){
        .store = {.name = RelationGetRelationName(relation), .fetch = Fetch},
        .relation = relation,
        .index = CheckKey(relation),
    };
}

/* All that is known of a table, under the lock that the caller holds. */
static void Check(Relation relation, ModelUse use, ModelTable *table)
{
    ModelCheckRights(RelationGetRelid(relation), use);
    if (relation->rd_rel->relkind != RELKIND_RELATION)
        FailNotAModel(relation, "It is not an ordinary table.");
    CheckNotOfCitus(relation);
    CheckType(relation);
    CheckHasRows(relation);
    *table = TableOf(relation);
    if (use != MODEL_READ) {
        CheckRunsNoCode(table);
        CheckNotSubscribed(table);
        CheckOwnerWrites(table, use);
    }
    if (use != MODEL_OWN) /* index scans make no checks, so this one of the executor is here */
        CheckNoRowSecurity(table);
}

/* Rights are looked at before the lock, too: who has none must neither wait nor be waited for. */
void ModelTableOpenFor(Oid relid, ModelUse use, ModelTable *table)
{
    Relation relation;

    if (get_rel_name(relid) != NULL)
        ModelCheckRights(relid, use);
    relation = try_relation_open(relid, ModelLock(use));
    if (relation == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the model has been dropped")));
    Check(relation, use, table);
}

void ModelTableReopen(Oid relid, ModelTable *table)
{
    *table = TableOf(table_open(relid, NoLock));
}

void ModelTableOpen(Oid relid, ModelTable *table)
{
    ModelTableOpenFor(relid, MODEL_READ, table);
}

void ModelTableOpenOwned(Oid relid, ModelTable *table)
{
    ModelTableOpenFor(relid, MODEL_OWN, table);
}

bool ModelTableTryOpen(Oid relid, ModelTable *table)
{
    Relation relation;

    if (get_rel_name(relid) != NULL)
        ModelCheckRights(relid, MODEL_READ);
    if (!ConditionalLockRelationOid(relid, AccessShareLock))
        return false;
    relation = try_relation_open(relid, NoLock);
    if (relation == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the model has been dropped")));
    Check(relation, MODEL_READ, table);
    if (ConditionalLockRelationOid(table->index, AccessShareLock)) {
        UnlockRelationOid(table->index, AccessShareLock); /* nobody reindexes: a scan locks it */
        return true;
    }
    ModelTableRelease(table);
    return false;
}

void ModelTableClose(ModelTable *table)
{
    if (table->on_close != NULL)
        table->on_close(table->closing);
    table_close(table->relation, NoLock);
}

void ModelTableRelease(ModelTable *table)
{
    Oid relid = RelationGetRelid(table->relation);

    ModelTableClose(table);
    UnlockRelationOid(relid, AccessShareLock);
}
