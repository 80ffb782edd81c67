/* test_explorer.c: exploration in simulated sessions, against the propensities that it tells. */
#include "algo/policy/explorer.h"

#include <math.h>
#include <string.h>

#include "algo/policy/exploration.h"
#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"
#include "toy_simulator.h"

#define ITEMS    40
#define K        5
#define SESSIONS 3000

/* Sums over the steps that were played. */
typedef struct Played {
    uint64_t steps, places, explored;
    double inverse;  /* of the propensities: its expectation is the number of items */
    double eligible; /* items that might be shown */
    bool distinct, propensities, first; /* all right? */
    bool seen[ITEMS];
    bool no_repeat;
    uint32_t hash;
} Played;

static void NoteStep(void *arg, const RolloutStep *step)
{
    Played *played = arg;
    uint32_t eligible = ITEMS - (played->no_repeat ? (step->step - 1) * K : 0);
    Exploration e = ExplorationOf(0.4, K, eligible);

    for (uint32_t i = 0; i < step->count; i++) {
        bool greedy = step->propensity[i] == (float)ExplorationGreedy(&e);

        for (uint32_t j = 0; j < i; j++)
            played->distinct &= step->shown[i] != step->shown[j];
        played->distinct &= !(played->no_repeat && step->step > 1 && played->seen[step->shown[i]]);
        played->propensities &= greedy || step->propensity[i] == (float)ExplorationOther(&e);
        played->explored += !greedy;
        played->inverse += 1 / (double)step->propensity[i];
        played->hash = played->hash * 31 + step->shown[i];
    }
    if (step->step == 1)
        memset(played->seen, 0, sizeof(played->seen));
    for (uint32_t i = 0; i < step->count; i++)
        played->seen[step->shown[i]] = true;
    played->eligible += eligible;
    played->places += step->count;
    played->steps++;
}

static Played Play(bool no_repeat, int threads, uint64_t seed)
{
    TestHost t;
    Toy toy;
    Interactions data;
    Training run;
    Policy policy;
    ModelPolicy model = {.seed = 5};
    Explorer explorer = {.explore = 0.4, .seed = seed, .k = K};
    Played played = {.distinct = true, .propensities = true, .no_repeat = no_repeat};
    Rollout rollout = {
        .policy = &policy, .sessions = SESSIONS, .k = K, .arg = &played, .step = NoteStep};
    size_t before;

    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    ToyCreate(&t, ITEMS, &toy);
    data = TasteInteractions(&t.host, 60, ITEMS, 4, 8, 77);
    Train(&t, &data, "itemknn", "", &run);
    model.model = &run.model;
    model.environment =
        EnvironmentOpen(&t.host, &toy.model, &(VisitorRules){.no_repeat = no_repeat}, 3);
    rollout.environment = model.environment;
    before = t.bytes;
    ExplorerOpen(&t.host, &explorer, &model);
    CHECK(t.bytes - before <= ExplorerMemory(K, threads) + TestHostSlack(&t),
          "no more memory than estimated");
    policy = ModelPolicyOpen(&t.host, &model, K);
    RolloutRun(&t.host, &rollout);
    ModelPolicyClose(&t.host, &model);
    ExplorerClose(&t.host, &explorer);
    TestHostEnd(&t);
    return played;
}

static void CheckPlayed(bool no_repeat)
{
    Played p = Play(no_repeat, 1, 7), two = Play(no_repeat, 3, 7), other = Play(no_repeat, 1, 8);
    double share = (double)p.explored / (double)p.places;

    CHECK(p.distinct, "slates have distinct items%s",
          no_repeat ? ", and no session repeats any" : "");
    CHECK(p.propensities, "propensities are those of exploration among what may be shown");
    CHECK(fabs(share - 0.4) < 4.5 * sqrt(0.24 / (double)p.places) || no_repeat,
          "each place explores with its probability (%.3f)", share);
    CHECK(fabs(p.inverse / p.eligible - 1) < 0.03,
          "inverse propensities sum to what may be shown (%.3f)", p.inverse / p.eligible);
    CHECK(p.hash == two.hash && p.steps == two.steps, "three threads show the same");
    CHECK(p.hash != other.hash, "another seed shows other items");
}

void TestExplorer(void)
{
    CheckPlayed(false);
    CheckPlayed(true);
}
