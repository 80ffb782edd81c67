/*
 * slates.h: collects a log of slates, one row per step of a session, in compact arrays.
 *
 * Each row is checked for itself: a broken one is skipped and counted, and the first is remembered
 * with what is wrong with it.  What comes of the rows does not depend on their order.
 */
#ifndef RECADV_PG_TRAIN_SLATES_H
#define RECADV_PG_TRAIN_SLATES_H

#include "pg/base/compat.h"

#include "algo/policy/past.h"
#include "core/slates.h"
#include "pg/train/session_log.h"

/* A row that shows more items is broken. */
#define MOST_SHOWN 10000

/* Names of the columns. */
typedef struct SlateColumns {
    const char *session;
    const char *step;
    const char *shown;
    const char *clicked;
    const char *reward;     /* NULL: none */
    const char *propensity; /* NULL: none */
    const char *history;    /* NULL: none */
} SlateColumns;

/* Their types, in the same order; InvalidOid for those that are not there. */
typedef struct SlateTypes {
    Oid session;
    Oid step;
    Oid shown;
    Oid clicked;
    Oid reward;
    Oid propensity;
    Oid history;
} SlateTypes;

/* A row as it comes; reward, propensity and history count where their column is there. */
typedef struct SlateRow {
    NullableDatum session;
    NullableDatum step;
    NullableDatum shown;
    NullableDatum clicked;
    NullableDatum reward;
    NullableDatum propensity;
    NullableDatum history;
} SlateRow;

typedef struct SlateCollector SlateCollector;

/* Fails, naming the column, if one has a type that its values cannot have. */
extern SlateCollector *SlateCollectorCreate(MemoryContext context, const SlateColumns *columns,
                                            const SlateTypes *types);

/*
 * A NULL session or step skips and counts the row, and so does whatever makes a row broken: see
 * doc/policies.md.  A NULL reward is ClickReward(); NULL for what was clicked is nothing; NULL
 * propensities are NaN; of a history the last VISITOR_HISTORY are kept.
 */
extern void SlateCollectorAdd(SlateCollector *collector, const SlateRow *row);

/* What was read, in the form that training needs. */
typedef struct CollectedSlates {
    Slates slates; /* items that no row is left of are not among them, nor are sessions */
    Past *past;    /* what had been clicked before each step; NULL without the column */
    IdList sessions;
    IdList items;
    Oid item_type;
    uint64 null_rows;     /* skipped for a NULL session or step */
    uint64 single_steps;  /* sessions of one step */
    BrokenRows broken;    /* skipped */
    double logged_reward; /* of a session: mean of the sums over its steps */
    double logged_depth;  /* steps of a session, likewise */
    uint32 usual_size;    /* of a slate: the mean, rounded */
} CollectedSlates;

/* No rows may follow. */
extern void SlateCollectorFinish(SlateCollector *collector, CollectedSlates *result);

/* A notice of rows with NULL, a warning of broken ones, if there are any. */
extern void CollectedSlatesReport(const CollectedSlates *collected);

#endif
