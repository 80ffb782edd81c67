/*
 * policy.c: the phases of a training from a log of slates, or of acts.
 */
#include "pg/train/policy.h"

#include <math.h>

#include "algo/policy/model_policy.h"
#include "pg/base/settings.h"
#include "pg/model/options.h"
#include "pg/train/act_policy.h"
#include "pg/train/slate_reader.h"

static bool LearnsAlone(const Algorithm *algorithm)
{
    return Recommends(algorithm) && !ReadsActs(algorithm) && !algorithm->policy->needs_simulator;
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

static void CheckSource(const TrainRequest *request)
{
    if (request->source.text == NULL && RequestWorld(request) == NULL)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("argument \"source\" must not be NULL")));
}

void PolicyCheck(const TrainRequest *request)
{
    const char *simulator = request->policy->simulator;

    CheckSource(request);
    if (ReadsActs(request->algorithm)) {
        ActPolicyCheck(request);
        return;
    }
    CheckSlateColumns(&request->policy->columns);
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

static const BrokenRows nothing_broken;

LogSummary PolicySummary(const PolicyTraining *p)
{
    const CollectedSlates *s = &p->log;
    const CollectedActs *a = &p->acts;

    if (p->world != NULL)
        return (LogSummary){.broken = &nothing_broken, .reward = NAN, .depth = NAN};
    if (p->scenarios.shape.scenarios > 0)
        return (LogSummary){a->acts.sessions, a->acts.steps,    a->null_rows,   a->single_steps,
                            &a->broken,       a->logged_reward, a->logged_depth};
    return (LogSummary){s->slates.sessions, s->slates.steps,  s->null_rows,   s->single_steps,
                        &s->broken,         s->logged_reward, s->logged_depth};
}

static bool IsOfActs(const PolicyTraining *p)
{
    return p->scenarios.shape.scenarios > 0;
}

/* In the form in which the rest of a training looks at ids and at what is stored of users: those of
 * items; where there are scenarios, none, of the kind that their names have. */
static void TakeIds(Training *t)
{
    const PolicyTraining *p = t->policy;
    LogSummary log = PolicySummary(p);
    Collected *c = &t->collected;
    Events *none = MemoryContextAllocZero(t->context, sizeof(Events));

    none->offset = MemoryContextAllocZero(t->context, sizeof(uint64));
    *c = (Collected){.rows = log.steps, .null_rows = log.null_rows, .mean_weight = 1};
    c->items = IsOfActs(p) ? IdListCreate(p->scenarios.names.kind, 0) : p->log.items;
    c->item_type = c->user_type = IsOfActs(p) ? p->acts.scenario_type : p->log.item_type;
    c->users.kind = c->items.kind;
    c->data = (Interactions){.items = c->items.count, .events = none};
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

static void ReadSlates(Training *t, const TrainRequest *request, PolicyTraining *p)
{
    double start = HostClock();
    SlateCollector *collector = SlatesRead(&request->source, &request->policy->columns, t->context);

    t->phases.read = HostClock() - start;
    RunStatusStage(&t->backend.status, "map");
    SlateCollectorFinish(collector, &p->log);
    CheckSlates(&request->source, &p->log);
}

static void NoteRelation(Training *t, const Source *source)
{
    if (source->text == NULL)
        return;
    t->source_relation = SourceRelation(source);
    if (t->source_relation != NULL)
        t->source_relation = MemoryContextStrdup(t->context, t->source_relation);
}

void PolicyRead(Training *t, const TrainRequest *request)
{
    double start = HostClock();
    PolicyTraining *p = MemoryContextAllocZero(t->context, sizeof(PolicyTraining));

    p->measured = p->random = (Simulated){NAN, NAN};
    if (request->policy->simulator != NULL)
        SimulatorCheck(request->policy->simulator, request->model);
    RunStatusStage(&t->backend.status, "read");
    if (ReadsActs(request->algorithm))
        ActPolicyRead(t, request, p);
    else
        ReadSlates(t, request, p);
    t->policy = p;
    NoteRelation(t, &request->source);
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

    if (t->policy->world != NULL)
        return ActPolicyPlay(t, request, model);
    if (items != NULL)
        playing.item = SimulatorItems(t->policy->simulator, items, &known);
    BackendHostRun(&t->backend, request->threads, Play, &playing);
    if (playing.item != NULL)
        pfree(playing.item);
    return (Simulated){playing.result.reward, playing.result.depth};
}

Size SimulateMemory(const Training *t, const TrainRequest *request, const Model *model)
{
    const Model *simulator;
    VisitorRules rules;
    ModelPolicy shown = {.model = model};
    uint32 k = t->policy->log.usual_size;
    Size items, playing;

    if (t->policy->world != NULL)
        return 0;
    simulator = &t->policy->simulator->whole.model;
    rules = SimulatorRules(simulator->algorithm, simulator->options);
    items = SizeMultiply((Size)simulator->items + model->items, sizeof(uint32));
    playing = SizeAdd(RolloutMemoryOf(simulator, &rules, k, MEASURED_SESSIONS), items);
    return SizeAdd(EnvironmentMemory(simulator, &rules),
                   SizeAdd(playing, ModelPolicyMemory(&shown, k, request->threads)));
}

/* --- fitting */

static PolicyData DataOf(const PolicyTraining *p)
{
    PolicyData data = {.slates = IsOfActs(p) ? NULL : &p->log.slates};

    if (IsOfActs(p) && p->world == NULL)
        data.acts = &p->acts.acts;
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
    return t->policy->simulator != NULL || t->policy->world != NULL;
}

/* What is there, the simulator included, and what training will allocate. */
static void CheckFitting(Training *t, const TrainRequest *request)
{
    PolicyData data = DataOf(t->policy);
    Size training = t->model.algorithm->policy->memory(&t->model, &data, request->threads);
    Size measuring = IsMeasured(t) ? SimulateMemory(t, request, &t->model) : 0;

    Size bytes = SizeAdd(MemoryContextMemAllocated(t->context, true),
                         SizeAdd(ModelMemory(&t->model), Max(training, measuring)));

    if (IsOfActs(t->policy))
        CheckMemoryOfActs(bytes, "training");
    else
        CheckMemoryOfSlates(bytes, "training");
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

static void LayOut(Training *t, const TrainRequest *request)
{
    if (IsOfActs(t->policy))
        ModelLayoutActs(&t->model, request->algorithm, request->options,
                        &t->policy->scenarios.shape);
    else
        ModelLayout(&t->model, request->algorithm, request->options, 0, t->collected.data.items);
}

void PolicyFit(Training *t, const TrainRequest *request)
{
    MemoryContext caller = MemoryContextSwitchTo(t->context);
    double start = HostClock();

    RunStatusStage(&t->backend.status, "fit");
    LayOut(t, request);
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
    LogSummary log;

    TrainingReport(t);
    if (t->policy == NULL)
        return;
    log = PolicySummary(t->policy);
    ReportSkippedRows(log.null_rows, log.broken);
}

/* --- describing */

static void DescribeColumns(StringInfo json, const SlateColumns *columns)
{
    JsonString(json, "session_column", columns->session);
    JsonString(json, "step_column", columns->step);
    JsonString(json, "shown_column", columns->shown);
    JsonString(json, "clicked_column", columns->clicked);
    JsonString(json, "reward_column", columns->reward);
    JsonString(json, "propensity_column", columns->propensity);
}

static void DescribeSimulator(StringInfo json, const Simulator *simulator)
{
    JsonString(json, "simulator", simulator->name);
    JsonInteger(json, "simulator_version", simulator->version);
    if (simulator->trained != NULL)
        JsonString(json, "simulator_trained", simulator->trained);
}

/* The algorithm is not known of a request that was refused for it. */
void PolicyDescribeSource(StringInfo json, const TrainRequest *request, const Training *t)
{
    if (request->algorithm != NULL && ReadsActs(request->algorithm)) {
        if (request->source.text != NULL)
            ActPolicyDescribeSource(json, &request->policy->act_columns);
        return;
    }
    DescribeColumns(json, &request->policy->columns);
    if (t != NULL && t->policy != NULL && t->policy->simulator != NULL)
        DescribeSimulator(json, t->policy->simulator);
    else
        JsonString(json, "simulator", request->policy->simulator);
}

void PolicyDescribeLog(StringInfo json, const Training *t)
{
    LogSummary log = PolicySummary(t->policy);

    if (t->policy->world != NULL)
        return;
    JsonInteger(json, "sessions", (int64)log.sessions);
    JsonInteger(json, "steps", (int64)log.steps);
    if (!IsOfActs(t->policy))
        JsonInteger(json, "shown", (int64)t->policy->log.slates.shown_count);
    JsonInteger(json, "single_steps", (int64)log.single_steps);
    JsonInteger(json, "broken_rows", (int64)log.broken->rows);
    JsonString(json, "first_broken", log.broken->first);
}

static void DescribeSimulated(StringInfo json, const PolicyTraining *p)
{
    JsonOpen(json, p->world != NULL ? "played" : "simulated", '{');
    JsonInteger(json, "sessions", MEASURED_SESSIONS);
    if (p->world == NULL)
        JsonInteger(json, "k", p->log.usual_size);
    JsonReal(json, "reward", p->measured.reward);
    JsonReal(json, "depth", p->measured.depth);
    JsonReal(json, "random_reward", p->random.reward);
    JsonReal(json, "random_depth", p->random.depth);
    JsonClose(json, '}');
}

void PolicyDescribeMeasured(StringInfo json, const Training *t)
{
    const PolicyTraining *p = t->policy;
    LogSummary log = PolicySummary(p);

    if (p->world == NULL) {
        JsonOpen(json, "log", '{');
        JsonReal(json, "reward", log.reward);
        JsonReal(json, "depth", log.depth);
        JsonClose(json, '}');
    }
    if (!isnan(p->measured.reward))
        DescribeSimulated(json, p);
}

void PolicyDescribeScenarios(StringInfo json, const Training *t)
{
    const PolicyTraining *p = t->policy;

    if (!IsOfActs(p))
        return;
    ScenariosDescribe(json, &p->scenarios.shape, &p->scenarios.names);
    JsonInteger(json, "lineage", (int64)p->lineage);
}
