/* test_environment.c: sessions, their patience, their chance, and each rule of visitors. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "core/vector.h"
#include "support.h"
#include "tests.h"
#include "toy_simulator.h"

#define ITEMS 300
#define SURE  100.0f /* log odds of an item that is always clicked; of one that never is: -SURE */

static const VisitorRules plain = {0};

typedef struct World {
    TestHost t;
    Toy toy;
    Environment *e;
    Visitor *visitor;
} World;

static void Open(World *w, const VisitorRules *rules, uint64_t seed)
{
    w->e = EnvironmentOpen(&w->t.host, &w->toy.model, rules, seed);
    w->visitor = HostAllocate(&w->t.host, 1, VisitorSize(w->e));
}

static void Close(World *w)
{
    HostRelease(&w->t.host, w->visitor);
    EnvironmentClose(&w->t.host, w->e);
}

static void WorldCreate(World *w)
{
    memset(w, 0, sizeof(*w));
    TestHostInit(&w->t);
    ToyCreate(&w->t, ITEMS, &w->toy);
}

/* `count` different items. */
static void DrawSlate(Random *random, uint32_t *slate, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool fresh = false;

        while (!fresh) {
            fresh = true;
            slate[i] = RandomBelow(random, ITEMS);
            for (uint32_t j = 0; j < i; j++)
                fresh &= slate[j] != slate[i];
        }
    }
}

/* ---- sessions ---- */

/* Plays a session with the slate of items 0 .. 9, `good` of which are always clicked. */
static void CheckExample(World *w, uint32_t good, uint32_t depth, double reward)
{
    uint32_t slate[10];
    bool clicked[10];

    for (uint32_t i = 0; i < 10; i++) {
        slate[i] = i;
        ToySetOdds(&w->toy, i, i < good ? SURE : -SURE);
    }
    Open(w, &plain, 5);
    VisitorStart(w->e, good, w->visitor);
    while (!w->visitor->ended)
        VisitorAnswer(w->e, w->visitor, slate, 10, clicked);
    CHECK(w->visitor->step == depth && fabs(w->visitor->reward - reward) < 1e-5,
          "%u of 10 clicked: %u steps, return %g", good, depth, reward);
    CHECK(EnvironmentDepth(w->e) == 20, "20 steps are the most");
    Close(w);
}

static void CheckExamples(void)
{
    World w;

    WorldCreate(&w);
    CheckExample(&w, 10, 20, 20);
    CheckExample(&w, 9, 10, 8.9);
    CheckExample(&w, 5, 3, 1.35);
    CheckExample(&w, 0, 2, -0.2);
    TestHostEnd(&w.t);
}

static void SetRandomOdds(World *w, double mean)
{
    Random random = TestStream(1400);

    for (uint32_t i = 0; i < ITEMS; i++)
        ToySetOdds(&w->toy, i, (float)(mean + RandomNormal(&random)));
}

/* 19 < k (T - R) + T <= 19 + 1.1 k + 1 in this session. */
static bool KeepsIdentity(const World *w, uint64_t session, uint32_t k, Random *random)
{
    uint32_t slate[ITEMS];
    bool clicked[ITEMS];
    double spent;

    VisitorStart(w->e, session, w->visitor);
    while (!w->visitor->ended) {
        DrawSlate(random, slate, k);
        VisitorAnswer(w->e, w->visitor, slate, k, clicked);
    }
    spent = k * (w->visitor->step - w->visitor->reward) + w->visitor->step;
    return spent > 19 + 0.1 - 1e-4 && spent <= 19 + 1.1 * k + 1 + 1e-4 && w->visitor->step <= 20 &&
           fabs(20 - spent - VisitorPatience(w->e, w->visitor)) < 1e-4;
}

static void CheckIdentity(void)
{
    World w;
    Random random = TestStream(1401);
    bool right = true;

    WorldCreate(&w);
    SetRandomOdds(&w, 2);
    Open(&w, &plain, 3);
    for (uint64_t session = 0; session < 3000; session++)
        right &= KeepsIdentity(&w, session, 1 + (uint32_t)session % 25, &random);
    CHECK(right, "depth and return of every session are bound to one another");
    TestHostEnd(&w.t);
}

/* Of 10 items, one a slate: as many misses as make exactly 19. */
static void CheckBoundary(void)
{
    World w;
    uint32_t miss = 0, hit = 1;
    bool clicked;

    WorldCreate(&w);
    ToySetOdds(&w.toy, miss, -SURE);
    ToySetOdds(&w.toy, hit, SURE);
    Open(&w, &plain, 3);
    VisitorStart(w.e, 0, w.visitor);
    for (int i = 0; i < 8; i++)
        VisitorAnswer(w.e, w.visitor, &miss, 1, &clicked); /* 2.1 each */
    CHECK(VisitorPatience(w.e, w.visitor) == 20 - 16.8 && !w.visitor->ended, "8 misses cost 16.8");
    VisitorAnswer(w.e, w.visitor, &hit, 1, &clicked);
    VisitorAnswer(w.e, w.visitor, &hit, 1, &clicked);
    CHECK(!w.visitor->ended && fabs(VisitorPatience(w.e, w.visitor) - 1.2) < 1e-12, "1.2 are left");
    VisitorStart(w.e, 0, w.visitor);
    w.visitor->misses = 10;
    w.visitor->step = 7;
    VisitorAnswer(w.e, w.visitor, &hit, 1, &clicked);
    CHECK(VisitorPatience(w.e, w.visitor) == 1 && !w.visitor->ended, "with exactly 1 one stays");
    VisitorAnswer(w.e, w.visitor, &hit, 1, &clicked);
    CHECK(w.visitor->ended, "below 1 one leaves");
    TestHostEnd(&w.t);
}

/* ---- chance ---- */

typedef struct Trace {
    uint32_t steps;
    bool clicked[20][8];
} Trace;

/* Slates depend on the session alone; `turned`: by place the other way round. */
static void Play(const World *w, uint64_t session, bool turned, Trace *trace)
{
    Random random = TestStream(5000 + session);
    uint32_t slate[8], shown[8];
    bool clicked[8];

    memset(trace, 0, sizeof(*trace));
    VisitorStart(w->e, session, w->visitor);
    for (; !w->visitor->ended; trace->steps++) {
        DrawSlate(&random, slate, 8);
        for (int i = 0; i < 8; i++)
            shown[i] = slate[turned ? 7 - i : i];
        VisitorAnswer(w->e, w->visitor, shown, 8, clicked);
        for (int i = 0; i < 8; i++)
            trace->clicked[trace->steps][i] = clicked[turned ? 7 - i : i];
    }
}

static void CheckChance(void)
{
    World w;
    Trace a, b;
    bool same = true, other = false, first = true;

    WorldCreate(&w);
    SetRandomOdds(&w, 1);
    Open(&w, &plain, 3);
    for (uint64_t session = 0; session < 50; session++) {
        Play(&w, session, false, &a);
        Play(&w, session + 1000, false, &b);
        other |= memcmp(&a, &b, sizeof(a)) != 0;
        Play(&w, session, false, &b);
        same &= memcmp(&a, &b, sizeof(a)) == 0;
        Play(&w, session, true, &b);
        first &= memcmp(a.clicked[0], b.clicked[0], 8) == 0;
    }
    CHECK(same, "the same slates meet the same answers, whatever else was played");
    CHECK(first, "an item's answer does not depend on its place");
    CHECK(other, "other sessions meet other luck");
    Play(&w, 7, false, &a);
    Close(&w);
    Open(&w, &plain, 4);
    Play(&w, 7, false, &b);
    CHECK(memcmp(&a, &b, sizeof(a)) != 0, "and so do other seeds");
    TestHostEnd(&w.t);
}

/* Answers to one slate of all items, by many sessions, against their probabilities. */
static void CheckProbabilities(void)
{
    World w;
    uint32_t slate[ITEMS + 1];
    bool clicked[ITEMS + 1], exact = true;
    float p[ITEMS + 1];
    double expected = 0, seen = 0, variance = 0;

    WorldCreate(&w);
    SetRandomOdds(&w, -1);
    Open(&w, &plain, 9);
    for (uint32_t i = 0; i <= ITEMS; i++)
        slate[i] = i < ITEMS ? i : NO_ITEM;
    for (uint64_t session = 0; session < 200; session++) {
        double mood;

        VisitorStart(w.e, session, w.visitor);
        mood = ToyMood(w.visitor->history, w.visitor->clicks);
        VisitorProbabilities(w.e, w.visitor, slate, ITEMS + 1, p);
        for (uint32_t i = 0; i <= ITEMS; i++) {
            double odds = i == ITEMS ? 0 : *PartRow(&w.toy.model.part[TOY_ODDS_PART], i);

            exact &= Near(p[i], 1 / (1 + exp(-odds - mood)), 1e-6, 0);
            expected += p[i];
            variance += p[i] * (1 - p[i]);
        }
        VisitorAnswer(w.e, w.visitor, slate, ITEMS + 1, clicked);
        for (uint32_t i = 0; i <= ITEMS; i++)
            seen += clicked[i];
    }
    CHECK(exact, "probabilities are the simulator's, of items that it does not know, too");
    CHECK(fabs(seen - expected) < 4 * sqrt(variance), "as many clicks as expected (%.0f, %.0f)",
          seen, expected);
    TestHostEnd(&w.t);
}

static void CheckHistory(void)
{
    World w;
    uint32_t slate[60], last[VISITOR_HISTORY];
    bool clicked[60], right;

    WorldCreate(&w);
    for (uint32_t i = 0; i < ITEMS; i++)
        ToySetOdds(&w.toy, i, i % 2 == 0 ? SURE : -SURE);
    Open(&w, &plain, 9);
    VisitorStart(w.e, 3, w.visitor);
    for (uint32_t i = 0; i < 60; i++)
        slate[i] = 100 + i;
    w.visitor->clicks = 30;
    memset(w.visitor->history, 0, 30 * sizeof(uint32_t));
    VisitorAnswer(w.e, w.visitor, slate, 60, clicked);
    right = w.visitor->clicks == VISITOR_HISTORY;
    for (uint32_t i = 0; i < VISITOR_HISTORY; i++) {
        last[i] = i < 20 ? 0 : 100 + 2 * (i - 20);
        right &= w.visitor->history[i] == last[i];
    }
    CHECK(right, "the last 50 clicks are remembered");
    CHECK(w.visitor->state[0] == ToyMood(last, VISITOR_HISTORY),
          "and are all that the state knows");
    TestHostEnd(&w.t);
}

/* ---- rules ---- */

static void CheckNoRepeat(void)
{
    const VisitorRules rules = {.no_repeat = true};
    World w;
    uint32_t slate[3] = {31, 32, 299};
    bool clicked[3], right = true;

    WorldCreate(&w);
    Open(&w, &rules, 9);
    VisitorStart(w.e, 3, w.visitor);
    VisitorAnswer(w.e, w.visitor, slate, 3, clicked);
    for (uint32_t i = 0; i < ITEMS; i++)
        right &= VisitorMaySee(w.e, w.visitor, i) == (i != 31 && i != 32 && i != 299);
    CHECK(right && VisitorMaySee(w.e, w.visitor, NO_ITEM), "what was shown is not shown again");
    VisitorStart(w.e, 3, w.visitor);
    CHECK(VisitorMaySee(w.e, w.visitor, 31), "but in another session it is");
    Close(&w);
    Open(&w, &plain, 9);
    VisitorStart(w.e, 3, w.visitor);
    VisitorAnswer(w.e, w.visitor, slate, 3, clicked);
    CHECK(VisitorMaySee(w.e, w.visitor, 31), "without the rule all may be shown");
    TestHostEnd(&w.t);
}

/* Four heaps of items, by i % 4, far from one another. */
static void MakeHeaps(World *w)
{
    Random random = TestStream(1402);

    for (uint32_t i = 0; i < ITEMS; i++) {
        float *row = PartRow(&w->toy.model.part[TOY_ALIKE_PART], i);

        row[0] = (float)(10 * (i % 2) + RandomNormal(&random));
        row[1] = (float)(10 * (i / 2 % 2) + RandomNormal(&random));
    }
}

static void CheckBoredom(void)
{
    const VisitorRules rules = {.boredom = 8, .boredom_clusters = 4};
    World w;
    uint32_t shown[2] = {40, 41};
    bool right = true;
    float p[2];

    WorldCreate(&w);
    MakeHeaps(&w);
    Open(&w, &rules, 9);
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint32_t j = 0; j < ITEMS; j++)
            right &= (EnvironmentCluster(w.e, i) == EnvironmentCluster(w.e, j)) == (i % 4 == j % 4);
    CHECK(right, "items that are alike are a cluster");
    VisitorStart(w.e, 3, w.visitor);
    for (uint32_t h = 0; h < 15; h++)
        w.visitor->history[h] = h < 8    ? 0
                                : h < 12 ? 4 * h
                                         : 4 * h + 2; /* 4 of the last 10 are of 0 */
    w.visitor->clicks = 15;
    w.visitor->state[0] = 0.25f;
    w.visitor->history[5] = w.visitor->history[6] = w.visitor->history[7] = 1;
    VisitorProbabilities(w.e, w.visitor, shown, 2, p);
    CHECK(Near(p[0], 1 / (1 + exp(8 * 0.4 - 0.25)), 1e-5, 0), "the more of its cluster, the less");
    CHECK(Near(p[1], 1 / (1 + exp(8 * 0.3 - 0.25)), 1e-5, 0), "of each cluster by itself");
    TestHostEnd(&w.t);
}

static void CheckBait(void)
{
    const VisitorRules rules = {.bait = 1.5, .bait_clusters = 4};
    static const float odds[] = {-1, 2, 0, 1}; /* heaps 1 and 2 are bait: the first, the third */
    World w;
    uint32_t slate[2] = {1, 2};
    bool clicked[2], right = true;

    WorldCreate(&w);
    MakeHeaps(&w);
    for (uint32_t i = 0; i < ITEMS; i++)
        ToySetOdds(&w.toy, i, odds[i % 4]);
    Open(&w, &rules, 9);
    for (uint32_t i = 0; i < ITEMS; i++)
        right &= EnvironmentIsBait(w.e, i) == (i % 4 == 1 || i % 4 == 2);
    CHECK(right && !EnvironmentIsBait(w.e, NO_ITEM), "every second cluster by probability is bait");
    ToySetOdds(&w.toy, 1, SURE);
    ToySetOdds(&w.toy, 2, -SURE);
    VisitorStart(w.e, 3, w.visitor);
    VisitorAnswer(w.e, w.visitor, slate, 2, clicked);
    CHECK(fabs(VisitorPatience(w.e, w.visitor) - (20 - 1 - 1.1 - 1.5)) < 1e-12,
          "a click on bait costs patience, bait that is left alone nothing more");
    CHECK(w.visitor->reward == ClickReward(1, 2), "and the reward is the same");
    Close(&w);
    Open(&w, &(VisitorRules){.patience = 3}, 9);
    VisitorStart(w.e, 3, w.visitor);
    VisitorAnswer(w.e, w.visitor, slate, 2, clicked);
    CHECK(w.visitor->ended && EnvironmentDepth(w.e) == 3, "who has less patience leaves earlier");
    TestHostEnd(&w.t);
}

static void OpenNothingAlike(void *arg)
{
    World *w = arg;

    Open(w, &(VisitorRules){.boredom = 1}, 9);
}

static void CheckClusterLimits(void)
{
    const VisitorRules rules = {.boredom = 1, .bait = 1, .bait_clusters = 900};
    World w;
    Algorithm bare;

    WorldCreate(&w);
    TestHostResetPeak(&w.t);
    size_t before = w.t.bytes;
    w.e = EnvironmentOpen(&w.t.host, &w.toy.model, &rules, 1);
    CHECK(w.t.peak - before <= EnvironmentMemory(&w.toy.model, &rules) + TestHostSlack(&w.t),
          "opening takes no more memory than estimated");
    CHECK(EnvironmentCluster(w.e, 0) == EnvironmentCluster(w.e, ITEMS - 1),
          "items that are all the same, and more clusters than items");
    EnvironmentClose(&w.t.host, w.e);
    CHECK(w.t.bytes == before, "closing gives all of it back");
    bare = *w.toy.model.algorithm;
    bare.embedding[AXIS_ITEM] = 0;
    w.toy.model.algorithm = &bare;
    CHECK(Attempt(&w.t, OpenNothingAlike, &w) == OUTCOME_FAILED && w.t.kind == FAIL_INVALID,
          "a simulator without embeddings has no clusters");
    TestHostEnd(&w.t);
}

void TestEnvironment(void)
{
    CheckExamples();
    CheckIdentity();
    CheckBoundary();
    CheckChance();
    CheckProbabilities();
    CheckHistory();
    CheckNoRepeat();
    CheckBoredom();
    CheckBait();
    CheckClusterLimits();
}
