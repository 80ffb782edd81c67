/* evaluate_acts.h: recadv_evaluate_policy of a model that acts. */
#ifndef RECADV_PG_SQL_EVALUATE_ACTS_H
#define RECADV_PG_SQL_EVALUATE_ACTS_H

#include "algo/policy/value.h"
#include "pg/base/rowset.h"
#include "pg/model/whole_model.h"
#include "pg/train/act_reader.h"

/* What is asked beside what the log is. */
typedef struct ActEvaluation {
    BackendHost *backend;
    const char *model; /* its name */
    const WholeModel *whole;
    double gamma; /* as it was asked */
    double confidence;
    uint64 seed;
} ActEvaluation;

/* Reads the log, and adds a row for each estimate: logged and direct. */
extern void EvaluateActs(const ActEvaluation *evaluation, const Source *source,
                         const ActColumns *columns, RowSet *rows);

/* A row of recadv_evaluate_policy(). */

extern void AddEstimate(RowSet *rows, const char *name, const Estimate *estimate);

#endif
