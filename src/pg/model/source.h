/* source.h: what a model is trained on: a table, a view or a query, and the columns to read. */
#ifndef RECADV_PG_MODEL_SOURCE_H
#define RECADV_PG_MODEL_SOURCE_H

#include "pg/base/compat.h"

typedef struct Source {
    const char *text; /* a relation's name, or a query in parentheses */
    const char *user_column;
    const char *item_column;
    const char *time_column;   /* NULL: none */
    const char *weight_column; /* NULL: none */
    const char *model;         /* whose header names it; NULL: the caller does */
} Source;

/* A column to be read, and the argument that names it. */
typedef struct SourceColumn {
    const char *name; /* NULL: it is not */
    const char *argument;
    bool optional; /* named by default: NULL does without it */
} SourceColumn;

/* SELECT those columns FROM the source; fails, telling what to do, if relation or columns do not
 * exist. */
extern char *SourceSelect(const Source *source, const SourceColumn *columns, int count);

/*
 * SELECT user, item [, time] FROM the source, to which a WHERE may be added; fails, telling what to
 * do, if relation or columns do not exist.
 */
extern char *SourceQuery(const Source *source);

/* A query in parentheses, or the name of a relation? */
extern bool SourceIsQuery(const Source *source);

/* Schema-qualified name of a source that is a relation, NULL of a query. */
extern char *SourceRelation(const Source *source);

#endif
