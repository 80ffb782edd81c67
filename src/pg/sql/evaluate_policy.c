/* evaluate_policy.c: recadv_evaluate_policy: what a model would have earned on a log. */
#include "pg/base/compat.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "algo/policy/target.h"
#include "algo/policy/value.h"
#include "pg/base/rowset.h"
#include "pg/base/settings.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"
#include "pg/model/whole_model.h"
#include "pg/serve/arguments.h"
#include "pg/sql/checks.h"
#include "pg/sql/evaluate_acts.h"
#include "pg/sql/explore.h"
#include "pg/sql/policy_columns.h"
#include "pg/train/slate_reader.h"

/* Arguments of recadv_evaluate_policy. */
enum {
    EVALUATE_MODEL,
    EVALUATE_SOURCE,
    EVALUATE_COLUMNS, /* nine of them */
    EVALUATE_HISTORY = EVALUATE_COLUMNS + POLICY_COLUMNS,
    EVALUATE_EXPLORE,
    EVALUATE_GAMMA,
    EVALUATE_CONFIDENCE,
    EVALUATE_CLIP,
    EVALUATE_SEED
};

typedef struct PolicyEvaluation {
    BackendHost backend;
    ModelTable table;
    WholeModel whole;
    CollectedSlates log;
    ValueQuestion question;
    uint32 *policy_item;
    uint32 *log_item;
    uint32 *greedy;
    PolicyValue value;
} PolicyEvaluation;

/* ---- arguments ---- */

/* From 0 to 1; the ends as `open` says. */
static double ShareArgument(FunctionCallInfo fcinfo, int argument, const char *name, bool open)
{
    double share;

    CheckNotNull(fcinfo, argument, name);
    share = PG_GETARG_FLOAT8(argument);
    if (!(open ? share > 0 && share < 1 : share >= 0 && share <= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg(open ? "%s must be above 0 and below 1, not %g"
                                    : "%s must be from 0 to 1, not %g",
                               name, share)));
    return share;
}

static double ClipArgument(FunctionCallInfo fcinfo)
{
    double clip = PG_ARGISNULL(EVALUATE_CLIP) ? INFINITY : PG_GETARG_FLOAT8(EVALUATE_CLIP);

    if (!(clip > 0))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("clip must be above 0, not %g", clip),
                        errhint("It is the largest weight that an item may have; NULL: any.")));
    return clip;
}

static void TakeArguments(FunctionCallInfo fcinfo, ValueQuestion *question)
{
    CheckNotNull(fcinfo, EVALUATE_SOURCE, "test_source");
    CheckNotNull(fcinfo, EVALUATE_EXPLORE, "explore");
    question->explore = ExploreArgument(fcinfo, EVALUATE_EXPLORE);
    question->gamma = ShareArgument(fcinfo, EVALUATE_GAMMA, "gamma", false);
    question->confidence = ShareArgument(fcinfo, EVALUATE_CONFIDENCE, "confidence", true);
    question->clip = ClipArgument(fcinfo);
    question->seed = SeedArgument(fcinfo, EVALUATE_SEED);
}

/* ---- model and log ---- */

static void LoadModel(PolicyEvaluation *e, text *model)
{
    ModelOpen(model, MODEL_READ, &e->table);
    e->table.store.version = ModelTableCurrent(&e->table, false).version;
    WholeModelRead(&e->table.store, &e->backend, &e->whole);
    HeaderCheckIds(&e->table.store, &e->whole.header);
    if (e->whole.model.items == 0 && e->whole.header.scenarios == NULL)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("model \"%s\" has no items", e->table.store.name)));
}

static void ReadLog(PolicyEvaluation *e, const Source *source, const SlateColumns *columns)
{
    SlateCollector *collector;

    SPI_connect();
    collector = SlatesRead(source, columns, e->backend.context);
    SlateCollectorFinish(collector, &e->log);
    SPI_finish();
    CheckSlates(source, &e->log);
    CollectedSlatesReport(&e->log);
}

static void CheckKinds(const PolicyEvaluation *e)
{
    if (e->whole.header.item_kind != e->log.items.kind)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("model \"%s\" has items whose ids are of the kind %s, the source %s",
                               e->table.store.name, IdKindName(e->whole.header.item_kind),
                               IdKindName(e->log.items.kind)),
                        errhint("Cast the arrays of items in a query as the source.")));
}

static void MapItems(PolicyEvaluation *e)
{
    const IdList *own = &e->whole.item_ids, *log = &e->log.items;
    uint32 known = 0;

    e->policy_item = AllocateArray(e->backend.context, uint32, (Size)log->count + 1);
    e->log_item = AllocateArray(e->backend.context, uint32, (Size)own->count + 1);
    memset(e->log_item, 0xFF, (Size)own->count * sizeof(uint32)); /* NO_ITEM */
    for (uint32 i = 0; i < log->count; i++) {
        uint32 item = IdListFind(own, IdListGet(log, i));

        CHECK_FOR_INTERRUPTS();
        e->policy_item[i] = item == UNKNOWN_ID ? NO_ITEM : item;
        if (item == UNKNOWN_ID)
            continue;
        e->log_item[item] = i;
        known++;
    }
    if (known == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("model \"%s\" knows none of the items of the source",
                               e->table.store.name)));
}

static void CheckEvaluating(const PolicyEvaluation *e, int threads)
{
    const Slates *log = &e->log.slates;
    Size more = Max(TargetMemory(&e->whole.model, log, threads),
                    PolicyValueMemory(log, e->whole.model.items, threads));
    Size greedy = SizeMultiply(log->shown_count, sizeof(uint32));

    CheckMemoryOfSlates(
        SizeAdd(MemoryContextMemAllocated(e->backend.context, true), SizeAdd(more, greedy)),
        "evaluation");
}

static void Work(void *arg)
{
    PolicyEvaluation *e = arg;
    const Host *host = &e->backend.host;

    TargetSlates(host, &e->whole.model, &e->log.slates, e->log.past, e->policy_item, e->greedy);
    PolicyValueEstimate(host, &e->question, &e->value);
}

static void Evaluate(PolicyEvaluation *e)
{
    int threads = recadv_max_threads;

    CheckEvaluating(e, threads);
    e->greedy = AllocateArray(e->backend.context, uint32, e->log.slates.shown_count + 1);
    e->question.log = &e->log.slates;
    e->question.past = e->log.past;
    e->question.greedy = e->greedy;
    e->question.items = e->whole.model.items;
    e->question.policy_item = e->policy_item;
    e->question.log_item = e->log_item;
    BackendHostRun(&e->backend, threads, Work, e);
}

/* ---- what it says ---- */

static void ReportPropensities(const PolicyEvaluation *e)
{
    uint64 steps = e->log.slates.steps, plain = steps - e->value.steps;

    if (plain == 0)
        return;
    if (plain == steps)
        ereport(NOTICE, (errmsg("the source has no propensities: there are the estimates logged "
                                "and direct alone"),
                         errdetail("The second rests on a model of the answers, and nothing "
                                   "corrects it."),
                         errhint("Log the propensities of recadv_slate() beside what is shown.")));
    else
        ereport(NOTICE,
                (errmsg_plural("%llu row without propensities counts for logged and direct alone",
                               "%llu rows without propensities count for logged and direct alone",
                               (unsigned long)plain, (unsigned long long)plain)));
}

static void ReportSparse(const Estimate *dr)
{
    ereport(WARNING,
            (errmsg("too few answers count for the model to give an interval"),
             errdetail("There are %.0f effective items of at least %d, in " UINT64_FORMAT
                       " sessions of at least %d.",
                       dr->effective, LEAST_EFFECTIVE, dr->sessions, LEAST_SESSIONS),
             errhint("More sessions, more exploration in the log, or a model that shows more of "
                     "what the log has shown.")));
}

static void Report(const PolicyEvaluation *e)
{
    const Estimate *dr = &e->value.of[ESTIMATE_DR];

    ReportPropensities(e);
    if (e->value.steps == 0)
        return;
    if (e->value.sparse)
        ReportSparse(dr);
    if (e->value.unsupported)
        ereport(WARNING, (errmsg("the log could not have shown all that the model would show: "
                                 "about %.0f %% of it",
                                 100 * dr->supported),
                          errdetail("ips leaves out the rest, snips takes it to be like what there "
                                    "is, dr relies on its model of the answers.")));
    if (dr->clipped > 0)
        ereport(NOTICE,
                (errmsg_plural("%llu weight above %g was clipped",
                               "%llu weights above %g were clipped", (unsigned long)dr->clipped,
                               (unsigned long long)dr->clipped, e->question.clip)));
}

static void ResultReal(ResultRow *row, double value)
{
    ResultFloat8If(row, !isnan(value), value);
}

void AddEstimate(RowSet *rows, const char *name, const Estimate *estimate)
{
    ResultRow row = {0};

    ResultText(&row, name);
    ResultReal(&row, estimate->value);
    ResultReal(&row, estimate->lower);
    ResultReal(&row, estimate->upper);
    ResultInt8(&row, (int64)estimate->sessions);
    ResultReal(&row, estimate->effective);
    ResultReal(&row, estimate->max_weight);
    ResultReal(&row, estimate->supported);
    ResultInt8(&row, (int64)estimate->clipped);
    RowSetAddRow(rows, &row);
}

static void AddEstimates(RowSet *rows, const PolicyEvaluation *e)
{
    int count = e->value.steps == 0 ? ESTIMATE_IPS : ESTIMATORS;

    for (int i = 0; i < count; i++)
        AddEstimate(rows, estimator_names[i], &e->value.of[i]);
}

static void EvaluateSlates(PolicyEvaluation *e, const Source *source, const SlateColumns *columns,
                           RowSet *rows)
{
    CheckSlateColumns(columns);
    ReadLog(e, source, columns);
    CheckKinds(e);
    MapItems(e);
    Evaluate(e);
    Report(e);
    AddEstimates(rows, e);
}

PG_FUNCTION_INFO_V1(recadv_evaluate_policy);

Datum recadv_evaluate_policy(PG_FUNCTION_ARGS)
{
    PolicyEvaluation *e = palloc0(sizeof(PolicyEvaluation));
    Source source = {.text = NULL};
    PolicyColumns columns;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    TakeArguments(fcinfo, &e->question);
    source.text = text_to_cstring(PG_GETARG_TEXT_PP(EVALUATE_SOURCE));
    columns = PolicyColumnsArgument(fcinfo, EVALUATE_COLUMNS);
    columns.slates.history = ColumnArgument(fcinfo, EVALUATE_HISTORY);
    BackendHostInit(
        &e->backend,
        AllocSetContextCreate(CurrentMemoryContext, "recadv evaluation", ALLOCSET_DEFAULT_SIZES),
        "recadv_evaluate_policy");
    LoadModel(e, ModelArgument(fcinfo, EVALUATE_MODEL));
    if (e->whole.header.scenarios != NULL)
        EvaluateActs(&(ActEvaluation){&e->backend, e->table.store.name, &e->whole,
                                      e->question.gamma, e->question.confidence, e->question.seed},
                     &source, &columns.acts, &rows);
    else
        EvaluateSlates(e, &source, &columns.slates, &rows);
    ModelTableClose(&e->table);
    MemoryContextDelete(e->backend.context);
    return (Datum)0;
}
