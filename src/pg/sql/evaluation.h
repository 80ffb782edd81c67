/* evaluation.h: what recadv_evaluate() and recadv_robustness() share. */
#ifndef RECADV_PG_SQL_EVALUATION_H
#define RECADV_PG_SQL_EVALUATION_H

#include "pg/base/compat.h"

#include "fmgr.h"
#include "utils/array.h"

#include "algo/rank/lists.h"
#include "core/metrics.h"
#include "pg/model/source.h"
#include "pg/model/table.h"
#include "pg/model/whole_model.h"
#include "pg/train/collect.h"

/* A model, test cases on it, and what their ranking needs. */
typedef struct Evaluation {
    BackendHost backend;
    ModelTable table;
    WholeModel loaded;
    Collected test; /* in dense indexes of its own */
    RankingCase *cases;
    size_t count;
    uint64 unknown_users; /* test rows of users that the model has not seen */
    uint64 trained_rows;  /* test rows that the model was trained on */
    bool held_out;        /* the cases are the model's held-out interactions */
    float weight;         /* of popularity, against it, in the ranking */
} Evaluation;

/* Loads the model that the name means; NULL: that of the setting, or the only one. */
extern void EvaluationOpen(Evaluation *e, text *model);
extern void EvaluationClose(Evaluation *e);

/* Takes the rows of a test source as cases. */
extern void EvaluationUseTest(Evaluation *e, const Source *source);

/* The users' interactions, for queries that are made of them; without what the cases ask for. */
extern Histories EvaluationHistories(const Evaluation *e);

/* Ranks the cases on all threads. */
extern void EvaluationRank(Evaluation *e);

/* Measures what is in the lists of the cases' users, on all threads. */
extern void EvaluationMeasureLists(Evaluation *e, ListMetrics *metrics, uint32 count);

/* Sums over the cases of the metrics at a cutoff. */
extern CutoffMetrics EvaluationSum(const Evaluation *e, uint32 k);

/* Says which rows of the test were left out. */
extern void EvaluationReport(const Evaluation *e);

/* test_source, user_column and item_column, which follow each other. */
extern Source TestSourceArgument(FunctionCallInfo fcinfo, int argument);

/* Elements of a one-dimensional array without NULLs; `name` is that of the argument. */
extern Datum *ArrayArgument(ArrayType *array, const char *name, int *count);

#endif
