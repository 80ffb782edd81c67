/* evaluate_acts.c: recadv_evaluate_policy of a model that acts: what was logged, and what its own
 * critic expects. */
#include "pg/sql/evaluate_acts.h"

#include <math.h>

#include "executor/spi.h"

#include "algo/policy/act_value.h"
#include "pg/base/settings.h"

/* Share of steps beyond the log from which on users should know. */
#define MUCH_BEYOND 0.1

typedef struct Evaluating {
    ActValueQuestion question;
    ActValue value;
    const BackendHost *backend;
} Evaluating;

static void ReadLog(const ActEvaluation *e, const Source *source, const ActColumns *columns,
                    CollectedActs *log)
{
    ActCollector *collector;

    SPI_connect();
    collector = ActsRead(source, columns, e->backend->context);
    ActCollectorFinish(collector, log);
    SPI_finish();
    CheckActs(source, log);
    CollectedActsReport(log);
}

static void CheckWidths(const ActEvaluation *e, const CollectedActs *log, uint32 scenario,
                        ActWidths own)
{
    ActWidths w = log->acts.shape.scenario[scenario];

    if (w.observation != own.observation || w.action != own.action)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("observations and actions of scenario \"%s\" have %u and %u numbers in the "
                        "source, %u and %u in model \"%s\"",
                        ScenarioName(&log->scenarios, scenario), w.observation, w.action,
                        own.observation, own.action, e->model)));
}

/* The model's index of each scenario of the log. */
static uint32 *MapScenarios(const ActEvaluation *e, const CollectedActs *log)
{
    const Scenarios *own = e->whole->header.scenarios;
    uint32 *map = AllocateArray(e->backend->context, uint32, (Size)log->scenarios.count + 1);

    for (uint32 s = 0; s < log->scenarios.count; s++) {
        map[s] = ScenarioFind(own, IdListGet(&log->scenarios, s));
        if (map[s] == UNKNOWN_ID)
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                            errmsg("model \"%s\" has no scenario \"%s\"", e->model,
                                   ScenarioName(&log->scenarios, s)),
                            errhint("Leave its sessions out by a query as the source.")));
        CheckWidths(e, log, s, own->shape.scenario[map[s]]);
    }
    return map;
}

static void Work(void *arg)
{
    Evaluating *evaluating = arg;

    ActValueEstimate(&evaluating->backend->host, &evaluating->question, &evaluating->value);
}

static void ReportDiscount(const ActEvaluation *e)
{
    const Model *model = &e->whole->model;
    double own = model->algorithm->policy->acts->discount(model->options);

    if (own != e->gamma)
        ereport(NOTICE, (errmsg("step t of a session counts %g^t: what the model expects is "
                                "discounted so (its option gamma)",
                                own)));
}

static void ReportValue(const ActEvaluation *e, const ActValue *value)
{
    double beyond = 1 - value->direct.supported;

    if (value->failed)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("model \"%s\" gives weights that are not finite", e->model)));
    if (isnan(value->direct.value))
        ereport(NOTICE, (errmsg("model \"%s\" has no critic of whole sessions: there is no direct "
                                "estimate",
                                e->model)));
    else if (beyond > MUCH_BEYOND)
        ereport(
            WARNING,
            (errmsg("in %.0f %% of the steps the model gives a weight beyond all that the log "
                    "has tried",
                    100 * beyond),
             errdetail("direct is what its own critic believes, which nothing corrects there.")));
}

void EvaluateActs(const ActEvaluation *e, const Source *source, const ActColumns *columns,
                  RowSet *rows)
{
    Evaluating evaluating = {.backend = e->backend};
    CollectedActs log;

    CheckActColumns(columns);
    ReadLog(e, source, columns, &log);
    evaluating.question = (ActValueQuestion){.model = &e->whole->model,
                                             .log = &log.acts,
                                             .scenario = MapScenarios(e, &log),
                                             .confidence = e->confidence,
                                             .seed = e->seed};
    CheckMemoryOfActs(
        SizeAdd(MemoryContextMemAllocated(e->backend->context, true), ActValueMemory(&log.acts)),
        "evaluation");
    BackendHostRun(e->backend, recadv_max_threads, Work, &evaluating);
    ReportDiscount(e);
    ReportValue(e, &evaluating.value);
    AddEstimate(rows, estimator_names[ESTIMATE_LOGGED], &evaluating.value.logged);
    AddEstimate(rows, estimator_names[ESTIMATE_DIRECT], &evaluating.value.direct);
}
