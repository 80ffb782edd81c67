/*
 * evaluation.c: what recadv_evaluate() and recadv_robustness() share: a model, the test cases on
 * it, and their ranking.
 */
#include "pg/sql/evaluation.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/base/settings.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"
#include "pg/train/reader.h"

void EvaluationOpen(Evaluation *e, text *model)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv evaluation", ALLOCSET_DEFAULT_SIZES);
    Header header;

    memset(e, 0, sizeof(*e));
    BackendHostInit(&e->backend, context, "recadv_evaluate");
    ModelOpen(model, MODEL_READ, &e->table);
    e->table.store.version = ModelTableCurrent(&e->table, false).version;
    header = HeaderRead(&e->table.store);
    HeaderCheckUsers(&e->table.store, &header);
    WholeModelRead(&e->table.store, &e->backend, &e->loaded);
}

void EvaluationClose(Evaluation *e)
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
        CollectorFailEmpty(collector, source->text);
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

void EvaluationUseTest(Evaluation *e, const Source *source)
{
    HeaderCheckIds(&e->table.store, &e->loaded.header);
    ReadTest(e, source);
    MakeCases(e);
}

void EvaluationReport(const Evaluation *e)
{
    if (e->test.null_rows > 0)
        ereport(NOTICE,
                (errmsg_plural("%lld test row with a NULL id was left out",
                               "%lld test rows with a NULL id were left out",
                               (unsigned long)e->test.null_rows, (long long)e->test.null_rows)));
    UnusableReport(&e->test.unusable);
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

Histories EvaluationHistories(const Evaluation *e)
{
    return HistoriesOf(&e->loaded.model, &e->loaded.data, !e->held_out);
}

static void Rank(void *arg)
{
    Evaluation *e = arg;

    RankCasesPenalised(&e->backend.host, &e->loaded.model, EvaluationHistories(e), e->weight,
                       e->cases, e->count);
}

/* `more`: bytes beside what is there. */
static void CheckMore(const Evaluation *e, Size more)
{
    CheckMemory(add_size(MemoryContextMemAllocated(e->backend.context, true), more), "evaluation");
}

void EvaluationRank(Evaluation *e)
{
    int threads = CheckThreads(0);

    CheckMore(e, RankingMemory(&e->loaded.model, threads));
    BackendHostRun(&e->backend, threads, Rank, e);
}

typedef struct ListsOf {
    Evaluation *evaluation;
    ListMetrics *metrics;
    uint32 count;
} ListsOf;

static void Measure(void *arg)
{
    ListsOf *lists = arg;
    Evaluation *e = lists->evaluation;

    MeasureLists(&e->backend.host, &e->loaded.model, EvaluationHistories(e), &e->loaded.data,
                 e->weight, e->cases, e->count, lists->metrics, lists->count);
}

void EvaluationMeasureLists(Evaluation *e, ListMetrics *metrics, uint32 count)
{
    ListsOf lists = {e, metrics, count};
    int threads = CheckThreads(0);

    CheckMore(e, ListsMemory(&e->loaded.model, threads, e->count, metrics, count));
    BackendHostRun(&e->backend, threads, Measure, &lists);
}

CutoffMetrics EvaluationSum(const Evaluation *e, uint32 k)
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

Source TestSourceArgument(FunctionCallInfo fcinfo, int argument)
{
    for (int i = argument; i < argument + 3; i++)
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("the test source and its columns must not be NULL")));
    return (Source){.text = text_to_cstring(PG_GETARG_TEXT_PP(argument)),
                    .user_column = NameStr(*PG_GETARG_NAME(argument + 1)),
                    .item_column = NameStr(*PG_GETARG_NAME(argument + 2))};
}

Datum *ArrayArgument(ArrayType *array, const char *name, int *count)
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
