/*
 * replicate.c: recadv_publish() and recadv_subscribe(): a model on other servers, by logical
 * replication.
 *
 * CREATE SUBSCRIPTION makes a slot on the other server, which no rollback would take back; so it
 * runs in no function, and recadv_subscribe() returns it.
 */
#include "pg/base/compat.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "catalog/pg_subscription.h"
#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "postmaster/postmaster.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "pg/base/rowset.h"
#include "pg/model/catalog.h"
#include "pg/model/ensure.h"
#include "pg/model/resolve.h"
#include "pg/model/statement.h"
#include "pg/model/table.h"
#include "pg/model/trust.h"
#include "pg/sql/checks.h"

/* Arguments of recadv_publish. */
enum { PUBLISH_MODEL, PUBLISH_PUBLICATION };

/* Arguments of recadv_subscribe. */
enum { SUBSCRIBE_MODEL, SUBSCRIBE_CONNINFO, SUBSCRIBE_PUBLICATION, SUBSCRIBE_SUBSCRIPTION };

/* Bytes of a slot's name that are the model's; sixteen digits follow. */
#define SLOT_NAME_BYTES 40

static void CheckLogical(void)
{
    if (wal_level < WAL_LEVEL_LOGICAL)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("wal_level does not suffice to publish a model"),
                 errhint("ALTER SYSTEM SET wal_level = 'logical', and restart the server.")));
}

static void CheckMayPublish(Oid model)
{
    char *database = get_database_name(MyDatabaseId);

    ModelCheckRights(model, MODEL_OWN);
    if (!DatumGetBool(DirectFunctionCall2(has_database_privilege_id, ObjectIdGetDatum(MyDatabaseId),
                                          CStringGetTextDatum("CREATE"))))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied to create a publication"),
                        errhint("GRANT CREATE ON DATABASE %s TO %s.", quote_identifier(database),
                                quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

/* Otherwise the next training fails, since the server could not tell which rows it replaces. */
static void CheckHasIdentity(const ModelTable *table)
{
    if (table->relation->rd_rel->relreplident == REPLICA_IDENTITY_NOTHING)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("model \"%s\" has no replica identity", table->store.name),
                        errhint("ALTER TABLE %s REPLICA IDENTITY DEFAULT.",
                                RelationName(RelationGetRelid(table->relation)))));
}

/* Since PostgreSQL 15 a publication may leave out rows and columns of a table. */
#if PG_VERSION_NUM >= 150000
#define OF_WHOLE_TABLE                                                                             \
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_rel r "                                \
    "WHERE r.prpubid OPERATOR(pg_catalog.=) p.oid AND r.prrelid OPERATOR(pg_catalog.=) $2 "        \
    "AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL))"
#else
#define OF_WHOLE_TABLE ""
#endif

/* Is there a publication of the name, and does it publish all that happens to the table? */
static bool PublicationExists(const char *publication, Oid model, bool *serves)
{
    Oid types[] = {TEXTOID, OIDOID};
    Datum values[] = {CStringGetTextDatum(publication), ObjectIdGetDatum(model)};
    bool null;

    SPI_execute_with_args(
        "SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND EXISTS ("
        "SELECT FROM pg_catalog.pg_get_publication_tables(p.pubname::pg_catalog.text) t "
        "WHERE t.relid OPERATOR(pg_catalog.=) $2)" OF_WHOLE_TABLE
        " FROM pg_catalog.pg_publication p WHERE p.pubname OPERATOR(pg_catalog.=) $1",
        2, types, values, NULL, true, 0);
    *serves = SPI_processed == 1 &&
              DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
    return SPI_processed == 1;
}

static void Publish(const char *publication, Oid model)
{
    char *name = RelationName(model);
    bool serves;

    if (!PublicationExists(publication, model, &serves)) {
        SPI_execute(psprintf("CREATE PUBLICATION %s FOR TABLE ONLY %s",
                             quote_identifier(publication), name),
                    false, 0);
    } else if (!serves) {
        ereport(
            ERROR,
            (errcode(ERRCODE_DUPLICATE_OBJECT),
             errmsg("there is a publication \"%s\", which does not publish all of model \"%s\"",
                    publication, get_rel_name(model)),
             errhint("Name another, publication => '...', or ALTER PUBLICATION %s ADD TABLE %s.",
                     quote_identifier(publication), name)));
    }
}

/* A value within a connection string: as it is, or in quotes. */
static char *ConnectionValue(const char *value)
{
    StringInfoData quoted;

    if (value[0] != '\0' && strpbrk(value, " \t\n\r\f\v'\\=") == NULL)
        return pstrdup(value);
    initStringInfo(&quoted);
    appendStringInfoChar(&quoted, '\'');
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            appendStringInfoChar(&quoted, '\\');
        appendStringInfoChar(&quoted, *value);
    }
    appendStringInfoChar(&quoted, '\'');
    return quoted.data;
}

/* What to call on the reader, but for what this server does not know: its address and a user. */
static char *CallOfReader(const char *publication, Oid model)
{
    StringInfoData call;
    char *connection = psprintf("host=... port=%d dbname=%s user=...", PostPortNumber,
                                ConnectionValue(get_database_name(MyDatabaseId)));

    initStringInfo(&call);
    appendStringInfo(&call, "SELECT recadv_subscribe(%s, %s",
                     quote_literal_cstr(RelationName(model)), quote_literal_cstr(connection));
    if (strcmp(publication, get_rel_name(model)) != 0)
        appendStringInfo(&call, ", publication => %s", quote_literal_cstr(publication));
    appendStringInfoString(&call, ") \\gexec");
    return call.data;
}

static int64 BytesOf(Oid model)
{
    return DatumGetInt64(DirectFunctionCall1(pg_table_size, ObjectIdGetDatum(model)));
}

static char *NameArgument(FunctionCallInfo fcinfo, int argument, const char *otherwise)
{
    return PG_ARGISNULL(argument) ? pstrdup(otherwise)
                                  : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

PG_FUNCTION_INFO_V1(recadv_publish);

Datum recadv_publish(PG_FUNCTION_ARGS)
{
    ModelTable table;
    ResultRow row = {0};
    char *publication;
    Oid model;

    CheckCanWrite("recadv_publish()");
    CheckNotNull(fcinfo, PUBLISH_MODEL, "model");
    ModelOpen(PG_GETARG_TEXT_PP(PUBLISH_MODEL), MODEL_READ, &table);
    model = RelationGetRelid(table.relation);
    publication = NameArgument(fcinfo, PUBLISH_PUBLICATION, table.store.name);
    CheckMayPublish(model);
    CheckLogical();
    CheckHasIdentity(&table);
    SPI_connect();
    Publish(publication, model);
    SPI_finish();
    ResultText(&row, publication);
    ResultText(&row, RelationName(model));
    ResultInt8(&row, BytesOf(model));
    ResultText(&row, CallOfReader(publication, model));
    ModelTableClose(&table);
    return ResultRowDatum(fcinfo, &row);
}

static void CheckMaySubscribe(void)
{
    if (!MaySubscribe(GetUserId()))
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied to create a subscription"), errhint(SUBSCRIBER_HINT)));
}

static void CheckIsFree(const char *subscription)
{
    if (OidIsValid(get_subscription_oid(subscription, true)))
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                        errmsg("there is a subscription \"%s\" already", subscription),
                        errhint("Name another: subscription => '...'.")));
}

/* Rows of its own would be in the way of those that come. */
static void CheckIsEmpty(const ModelTable *table)
{
    StatementRun(table, "SELECT FROM ONLY %s LIMIT 1", 0, NULL, NULL);
    if (SPI_processed > 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("model \"%s\" has been trained here", table->store.name),
                        errhint("DROP TABLE %s, if that is to go.",
                                RelationName(RelationGetRelid(table->relation)))));
}

/* Whoever owns the table can give it triggers later, which run when rows come. */
static void CheckOwnerIsTrusted(const ModelTable *table)
{
    char *name = RelationName(RelationGetRelid(table->relation));

    if (SUBSCRIPTION_ACTS_AS_OWNER || OwnerIsTrusted(table))
        return;
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("model \"%s\" is not written with your rights", table->store.name),
             errdetail("A subscription of yours could run code of \"%s\", the owner of the table, "
                       "who lacks some of them.",
                       GetUserNameFromId(table->relation->rd_rel->relowner, false)),
             errhint("ALTER TABLE %s OWNER TO %s, or DROP TABLE %s.", name,
                     quote_identifier(GetUserNameFromId(GetUserId(), false)), name)));
}

/* A table that is there already may have been made by hand. */
static Oid TableOfReader(const char *name)
{
    Oid model = ModelLookupFor(name, MODEL_OWN);
    ModelTable table;

    if (!OidIsValid(model))
        return ModelTableCreate(name);
    ModelTableOpenOwned(model, &table);
    CheckOwnerIsTrusted(&table);
    CheckIsEmpty(&table);
    ModelTableClose(&table);
    return model;
}

/* Slots are the publisher's, which may have many readers: no two of them give the same name. */
static char *SlotName(Oid model)
{
    char *reader =
        psprintf(UINT64_FORMAT " %u %s", GetSystemIdentifier(), MyDatabaseId, RelationName(model));
    char *slot = psprintf("%.*s", SLOT_NAME_BYTES, get_rel_name(model));

    for (char *at = slot; *at != '\0'; at++) {
        *at = (char)pg_ascii_tolower((unsigned char)*at);
        if (!(*at >= 'a' && *at <= 'z') && !(*at >= '0' && *at <= '9'))
            *at = '_';
    }
    return psprintf("%s_%016llx", slot,
                    (unsigned long long)hash_bytes_extended((const unsigned char *)reader,
                                                            (int)strlen(reader), 0));
}

PG_FUNCTION_INFO_V1(recadv_subscribe);

Datum recadv_subscribe(PG_FUNCTION_ARGS)
{
    char *publication, *subscription, *connection, *statement;
    Oid model;

    CheckCanWrite("recadv_subscribe()");
    CheckNotNull(fcinfo, SUBSCRIBE_MODEL, "model");
    CheckNotNull(fcinfo, SUBSCRIBE_CONNINFO, "conninfo");
    CheckMaySubscribe();
    SPI_connect();
    model = TableOfReader(text_to_cstring(PG_GETARG_TEXT_PP(SUBSCRIBE_MODEL)));
    SPI_finish();
    publication = NameArgument(fcinfo, SUBSCRIBE_PUBLICATION, get_rel_name(model));
    subscription = NameArgument(fcinfo, SUBSCRIBE_SUBSCRIPTION, get_rel_name(model));
    connection = text_to_cstring(PG_GETARG_TEXT_PP(SUBSCRIBE_CONNINFO));
    CheckIsFree(subscription);
    statement = psprintf("CREATE SUBSCRIPTION %s CONNECTION %s PUBLICATION %s "
                         "WITH (slot_name = %s, binary = true)",
                         quote_identifier(subscription), quote_literal_cstr(connection),
                         quote_identifier(publication), quote_literal_cstr(SlotName(model)));
    PG_RETURN_TEXT_P(cstring_to_text(statement));
}
