/*
 * live_source.c: reads what users have now from the source that a model was trained on.
 *
 * For seen => 'live': the model's header names the source; a query with the user as its parameter
 * reads one user's items, so that an index of the source serves it.
 */
#include "pg/serve/live_source.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/typcache.h"

#include "pg/ids/id_index.h"
#include "pg/model/header.h"
#include "pg/model/resolve.h"
#include "pg/model/source.h"
#include "pg/model/table.h"
#include "pg/model/trust.h"
#include "pg/model/versions.h"
#include "pg/train/reader.h"

/* Source and columns as the current version's header has them, and the rights to read it with. */
static Source OpenSource(text *model, Caller *caller)
{
    ModelTable table;
    Source source;
    Jsonb *header;
    Header kinds;

    ModelOpen(model, MODEL_READ, &table);
    table.store.version = ModelTableCurrent(&table, false).version;
    header = StoreReadJson(&table.store, PART_HEADER, 0);
    if (header == NULL)
        StoreDamaged(&table.store, PART_HEADER, 0, "it is missing");
    source = (Source){.text = JsonbGetString(header, "source_relation"),
                      .user_column = JsonbGetString(header, "user_column"),
                      .item_column = JsonbGetString(header, "item_column"),
                      .model = pstrdup(table.store.name)};
    kinds = HeaderRead(&table.store);
    HeaderCheckUsers(&table.store, &kinds);
    if (source.text == NULL)
        source.text = JsonbGetString(header, "source");
    if (source.text == NULL || source.user_column == NULL || source.item_column == NULL ||
        (JsonbGetString(header, "source_relation") == NULL && !SourceIsQuery(&source)))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("model \"%s\" names no source that could be read", table.store.name),
                        errhint("An image has no source; use seen => 'model', or pass exclude => "
                                "ARRAY(SELECT ...).")));
    HeaderCheckIds(&table.store, &kinds);
    TakeSourceRights(&table, "Pass exclude => ARRAY(SELECT ...) instead of seen => 'live'.",
                     caller);
    ModelTableClose(&table);
    return source;
}

/* The user's id as a value of the column's type; false if it has no such value. */
static bool UserDatum(Id user, Oid type, Datum *value)
{
    Oid base = getBaseType(type), input, parameter;
    Id id;

    if (!IdConvert(user, IdKindOfType(base), &id))
        return false;
    if (id.kind == ID_TEXT) {
        getTypeInputInfo(base, &input, &parameter);
        *value = OidInputFunctionCall(input, text_to_cstring(IdToText(id)), parameter, -1);
        return true;
    }
    if (base == INT8OID)
        *value = Int64GetDatum(id.integer);
    else if (base == INT4OID)
        *value = Int32GetDatum((int32)id.integer);
    else
        *value = Int16GetDatum((int16)id.integer);
    return base == INT8OID || (base == INT4OID && id.integer == (int32)id.integer) ||
           (base == INT2OID && id.integer == (int16)id.integer);
}

/* Fails if a query in parentheses closes them and goes on. */
static SPIPlanPtr Prepare(const char *query, int parameters, Oid *types)
{
    SPIPlanPtr plan = SPI_prepare(query, parameters, types);

    if (plan == NULL || list_length(SPI_plan_get_plan_sources(plan)) != 1)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source must be one table or one query in parentheses")));
    return plan;
}

/* Types of the user and item columns, without any domain over that of the user. */
static void ColumnTypes(const Source *source, Oid *user_type, Oid *item_type)
{
    SPIPlanPtr plan = Prepare(SourceQuery(source), 0, NULL);
    CachedPlanSource *parsed = linitial(SPI_plan_get_plan_sources(plan));

    if (parsed->resultDesc == NULL || parsed->resultDesc->natts != 2)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source \"%s\" gives no rows to read", source->text)));
    *user_type = getBaseType(TupleDescAttr(parsed->resultDesc, 0)->atttypid);
    *item_type = TupleDescAttr(parsed->resultDesc, 1)->atttypid;
    SPI_freeplan(plan);
}

/* The comparison is the type's own "=", whatever search_path says, so that an index serves it. */
static char *ItemsQuery(const Source *source, Oid user_type)
{
    Oid equals = lookup_type_cache(user_type, TYPECACHE_EQ_OPR)->eq_opr;
    StringInfoData query;

    if (!OidIsValid(equals))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("users of type %s cannot be looked up: the type has no equality",
                               format_type_be(user_type))));
    initStringInfo(&query);
    appendStringInfo(&query, "%s WHERE ", SourceQuery(source));
    generate_operator_clause(&query, quote_identifier(source->user_column), user_type, equals, "$1",
                             user_type);
    return query.data;
}

/* What is no id is no item of the model. */
static bool TakeUsable(IdIndex *index, Datum value, Id *id)
{
    *id = IdIndexIdOf(index, value);
    return IdIsUsable(*id);
}

/* The second column of the rows that SPI holds. */
static IdList TakeItems(Oid item_type)
{
    IdIndex *index = IdIndexCreate(CurrentMemoryContext, item_type);
    IdList items = IdListCreate(IdIndexKind(index), (uint32)SPI_processed);

    for (uint64 i = 0; i < SPI_processed; i++) {
        Id id;
        bool null;
        Datum item = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &null);

        CHECK_FOR_INTERRUPTS();
        if (!null && TakeUsable(index, item, &id))
            IdListAppend(&items, id);
    }
    return items;
}

static IdList ReadItems(const Source *source, Id user, MemoryContext context)
{
    Oid user_type, item_type;
    MemoryContext spi;
    Datum value;
    SPIPlanPtr plan;
    IdList items;

    ColumnTypes(source, &user_type, &item_type);
    if (!UserDatum(user, user_type, &value))
        return (IdList){.kind = IdKindOfType(item_type)};
    plan = Prepare(ItemsQuery(source, user_type), 1, &user_type);
    if (SPI_execute_plan(plan, &value, NULL, true, MAX_IDS) != SPI_OK_SELECT)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source \"%s\" gives no rows to read", source->text)));
    spi = MemoryContextSwitchTo(context);
    items = TakeItems(item_type);
    MemoryContextSwitchTo(spi);
    return items;
}

IdList LiveItems(text *model, Id user)
{
    MemoryContext context = CurrentMemoryContext;
    Caller caller;
    Source source = OpenSource(model, &caller);
    IdList items;

    SPI_connect();
    items = ReadItems(&source, user, context);
    SPI_finish();
    ActAsCaller(&caller);
    return items;
}

void LiveInteractions(text *model, BackendHost *backend, Collected *all)
{
    Caller caller;
    Source source = OpenSource(model, &caller);

    SPI_connect();
    CollectorFinish(SourceRead(&source, backend->context), backend, all);
    SPI_finish();
    ActAsCaller(&caller);
}
