/*
 * act_policy.c: reads a log of acts, or takes the world that options name, and plays in it.
 */
#include "pg/train/act_policy.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"

#include "algo/policy/act_play.h"
#include "pg/base/subtransaction.h"
#include "pg/train/act_reader.h"
#include "pg/train/promotion.h"

const ActEnvironment *RequestWorld(const TrainRequest *request)
{
    return ReadsActs(request->algorithm)
               ? request->algorithm->policy->acts->environment(request->options)
               : NULL;
}

void ActPolicyCheck(const TrainRequest *request)
{
    const ActEnvironment *world = RequestWorld(request);

    if (request->policy->simulator != NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("algorithm \"%s\" acts in scenarios, and a simulator's visitors "
                               "answer slates",
                               request->algorithm->name),
                        errhint("Leave the argument simulator out.")));
    if (world != NULL && request->source.text != NULL)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("option \"environment\" is \"%s\": it learns there, and no source is "
                        "read",
                        world->name),
                 errhint("Pass NULL as the source, or leave the option out.")));
    if (world == NULL)
        CheckActColumns(&request->policy->act_columns);
}

/* --- reading */

static IdList WorldNames(const ActEnvironment *world)
{
    IdList names = IdListCreate(ID_TEXT, world->shape.scenarios);

    for (uint32 s = 0; s < world->shape.scenarios; s++)
        IdListAppend(&names, IdOfText(world->scenarios[s], (uint32)strlen(world->scenarios[s])));
    return names;
}

static void TakeWorld(PolicyTraining *p, const ActEnvironment *world)
{
    p->world = world;
    p->acts = (CollectedActs){.acts.shape = world->shape,
                              .scenarios = WorldNames(world),
                              .scenario_type = TEXTOID,
                              .logged_reward = NAN,
                              .logged_depth = NAN};
}

static void TakeLog(Training *t, const TrainRequest *request, PolicyTraining *p)
{
    double start = HostClock();
    ActCollector *collector = ActsRead(&request->source, &request->policy->act_columns, t->context);

    t->phases.read = HostClock() - start;
    RunStatusStage(&t->backend.status, "map");
    ActCollectorFinish(collector, &p->acts);
    CheckActs(&request->source, &p->acts);
}

void ActPolicyRead(Training *t, const TrainRequest *request, PolicyTraining *p)
{
    const ActEnvironment *world = RequestWorld(request);

    if (world != NULL)
        TakeWorld(p, world);
    else
        TakeLog(t, request, p);
    p->scenarios = (Scenarios){p->acts.acts.shape, p->acts.scenarios};
}

/* --- lineage */

typedef struct Reading {
    ModelStore *store;
    uint64 lineage;
    bool found;
} Reading;

static void ReadLineage(void *arg)
{
    Reading *reading = arg;
    Header header = HeaderRead(reading->store);

    reading->found = header.scenarios != NULL;
    reading->lineage = header.lineage;
}

/* Two models do not have the same.  It may be guessed: a forged state harms its own session alone.
 */
static uint64 NewLineage(const Training *t, const TrainRequest *request)
{
    uint64 hash = hash_bytes_extended((const unsigned char *)request->model,
                                      (int)strlen(request->model), (uint64)t->started);

    return hash & (((uint64)1 << LINEAGE_BITS) - 1);
}

/* A damaged version has none to hand on. */
void ActPolicyLineage(Training *t, const TrainRequest *request, ModelStore *serving)
{
    Reading reading = {.store = serving};
    ErrorData *error;

    t->policy->lineage = NewLineage(t, request);
    if (serving == NULL)
        return;
    error = SubtransactionTry(ReadLineage, &reading);
    if (error != NULL && !PromotionIsItsFault(error))
        ReThrowError(error);
    if (error == NULL && reading.found)
        t->policy->lineage = reading.lineage;
}

/* --- playing */

/* Whatever the seed, none of them is one that training has looked at. */
#define FIRST_PLAYED ((uint64)1 << 40)

typedef struct Playing {
    const Host *host;
    const ActEnvironment *world;
    ActPlayer player;
    uint64 seed;
    Simulated sum;
} Playing;

static void Play(void *arg)
{
    Playing *playing = arg;

    for (uint64 i = 0; i < MEASURED_SESSIONS; i++) {
        ActEarned earned = ActPlaySession(playing->world, &playing->player, playing->seed,
                                          FIRST_PLAYED + i, NULL, NULL);

        HostPoll(playing->host);
        playing->sum.reward += earned.failed ? NAN : earned.reward;
        playing->sum.depth += (double)earned.steps;
    }
}

Simulated ActPolicyPlay(Training *t, const TrainRequest *request, const Model *model)
{
    const ActEnvironment *world = t->policy->world;
    Playing playing = {.host = &t->backend.host,
                       .world = world,
                       .player = model == NULL ? ActPlayerByChance(&world->shape)
                                               : ActPlayerOfModel(model, 0),
                       .seed = (uint64)((const TrainOptions *)request->options)->seed};

    BackendHostRun(&t->backend, request->threads, Play, &playing);
    return (Simulated){playing.sum.reward / MEASURED_SESSIONS,
                       playing.sum.depth / MEASURED_SESSIONS};
}

/* --- describing */

void ActPolicyDescribeSource(StringInfo json, const ActColumns *columns)
{
    JsonString(json, "session_column", columns->session);
    JsonString(json, "step_column", columns->step);
    JsonString(json, "scenario_column", columns->scenario);
    JsonString(json, "observation_column", columns->observation);
    JsonString(json, "action_column", columns->action);
    JsonString(json, "reward_column", columns->reward);
    JsonString(json, "propensity_column", columns->propensity);
}
