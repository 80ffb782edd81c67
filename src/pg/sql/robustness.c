/* robustness.c: recadv_robustness(): what moving the embeddings does to the accuracy. */
#include "pg/base/compat.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "algo/rank/validation.h"
#include "pg/base/rowset.h"
#include "pg/base/settings.h"
#include "pg/sql/evaluation.h"

/* Arguments of recadv_robustness. */
enum {
    ROBUSTNESS_MODEL,
    ROBUSTNESS_EPSILON,
    ROBUSTNESS_TEST_SOURCE,
    ROBUSTNESS_USER_COLUMN,
    ROBUSTNESS_ITEM_COLUMN,
    ROBUSTNESS_RELATIVE
};

/* The held-out interactions as cases. */
static void UseHeldOut(Evaluation *e)
{
    Validation validation;

    if (e->loaded.data.held_count == 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("model \"%s\" holds no interactions out", e->table.store.name),
                        errhint("Name a test_source, or train with the option holdout.")));
    ValidationPrepare(&e->backend.host, &e->loaded.data, &validation);
    e->cases = validation.cases;
    e->count = validation.count;
    e->held_out = true;
}

/* The model's parts as trained, to go back to after each perturbation. */
static void CopyParts(const Model *from, Model *to)
{
    for (int i = 0; i < from->parts; i++)
        memcpy(to->part[i].data, from->part[i].data,
               (Size)from->part[i].rows * from->part[i].stride * sizeof(float));
}

typedef struct PerturbJob {
    Evaluation *evaluation;
    Perturbation how;
} PerturbJob;

static void Perturb(void *arg)
{
    PerturbJob *job = arg;
    Evaluation *e = job->evaluation;
    const TrainOptions *options = e->loaded.header.options;

    e->loaded.model.algorithm->perturb(&e->backend.host, &e->loaded.data, &e->loaded.model,
                                       job->how, (uint64)options->seed);
    RankCases(&e->backend.host, &e->loaded.model, EvaluationHistories(e), e->cases, e->count);
}

static double MeasurePerturbed(Evaluation *e, const Model *trained, Perturbation how)
{
    PerturbJob job = {e, how};

    CopyParts(trained, &e->loaded.model);
    BackendHostRun(&e->backend, CheckThreads(0), Perturb, &job);
    return EvaluationSum(e, VALIDATION_CUTOFF).ndcg / (double)e->count;
}

static void AddRobustness(RowSet *rows, Evaluation *e, const Model *trained, double before,
                          float4 epsilon, bool relative)
{
    static const char *const names[] = {
        [PERTURB_RANDOM] = "random", [PERTURB_ADVERSARIAL] = "adversarial"};

    for (PerturbationKind kind = PERTURB_RANDOM; kind <= PERTURB_ADVERSARIAL; kind++) {
        double after = MeasurePerturbed(e, trained, (Perturbation){kind, epsilon, relative});
        Datum values[] = {Float4GetDatum(epsilon), CStringGetTextDatum(names[kind]),
                          Float8GetDatum(before), Float8GetDatum(after),
                          Float8GetDatum(before == 0 ? 0 : after / before - 1)};
        bool nulls[] = {false, false, false, false, before == 0};

        RowSetAdd(rows, values, nulls);
    }
}

static float4 *EpsilonArgument(ArrayType *array, int *count)
{
    Datum *values = ArrayArgument(array, "epsilon", count);
    float4 *epsilon = palloc(sizeof(float4) * (Size)*count);

    for (int i = 0; i < *count; i++) {
        epsilon[i] = DatumGetFloat4(values[i]);
        if (!(epsilon[i] >= 0 && epsilon[i] <= 1000))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("epsilon must be from 0 to 1000, not %g", epsilon[i])));
    }
    return epsilon;
}

PG_FUNCTION_INFO_V1(recadv_robustness_0_2);

Datum recadv_robustness_0_2(PG_FUNCTION_ARGS)
{
    Evaluation e;
    Model trained;
    RowSet rows;
    float4 *epsilon;
    double before;
    bool relative;
    int count;

    if (PG_ARGISNULL(ROBUSTNESS_EPSILON))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("epsilon must not be NULL")));
    epsilon = EpsilonArgument(PG_GETARG_ARRAYTYPE_P(ROBUSTNESS_EPSILON), &count);
    relative = !PG_ARGISNULL(ROBUSTNESS_RELATIVE) && PG_GETARG_BOOL(ROBUSTNESS_RELATIVE);
    RowSetOpen(&rows, fcinfo);
    EvaluationOpen(&e, PG_ARGISNULL(ROBUSTNESS_MODEL) ? NULL : PG_GETARG_TEXT_PP(ROBUSTNESS_MODEL));
    if (e.loaded.model.algorithm->perturb == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("algorithm \"%s\" has no embeddings to perturb",
                               e.loaded.model.algorithm->name)));
    if (PG_ARGISNULL(ROBUSTNESS_TEST_SOURCE)) {
        UseHeldOut(&e);
    } else {
        Source source = TestSourceArgument(fcinfo, ROBUSTNESS_TEST_SOURCE);

        EvaluationUseTest(&e, &source);
    }
    /* The copy, and the gradient of every row. */
    CheckMemory(SizeAdd(MemoryContextMemAllocated(e.backend.context, true),
                        SizeMultiply(2, ModelMemory(&e.loaded.model))),
                "measuring robustness");
    trained = e.loaded.model;
    ModelAllocate(&e.backend.host, &trained);
    CopyParts(&e.loaded.model, &trained);
    EvaluationRank(&e);
    before = EvaluationSum(&e, VALIDATION_CUTOFF).ndcg / (double)e.count;
    for (int i = 0; i < count; i++)
        AddRobustness(&rows, &e, &trained, before, epsilon[i], relative);
    EvaluationReport(&e);
    EvaluationClose(&e);
    return (Datum)0;
}
