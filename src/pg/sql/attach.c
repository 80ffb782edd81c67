/* attach.c: recadv_attach() and recadv_detach(): a trigger that observes every INSERT. */
#include "pg/base/compat.h"

#include "access/relation.h"
#include "catalog/objectaddress.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/base/times.h"
#include "pg/sql/trigger.h"
#include "pg/stream/observer.h"
#include "pg/model/catalog.h"
#include "pg/model/resolve.h"
#include "pg/model/trust.h"
#include "pg/model/versions.h"

/* Arguments of recadv_attach and, the first two, of recadv_detach. */
enum {
    ATTACH_MODEL,
    ATTACH_RELATION,
    ATTACH_USER_COLUMN,
    ATTACH_ITEM_COLUMN,
    ATTACH_TIME_COLUMN,
    ATTACH_ON_ERROR
};

static bool IsTaken(const TriggerDesc *triggers, const char *name)
{
    for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
        if (strcmp(triggers->triggers[i].tgname, name) == 0)
            return true;
    return false;
}

/* Models of one name in two schemas can observe the same table. */
static char *FreeName(const TriggerDesc *triggers, const char *model)
{
    char *name = makeObjectName("recadv_observe", model, NULL);

    for (int i = 1; IsTaken(triggers, name); i++)
        name = makeObjectName("recadv_observe", model, psprintf("%d", i));
    return name;
}

/* The trigger on the table that observes for the model, whatever it is called; NULL: none. */
static const Trigger *FindTrigger(const TriggerDesc *triggers, Oid function, Oid model)
{
    for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++) {
        const Trigger *trigger = &triggers->triggers[i];

        if (trigger->tgfoid == function && trigger->tgnargs >= TRIGGER_IDENTITY &&
            TriggerModel(trigger) == model)
            return trigger;
    }
    return NULL;
}

static Oid TriggerFunction(FunctionCallInfo fcinfo)
{
    char *schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
    List *name = list_make2(makeString(schema), makeString("recadv_observe_trigger"));

    return LookupFuncName(name, 0, NULL, false);
}

/* Which table the caller means: by default the model's source. */
static Oid SourceTable(const ModelTable *table, const Header *header)
{
    Oid relid = InvalidOid;

    if (!OwnerIsTrusted(table)) /* who could name any table of the caller's */
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("model \"%s\" of another owner does not decide which table it observes",
                        table->store.name),
                 errhint("Name the table: recadv_attach(model, relation).")));
    if (header->source.text != NULL && header->source.text[0] != '(')
        relid = ModelLookup(header->source.text);
    if (!OidIsValid(relid))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the source of model \"%s\" is not a table", table->store.name),
                        errhint("Name the table: recadv_attach(model, relation).")));
    return relid;
}

static const char *ColumnArgument(FunctionCallInfo fcinfo, int argument, const char *column)
{
    return PG_ARGISNULL(argument) ? column : NameStr(*PG_GETARG_NAME(argument));
}

static void CheckColumnOf(Oid relid, const char *column, const char *argument)
{
    if (column == NULL || get_attnum(relid, column) == InvalidAttrNumber)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" of table \"%s\" does not exist",
                               column == NULL ? "" : column, get_rel_name(relid)),
                        errhint("Name the column with %s => '...'.", argument)));
}

static const char *OnErrorArgument(FunctionCallInfo fcinfo, int argument)
{
    char *choice = PG_ARGISNULL(argument) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(argument));

    if (strcmp(choice, ON_ERROR_WARN) != 0 && strcmp(choice, ON_ERROR_SAVEPOINT) != 0 &&
        strcmp(choice, ON_ERROR_RAISE) != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("on_error must be \"" ON_ERROR_WARN "\", \"" ON_ERROR_SAVEPOINT
                               "\" or \"" ON_ERROR_RAISE "\", not \"%s\"",
                               choice)));
    return choice;
}

/* The model, opened to see that it learns from a stream, and the table. */
static Oid OpenBoth(FunctionCallInfo fcinfo, ModelTable *table, Header *header)
{
    Oid relid;

    ModelOpen(PG_ARGISNULL(ATTACH_MODEL) ? NULL : PG_GETARG_TEXT_PP(ATTACH_MODEL), MODEL_READ,
              table);
    table->store.version = ModelTableCurrent(table, false).version;
    *header = HeaderRead(&table->store);
    if (header->algorithm->stream == NULL)
        FailNoStream(table->store.name, header->algorithm);
    relid =
        PG_ARGISNULL(ATTACH_RELATION) ? SourceTable(table, header) : PG_GETARG_OID(ATTACH_RELATION);
    if (get_rel_name(relid) == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table does not exist")));
    return relid;
}

/* Under the lock that CREATE and DROP TRIGGER take, or a stronger one. */
static Relation OpenObserved(Oid relid, LOCKMODE lock, AclResult allowed)
{
    Relation relation;

    if (allowed != ACLCHECK_OK)
        aclcheck_error(allowed, get_relkind_objtype(get_rel_relkind(relid)), get_rel_name(relid));
    relation = try_relation_open(relid, lock);
    if (relation == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table does not exist")));
    return relation;
}

static void CheckNotAttached(Relation relation, Oid function, const ModelTable *table)
{
    if (FindTrigger(relation->trigdesc, function, RelationGetRelid(table->relation)) != NULL)
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                        errmsg("model \"%s\" observes table \"%s\" already", table->store.name,
                               RelationGetRelationName(relation)),
                        errhint("Call recadv_detach() first.")));
}

/* What the trigger is told. */
static char *TriggerArguments(const ModelTable *table, const char *const *columns,
                              const char *on_error)
{
    Oid model = RelationGetRelid(table->relation);

    return psprintf("%s, %s, %s, %s, %s, %s", quote_literal_cstr(RelationName(model)),
                    quote_literal_cstr(columns[0]), quote_literal_cstr(columns[1]),
                    quote_literal_cstr(columns[2]), quote_literal_cstr(on_error),
                    quote_literal_cstr(TriggerIdentity(model)));
}

/* Otherwise each INSERT would fail, or warn. */
static void CheckTimeColumn(Oid relid, const char *column, const ModelTable *table,
                            const Header *header)
{
    Oid type = get_atttype(relid, get_attnum(relid, column));

    if (TimeType(type) != header->time_type)
        ereport(
            ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("column \"%s\" of table \"%s\" is of type %s, but the times of model \"%s\" "
                    "are of type %s",
                    column, get_rel_name(relid), format_type_be(type), table->store.name,
                    format_type_be(header->time_type)),
             errhint("Name another column with time_column => '...', or train the model with "
                     "times of this type.")));
}

static void CheckColumns(Oid relid, const char *const *columns, const ModelTable *table,
                         const Header *header)
{
    CheckColumnOf(relid, columns[0], "user_column");
    CheckColumnOf(relid, columns[1], "item_column");
    CheckColumnOf(relid, columns[2], "time_column");
    CheckTimeColumn(relid, columns[2], table, header);
}

static void CreateObserver(Oid relid, Oid function, const ModelTable *table, const Header *header,
                           const char *const *columns, const char *on_error)
{
    Relation relation = OpenObserved(relid, ShareRowExclusiveLock,
                                     pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER));
    char *name;

    CheckNotAttached(relation, function, table);
    CheckColumns(relid, columns, table, header);
    name = FreeName(relation->trigdesc, table->store.name);
    SPI_execute(
        psprintf("CREATE TRIGGER %s AFTER INSERT ON %s REFERENCING NEW TABLE AS "
                 "recadv_inserted FOR EACH STATEMENT EXECUTE FUNCTION %s(%s)",
                 quote_identifier(name), RelationName(relid),
                 quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
                                            get_func_name(function)),
                 TriggerArguments(table, columns, on_error)),
        false, 0);
    relation_close(relation, NoLock);
}

PG_FUNCTION_INFO_V1(recadv_attach);

Datum recadv_attach(PG_FUNCTION_ARGS)
{
    const char *on_error = OnErrorArgument(fcinfo, ATTACH_ON_ERROR), *columns[3];
    ModelTable table;
    Header header;
    Oid relid;

    SPI_connect();
    relid = OpenBoth(fcinfo, &table, &header);
    columns[0] = ColumnArgument(fcinfo, ATTACH_USER_COLUMN, header.source.user_column);
    columns[1] = ColumnArgument(fcinfo, ATTACH_ITEM_COLUMN, header.source.item_column);
    columns[2] = ColumnArgument(fcinfo, ATTACH_TIME_COLUMN, header.source.time_column);
    CreateObserver(relid, TriggerFunction(fcinfo), &table, &header, columns, on_error);
    ModelTableClose(&table);
    SPI_finish();
    PG_RETURN_VOID();
}

static void DropObserver(Oid relid, Oid function, const ModelTable *table)
{
    bool owned = RelationOwnedBy(relid, GetUserId());
    Relation relation =
        OpenObserved(relid, AccessExclusiveLock, owned ? ACLCHECK_OK : ACLCHECK_NOT_OWNER);
    const Trigger *trigger =
        FindTrigger(relation->trigdesc, function, RelationGetRelid(table->relation));
    char *statement;

    if (trigger == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("model \"%s\" does not observe table \"%s\"", table->store.name,
                               RelationGetRelationName(relation)),
                        errhint("Name the table: recadv_detach(model, relation).")));
    statement =
        psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger->tgname), RelationName(relid));
    relation_close(relation, NoLock);
    SPI_execute(statement, false, 0);
}

PG_FUNCTION_INFO_V1(recadv_detach);

Datum recadv_detach(PG_FUNCTION_ARGS)
{
    ModelTable table;
    Header header;
    Oid relid;

    SPI_connect();
    relid = OpenBoth(fcinfo, &table, &header);
    DropObserver(relid, TriggerFunction(fcinfo), &table);
    ModelTableClose(&table);
    SPI_finish();
    PG_RETURN_VOID();
}
