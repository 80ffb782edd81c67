/* collect.h: collects interactions in compact arrays, from a source or an aggregate. */
#ifndef RECADV_PG_TRAIN_COLLECT_H
#define RECADV_PG_TRAIN_COLLECT_H

#include "pg/base/compat.h"

#include "core/interactions.h"
#include "pg/base/backend.h"
#include "pg/base/weights.h"
#include "pg/ids/id_index.h"
#include "pg/model/learnt.h"

/* Rows whose ids are looked up together. */
#define COLLECT_BATCH 256

/* Types of the columns; InvalidOid for those that are not there. */
typedef struct RowTypes {
    Oid user;
    Oid item;
    Oid time;
    int32 time_typmod; /* such as its precision; -1: none */
    Oid weight;
} RowTypes;

/* A row as it comes; time and weight count where their column is there. */
typedef struct SourceRow {
    NullableDatum user;
    NullableDatum item;
    NullableDatum time;
    NullableDatum weight;
} SourceRow;

/* A row whose ids have got their numbers. */
typedef struct NumberedRow {
    uint32 user;
    uint32 item;
    int64 time;
    float weight;
} NumberedRow;

/* What is kept of rows beside the set of interactions, for what they are trained with. */
typedef struct CollectFor {
    bool events;     /* all rows in order of time */
    bool window;     /* which events have been learnt: see window.h */
    double lateness; /* then */
} CollectFor;

/* Rows that were skipped because an id is none: see IdIsUsable. */
typedef struct Unusable {
    uint64 rows;
    char *first; /* which id the first of them has */
} Unusable;

typedef struct Collector {
    MemoryContext context;
    MemoryContext scratch; /* reset after every row */
    IdIndex *users;
    IdIndex *items;
    RowTypes types; /* below any domains */
    CollectFor purpose;
    Size room;
    Size count;
    uint32 *user; /* provisional numbers */
    uint32 *item;
    int64 *time;
    float *weight;
    uint64 null_rows;                  /* skipped: an id was NULL */
    uint64 weightless_rows;            /* skipped: the weight was zero, negative, NaN or infinite */
    Unusable unusable;                 /* skipped: an id was too long or no text */
    uint32 pending;                    /* rows in the batch below, not yet in the arrays above */
    int64 pending_user[COLLECT_BATCH]; /* integer ids, or numbers of text ids */
    int64 pending_item[COLLECT_BATCH];
    int64 pending_time[COLLECT_BATCH];
    float pending_weight[COLLECT_BATCH];
} Collector;

/* Fails if the time cannot be ordered as a time, or the weight is no number. */
extern Collector *CollectorCreate(MemoryContext context, const RowTypes *types);

/*
 * A NULL id, and a weight that is not above zero and finite, skip and count the row; a NULL time
 * sorts before all others, a NULL weight is 1.
 */
extern void CollectorAdd(Collector *collector, const SourceRow *row);

/* Moves pending rows into the arrays; call before looking at them. */
extern void CollectorFlush(Collector *collector);

/* With numbers already known (when merging partial aggregates). */
extern void CollectorAddNumbers(Collector *collector, const NumberedRow *row);
extern NumberedRow CollectorRow(const Collector *collector, Size i);

extern Columns CollectorColumns(const Collector *collector);
extern Size CollectorMemory(const Collector *collector);

/* What was read, in the form that training needs. */
typedef struct Collected {
    Interactions data;
    Events events;         /* if they were asked for; data.events points here */
    struct Window *window; /* NULL unless it was asked for */
    LearntLists learnt;    /* likewise */
    IdList users;
    IdList items;
    Oid user_type;
    Oid item_type;
    uint64 rows;            /* read, without those skipped */
    uint64 null_rows;       /* skipped for a NULL id */
    uint64 weightless_rows; /* skipped for a weight that does not count */
    Unusable unusable;      /* skipped for an id that is none */
    CappedWeights capped;
    uint64 duplicates;  /* rows - distinct pairs */
    double mean_weight; /* of the rows; 1 without weights */
} Collected;

/* Counts a row; `side` is "user" or "item".  The first is remembered in that context. */
extern void UnusableCount(Unusable *unusable, const char *side, Id id, MemoryContext context);

/* A notice, if there are any. */
extern void UnusableReport(const Unusable *unusable);

/* Every row was skipped, or there was none: an ERROR that says which. */
extern void CollectorFailEmpty(const Collector *collector, const char *source)
    __attribute__((noreturn));

/* Notices of rows that were skipped for another reason. */
extern void SkippedReport(uint64 null_rows, uint64 weightless_rows);

extern void CollectorFinish(Collector *collector, BackendHost *backend, Collected *result);

#endif
