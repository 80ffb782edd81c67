/* test_actor_critic.c: policies that learn from visitors whose answers are known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algo/actor_critic/learner_step.h"
#include "algo/actor_critic/log.h"
#include "algo/actor_critic/play.h"
#include "algo/actor_critic/supervision.h"
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
    r->data = (PolicyData){.slates = &r->log,
                           .simulator = with_visitors ? &r->toy.model : NULL,
                           .simulator_item = r->same};
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

/* --- one step of the learner, on a batch by hand */

#define ROWS 20 /* more than a slice */

typedef struct Hand {
    Run run;
    Store store;
    Learner learner;
    uint32_t slate[ROWS][5], clicked[ROWS][3];
    bool label[ROWS][5];
    float action[ROWS][16] __attribute__((aligned(64)));
} Hand;

static void StartHand(Hand *h, const char *name, const char *settings)
{
    Random random = TestStream(21);
    Learner *l = &h->learner;

    Prepare(&h->run, name, true, settings);
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint32_t k = 0; k < 8; k++)
            PartRow(&h->run.model.part[AC_ITEM_PART], i)[k] = (float)RandomNormal(&random);
    h->store = (Store){.host = &h->run.t.host};
    LearnerTake(&h->store, &h->run.model, 5, ROWS, 1, l);
    StateStart(&l->encoder, &l->pack, &random, l->actor.network);
    LearnerStart(l);
    l->batch.count = ROWS;
    for (uint32_t r = 0; r < ROWS; r++) {
        for (uint32_t i = 0; i < 5; i++) {
            h->slate[r][i] = (7 * r + 11 * i) % ITEMS;
            h->label[r][i] = Odds(h->slate[r][i]) > 0;
        }
        for (uint32_t i = 0; i < 3; i++)
            h->clicked[r][i] = (5 * r + 13 * i) % ITEMS;
        for (uint32_t k = 0; k < 8; k++)
            h->action[r][k] = (float)RandomNormal(&random);
        l->batch.before[r] = (Clicks){h->clicked[r], r % 4};
        l->batch.after[r] = (Clicks){h->clicked[r], 3};
        l->batch.slate[r] = (ShownSlate){h->slate[r], 5};
        l->batch.label[r] = h->label[r];
        l->batch.action[r] = h->action[r];
        l->batch.reward[r] = (float)r / ROWS;
        l->batch.ended[r] = r % 2 == 1;
    }
}

static void EndHand(Hand *h)
{
    StoreRelease(&h->store);
    TestHostEnd(&h->run.t);
}

/* The critic aims at the reward alone where the visitor has left; with the published code's
 * bootstrap, where not. */
static void CheckGoals(const char *name)
{
    static Hand h;

    for (int compat = 0; compat < 2; compat++) {
        bool rewards = true, more = false;

        StartHand(&h, name, compat ? "compat_bootstrap=true" : "");
        LearnerStep(&h.learner);
        for (uint32_t r = 0; r < ROWS; r++) {
            float reward = h.learner.batch.reward[r], goal = h.learner.goal[r];

            if (h.learner.batch.ended[r] == !compat)
                rewards &= goal == reward;
            else
                more |= goal != reward;
        }
        CHECK(rewards && more, "%s: the goal of %s is the reward alone", name,
              compat ? "a step that is not the last, with the published bootstrap,"
                     : "the last step");
        EndHand(&h);
    }
}

static void CheckNoFuture(void)
{
    static Hand h;
    double error = 0;

    StartHand(&h, "ddpg", "gamma=0 actor_rate=0 critic_rate=0.01");
    for (int i = 0; i < 800; i++)
        LearnerStep(&h.learner);
    for (uint32_t r = 0; r < ROWS; r++)
        error = fmax(error, fabs((double)h.learner.judged[r] - (double)r / ROWS));
    CHECK(error < 0.05, "with gamma 0 the critic learns the reward: error %.3f", error);
    EndHand(&h);
}

/* With constant parameters targets go (1 - tau)^n of the way. */
static void CheckTargets(void)
{
    static Hand h;
    float before, source;

    StartHand(&h, "ddpg", "actor_rate=0 critic_rate=0 tau=0.1");
    source = h.learner.critic[0].values[0];
    h.learner.critic[0].target[0] = before = source + 1;
    h.learner.target.items[3] = h.learner.actor.items[3] - 2;
    for (int i = 0; i < 5; i++)
        LearnerStep(&h.learner);
    CHECK(Near((double)(h.learner.critic[0].target[0] - source), pow(.9, 5), 1e-5, 0) &&
              Near((double)(h.learner.actor.items[3] - h.learner.target.items[3]), 2 * pow(.9, 5),
                   1e-5, 0),
          "targets follow");
    EndHand(&h);
}

/* What td3 does not do in every step. */
static void CheckDelay(void)
{
    static Hand h;
    bool stays, moves;
    float row, other;

    StartHand(&h, "td3", "delay=2");
    row = h.learner.actor.items[h.clicked[1][0] * 16];
    LearnerStep(&h.learner); /* number 0 */
    other = h.learner.actor.items[h.clicked[1][0] * 16];
    moves = other != row;
    LearnerStep(&h.learner);
    stays = h.learner.actor.items[h.clicked[1][0] * 16] == other;
    CHECK(moves && stays, "td3's actor steps every second time");
    EndHand(&h);
}

/* Supervision lowers the loss that it is measured by. */
static void CheckAnswers(void)
{
    static Hand h;
    AdamRule rule = {0.01f, 0, 1};
    double before, after;

    StartHand(&h, "sl", "");
    before = AnswerLoss(&h.learner);
    for (int i = 0; i < 200; i++)
        LearnAnswers(&h.learner, &rule);
    after = AnswerLoss(&h.learner);
    CHECK(after < 0.2 * before, "answers are learnt: %.3f to %.3f", before, after);
    EndHand(&h);
}

/* --- whole trainings */

static Outcome RunOnce(Run *r, const char *name, bool with_visitors, const char *settings,
                       int threads)
{
    Prepare(r, name, with_visitors, settings);
    if (threads > 1)
        TestHostUsePool(&r->t, threads);
    return Attempt(&r->t, TrainModel, r);
}

static void CheckThreads(const char *name, const char *settings)
{
    static Run one, two, other;

    RunOnce(&one, name, true, settings, 1);
    RunOnce(&two, name, true, settings, 2);
    CHECK(SameModel(&one.model, &two.model), "%s %s: the same bytes on one thread and two", name,
          settings);
    CHECK(FindingOf(&one, "random_reward") == FindingOf(&two, "random_reward") &&
              BestEpoch(&one)->metric[0] == BestEpoch(&two)->metric[0],
          "and the same rewards");
    Prepare(&other, name, true, settings);
    other.options.train.seed = 2;
    Attempt(&other.t, TrainModel, &other);
    CHECK(!SameModel(&one.model, &other.model), "another seed makes another model");
    TestHostEnd(&one.t);
    TestHostEnd(&two.t);
    TestHostEnd(&other.t);
}

/* k (T - R) + T lies between 19 and what a last slate can cost (policy/environment.h). */
static void CheckIdentity(void)
{
    static Run r;
    const Epoch *best;
    double spent;

    RunOnce(&r, "hac", true, "pretrain=false", 1);
    best = BestEpoch(&r);
    spent = 5 * (best->metric[1] - best->metric[0]) + best->metric[1];
    CHECK(spent > 19 && spent <= 19 + 1.1 * 5 + 1, "patience spent: %.3f", spent);
    TestHostEnd(&r.t);
}

/* HAC finds what visitors like from nothing, too. */
static void CheckFresh(void)
{
    static Run r;

    RunOnce(&r, "hac", true, "pretrain=false iterations=600", 1);
    CHECK(Liked(&r, NULL, 0) == 5, "hac from random networks finds the best items: %u of 5",
          Liked(&r, NULL, 0));
    TestHostEnd(&r.t);
}

/* Visitors who click nothing whatever they are shown. */
static void CheckChance(void)
{
    static Run r;

    Prepare(&r, "hac", true, "iterations=50");
    for (uint32_t i = 0; i < ITEMS; i++)
        ToySetOdds(&r.toy, i, -50);
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE && r.report.warning[0] != '\0',
          "a policy that earns no more than chance comes with a warning: %s", r.report.warning);
    TestHostEnd(&r.t);
    RunOnce(&r, "hac", true, "iterations=50", 1);
    CHECK(r.report.warning[0] == '\0', "and one that earns more without");
    TestHostEnd(&r.t);
}

static void CheckAttention(void)
{
    static Run r;

    CHECK(RunOnce(&r, "hac", true, "encoder=attention iterations=100", 1) == OUTCOME_DONE &&
              Liked(&r, NULL, 0) == 5,
          "states by attention");
    TestHostEnd(&r.t);
}

/* All presets of all algorithms can be trained, cut short. */
static void CheckPresets(void)
{
    static Run r;

    for (int i = 0; i < NAMES; i++) {
        const Algorithm *algorithm = AlgorithmFind(names[i]);

        for (const Preset *p = algorithm->presets; p->name != NULL; p++) {
            Prepare(&r, names[i], true, "");
            PresetApply(p, algorithm->options, &r.options);
            SetOptions(algorithm, &r.options, "iterations=6 check_every=3 check_sessions=10");
            r.options.learning_starts = r.options.learning_starts > 0 ? 64 : 0;
            ModelLayout(&r.model, algorithm, &r.options, 0, ITEMS);
            ModelAllocate(&r.t.host, &r.model);
            CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "%s, preset %s: %s", names[i],
                  p->name, r.t.message);
            TestHostEnd(&r.t);
        }
    }
}

static void CheckLogAlone(void)
{
    static Run r;

    CHECK(RunOnce(&r, "sl", false, "", 1) == OUTCOME_DONE && Liked(&r, NULL, 0) == 5,
          "sl learns from the log alone");
    CHECK(isnan(BestEpoch(&r)->metric[0]) && isnan(FindingOf(&r, "random_reward")) &&
              FindingOf(&r, "held_loss") < .4 && isfinite(FindingOf(&r, "logged_reward")),
          "and is measured by what is held out: %.3f", FindingOf(&r, "held_loss"));
    TestHostEnd(&r.t);
    for (int i = 0; i < NAMES - 1; i++) {
        CHECK(RunOnce(&r, names[i], false, "", 1) == OUTCOME_FAILED && r.t.kind == FAIL_INVALID &&
                  strstr(r.t.message, "simulator") != NULL,
              "%s needs visitors", names[i]);
        TestHostEnd(&r.t);
    }
}

/* a2c has no replay, and learns whole batches all the same. */
static void CheckNewest(void)
{
    static Hand h;
    static Play play;
    Environment *environment;
    const Replay *replay = &play.replay;
    VisitorRules plain = {0};
    bool newest = true;

    StartHand(&h, "a2c", "batch=20 sessions=4");
    environment = EnvironmentOpen(&h.run.t.host, &h.run.toy.model, &plain, 1);
    PlayTake(&h.store, &h.run.data, &h.learner, environment, &play);
    PlayStart(&play);
    for (int i = 0; i < 7; i++)
        PlayStep(&play);
    PlayBatch(&play, ROWS, true);
    CHECK(h.learner.batch.count == ROWS && ReplayCount(replay) == ROWS,
          "the newest batch is whole");
    for (uint32_t r = 0; r < ROWS; r++)
        newest &= h.learner.batch.slate[r].count == 5 &&
                  (const char *)h.learner.batch.action[r] > (const char *)ReplayAt(replay, r) &&
                  (const char *)h.learner.batch.action[r] <
                      (const char *)ReplayAt(replay, r) + replay->size;
    CHECK(newest, "newest first");
    EnvironmentClose(&h.run.t.host, environment);
    EndHand(&h);
}

/* Items are shown once a session, and none is left in the end. */
static VisitorRules OnceRules(const void *options)
{
    (void)options;
    return (VisitorRules){.no_repeat = true, .patience = 100};
}

static void CheckOnce(void)
{
    static Run r;
    static SimulatorMethods methods;
    static PolicyMethods policy;
    static Algorithm algorithm;

    Prepare(&r, "hac", true, "iterations=100 check_sessions=20");
    algorithm = *r.toy.model.algorithm;
    policy = *algorithm.policy;
    methods = *policy.simulator;
    methods.rules = OnceRules;
    policy.simulator = &methods;
    algorithm.policy = &policy;
    r.toy.model.algorithm = &algorithm;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "visitors who see no item twice: %s",
          r.t.message);
    CHECK(BestEpoch(&r)->metric[1] <= ITEMS / 5, "see all of them at most: %.1f slates",
          BestEpoch(&r)->metric[1]);
    TestHostEnd(&r.t);
}

/* Items that the simulator does not know, all that are clicked in the log among them, are not
 * shown to its visitors, who would click every second one. */
static void CheckUnknown(void)
{
    static Run r;

    for (int i = 0; i < NAMES; i++) {
        Prepare(&r, names[i], true, "iterations=50");
        for (uint32_t item = 0; item < ITEMS; item += 2)
            r.same[item] = NO_ITEM;
        CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "items that visitors do not know: %s",
              r.t.message);
        CHECK(BestEpoch(&r)->metric[0] < 0.5 && FindingOf(&r, "random_reward") < 0.5,
              "%s earns nothing by them: %.2f, random %.2f", names[i], BestEpoch(&r)->metric[0],
              FindingOf(&r, "random_reward"));
        TestHostEnd(&r.t);
    }
}

static void CheckDivergence(void)
{
    static const char *const settings[] = {"supervision_rate=1 pretrain_rate=1 pretrain=false "
                                           "noise=10",
                                           "critic_rate=1 actor_rate=1"};
    static Run r;

    for (size_t i = 0; i < 2; i++) { /* rates as large as may be: it ends, well or with a word */
        Outcome outcome = RunOnce(&r, "hac", true, settings[i], 1);

        CHECK(outcome == OUTCOME_DONE || r.t.kind == FAIL_NOT_FINITE, "%s", settings[i]);
        TestHostEnd(&r.t);
    }
    Prepare(&r, "hac", true, "pretrain=false");
    r.options.critic_rate = 1e30;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_FAILED && r.t.kind == FAIL_NOT_FINITE,
          "what is not finite ends the training: %s", r.t.message);
    TestHostEnd(&r.t);
    Prepare(&r, "hac", true, "iterations=50");
    r.log.reward[3] = 1e38f;
    r.log.reward[4] = 3e38f;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE && isfinite(FindingOf(&r, "logged_reward")),
          "huge rewards in the log");
    TestHostEnd(&r.t);
}

static void CheckCancel(const char *name)
{
    static Run r;
    int calls;

    RunOnce(&r, name, true, "", 1);
    calls = r.t.calls;
    TestHostEnd(&r.t);
    for (int part = 1; part < 4; part++) {
        Prepare(&r, name, true, "");
        r.t.cancel_at = calls * part / 4;
        CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_CANCELLED, "%s stops at call %d of %d", name,
              calls * part / 4, calls);
        TestHostEnd(&r.t);
    }
}

static void CheckMemoryOf(const char *name, const char *settings, int threads)
{
    static Run r;
    size_t before, estimate;

    Prepare(&r, name, true, settings);
    if (threads > 1)
        TestHostUsePool(&r.t, threads);
    estimate = r.model.algorithm->policy->memory(&r.model, &r.data, threads);
    before = r.t.bytes;
    TestHostResetPeak(&r.t);
    Attempt(&r.t, TrainModel, &r);
    CHECK(r.t.peak - before <= estimate + TestHostSlack(&r.t) &&
              (double)estimate < 1.2 * (double)(r.t.peak - before) + 1e6,
          "%s %s: memory %zu, estimated %zu", name, settings, r.t.peak - before, estimate);
    TestHostEnd(&r.t);
}

/* A session goes on, and slates of more than MOST_SLATE items are learnt in pieces. */
static void CheckLog(void)
{
    enum { LONG = 2 * MOST_SLATE + 30 };
    static uint32_t shown[LONG + 2];
    static bool clicked[LONG + 2];
    static float reward[2];
    static uint64_t session[] = {0, 2}, step[] = {0, LONG, LONG + 2};
    static Hand h;
    Slates slates = {.sessions = 1,
                     .items = ITEMS,
                     .steps = 2,
                     .shown_count = LONG + 2,
                     .session = session,
                     .step = step,
                     .shown = shown,
                     .clicked = clicked,
                     .reward = reward};
    Store store;
    Log log;

    StartHand(&h, "sl", "history=2");
    store = (Store){.host = &h.run.t.host};
    for (uint32_t i = 0; i < LONG + 2; i++)
        shown[i] = i % ITEMS;
    clicked[4] = clicked[9] = clicked[LONG - 1] = true;
    LogTake(&store, &slates, &log);
    LogRead(&h.run.t.host, 1, &log);
    CHECK(log.count == 4 && log.learnt == 4 && log.slate[2].count == 30 && log.slate[3].count == 2,
          "a long slate is learnt in pieces, a short log holds nothing out");
    CHECK(log.slate[2].to == 0 && log.slate[3].from == 0 && log.slate[3].to == 3 &&
              log.clicked[2] == (LONG - 1) % ITEMS,
          "what was clicked before counts for the next slate of the session");
    LogHeldBatch(&log, 0, 4, &h.learner);
    CHECK(h.learner.batch.count == 0, "nothing is held out");
    StoreRelease(&store);
    EndHand(&h);
}

/* Attention over the longest histories, with the widest rows, takes the better part of a second:
 * it looks at cancels before each piece of it, so also before the first. */
static void CheckCancelOfAttention(void)
{
    static TestHost t;
    static uint32_t items[MOST_HISTORY];
    StateShape shape = {STATE_ATTENTION, MOST_FACTORS, MOST_HISTORY, TRANSFORMER_LAYERS};
    Pack pack = {0};
    StateEncoder encoder = StateAdd(&pack, &shape);
    Clicks clicks[STATE_ROWS];
    size_t floats = StateTape(&encoder, STATE_ROWS), touched = 0;
    float *parameters, *row, *tape;

    TestHostInit(&t);
    encoder.transformer.host = &t.host;
    for (int r = 0; r < STATE_ROWS; r++)
        clicks[r] = (Clicks){items, MOST_HISTORY};
    parameters = HostAllocateZero(&t.host, pack.floats, sizeof(float));
    row = HostAllocateZero(&t.host, MOST_FACTORS, sizeof(float));
    tape = HostAllocate(&t.host, floats, sizeof(float));
    for (size_t i = 0; i < floats; i++)
        tape[i] = 5;
    t.cancel = 1;
    StateForward(&encoder, &pack, parameters, row, clicks, STATE_ROWS, tape);
    for (size_t i = 0; i < floats; i++)
        touched += tape[i] != 5;
    CHECK(touched < floats / 2, "attention is left at once: %zu of %zu numbers written", touched,
          floats);
    TestHostEnd(&t);
}

/* Interrupts are looked at by the items of a log, not by its steps. */
static void CheckLooksOfLog(void)
{
    enum { MANY = 70000 };
    static uint64_t session[] = {0, STEPS}, step[STEPS + 1];
    static uint32_t shown[STEPS * MANY];
    static bool clicked[STEPS * MANY];
    static float reward[STEPS];
    static TestHost t;
    Slates slates = {1, ITEMS, STEPS, STEPS * MANY, session, step, shown, clicked, NULL, reward};
    Store store;
    Log log;
    int before;

    TestHostInit(&t);
    store = (Store){.host = &t.host};
    for (uint64_t i = 0; i <= STEPS; i++)
        step[i] = i * MANY;
    LogTake(&store, &slates, &log);
    before = t.calls;
    LogRead(&t.host, 1, &log);
    CHECK(t.calls - before == 2 * STEPS, "slates of %d items are read with %d looks", MANY,
          t.calls - before);
    StoreRelease(&store);
    TestHostEnd(&t);
}

/* Visitors are shown as many items at a time as those of the log were, or as the option says. */
static void CheckSlateSize(void)
{
    Slates log = {.steps = 2, .shown_count = 11};
    AcOptions options = {.slate = 0};

    CHECK(AcSlate(&options, &log, 100) == 6, "the mean of five and six items, rounded");
    CHECK(AcSlate(&options, &log, 4) == 4, "as many as there are");
    log.shown_count = 10 * MOST_SLATE;
    CHECK(AcSlate(&options, &log, 100000) == MOST_SLATE, "no more than a slate may have");
    options.slate = 3;
    CHECK(AcSlate(&options, &log, 100) == 3, "by the option");
    log.steps = log.shown_count = 0;
    CHECK(UsualSlate(&log) == 1, "a log without steps");
}

void TestActorCritic(void)
{
    static const char *const critics[] = {"hac", "ddpg", "td3", "a2c", "pg_ra"};

    CheckLog();
    CheckLooksOfLog();
    CheckCancelOfAttention();
    CheckSlateSize();
    for (int i = 0; i < 5; i++)
        CheckGoals(critics[i]);
    CheckNoFuture();
    CheckTargets();
    CheckDelay();
    CheckAnswers();
    for (int i = 0; i < NAMES; i++)
        CheckLearns(names[i]);
    CheckFresh();
    CheckChance();
    CheckAttention();
    for (int i = 0; i < NAMES; i++)
        CheckThreads(names[i],
                     strcmp(names[i], "a2c") == 0
                         ? "iterations=60 check_every=30 pretrain=false"
                         : "iterations=60 check_every=30 pretrain=false learning_starts=64");
    CheckThreads("hac", "iterations=30 check_every=30 encoder=attention pretrain=false batch=40 "
                        "learning_starts=64");
    CheckThreads("sl", "pretrain_iterations=60 iterations=1");
    CheckIdentity();
    CheckPresets();
    CheckLogAlone();
    CheckNewest();
    CheckOnce();
    CheckUnknown();
    CheckDivergence();
    CheckCancel("hac");
    CheckCancel("a2c");
    for (int i = 0; i < NAMES; i++)
        CheckMemoryOf(names[i], "iterations=20", 1);
    CheckMemoryOf("hac", "encoder=attention batch=100 iterations=20", 2);
}
