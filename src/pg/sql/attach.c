/* attach.c: recadv_attach() and recadv_detach(): a trigger that observes every INSERT. */
#include "pg/base/compat.h"

#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/sql/trigger.h"
#include "pg/stream/observer.h"
#include "pg/model/catalog.h"
#include "pg/model/resolve.h"
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

/* Quoted. */
static const char *TriggerName(Oid model)
{
    return quote_identifier(makeObjectName("recadv_observe", get_rel_name(model), NULL));
}

/* Which table the caller means: by default the model's source. */
static Oid SourceTable(const ModelTable *table, const Header *header)
{
    Oid relid = InvalidOid;

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

    if (strcmp(choice, ON_ERROR_WARN) != 0 && strcmp(choice, ON_ERROR_RAISE) != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("on_error must be \"" ON_ERROR_WARN "\" or \"" ON_ERROR_RAISE
                               "\", not \"%s\"",
                               choice)));
    return choice;
}

/* The model, opened to see that it learns from a stream, and the table. */
static Oid OpenBoth(FunctionCallInfo fcinfo, ModelTable *table, Header *header)
{
    Oid model = ModelResolve(PG_ARGISNULL(ATTACH_MODEL) ? NULL : PG_GETARG_TEXT_PP(ATTACH_MODEL)),
        relid;

    ModelTableOpen(model, table);
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

PG_FUNCTION_INFO_V1(recadv_attach);

Datum recadv_attach(PG_FUNCTION_ARGS)
{
    const char *on_error = OnErrorArgument(fcinfo, ATTACH_ON_ERROR), *user, *item, *time;
    const char *trigger;
    char *function;
    ModelTable table;
    Header header;
    Oid relid;

    SPI_connect();
    relid = OpenBoth(fcinfo, &table, &header);
    user = ColumnArgument(fcinfo, ATTACH_USER_COLUMN, header.source.user_column);
    item = ColumnArgument(fcinfo, ATTACH_ITEM_COLUMN, header.source.item_column);
    time = ColumnArgument(fcinfo, ATTACH_TIME_COLUMN, header.source.time_column);
    CheckColumnOf(relid, user, "user_column");
    CheckColumnOf(relid, item, "item_column");
    CheckColumnOf(relid, time, "time_column");
    trigger = TriggerName(RelationGetRelid(table.relation));
    function = quote_qualified_identifier(
        get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)), "recadv_observe_trigger");
    SPI_execute(
        psprintf("CREATE TRIGGER %s AFTER INSERT ON %s REFERENCING NEW TABLE AS "
                 "recadv_inserted FOR EACH STATEMENT EXECUTE FUNCTION %s(%s, %s, %s, %s, %s)",
                 trigger, RelationName(relid), function,
                 quote_literal_cstr(RelationName(RelationGetRelid(table.relation))),
                 quote_literal_cstr(user), quote_literal_cstr(item), quote_literal_cstr(time),
                 quote_literal_cstr(on_error)),
        false, 0);
    ModelTableClose(&table);
    SPI_finish();
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(recadv_detach);

Datum recadv_detach(PG_FUNCTION_ARGS)
{
    ModelTable table;
    Header header;
    Oid relid;

    SPI_connect();
    relid = OpenBoth(fcinfo, &table, &header);
    SPI_execute(psprintf("DROP TRIGGER %s ON %s", TriggerName(RelationGetRelid(table.relation)),
                         RelationName(relid)),
                false, 0);
    ModelTableClose(&table);
    SPI_finish();
    PG_RETURN_VOID();
}
