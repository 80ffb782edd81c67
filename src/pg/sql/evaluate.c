/* evaluate.c: recadv_evaluate(): accuracy on test interactions. */
#include "pg/base/compat.h"

#include <math.h>

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "pg/base/rowset.h"
#include "pg/sql/evaluation.h"

/* Arguments of recadv_evaluate. */
enum {
    EVALUATE_MODEL,
    EVALUATE_TEST_SOURCE,
    EVALUATE_USER_COLUMN,
    EVALUATE_ITEM_COLUMN,
    EVALUATE_K
};

/* The mean over `users`; NULL if it is of nobody. */
static void AddMean(RowSet *rows, const char *name, int k, double sum, uint64 users)
{
    Datum values[] = {CStringGetTextDatum(name), Int32GetDatum(k),
                      Float8GetDatum(users == 0 ? 0 : sum / (double)users),
                      Int64GetDatum((int64)users)};
    bool nulls[] = {false, k == 0, users == 0, false};

    RowSetAdd(rows, values, nulls);
}

static void AddMetric(RowSet *rows, const Evaluation *e, const char *name, int k, double sum)
{
    AddMean(rows, name, k, sum, e->count);
}

static void AddMetrics(RowSet *rows, const Evaluation *e, const int32 *k, int count)
{
    RankingMetrics whole = {0};
    uint64 ordered = 0;

    for (int i = 0; i < count; i++) {
        CutoffMetrics sum = EvaluationSum(e, (uint32)k[i]);

        AddMetric(rows, e, "HR", k[i], sum.hr);
        AddMetric(rows, e, "NDCG", k[i], sum.ndcg);
        AddMetric(rows, e, "Recall", k[i], sum.recall);
        AddMetric(rows, e, "Precision", k[i], sum.precision);
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

static int32 *CutoffArgument(ArrayType *array, int *count)
{
    Datum *values = ArrayArgument(array, "k", count);
    int32 *k = palloc(sizeof(int32) * (Size)*count);

    for (int i = 0; i < *count; i++) {
        k[i] = DatumGetInt32(values[i]);
        if (k[i] < 1)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("k must be at least 1, not %d", k[i])));
    }
    return k;
}

PG_FUNCTION_INFO_V1(recadv_evaluate);

Datum recadv_evaluate(PG_FUNCTION_ARGS)
{
    Source source = TestSourceArgument(fcinfo, EVALUATE_TEST_SOURCE);
    Evaluation e;
    RowSet rows;
    int32 *k;
    int count;

    if (PG_ARGISNULL(EVALUATE_K))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("k must not be NULL")));
    k = CutoffArgument(PG_GETARG_ARRAYTYPE_P(EVALUATE_K), &count);
    RowSetOpen(&rows, fcinfo);
    EvaluationOpen(&e, PG_ARGISNULL(EVALUATE_MODEL) ? NULL : PG_GETARG_TEXT_PP(EVALUATE_MODEL));
    EvaluationUseTest(&e, &source);
    EvaluationRank(&e);
    EvaluationReport(&e);
    AddMetrics(&rows, &e, k, count);
    EvaluationClose(&e);
    return (Datum)0;
}
