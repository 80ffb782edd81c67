/* evaluate.c: recadv_evaluate(): accuracy on test interactions. */
#include "pg/base/compat.h"

#include <math.h>

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "pg/base/rowset.h"
#include "pg/serve/arguments.h"
#include "pg/sql/evaluation.h"

/* Arguments of recadv_evaluate. */
enum {
    EVALUATE_MODEL,
    EVALUATE_TEST_SOURCE,
    EVALUATE_USER_COLUMN,
    EVALUATE_ITEM_COLUMN,
    EVALUATE_K,
    EVALUATE_WEIGHT
};

/* NULL if it is of nobody. */
static void AddValue(RowSet *rows, const char *name, int k, double value, uint64 users)
{
    Datum values[] = {CStringGetTextDatum(name), Int32GetDatum(k),
                      Float8GetDatum(users == 0 ? 0 : value), Int64GetDatum((int64)users)};
    bool nulls[] = {false, k == 0, users == 0, false};

    RowSetAdd(rows, values, nulls);
}

static void AddMean(RowSet *rows, const char *name, int k, double sum, uint64 users)
{
    AddValue(rows, name, k, sum / (double)users, users);
}

static void AddMetric(RowSet *rows, const Evaluation *e, const char *name, int k, double sum)
{
    AddMean(rows, name, k, sum, e->count);
}

static void AddLists(RowSet *rows, const Evaluation *e, const ListMetrics *lists)
{
    int k = (int)lists->k;

    AddValue(rows, "Coverage", k, lists->coverage, e->count);
    AddValue(rows, "Popularity", k, lists->popularity, lists->lists);
    AddValue(rows, "Novelty", k, lists->novelty, lists->lists);
}

static void AddMetrics(RowSet *rows, const Evaluation *e, const ListMetrics *lists, int count)
{
    RankingMetrics whole = {0};
    uint64 ordered = 0;

    for (int i = 0; i < count; i++) {
        int k = (int)lists[i].k;
        CutoffMetrics sum = EvaluationSum(e, lists[i].k);

        AddMetric(rows, e, "HR", k, sum.hr);
        AddMetric(rows, e, "NDCG", k, sum.ndcg);
        AddMetric(rows, e, "Recall", k, sum.recall);
        AddMetric(rows, e, "Precision", k, sum.precision);
        AddLists(rows, e, &lists[i]);
    }
    for (size_t i = 0; i < e->count; i++) {
        const RankingCase *c = &e->cases[i];
        RankingMetrics m = RankingMetricsOf(c->positions, c->relevant_count, c->others);

        whole.mrr += m.mrr;
        whole.map += m.map;
        if (isnan(m.auc)) /* all candidates are relevant: no order is wrong, and none is right */
            continue;
        whole.auc += m.auc;
        ordered++;
    }
    AddMetric(rows, e, "MRR", 0, whole.mrr);
    AddMetric(rows, e, "MAP", 0, whole.map);
    AddMean(rows, "AUC", 0, whole.auc, ordered);
}

static ListMetrics *CutoffArgument(ArrayType *array, int *count)
{
    Datum *values = ArrayArgument(array, "k", count);
    ListMetrics *lists = palloc0(sizeof(ListMetrics) * (Size)*count);

    for (int i = 0; i < *count; i++) {
        int32 k = DatumGetInt32(values[i]);

        if (k < 1)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("k must be at least 1, not %d", k)));
        lists[i].k = (uint32)k;
    }
    return lists;
}

PG_FUNCTION_INFO_V1(recadv_evaluate_0_2);

Datum recadv_evaluate_0_2(PG_FUNCTION_ARGS)
{
    Source source = TestSourceArgument(fcinfo, EVALUATE_TEST_SOURCE);
    Evaluation e;
    RowSet rows;
    ListMetrics *lists;
    float weight;
    int count;

    if (PG_ARGISNULL(EVALUATE_K))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("k must not be NULL")));
    lists = CutoffArgument(PG_GETARG_ARRAYTYPE_P(EVALUATE_K), &count);
    weight = PopularityWeightArgument(fcinfo, EVALUATE_WEIGHT);
    RowSetOpen(&rows, fcinfo);
    EvaluationOpen(&e, PG_ARGISNULL(EVALUATE_MODEL) ? NULL : PG_GETARG_TEXT_PP(EVALUATE_MODEL));
    e.weight = weight;
    EvaluationUseTest(&e, &source);
    EvaluationRank(&e);
    EvaluationMeasureLists(&e, lists, (uint32)count);
    EvaluationReport(&e);
    AddMetrics(&rows, &e, lists, count);
    EvaluationClose(&e);
    return (Datum)0;
}
