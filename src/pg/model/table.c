/* table.c: finding, checking, reading and writing model tables. */
#include "pg/model/table.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/base/settings.h"

enum { COLUMN_VERSION = 1, COLUMN_PART, COLUMN_BLOCK, COLUMN_DATA };

/* The type recadv_model, remembered until a type changes. */
static Oid model_type = InvalidOid;

/* The only model the user may read, remembered until a catalog change. */
static struct {
    bool valid;
    bool registered;
    Oid user;
    Oid relid;
} only_model;

static Oid ExtensionSchema(void)
{
    Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan;
    HeapTuple tuple;
    Oid schema = InvalidOid;

    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                CStringGetDatum("recadv"));
    scan = systable_beginscan(catalog, ExtensionNameIndexId, true, NULL, 1, &key);
    tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple))
        schema = ((Form_pg_extension)GETSTRUCT(tuple))->extnamespace;
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return schema;
}

static void ForgetModelType(Datum arg, int cache, uint32 hash)
{
    (void)arg, (void)cache, (void)hash;
    model_type = InvalidOid;
}

static Oid ModelType(void)
{
    static bool registered = false;

    if (!registered) {
        CacheRegisterSyscacheCallback(TYPEOID, ForgetModelType, (Datum)0);
        registered = true;
    }
    if (!OidIsValid(model_type))
        model_type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("recadv_model"),
                                     ObjectIdGetDatum(ExtensionSchema()));
    return model_type;
}

char *RelationName(Oid relid)
{
    if (get_rel_name(relid) == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the model has been dropped")));
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
                                      get_rel_name(relid));
}

Oid ModelLookup(const char *name)
{
    return RangeVarGetRelid(ParseRelationName(name), NoLock, true);
}

/* OIDs of all model tables that the caller may read. */
static List *ReadableTables(void)
{
    Relation catalog = table_open(RelationRelationId, AccessShareLock);
    Oid type = ModelType();
    SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
    HeapTuple tuple;
    List *found = NIL;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Form_pg_class class = (Form_pg_class)GETSTRUCT(tuple);

        if (class->reloftype == type && class->relkind == RELKIND_RELATION && OidIsValid(type) &&
            pg_class_aclcheck(class->oid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
            SchemaUsable(class->relnamespace, GetUserId()))
            found = lappend_oid(found, class->oid);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    list_sort(found, list_oid_cmp); /* the catalog has no order */
    return found;
}

static void ForgetOnlyModel(Datum arg, int cache, uint32 hash)
{
    (void)arg, (void)cache, (void)hash;
    only_model.valid = false;
}

static void FailAmbiguous(List *models)
{
    StringInfoData names;
    ListCell *cell;

    if (models == NIL)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no model that you may read"),
                 errhint("Train one with recadv_train().")));
    initStringInfo(&names);
    foreach (cell, models)
        appendStringInfo(&names, "%s%s", names.len == 0 ? "" : ", ",
                         RelationName(lfirst_oid(cell)));
    ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_PARAMETER),
                    errmsg("there are %d models: name one", list_length(models)),
                    errdetail("Models: %s.", names.data),
                    errhint("Use model => '...', or SET recadv.model.")));
}

static List *TrainedOf(List *models);

static Oid OnlyModel(void)
{
    List *models;

    if (!only_model.registered) {
        CacheRegisterSyscacheCallback(RELOID, ForgetOnlyModel, (Datum)0);
        CacheRegisterSyscacheCallback(NAMESPACEOID, ForgetOnlyModel, (Datum)0);
        CacheRegisterSyscacheCallback(AUTHOID, ForgetOnlyModel, (Datum)0);
        CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, ForgetOnlyModel, (Datum)0);
        only_model.registered = true;
    }
    if (only_model.valid && only_model.user == GetUserId())
        return only_model.relid;
    models = ReadableTables();
    if (list_length(models) > 1) {
        models = TrainedOf(models);
        if (list_length(models) == 1) /* until another one is trained: not remembered */
            return linitial_oid(models);
    }
    if (list_length(models) != 1)
        FailAmbiguous(models);
    only_model.user = GetUserId();
    only_model.relid = linitial_oid(models);
    only_model.valid = true;
    return only_model.relid;
}

Oid ModelResolve(text *name)
{
    const char *wanted = name == NULL ? recadv_model_setting : text_to_cstring(name);
    Oid relid;

    if (wanted == NULL || wanted[0] == '\0') {
        if (name == NULL)
            return OnlyModel();
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the model's name is empty")));
    }
    relid = ModelLookup(wanted);
    if (!OidIsValid(relid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("model \"%s\" does not exist", wanted),
                 errhint("SELECT * FROM recadv_models lists the models.")));
    return relid;
}

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

static bytea *Fetch(ModelStore *store, const char *part, uint32 number);

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

/* Blocks are read below the executor, so its checks are made here. */
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

/* Their functions would run with the rights of whoever writes. */
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

static bytea *FetchRow(ModelTable *table, int32 version, const char *part, uint32 number)
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

static bytea *Fetch(ModelStore *store, const char *part, uint32 number)
{
    CHECK_FOR_INTERRUPTS();
    return FetchRow((ModelTable *)store, store->version, part, number);
}

/* NULL and *current (zeros if there is no row), or what is wrong with the row. */
static const char *TryCurrent(ModelTable *table, Current *current)
{
    bytea *bytes = FetchRow(table, 0, PART_CURRENT, 0);
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
    const char *problem = TryCurrent(table, &current);

    whole.version = 0;
    if (problem != NULL)
        StoreDamaged(&whole, PART_CURRENT, 0, problem);
    if (current.version == 0 && !missing_ok)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("model \"%s\" has not been trained yet", table->store.name),
                        errhint("Call recadv_train() or wait until its first run ends.")));
    return current;
}

/* Those that have a version: a first run that failed leaves a table without one. */
static List *TrainedOf(List *models)
{
    List *trained = NIL;
    ListCell *cell;

    foreach (cell, models) {
        ModelTable table;
        Current current;

        ModelTableOpen(lfirst_oid(cell), &table);
        if (TryCurrent(&table, &current) != NULL || current.version > 0)
            trained = lappend_oid(trained, lfirst_oid(cell));
        ModelTableClose(&table);
    }
    return trained == NIL ? models : trained;
}

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
    /* Blocks hold noise: compressing them would cost and gain nothing. */
    SPI_execute(psprintf("ALTER TABLE %s ALTER COLUMN data SET STORAGE EXTERNAL", table), false, 0);
    CommandCounterIncrement();
    return get_relname_relid(wanted->relname, schema);
}

static void Put(ModelSink *sink, const char *part, uint32 number, bytea *bytes)
{
    TableSink *table = (TableSink *)sink;
    MemoryContext caller = MemoryContextSwitchTo(table->scratch);
    Datum values[] = {Int32GetDatum(sink->version), CStringGetTextDatum(part),
                      Int32GetDatum((int32)number), PointerGetDatum(bytes)};

    SPI_execute_plan(table->plan, values, NULL, false, 0);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(table->scratch);
    CHECK_FOR_INTERRUPTS();
}

void TableSinkOpen(Oid relid, int32 version, TableSink *sink)
{
    Oid types[] = {INT4OID, TEXTOID, INT4OID, BYTEAOID};
    char *query = psprintf("INSERT INTO %s (version, part, block, data) VALUES ($1, $2, $3, $4) "
                           "ON CONFLICT (version, part, block) DO UPDATE SET data = EXCLUDED.data",
                           RelationName(relid));

    sink->sink.put = Put;
    sink->sink.version = version;
    sink->plan = SPI_prepare(query, 4, types);
    sink->scratch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv block", ALLOCSET_DEFAULT_SIZES);
}

void TableSinkClose(TableSink *sink)
{
    SPI_freeplan(sink->plan);
    MemoryContextDelete(sink->scratch);
}

/* Not by the statement's snapshot: it may be older than the lock that keeps runs apart. */
static Current LatestCurrent(ModelTable *table)
{
    Current current;

    PushActiveSnapshot(GetLatestSnapshot());
    if (TryCurrent(table, &current) != NULL) /* a damaged row is about to be replaced */
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
