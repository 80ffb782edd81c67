/*
 * source.c: checks the source that a caller names, and makes the query that reads it.
 *
 * Trainings, evaluations and refreshes read through that query, and seen => 'live' asks it for the
 * items of one user.
 */
#include "pg/model/source.h"

#include <ctype.h>

#include "access/attnum.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/model/catalog.h"

/* Of a source that a model names; the caller has named none. */
#define NAMED_BY_MODEL_HINT                                                                        \
    "The model was trained on it, and it has changed since or is not on this server.  Train the "  \
    "model again to name another source."

/* `"name"`, and whose it is. */
static char *DescribeSource(const Source *source)
{
    if (source->model == NULL)
        return psprintf("\"%s\"", source->text);
    return psprintf("\"%s\" of model \"%s\"", source->text, source->model);
}

/* A column whose name differs by quotes, or by capital and small letters, or NULL. */
static char *AlikeColumn(Oid relid, const char *column)
{
    Size length = strlen(column);
    Relation relation = try_relation_open(relid, AccessShareLock);
    char *alike = NULL;

    if (length > 2 && column[0] == '"' && column[length - 1] == '"')
        column = pnstrdup(column + 1, length - 2);
    for (int i = 0; relation != NULL && i < RelationGetNumberOfAttributes(relation); i++) {
        Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

        if (!attribute->attisdropped && pg_strcasecmp(NameStr(attribute->attname), column) == 0)
            alike = pstrdup(NameStr(attribute->attname));
    }
    if (relation != NULL)
        relation_close(relation, AccessShareLock);
    return alike;
}

static bool HasCapitals(const char *name)
{
    return strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
}

/* Without such a column it may be another relation that is meant, whose name was folded to this. */
static const char *ColumnHint(Oid relid, const Source *source, const SourceColumn *column)
{
    char *alike = AlikeColumn(relid, column->name);
    const char *otherwise =
        psprintf(column->optional ? "Name the column with %s => '...'; with NULL there is none."
                                  : "Name the column with %s => '...'.",
                 column->argument);

    if (alike == NULL)
        return HasCapitals(source->text) ? NameHint(source->text, otherwise) : otherwise;
    return psprintf("Columns are taken as they are written: %s => %s.", column->argument,
                    quote_literal_cstr(alike));
}

static void CheckColumn(Oid relid, const Source *source, const SourceColumn *column)
{
    if (column->name == NULL || get_attnum(relid, column->name) != InvalidAttrNumber)
        return;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of source %s does not exist", column->name,
                           DescribeSource(source)),
                    errhint("%s", source->model != NULL ? NAMED_BY_MODEL_HINT
                                                        : ColumnHint(relid, source, column))));
}

static void FailNoRelation(const Source *source)
{
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_TABLE),
             errmsg("source %s does not exist", DescribeSource(source)),
             errhint("%s", source->model != NULL
                               ? NAMED_BY_MODEL_HINT
                               : NameHint(source->text, "Give the name of a table or view, or a "
                                                        "query in parentheses."))));
}

/* A query without parentheses is a likely slip. */
static void CheckNoQuery(const char *text)
{
    static const char *const starts[] = {"select", "with", "values", "table"};

    for (int i = 0; i < (int)lengthof(starts); i++)
        if (pg_strncasecmp(text, starts[i], strlen(starts[i])) == 0 &&
            isspace((unsigned char)text[strlen(starts[i])]))
            ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                            errmsg("a source that is a query must be in parentheses")));
}

/* The FROM item of a relation, with its columns checked so that the error can tell what to do. */
static char *RelationItem(const Source *source, const SourceColumn *columns, int count)
{
    Oid relid;

    CheckNoQuery(source->text);
    relid = RangeVarGetRelid(ParseRelationName(source->text), NoLock, true);

    if (!OidIsValid(relid))
        FailNoRelation(source);
    for (int i = 0; i < count; i++)
        CheckColumn(relid, source, &columns[i]);
    return RelationName(relid);
}

/* Those of interactions, in the order in which they are read. */
#define INTERACTION_COLUMNS 4

static void InteractionColumns(const Source *source, SourceColumn *columns)
{
    columns[0] = (SourceColumn){source->user_column, "user_column"};
    columns[1] = (SourceColumn){source->item_column, "item_column"};
    columns[2] = (SourceColumn){source->time_column, "time_column"};
    columns[3] = (SourceColumn){source->weight_column, "weight_column"};
}

bool SourceIsQuery(const Source *source)
{
    const char *text = source->text;

    while (isspace((unsigned char)*text))
        text++;
    return *text == '(';
}

char *SourceRelation(const Source *source)
{
    SourceColumn columns[INTERACTION_COLUMNS];

    InteractionColumns(source, columns);
    return SourceIsQuery(source) ? NULL : RelationItem(source, columns, INTERACTION_COLUMNS);
}

/* Every user would have one item, and there would be nothing to learn. */
static void CheckTwoColumns(const Source *source)
{
    if (strcmp(source->user_column, source->item_column) == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("column \"%s\" of source \"%s\" is given for both users and items",
                               source->user_column, source->text),
                        errhint("Name two columns with user_column and item_column.")));
}

char *SourceSelect(const Source *source, const SourceColumn *columns, int count)
{
    const char *separator = "";
    StringInfoData query;

    initStringInfo(&query);
    appendStringInfoString(&query, "SELECT ");
    for (int i = 0; i < count; i++)
        if (columns[i].name != NULL) {
            appendStringInfo(&query, "%s%s", separator, quote_identifier(columns[i].name));
            separator = ", ";
        }
    if (SourceIsQuery(source))
        appendStringInfo(&query, " FROM %s\nAS source", source->text); /* it may end in a comment */
    else
        appendStringInfo(&query, " FROM %s", RelationItem(source, columns, count));
    return query.data;
}

char *SourceQuery(const Source *source)
{
    SourceColumn columns[INTERACTION_COLUMNS];

    CheckTwoColumns(source);
    InteractionColumns(source, columns);
    return SourceSelect(source, columns, INTERACTION_COLUMNS);
}
