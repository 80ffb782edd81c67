/* test_actor_critic.c: policies that learn from visitors whose answers are known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algo/actor_critic/log.h"
#include "algo/actor_critic/play.h"
#include "check.h"
#include "support.h"
#include "tests.h"
#include "toy_simulator.h"

#define ITEMS    60
#define SESSIONS 80
#define STEPS    4
#define SHOWN    5

static const char *const names[] = {"hac", "ddpg", "td3", "a2c", "pg_ra", "sl"};

#define NAMES (int)(sizeof(names) / sizeof(names[0]))

/* --- a log, and visitors who like the same items */

/* Item i is clicked with these log odds, whoever is there. */
static float Odds(uint32_t item)
{
    return item % 6 == 0 ? 3 : -3;
}

static Slates LogOfToy(const Host *host, uint64_t stream)
{
    Random random = TestStream(stream);
    Slates s = {.sessions = SESSIONS,
                .items = ITEMS,
                .steps = SESSIONS * STEPS,
                .shown_count = SESSIONS * STEPS * SHOWN};

    s.session = HostAllocate(host, s.sessions + 1, sizeof(uint64_t));
    s.step = HostAllocate(host, s.steps + 1, sizeof(uint64_t));
    s.shown = HostAllocate(host, s.shown_count, sizeof(uint32_t));
    s.clicked = HostAllocate(host, s.shown_count, sizeof(bool));
    s.reward = HostAllocate(host, s.steps, sizeof(float));
    for (uint32_t i = 0; i <= s.sessions; i++)
        s.session[i] = (uint64_t)i * STEPS;
    for (uint64_t i = 0; i <= s.steps; i++)
        s.step[i] = i * SHOWN;
    for (uint64_t t = 0; t < s.steps; t++) {
        uint32_t all[ITEMS], clicks = 0;

        for (uint32_t i = 0; i < ITEMS; i++)
            all[i] = i;
        RandomShuffle(&random, all, ITEMS);
        for (uint32_t i = 0; i < SHOWN; i++) {
            double chance = 1 / (1 + exp(-(double)Odds(all[i])));
            bool clicked = RandomUniform(&random) < chance;

            s.shown[t * SHOWN + i] = all[i];
            s.clicked[t * SHOWN + i] = clicked;
            clicks += clicked;
        }
        s.reward[t] = ClickReward(clicks, SHOWN);
    }
    return s;
}

typedef struct Run {
    TestHost t;
    Toy toy;
    Slates log;
    uint32_t same[ITEMS];
    PolicyData data;
    AcOptions options;
    Model model;
    TrainReport report;
} Run;

/* A small run of an algorithm; with_visitors: the simulator is there. */
static void Prepare(Run *r, const char *name, bool with_visitors, const char *settings)
{
    const Algorithm *algorithm = AlgorithmFind(name);

    memset(r, 0, sizeof(*r));
    TestHostInit(&r->t);
    ToyCreate(&r->t, ITEMS, &r->toy);
    for (uint32_t i = 0; i < ITEMS; i++) {
        ToySetOdds(&r->toy, i, Odds(i));
        r->same[i] = i;
    }
    r->log = LogOfToy(&r->t.host, 7);
    r->data = (PolicyData){&r->log, with_visitors ? &r->toy.model : NULL, r->same};
    OptionsDefault(CommonOptions(algorithm), &r->options);
    OptionsDefault(algorithm->options, &r->options);
    SetOptions(algorithm, &r->options,
               "factors=8 slate=5 iterations=300 check_every=100 check_sessions=50 "
               "pretrain_iterations=300");
    SetOptions(algorithm, &r->options, settings);
    ModelLayout(&r->model, algorithm, &r->options, 0, ITEMS);
    ModelAllocate(&r->t.host, &r->model);
}

static void TrainModel(void *arg)
{
    Run *r = arg;

    r->model.algorithm->policy->train(&r->t.host, &r->data, &r->model, &r->report);
}

static double FindingOf(const Run *r, const char *name)
{
    for (int i = 0; i < FINDINGS && r->report.finding[i].name != NULL; i++)
        if (strcmp(r->report.finding[i].name, name) == 0)
            return r->report.finding[i].value;
    return NAN;
}

static const Epoch *BestEpoch(const Run *r)
{
    return &r->report.history[r->report.best];
}

/* Items of the greedy slate, after these clicks, that visitors like. */
static uint32_t Liked(const Run *r, const uint32_t *clicked, uint32_t count)
{
    float query[64] __attribute__((aligned(64))), *scores;
    QueryInput input = {.row = NO_ROW, .items = clicked, .count = count};
    uint32_t liked = 0, place[ITEMS];

    r->model.algorithm->query(&r->model, &input, query);
    scores = HostAllocate(&r->t.host, ITEMS + 64, sizeof(float));
    ModelScore(&r->model, query, 1, scores);
    for (uint32_t i = 0; i < ITEMS; i++) {
        place[i] = 0;
        for (uint32_t j = 0; j < ITEMS; j++)
            place[i] += scores[j] > scores[i];
        liked += place[i] < 5 && Odds(i) > 0;
    }
    return liked;
}

static void CheckLearns(const char *name)
{
    static Run r;
    static const uint32_t some[] = {6, 12, 30};
    Outcome outcome;
    const Epoch *best;

    Prepare(&r, name, true, "");
    outcome = Attempt(&r.t, TrainModel, &r);
    CHECK(outcome == OUTCOME_DONE, "%s trains: %s", name, r.t.message);
    best = BestEpoch(&r);
    Note("%s: reward %.2f depth %.2f, random %.2f, logged %.2f", name, best->metric[0],
         best->metric[1], FindingOf(&r, "random_reward"), FindingOf(&r, "logged_reward"));
    CHECK(best->metric[0] > 3 * FindingOf(&r, "random_reward"), "it earns more than chance");
    CHECK(Liked(&r, some, 3) == 5 && Liked(&r, NULL, 0) == 5,
          "it shows what visitors like, also to those of whom nothing is known");
    TestHostEnd(&r.t);
}

void TestActorCritic(void)
{
    for (int i = 0; i < NAMES; i++)
        CheckLearns(names[i]);
}
