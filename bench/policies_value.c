/*
 * policies_value.c: estimates of a policy's value from logs of another, against the truth.
 *
 *   policies_value FILE ITEMS TRUTH LOGS EXPLORE:SLATES...
 *
 * FILE: user, item, rating, time, of the ITEMS most rated items.  A simulator (user_response)
 * learns from all slates; the policy that logs (sl, offline) and the one that is evaluated (hac)
 * learn in it.  Visitors leave after one slate.  LOGS logs of SLATES slates are played with
 * exploration, the value of the other policy is estimated from each, and TRUTH slates of it are
 * played to know it. Values are shares of positive answers.  A line for each estimator:
 *
 *   EXPLORE SLATES ESTIMATOR TRUTH BIAS RMSE COVERED INTERVALS EFFECTIVE LARGEST SUPPORTED
 */
#include <math.h>

#include "algo/policy/explorer.h"
#include "algo/policy/target.h"
#include "algo/policy/value.h"
#include "algo/user_response/user_response.h"
#include "core/pool.h"
#include "program.h"
#include "slates.h"

typedef struct World {
    Model simulator, logging, target;
    Environment *visitors;
    double truth;
    uint32_t *same; /* items of all are the same */
} World;

/* --- models */

static Model TrainOn(const char *name, const char *options, const PolicyData *data)
{
    const Algorithm *algorithm = AlgorithmFind(name);
    TrainOptions *o = ReadOptions(algorithm, Settings(options));
    TrainReport report = {0};
    Model model;

    ModelLayout(&model, algorithm, o, 0, data->slates->items);
    ModelAllocate(&host, &model);
    Count(&model, data->slates);
    algorithm->policy->train(&host, data, &model, &report);
    return model;
}

/* In its place: the environment points into it. */
static void MakeWorld(const char *file, uint32_t items, bool quick, World *w)
{
    size_t count;
    Rating *ratings = ReadRatings(file, &count);
    MovieLog log;
    PolicyData data;
    char records[32];

    w->same = malloc(items * sizeof(uint32_t));
    for (uint32_t i = 0; i < items; i++)
        w->same[i] = i;
    count = KeepItems(ratings, count, items);
    log = SlatesOf(ratings, count, items, INFINITY, false);
    data = (PolicyData){.slates = &log.slates};
    snprintf(records, sizeof(records), "records=%zu", (size_t)log.slates.steps);
    w->simulator = TrainOn("user_response", records, &data);
    w->logging = TrainOn("sl", quick ? "pretrain_iterations=20" : "", &data);
    data.simulator = &w->simulator;
    data.simulator_item = w->same;
    w->target =
        TrainOn("hac",
                quick ? "iterations=20,check_every=10,check_sessions=10,pretrain_iterations="
                        "20,learning_starts=20"
                      : "",
                &data);
    w->visitors = EnvironmentOpen(&host, &w->simulator, &(VisitorRules){.patience = 1}, 5);
}

/* --- playing */

typedef struct Log {
    const World *world;
    Slates slates;
    uint64_t *past_first;
    uint32_t *past;
    Visitor *visitor;
} Log;

static void LogStep(void *arg, const RolloutStep *step)
{
    Log *log = arg;
    Slates *s = &log->slates;

    memcpy(s->shown + s->shown_count, step->shown, step->count * sizeof(uint32_t));
    memcpy(s->clicked + s->shown_count, step->clicked, step->count * sizeof(bool));
    memcpy(s->propensity + s->shown_count, step->propensity, step->count * sizeof(float));
    s->shown_count += step->count;
    s->reward[s->steps++] = step->reward;
    s->step[s->steps] = s->shown_count;
    s->session[++s->sessions] = s->steps;
    VisitorStart(log->world->visitors, step->session, log->visitor);
    memcpy(log->past + log->past_first[s->steps - 1], log->visitor->history,
           log->visitor->clicks * sizeof(uint32_t));
    log->past_first[s->steps] = log->past_first[s->steps - 1] + log->visitor->clicks;
}

static Log LogRoom(const World *w, uint32_t slates)
{
    Log log = {.world = w,
               .past_first = HostAllocateZero(&host, slates + 1, sizeof(uint64_t)),
               .past = HostAllocate(&host, (size_t)slates * VISITOR_HISTORY, sizeof(uint32_t)),
               .visitor = HostAllocate(&host, 1, VisitorSize(w->visitors))};

    log.slates = (Slates){
        .items = w->simulator.items,
        .session = HostAllocateZero(&host, slates + 1, sizeof(uint64_t)),
        .step = HostAllocateZero(&host, slates + 1, sizeof(uint64_t)),
        .shown = HostAllocate(&host, (size_t)slates * SLATE, sizeof(uint32_t)),
        .clicked = HostAllocate(&host, (size_t)slates * SLATE, sizeof(bool)),
        .propensity = HostAllocate(&host, (size_t)slates * SLATE, sizeof(float)),
        .reward = HostAllocate(&host, slates, sizeof(float)),
    };
    return log;
}

/* Sessions from `first` on. */
static double Play(const World *w, const Model *model, double explore, uint64_t first,
                   uint64_t sessions, Log *log)
{
    ModelPolicy shown = {.environment = w->visitors, .model = model, .seed = 3};
    Explorer explorer = {.explore = explore, .seed = 9, .k = SLATE};
    Policy policy;
    RolloutResult result;

    ExplorerOpen(&host, &explorer, &shown);
    policy = ModelPolicyOpen(&host, &shown, SLATE);
    result = RolloutRun(&host, &(Rollout){.environment = w->visitors,
                                          .policy = &policy,
                                          .first = first,
                                          .sessions = sessions,
                                          .k = SLATE,
                                          .arg = log,
                                          .step = log == NULL ? NULL : LogStep});
    ModelPolicyClose(&host, &shown);
    ExplorerClose(&host, &explorer);
    return result.reward;
}

/* Of the reward of a slate. */
static double ShareOf(double reward)
{
    return (reward + (double)NO_CLICK) / (1 + (double)NO_CLICK);
}

/* --- estimating */

typedef struct Tally {
    double bias, squares, effective, largest, supported;
    int covered, intervals;
} Tally;

static void Note(const Estimate *e, double truth, Tally *tally)
{
    double off = ShareOf(e->value) - truth;

    tally->bias += off;
    tally->squares += off * off;
    tally->effective += e->effective;
    tally->largest = fmax(tally->largest, e->max_weight);
    tally->supported += e->supported;
    tally->intervals += !isnan(e->lower);
    tally->covered += ShareOf(e->lower) <= truth && truth <= ShareOf(e->upper);
}

static double Overlap(const Log *log, const uint32_t *greedy)
{
    uint64_t same = 0;

    for (uint64_t t = 0; t < log->slates.steps; t++)
        for (uint64_t i = log->slates.step[t]; i < log->slates.step[t + 1]; i++)
            for (uint64_t j = log->slates.step[t]; j < log->slates.step[t + 1]; j++)
                same += log->slates.shown[i] == greedy[j];
    return (double)same / (double)log->slates.shown_count;
}

static void EstimateOne(const World *w, Log *log, uint64_t seed, Tally *tallies)
{
    Past past = {log->past_first, log->past};
    uint32_t *greedy = HostAllocate(&host, log->slates.shown_count, sizeof(uint32_t));
    ValueQuestion question = {.log = &log->slates,
                              .past = &past,
                              .greedy = greedy,
                              .items = w->target.items,
                              .policy_item = w->same,
                              .log_item = w->same,
                              .gamma = 1,
                              .confidence = 0.95,
                              .clip = INFINITY,
                              .seed = seed};
    PolicyValue value;

    TargetSlates(&host, &w->target, &log->slates, &past, w->same, greedy);
    PolicyValueEstimate(&host, &question, &value);
    for (int e = 0; e < ESTIMATORS; e++)
        Note(&value.of[e], w->truth, &tallies[e]);
    HostRelease(&host, greedy);
}

static void Tell(double explore, uint32_t slates, int logs, double truth, const Tally *tallies)
{
    for (int e = 0; e < ESTIMATORS; e++) {
        const Tally *t = &tallies[e];

        printf("%g\t%u\t%s\t%.4f\t%+.4f\t%.4f\t%d\t%d\t%.0f\t%.1f\t%.3f\n", explore, slates,
               estimator_names[e], truth, t->bias / logs, sqrt(t->squares / logs), t->covered,
               t->intervals, t->effective / logs, t->largest, t->supported / logs);
    }
    fflush(stdout);
}

static void Setting(const World *w, const char *setting, int logs, uint64_t *first)
{
    double explore = atof(setting);
    uint32_t slates = (uint32_t)strtoul(strchr(setting, ':') + 1, NULL, 10);
    Tally tallies[ESTIMATORS] = {{0}};
    Log log = LogRoom(w, slates);

    for (int n = 0; n < logs; n++) {
        log.slates.sessions = 0;
        log.slates.steps = log.slates.shown_count = 0;
        Play(w, &w->logging, explore, *first, slates, &log);
        *first += slates;
        EstimateOne(w, &log, (uint64_t)n, tallies);
    }
    Tell(explore, slates, logs, w->truth, tallies);
}

/* The two policies, by what they show to the same visitors. */
static void TellPolicies(const World *w, uint64_t truth)
{
    uint32_t slates = truth < 2000 ? (uint32_t)truth : 2000;
    Log log = LogRoom(w, slates);
    Past past = {log.past_first, log.past};
    uint32_t *greedy = HostAllocate(&host, (size_t)slates * SLATE, sizeof(uint32_t));
    double logged = Play(w, &w->logging, 0, 0, slates, &log);

    TargetSlates(&host, &w->target, &log.slates, &past, w->same, greedy);
    printf("policies\t%.4f\t%.4f\t%.2f\n", ShareOf(logged), w->truth, Overlap(&log, greedy));
}

int main(int argc, char **argv)
{
    uint64_t truth, first;
    World w;

    if (argc < 6) {
        fprintf(stderr, "usage: policies_value FILE ITEMS TRUTH LOGS EXPLORE:SLATES...\n");
        return 2;
    }
    truth = strtoull(argv[3], NULL, 10);
    MakeWorld(argv[1], (uint32_t)atoi(argv[2]), truth < 10000, &w);
    w.truth = ShareOf(Play(&w, &w.target, 0, 0, truth, NULL));
    TellPolicies(&w, truth);
    first = truth; /* whoever has told the truth is in no log */
    for (int a = 5; a < argc; a++)
        Setting(&w, argv[a], atoi(argv[4]), &first);
    return 0;
}
