/* evaluate.c: recadv_evaluate() and recadv_robustness(). */
#include "pg/base/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "algo/rank/validation.h"
#include "core/metrics.h"
#include "pg/model/whole_model.h"
#include "pg/base/settings.h"
#include "pg/train/reader.h"
#include "pg/base/rowset.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"

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
} Evaluation;

static void Open(Evaluation *e, text *model)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv evaluation", ALLOCSET_DEFAULT_SIZES);
    Oid relid = ModelResolve(model);

    memset(e, 0, sizeof(*e));
    BackendHostInit(&e->backend, context, "recadv_evaluate");
    ModelTableOpen(relid, &e->table);
    e->table.store.version = ModelTableCurrent(&e->table, false).version;
    WholeModelRead(&e->table.store, &e->backend, &e->loaded);
}

static void Close(Evaluation *e)
{
    ModelTableClose(&e->table);
    MemoryContextDelete(e->backend.context);
}

static void ReadTest(Evaluation *e, const Source *source)
{
    Collector *collector;

    SPI_connect();
    collector = SourceRead(source, e->backend.context);
    if (collector->count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("source \"%s\" has no interactions", source->text)));
    CollectorFinish(collector, &e->backend, &e->test);
    SPI_finish();
}

/* The model's index of every id of the test, UNKNOWN_ID for those it does not know. */
static uint32 *MapIds(const Evaluation *e, const IdList *test, const IdList *model)
{
    uint32 *map = AllocateArray(e->backend.context, uint32, (Size)test->count + 1);

    for (uint32 i = 0; i < test->count; i++) {
        CHECK_FOR_INTERRUPTS();
        map[i] = IdListFind(model, IdListGet(test, i));
    }
    return map;
}

/*
 * Relevant items of one test user.  Items that the model does not know stay, as never found;
 * items that it was trained on are no candidates and leave.
 */
static uint32 TakeRelevant(Evaluation *e, uint32 user, uint64 first, uint64 last,
                           const uint32 *item_map, uint32 *relevant)
{
    uint32 count = 0;

    for (uint64 i = first; i < last; i++) {
        uint32 item = item_map[e->test.data.item[i]];

        if (item != UNKNOWN_ID && TrainsOn(&e->loaded.data, user, item)) {
            e->trained_rows++;
            continue;
        }
        relevant[count++] = item == UNKNOWN_ID ? NO_ITEM : item;
    }
    return count;
}

static void MakeCases(Evaluation *e)
{
    const Interactions *test = &e->test.data, *train = &e->loaded.data;
    MemoryContext context = e->backend.context;
    uint32 *user_map = MapIds(e, &e->test.users, &e->loaded.user_ids);
    uint32 *item_map = MapIds(e, &e->test.items, &e->loaded.item_ids);
    uint32 *relevant = AllocateArray(context, uint32, test->count);
    uint32 *positions = AllocateArray(context, uint32, test->count);

    e->cases = AllocateArray(context, RankingCase, test->users);
    for (uint32 t = 0; t < test->users; t++) {
        uint64 first = test->offset[t], last = test->offset[t + 1];
        uint32 user = user_map[t], count;

        if (user == UNKNOWN_ID) {
            e->unknown_users += last - first;
            continue;
        }
        count = TakeRelevant(e, user, first, last, item_map, relevant + first);
        if (count == 0)
            continue;
        e->cases[e->count++] = (RankingCase){
            .user = user,
            .relevant = relevant + first,
            .relevant_count = count,
            .excluded = train->item + train->offset[user],
            .excluded_count = (uint32)(train->offset[user + 1] - train->offset[user]),
            .positions = positions + first,
        };
    }
    if (e->count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("no row of the test source can be evaluated"),
                        errdetail(UINT64_FORMAT
                                  " rows are of users that the model does not know, " UINT64_FORMAT
                                  " were trained on.",
                                  e->unknown_users, e->trained_rows)));
}

static void ReportLeftOut(const Evaluation *e)
{
    if (e->test.null_rows > 0)
        ereport(NOTICE,
                (errmsg_plural("%lld test row with a NULL id was left out",
                               "%lld test rows with a NULL id were left out",
                               (unsigned long)e->test.null_rows, (long long)e->test.null_rows)));
    if (e->unknown_users > 0)
        ereport(NOTICE,
                (errmsg_plural("%lld test row of a user that the model does not know was left out",
                               "%lld test rows of users that the model does not know were left out",
                               (unsigned long)e->unknown_users, (long long)e->unknown_users)));
    if (e->trained_rows > 0)
        ereport(NOTICE,
                (errmsg_plural("%lld test row that the model was trained on was left out",
                               "%lld test rows that the model was trained on were left out",
                               (unsigned long)e->trained_rows, (long long)e->trained_rows)));
}

static void Rank(void *arg)
{
    Evaluation *e = arg;

    RankCases(&e->backend.host, &e->loaded.model, e->cases, e->count);
}

static void RunRanking(Evaluation *e)
{
    int threads = CheckThreads(0);

    CheckMemory(add_size(MemoryContextMemAllocated(e->backend.context, true),
                         RankingMemory(&e->loaded.model, threads)),
                "evaluation");
    BackendHostRun(&e->backend, threads, Rank, e);
}

static void AddMetric(RowSet *rows, const Evaluation *e, const char *name, int k, double sum)
{
    Datum values[] = {CStringGetTextDatum(name), Int32GetDatum(k),
                      Float8GetDatum(sum / (double)e->count), Int64GetDatum((int64)e->count)};
    bool nulls[] = {false, k == 0, false, false};

    RowSetAdd(rows, values, nulls);
}

static CutoffMetrics SumAtK(const Evaluation *e, uint32 k)
{
    CutoffMetrics sum = {0};

    for (size_t i = 0; i < e->count; i++) {
        const RankingCase *c = &e->cases[i];
        CutoffMetrics m = CutoffMetricsOf(c->positions, c->relevant_count, k);

        sum.hr += m.hr;
        sum.ndcg += m.ndcg;
        sum.recall += m.recall;
        sum.precision += m.precision;
    }
    return sum;
}

static void AddMetrics(RowSet *rows, const Evaluation *e, const int32 *k, int count)
{
    RankingMetrics whole = {0};

    for (int i = 0; i < count; i++) {
        CutoffMetrics sum = SumAtK(e, (uint32)k[i]);

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
        whole.auc += m.auc;
    }
    AddMetric(rows, e, "MRR", 0, whole.mrr);
    AddMetric(rows, e, "MAP", 0, whole.map);
    AddMetric(rows, e, "AUC", 0, whole.auc);
}

/* Elements of a one-dimensional array without NULLs. */
static Datum *ArrayElements(ArrayType *array, const char *name, int *count)
{
    int16 width;
    bool by_value, *nulls;
    char align;
    Datum *values;

    get_typlenbyvalalign(ARR_ELEMTYPE(array), &width, &by_value, &align);
    deconstruct_array(array, ARR_ELEMTYPE(array), width, by_value, align, &values, &nulls, count);
    if (ARR_NDIM(array) > 1 || *count == 0 || *count > 100)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s must be an array of 1 to 100 values", name)));
    for (int i = 0; i < *count; i++)
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("%s must not contain NULL", name)));
    return values;
}

static int32 *CutoffArgument(ArrayType *array, int *count)
{
    Datum *values = ArrayElements(array, "k", count);
    int32 *k = palloc(sizeof(int32) * (Size)*count);

    for (int i = 0; i < *count; i++) {
        k[i] = DatumGetInt32(values[i]);
        if (k[i] < 1)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("k must be at least 1, not %d", k[i])));
    }
    return k;
}

static Source SourceArguments(FunctionCallInfo fcinfo, int first)
{
    for (int i = first; i < first + 3; i++)
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("the test source and its columns must not be NULL")));
    return (Source){.text = text_to_cstring(PG_GETARG_TEXT_PP(first)),
                    .user_column = NameStr(*PG_GETARG_NAME(first + 1)),
                    .item_column = NameStr(*PG_GETARG_NAME(first + 2))};
}

PG_FUNCTION_INFO_V1(recadv_evaluate);

/* Arguments: model, test_source, user_column, item_column, k. */
Datum recadv_evaluate(PG_FUNCTION_ARGS)
{
    Source source = SourceArguments(fcinfo, 1);
    Evaluation e;
    RowSet rows;
    int32 *k;
    int count;

    if (PG_ARGISNULL(4))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("k must not be NULL")));
    k = CutoffArgument(PG_GETARG_ARRAYTYPE_P(4), &count);
    RowSetOpen(&rows, fcinfo);
    Open(&e, PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0));
    ReadTest(&e, &source);
    MakeCases(&e);
    RunRanking(&e);
    ReportLeftOut(&e);
    AddMetrics(&rows, &e, k, count);
    Close(&e);
    return (Datum)0;
}

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
    Perturbation kind;
    double epsilon;
} PerturbJob;

static void Perturb(void *arg)
{
    PerturbJob *job = arg;
    Evaluation *e = job->evaluation;
    const TrainOptions *options = e->loaded.header.options;

    e->loaded.model.algorithm->perturb(&e->backend.host, &e->loaded.data, &e->loaded.model,
                                       job->kind, job->epsilon, (uint64)options->seed);
    RankCases(&e->backend.host, &e->loaded.model, e->cases, e->count);
}

static double MeasurePerturbed(Evaluation *e, const Model *trained, Perturbation kind,
                               double epsilon)
{
    PerturbJob job = {e, kind, epsilon};

    CopyParts(trained, &e->loaded.model);
    BackendHostRun(&e->backend, CheckThreads(0), Perturb, &job);
    return SumAtK(e, VALIDATION_CUTOFF).ndcg / (double)e->count;
}

static void AddRobustness(RowSet *rows, Evaluation *e, const Model *trained, double before,
                          float4 epsilon)
{
    static const char *const names[] = {
        [PERTURB_RANDOM] = "random", [PERTURB_ADVERSARIAL] = "adversarial"};

    for (Perturbation kind = PERTURB_RANDOM; kind <= PERTURB_ADVERSARIAL; kind++) {
        double after = MeasurePerturbed(e, trained, kind, epsilon);
        Datum values[] = {Float4GetDatum(epsilon), CStringGetTextDatum(names[kind]),
                          Float8GetDatum(before), Float8GetDatum(after),
                          Float8GetDatum(before == 0 ? 0 : after / before - 1)};
        bool nulls[] = {false, false, false, false, before == 0};

        RowSetAdd(rows, values, nulls);
    }
}

static float4 *EpsilonArgument(ArrayType *array, int *count)
{
    Datum *values = ArrayElements(array, "epsilon", count);
    float4 *epsilon = palloc(sizeof(float4) * (Size)*count);

    for (int i = 0; i < *count; i++) {
        epsilon[i] = DatumGetFloat4(values[i]);
        if (!(epsilon[i] >= 0 && epsilon[i] <= 1000))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("epsilon must be from 0 to 1000, not %g", epsilon[i])));
    }
    return epsilon;
}

PG_FUNCTION_INFO_V1(recadv_robustness);

/* Arguments: model, epsilon, test_source, user_column, item_column. */
Datum recadv_robustness(PG_FUNCTION_ARGS)
{
    Evaluation e;
    Model trained;
    RowSet rows;
    float4 *epsilon;
    double before;
    int count;

    if (PG_ARGISNULL(1))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("epsilon must not be NULL")));
    epsilon = EpsilonArgument(PG_GETARG_ARRAYTYPE_P(1), &count);
    RowSetOpen(&rows, fcinfo);
    Open(&e, PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0));
    if (e.loaded.model.algorithm->perturb == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("algorithm \"%s\" has no embeddings to perturb",
                               e.loaded.model.algorithm->name)));
    if (PG_ARGISNULL(2)) {
        UseHeldOut(&e);
    } else {
        Source source = SourceArguments(fcinfo, 2);

        ReadTest(&e, &source);
        MakeCases(&e);
    }
    /* The copy, and the gradient of every row. */
    CheckMemory(SizeAdd(MemoryContextMemAllocated(e.backend.context, true),
                        SizeMultiply(2, ModelMemory(&e.loaded.model))),
                "measuring robustness");
    trained = e.loaded.model;
    ModelAllocate(&e.backend.host, &trained);
    CopyParts(&e.loaded.model, &trained);
    RunRanking(&e);
    before = SumAtK(&e, VALIDATION_CUTOFF).ndcg / (double)e.count;
    for (int i = 0; i < count; i++)
        AddRobustness(&rows, &e, &trained, before, epsilon[i]);
    ReportLeftOut(&e);
    Close(&e);
    return (Datum)0;
}
