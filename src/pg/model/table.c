/*
 * table.c: opens a model's table after checks of its shape and of rights, and reads its blocks.
 *
 * Blocks are read by index scans below the executor: a serving function reads a few of them in
 * each call, and a query for each would cost more than the answer.
 */
#include "pg/model/table.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/model/catalog.h"

enum { COLUMN_VERSION = 1, COLUMN_PART, COLUMN_BLOCK, COLUMN_DATA };

static void FailNotAModel(Relation relation, const char *detail)
{
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE),
             errmsg("\"%s\" is not a model", RelationGetRelationName(relation)),
             errdetail("%s", detail),
             errhint("recadv_train() makes models; SELECT * FROM recadv_models lists them.")));
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
static void CheckColumns(Relation relation)
{
    static const Oid types[] = {INT4OID, TEXTOID, INT4OID, BYTEAOID};
    TupleDesc columns = RelationGetDescr(relation);

    if (columns->natts != lengthof(types))
        FailNotAModel(relation, "Its columns are not those of the type recadv_model.");
    for (int i = 0; i < columns->natts; i++) {
        Form_pg_attribute column = TupleDescAttr(columns, i);

        if (column->attisdropped || column->atttypid != types[i] ||
            (types[i] == TEXTOID && column->attcollation != C_COLLATION_OID))
            FailNotAModel(relation, "Its columns are not those of the type recadv_model.");
    }
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
            bytes = DatumGetByteaPCopy(data);
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

static void Open(Oid relid, LOCKMODE lock, ModelTable *table)
{
    Relation relation = try_relation_open(relid, lock);

    if (relation == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the model has been dropped")));
    if (relation->rd_rel->relkind != RELKIND_RELATION)
        FailNotAModel(relation, "It is not an ordinary table.");
    if (relation->rd_rel->reloftype != ModelType())
        FailNotAModel(relation, "It is not a table of the type recadv_model.");
    CheckColumns(relation);
    *table = (ModelTable){
        .store = {.name = RelationGetRelationName(relation), .fetch = Fetch},
        .relation = relation,
        .index = CheckKey(relation),
    };
}

/* Index scans make no checks, so those of the executor (rights, row-level security) are here. */
void ModelTableOpen(Oid relid, ModelTable *table)
{
    AclResult allowed = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);

    if (allowed != ACLCHECK_OK && get_rel_name(relid) != NULL)
        aclcheck_error(allowed, OBJECT_TABLE, get_rel_name(relid));
    Open(relid, AccessShareLock, table);
    if (check_enable_rls(relid, InvalidOid, false) == RLS_ENABLED)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("model \"%s\" has row-level security, which would apply to blocks",
                               table->store.name),
                        errhint("Use GRANT SELECT to say who may use a model.")));
}

void ModelTableOpenOwned(Oid relid, ModelTable *table)
{
    if (get_rel_name(relid) != NULL && !RelationOwnedBy(relid, GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
    Open(relid, RowExclusiveLock, table);
    ModelTableCheckPlain(table);
}

static void FailNotPlain(const ModelTable *table, const char *what)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("model \"%s\" has %s", table->store.name, what),
                    errhint("Drop them; a model's table is written by recadv alone.")));
}

/* The functions in them, another owner's perhaps, would run with the rights of whoever writes. */
void ModelTableCheckPlain(const ModelTable *table)
{
    const TupleConstr *constraints = RelationGetDescr(table->relation)->constr;

    if (table->relation->trigdesc != NULL || table->relation->rd_rules != NULL)
        FailNotPlain(table, "triggers or rules");
    if (constraints != NULL && constraints->num_check > 0)
        FailNotPlain(table, "check constraints");
    if (list_length(RelationGetIndexList(table->relation)) > 1)
        FailNotPlain(table, "indexes beside its primary key");
}

void ModelTableClose(ModelTable *table)
{
    if (table->on_close != NULL)
        table->on_close(table->closing);
    table_close(table->relation, NoLock);
}
