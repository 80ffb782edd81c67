/*
 * session_log.h: what logs of sessions have in common, whatever their steps are: slates or acts.
 *
 * A row has a session, a step and, where its column is there, a reward.  It is checked for itself:
 * a broken one is skipped and counted, and the first is remembered with what is wrong with it. What
 * comes of the rows does not depend on their order.
 */
#ifndef RECADV_PG_TRAIN_SESSION_LOG_H
#define RECADV_PG_TRAIN_SESSION_LOG_H

#include "pg/base/compat.h"

#include "pg/ids/id_index.h"

/* Rows that were skipped because something in them cannot be. */
typedef struct BrokenRows {
    uint64 rows;
    char *first; /* which one it is, and what is wrong with it */
} BrokenRows;

/* A row that is kept, and whatever a collector has of it: its entry `row`, in order of arrival. */
typedef struct LoggedStep {
    int64 step;
    uint64 row;
    uint32 session; /* provisional number, then the dense one */
    float reward;   /* NaN: there is none */
    bool dropped;
} LoggedStep;

typedef struct SessionLog {
    MemoryContext context;
    MemoryContext scratch; /* reset after every row */
    IdIndex *sessions;
    Oid step_type;   /* below any domain, like the next */
    Oid reward_type; /* or InvalidOid */
    Size count, room;
    LoggedStep *entry;
    IdList ids;       /* of the sessions, once they are sorted */
    uint64 null_rows; /* skipped for a NULL session or step */
    BrokenRows broken;
} SessionLog;

/* The names of the columns, and their types; reward: NULL and InvalidOid where there is none. */
typedef struct SessionColumns {
    const char *session;
    const char *step;
    const char *reward;
} SessionColumns;

typedef struct SessionTypes {
    Oid session;
    Oid step;
    Oid reward;
} SessionTypes;

typedef struct SessionRow {
    NullableDatum session;
    NullableDatum step;
    NullableDatum reward;
} SessionRow;

/* Fails, naming the column, if one has a type that its values cannot have. */
extern void SessionLogOpen(SessionLog *log, MemoryContext context, const SessionColumns *columns,
                           const SessionTypes *types);

extern Size SessionLogMemory(const SessionLog *log);

/*
 * A NULL session or step skips and counts the row; a session or a step that cannot be, and a reward
 * that is not finite, make it broken, and so does whatever take() finds wrong with the rest: it
 * returns that, or NULL, keeps what it wants, and may change the reward.  It is called in a context
 * that is reset afterwards.
 */
typedef const char *(*TakeRest)(void *collector, const void *row, LoggedStep *step);
extern void SessionLogAdd(SessionLog *log, const SessionRow *row, TakeRest take, void *collector,
                          const void *rest);

/* Entry i, of which nothing was wrong by itself, is broken beside the others; before sorting. */
extern void SessionLogBreak(SessionLog *log, Size i, const char *problem);

/*
 * Puts the rows in order of session and step; no rows may follow.  Of rows with one step of one
 * session none is better than the others: all are broken.  They stay in their place; what was
 * broken before goes.
 */
extern void SessionLogSort(SessionLog *log);

/* Bytes that this takes beside the log. */
extern Size SessionLogSortMemory(const SessionLog *log);

/* After that: the sessions that steps are left of, ascending, and for each entry's session its
 * number among them. */
extern IdList SessionLogSessions(const SessionLog *log, uint32 **number);

/* The ids of a list that are used, numbered anew: number[i] of the i-th, which has been true. */
extern IdList KeepUsedIds(const IdList *ids, uint32 *number);

/* For loops over many rows: looks at interrupts now and then. */
extern void PollRow(Size i);

extern void SessionLogRelease(SessionLog *log);

/* A notice of rows with NULL, a warning of broken ones, if there are any. */
extern void ReportSkippedRows(uint64 null_rows, const BrokenRows *broken);

/* Fails with an error that says that a source has no `what`, and why. */
extern void FailEmptyLog(const char *source, const char *what, uint64 null_rows,
                         const BrokenRows *broken) __attribute__((noreturn));

/* --- columns of arrays */

typedef struct ArrayColumn {
    Oid element;
    int16 length;
    bool by_value;
    char align;
} ArrayColumn;

/* Fails, saying that the column must be `wanted`, if its type is no array. */
extern ArrayColumn ArrayColumnOpen(const char *column, Oid type, const char *wanted,
                                   const char *hint);

/* The same of numbers; *number: their type, below any domain. */
extern ArrayColumn NumbersColumnOpen(const char *column, Oid type, const char *hint, Oid *number);

/* An array's elements. */
typedef struct Elements {
    Datum *value;
    int count;
} Elements;

/* Of an array of at most one dimension, at most `most`, none of them NULL; what is wrong with it,
 * or NULL.  An array that is NULL has none. */
extern const char *ArrayElements(const ArrayColumn *column, NullableDatum array, int most,
                                 Elements *elements);

extern void FailColumnType(const char *column, Oid type, const char *wanted, const char *hint)
    __attribute__((noreturn));

/* --- arrays that grow */

/* The room doubles; false: there is enough. */
extern bool NeedsRoom(Size *room, Size wanted);

extern void *ResizeArray(MemoryContext context, void *array, Size count, Size width);

#endif
