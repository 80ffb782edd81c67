/*
 * source.c: checks the source that a caller names, and makes the query that reads it.
 *
 * Trainings, evaluations and refreshes read through that query, and seen => 'live' asks it for the
 * items of one user.
 */
#include "pg/model/source.h"

#include <ctype.h>

#include "access/attnum.h"
#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/model/catalog.h"

static void CheckColumn(Oid relid, const char *relation, const char *column, const char *argument)
{
    if (column == NULL || get_attnum(relid, column) != InvalidAttrNumber)
        return;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of source \"%s\" does not exist", column, relation),
                    errhint("Name the column with %s => '...'.", argument)));
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
static char *RelationItem(const Source *source)
{
    Oid relid;

    CheckNoQuery(source->text);
    relid = RangeVarGetRelid(ParseRelationName(source->text), NoLock, true);

    if (!OidIsValid(relid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("source \"%s\" does not exist", source->text),
                        errhint("Give the name of a table or view, or a query in parentheses.")));
    CheckColumn(relid, source->text, source->user_column, "user_column");
    CheckColumn(relid, source->text, source->item_column, "item_column");
    CheckColumn(relid, source->text, source->time_column, "time_column");
    CheckColumn(relid, source->text, source->weight_column, "weight_column");
    return RelationName(relid);
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
    return SourceIsQuery(source) ? NULL : RelationItem(source);
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

char *SourceQuery(const Source *source)
{
    StringInfoData query;

    CheckTwoColumns(source);

    initStringInfo(&query);
    appendStringInfo(&query, "SELECT %s, %s", quote_identifier(source->user_column),
                     quote_identifier(source->item_column));
    if (source->time_column != NULL)
        appendStringInfo(&query, ", %s", quote_identifier(source->time_column));
    if (source->weight_column != NULL)
        appendStringInfo(&query, ", %s", quote_identifier(source->weight_column));
    if (SourceIsQuery(source))
        appendStringInfo(&query, " FROM %s\nAS source", source->text); /* it may end in a comment */
    else
        appendStringInfo(&query, " FROM %s", RelationItem(source));
    return query.data;
}
