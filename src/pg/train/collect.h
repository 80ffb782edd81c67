/* collect.h: collects interactions in compact arrays, from a source or an aggregate. */
#ifndef RECADV_PG_TRAIN_COLLECT_H
#define RECADV_PG_TRAIN_COLLECT_H

#include "pg/base/compat.h"

#include "core/interactions.h"
#include "pg/base/backend.h"
#include "pg/ids/id_index.h"

/* Rows whose ids are looked up together. */
#define COLLECT_BATCH 256

typedef struct Collector {
    MemoryContext context;
    MemoryContext scratch; /* reset after every row */
    IdIndex *users;
    IdIndex *items;
    Oid time_type;     /* InvalidOid: no times */
    int32 time_typmod; /* of the column, such as its precision; -1: none */
    bool streams;      /* the algorithm learns from a stream: keep the order of events */
    double lateness;   /* then: see window.h */
    Size room;
    Size count;
    uint32 *user; /* provisional numbers */
    uint32 *item;
    int64 *time;
    uint64 null_rows;                  /* skipped: an id was NULL */
    uint32 pending;                    /* rows in the batch below, not yet in the arrays above */
    int64 pending_user[COLLECT_BATCH]; /* integer ids, or numbers of text ids */
    int64 pending_item[COLLECT_BATCH];
    int64 pending_time[COLLECT_BATCH];
} Collector;

/* Fails if the time type cannot be ordered as a time. */
extern Collector *CollectorCreate(MemoryContext context, Oid user_type, Oid item_type,
                                  Oid time_type);

/* A NULL id skips and counts the row; a NULL time sorts before all others. */
extern void CollectorAdd(Collector *collector, NullableDatum user, NullableDatum item,
                         NullableDatum time);

/* Moves pending rows into the arrays; call before looking at them. */
extern void CollectorFlush(Collector *collector);

/* With numbers already known (when merging partial aggregates). */
extern void CollectorAddNumbers(Collector *collector, uint32 user, uint32 item, int64 time);

extern Size CollectorMemory(const Collector *collector);

/* What was read, in the form that training needs. */
typedef struct Collected {
    Interactions data;
    Events events;         /* if the collector's `streams` is set, like the next one */
    struct Window *window; /* what a refresh must know */
    IdList users;
    IdList items;
    Oid user_type;
    Oid item_type;
    uint64 rows;       /* read, without those skipped */
    uint64 null_rows;  /* skipped for a NULL id */
    uint64 duplicates; /* rows - distinct pairs */
} Collected;

extern void CollectorFinish(Collector *collector, BackendHost *backend, Collected *result);

#endif
