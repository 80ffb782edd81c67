/* source.h: reading interactions from a table, a view or a query. */
#ifndef RECADV_PG_MODEL_SOURCE_H
#define RECADV_PG_MODEL_SOURCE_H

#include "pg/train/collect.h"

typedef struct Source {
    const char *text; /* a relation's name, or a query in parentheses */
    const char *user_column;
    const char *item_column;
    const char *time_column;   /* NULL: none */
    const char *weight_column; /* NULL: none */
} Source;

/*
 * SELECT user, item [, time] FROM the source, to which a WHERE may be added; fails, telling what to
 * do, if relation or columns do not exist.
 */
extern char *SourceQuery(const Source *source);

/* A query in parentheses, or the name of a relation? */
extern bool SourceIsQuery(const Source *source);

/* Schema-qualified name of a source that is a relation, NULL of a query. */
extern char *SourceRelation(const Source *source);

/*
 * Reads all rows under the active snapshot with the caller's rights; needs an open SPI
 * connection.  The plan may be parallel; rows go straight into the collector.
 */
extern Collector *SourceRead(const Source *source, MemoryContext context);

/* The same, of rows whose time is `from` or later; a time of the given type. */
extern Collector *SourceReadFrom(const Source *source, Oid time_type, int64 from,
                                 MemoryContext context);

#endif
