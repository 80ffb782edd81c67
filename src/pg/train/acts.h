/*
 * acts.h: collects a log of acts, one row per step of a session, in compact arrays.
 *
 * Each row is checked for itself, and then for its widths beside the other rows of its scenario: a
 * broken one is skipped and counted, and the first is remembered with what is wrong with it.  What
 * comes of the rows does not depend on their order.
 */
#ifndef RECADV_PG_TRAIN_ACTS_H
#define RECADV_PG_TRAIN_ACTS_H

#include "core/acts.h"
#include "pg/train/session_log.h"

/* Names of the columns. */
typedef struct ActColumns {
    const char *session;
    const char *step;
    const char *scenario;
    const char *observation;
    const char *action;
    const char *reward;
    const char *propensity; /* NULL: none */
} ActColumns;

/* Their types, in the same order; InvalidOid for one that is not there. */
typedef struct ActTypes {
    Oid session;
    Oid step;
    Oid scenario;
    Oid observation;
    Oid action;
    Oid reward;
    Oid propensity;
} ActTypes;

/* A row as it comes. */
typedef struct ActRow {
    NullableDatum session;
    NullableDatum step;
    NullableDatum scenario;
    NullableDatum observation;
    NullableDatum action;
    NullableDatum reward;
    NullableDatum propensity;
} ActRow;

typedef struct ActCollector ActCollector;

/* Fails, naming the column, if one has a type that its values cannot have.  The names stay. */
extern ActCollector *ActCollectorCreate(MemoryContext context, const ActColumns *columns,
                                        const ActTypes *types);

/*
 * A NULL session or step skips and counts the row, and so does whatever makes a row broken: see
 * doc/policies.md.  A NULL propensity is NaN.
 */
extern void ActCollectorAdd(ActCollector *collector, const ActRow *row);

/* What was read, in the form that training needs. */
typedef struct CollectedActs {
    Acts acts;        /* scenarios that no row is left of are not among them, nor are sessions */
    IdList scenarios; /* by their index, ascending */
    Oid scenario_type;
    uint64 null_rows;     /* skipped for a NULL session or step */
    uint64 single_steps;  /* sessions of one step */
    BrokenRows broken;    /* skipped */
    double logged_reward; /* of a session: mean of the sums over its steps */
    double logged_depth;  /* steps of a session, likewise */
} CollectedActs;

/* No rows may follow.  Fails if there are more scenarios, or weights, than networks are made for.
 */
extern void ActCollectorFinish(ActCollector *collector, CollectedActs *result);

/* A notice of rows with NULL, a warning of broken ones, if there are any. */
extern void CollectedActsReport(const CollectedActs *collected);

#endif
