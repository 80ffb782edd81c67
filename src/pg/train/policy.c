/*
 * policy.c: the phases of a training from a log of slates.
 */
#include "pg/train/policy.h"

#include <math.h>

#include "algo/policy/model_policy.h"
#include "pg/base/settings.h"
#include "pg/model/options.h"
#include "pg/train/slate_reader.h"

static bool LearnsAlone(const Algorithm *algorithm)
{
    return Recommends(algorithm) && !algorithm->policy->needs_simulator;
}

static void CheckAlone(const Algorithm *algorithm)
{
    if (!algorithm->policy->needs_simulator)
        return;
    ereport(
        ERROR,
        (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
         errmsg("algorithm \"%s\" learns from simulated visitors, and no simulator is named",
                algorithm->name),
         errhint("Train one from the log (algorithm %s) and name it with simulator => '...'; from "
                 "a log alone learns: %s.",
                 AlgorithmNames(IsSimulator), AlgorithmNames(LearnsAlone))));
}

void PolicyCheck(const TrainRequest *request)
{
    const char *simulator = request->policy->simulator;

    if (simulator == NULL) {
        CheckAlone(request->algorithm);
        return;
    }
    if (!Recommends(request->algorithm))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("algorithm \"%s\" makes simulators, and learns from the log alone",
                               request->algorithm->name),
                        errhint("Leave the argument simulator out.")));
}

/* --- reading */

/* In the form in which the rest of a training looks at ids and at what is stored of users. */
static void TakeIds(Training *t)
{
    const CollectedSlates *log = &t->policy->log;
    Collected *c = &t->collected;
    Events *none = MemoryContextAllocZero(t->context, sizeof(Events));

    none->offset = MemoryContextAllocZero(t->context, sizeof(uint64));
    *c = (Collected){.rows = log->slates.steps,
                     .null_rows = log->null_rows,
                     .items = log->items,
                     .item_type = log->item_type,
                     .user_type = log->item_type,
                     .users = {.kind = log->items.kind},
                     .mean_weight = 1};
    c->data = (Interactions){.items = log->slates.items, .events = none};
    c->data.offset = MemoryContextAllocZero(t->context, sizeof(uint64));
}

static void LoadSimulator(Training *t, const TrainRequest *request)
{
    PolicyTraining *p = t->policy;

    if (request->policy->simulator == NULL)
        return;
    RunStatusStage(&t->backend.status, "simulator");
    p->simulator = MemoryContextAllocZero(t->context, sizeof(Simulator));
    SimulatorRead(request->policy->simulator, &p->log.items, &t->backend, p->simulator);
}

void PolicyRead(Training *t, const TrainRequest *request)
{
    double start = HostClock();
    PolicyTraining *p = MemoryContextAllocZero(t->context, sizeof(PolicyTraining));
    SlateCollector *collector;

    p->measured = p->random = (Simulated){NAN, NAN};
    if (request->policy->simulator != NULL)
        SimulatorCheck(request->policy->simulator, request->model);
    RunStatusStage(&t->backend.status, "read");
    collector = SlatesRead(&request->source, &request->policy->columns, t->context);
    t->phases.read = HostClock() - start;
    RunStatusStage(&t->backend.status, "map");
    t->source_relation = SourceRelation(&request->source);
    if (t->source_relation != NULL)
        t->source_relation = MemoryContextStrdup(t->context, t->source_relation);
    SlateCollectorFinish(collector, &p->log);
    CheckSlates(&request->source, &p->log);
    t->policy = p;
    TakeIds(t);
    LoadSimulator(t, request);
    t->phases.map = HostClock() - start - t->phases.read;
}

/* --- rolling out */

/* Whatever the seed, none of them is one that training has looked at. */
#define FIRST_MEASURED ((uint64)1 << 40)

typedef struct Playing {
    Training *training;
    const Model *model; /* NULL: by chance */
    uint32 *item;       /* in the simulator, of each of the model's */
    uint64 seed;
    RolloutResult result;
} Playing;

static void Play(void *arg)
{
    Playing *playing = arg;
    const Host *host = &playing->training->backend.host;
    const PolicyTraining *p = playing->training->policy;
    const Model *simulator = &p->simulator->whole.model;
    VisitorRules rules = SimulatorRules(simulator->algorithm, simulator->options);
    Environment *environment = EnvironmentOpen(host, simulator, &rules, playing->seed);
    ModelPolicy shown = {.environment = environment,
                         .model = playing->model,
                         .simulator_item = playing->item,
                         .seed = playing->seed};
    Policy policy = ModelPolicyOpen(host, &shown, p->log.usual_size);

    playing->result = RolloutRun(host, &(Rollout){.environment = environment,
                                                  .policy = &policy,
                                                  .first = FIRST_MEASURED,
                                                  .sessions = MEASURED_SESSIONS,
                                                  .k = p->log.usual_size});
    ModelPolicyClose(host, &shown);
    EnvironmentClose(host, environment);
}

Simulated PolicySimulate(Training *t, const TrainRequest *request, const Model *model,
                         const IdList *items)
{
    Playing playing = {.training = t,
                       .model = model,
                       .seed = (uint64)((const TrainOptions *)request->options)->seed};
    uint32 known;

    if (items != NULL)
        playing.item = SimulatorItems(t->policy->simulator, items, &known);
    BackendHostRun(&t->backend, request->threads, Play, &playing);
    if (playing.item != NULL)
        pfree(playing.item);
    return (Simulated){playing.result.reward, playing.result.depth};
}

Size SimulateMemory(const Training *t, const TrainRequest *request, const Model *model)
{
    const Model *simulator = &t->policy->simulator->whole.model;
    VisitorRules rules = SimulatorRules(simulator->algorithm, simulator->options);
    ModelPolicy shown = {.model = model};
    uint32 k = t->policy->log.usual_size;
    Size items = SizeMultiply((Size)simulator->items + model->items, sizeof(uint32));
    Size playing = SizeAdd(RolloutMemoryOf(simulator, &rules, k, MEASURED_SESSIONS), items);

    return SizeAdd(EnvironmentMemory(simulator, &rules),
                   SizeAdd(playing, ModelPolicyMemory(&shown, k, request->threads)));
}

/* --- fitting */

static PolicyData DataOf(const PolicyTraining *p)
{
    PolicyData data = {.slates = &p->log.slates};

    if (p->simulator != NULL) {
        data.simulator = &p->simulator->whole.model;
        data.simulator_item = p->simulator->item;
    }
    return data;
}

static void Fit(void *arg)
{
    Training *t = arg;
    PolicyData data = DataOf(t->policy);

    t->model.algorithm->policy->train(&t->backend.host, &data, &t->model, &t->report);
}

/* Is rolled out when it has been trained. */
static bool IsMeasured(const Training *t)
{
    return t->policy->simulator != NULL;
}

/* What is there, the simulator included, and what training will allocate. */
static void CheckFitting(Training *t, const TrainRequest *request)
{
    PolicyData data = DataOf(t->policy);
    Size training = t->model.algorithm->policy->memory(&t->model, &data, request->threads);
    Size measuring = IsMeasured(t) ? SimulateMemory(t, request, &t->model) : 0;

    CheckMemoryOfSlates(SizeAdd(MemoryContextMemAllocated(t->context, true),
                                SizeAdd(ModelMemory(&t->model), Max(training, measuring))),
                        "training");
}

/* The popularity of an item is how often it was clicked. */
static void CountClicks(Training *t)
{
    const Slates *s = &t->policy->log.slates;
    Part *popularity = &t->model.part[POPULARITY_PART];

    for (uint64 i = 0; i < s->shown_count; i++) {
        if (s->clicked[i]) {
            *PartRow(popularity, s->shown[i]) += 1;
            t->collected.data.count++;
        }
        if (i % 65536 == 0)
            CHECK_FOR_INTERRUPTS();
    }
}

static void Measure(Training *t, const TrainRequest *request)
{
    double start = HostClock();

    if (!IsMeasured(t))
        return;
    RunStatusStage(&t->backend.status, "simulate");
    t->policy->measured = PolicySimulate(t, request, &t->model, &t->collected.items);
    t->policy->random = PolicySimulate(t, request, NULL, NULL);
    t->report.evaluate_seconds += HostClock() - start;
}

void PolicyFit(Training *t, const TrainRequest *request)
{
    MemoryContext caller = MemoryContextSwitchTo(t->context);
    double start = HostClock();

    RunStatusStage(&t->backend.status, "fit");
    ModelLayout(&t->model, request->algorithm, request->options, 0, t->collected.data.items);
    CheckFitting(t, request);
    ModelAllocate(&t->backend.host, &t->model);
    CountClicks(t);
    BackendHostRun(&t->backend, request->threads, Fit, t);
    CheckModelFinite(&t->model);
    Measure(t, request);
    t->phases.evaluate = t->report.evaluate_seconds;
    t->phases.fit = HostClock() - start - t->phases.evaluate;
    t->seconds = (double)(GetCurrentTimestamp() - t->started) / USECS_PER_SEC;
    MemoryContextSwitchTo(caller);
}

void PolicyReport(const Training *t)
{
    TrainingReport(t);
    CollectedSlatesReport(&t->policy->log);
}

/* --- describing */

void PolicyDescribeSource(StringInfo json, const TrainRequest *request, const Training *t)
{
    const SlateColumns *columns = &request->policy->columns;

    JsonString(json, "session_column", columns->session);
    JsonString(json, "step_column", columns->step);
    JsonString(json, "shown_column", columns->shown);
    JsonString(json, "clicked_column", columns->clicked);
    JsonString(json, "reward_column", columns->reward);
    JsonString(json, "propensity_column", columns->propensity);
    if (t != NULL && t->policy != NULL && t->policy->simulator != NULL) {
        JsonString(json, "simulator", t->policy->simulator->name);
        JsonInteger(json, "simulator_version", t->policy->simulator->version);
        if (t->policy->simulator->trained != NULL)
            JsonString(json, "simulator_trained", t->policy->simulator->trained);
    } else {
        JsonString(json, "simulator", request->policy->simulator);
    }
}

void PolicyDescribeLog(StringInfo json, const Training *t)
{
    const CollectedSlates *log = &t->policy->log;

    JsonInteger(json, "sessions", log->slates.sessions);
    JsonInteger(json, "steps", (int64)log->slates.steps);
    JsonInteger(json, "shown", (int64)log->slates.shown_count);
    JsonInteger(json, "single_steps", (int64)log->single_steps);
    JsonInteger(json, "broken_rows", (int64)log->broken.rows);
    JsonString(json, "first_broken", log->broken.first);
}

void PolicyDescribeMeasured(StringInfo json, const Training *t)
{
    const PolicyTraining *p = t->policy;

    JsonOpen(json, "log", '{');
    JsonReal(json, "reward", p->log.logged_reward);
    JsonReal(json, "depth", p->log.logged_depth);
    JsonClose(json, '}');
    if (isnan(p->measured.reward))
        return;
    JsonOpen(json, "simulated", '{');
    JsonInteger(json, "sessions", MEASURED_SESSIONS);
    JsonInteger(json, "k", p->log.usual_size);
    JsonReal(json, "reward", p->measured.reward);
    JsonReal(json, "depth", p->measured.depth);
    JsonReal(json, "random_reward", p->random.reward);
    JsonReal(json, "random_depth", p->random.depth);
    JsonClose(json, '}');
}
