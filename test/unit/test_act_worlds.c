/* test_act_worlds.c: worlds that answer acts, and who plays in them. */
#include <math.h>
#include <string.h>

#include "algo/policy/act_play.h"
#include "algo/policy/act_worlds.h"
#include "algo/policy/market.h"
#include "check.h"
#include "support.h"
#include "tests.h"

static void CheckTable(void)
{
    bool right = true;
    int i = 0;

    for (; act_environments[i] != NULL; i++) {
        const ActEnvironment *e = act_environments[i];

        right &= strcmp(act_environment_choices[i + 1], e->name) == 0 &&
                 ActEnvironmentFind(e->name) == e && ActEnvironmentAt(i + 1) == e;
        right &= ActShapeIsSound(&e->shape) && e->state <= ACT_SESSION_BYTES && e->steps > 0;
        for (uint32_t s = 0; s < e->shape.scenarios; s++)
            right &= e->scenarios[s] != NULL;
        right &= e->scenarios[e->shape.scenarios] == NULL;
        for (const ActScript *s = e->scripts; s->name != NULL; s++)
            right &= ActScriptFind(e, s->name) == s && s->player.state <= MOST_ACT_STATE;
    }
    CHECK(right && act_environment_choices[i + 1] == NULL, "names and shapes of the worlds");
    CHECK(ActEnvironmentAt(0) == NULL && ActEnvironmentFind("none") == NULL &&
              ActScriptFind(act_environments[0], "none") == NULL,
          "what is not there is not found");
}

static void CheckShapes(void)
{
    ActShape shape = {2, {{3, 4}, {5, 2}}};

    CHECK(ActShapeIsSound(&shape) && WidestObservation(&shape) == 5 && WidestAction(&shape) == 4 &&
              AllActions(&shape) == 6,
          "widths of a shape");
    shape.scenario[1].action = 0;
    CHECK(!ActShapeIsSound(&shape), "an action without weights");
    shape.scenario[1].action = MOST_ACTION + 1;
    CHECK(!ActShapeIsSound(&shape), "one with too many");
    shape.scenario[1] = (ActWidths){MOST_OBSERVED + 1, 1};
    CHECK(!ActShapeIsSound(&shape), "too long an observation");
    shape.scenario[1] = (ActWidths){0, 1};
    CHECK(!ActShapeIsSound(&shape), "an empty one");
    CHECK(!ActShapeIsSound(&(ActShape){0}) &&
              !ActShapeIsSound(&(ActShape){.scenarios = MOST_SCENARIOS + 1}),
          "no scenario, too many");
    shape = (ActShape){.scenarios = 5};
    for (uint32_t s = 0; s < 5; s++)
        shape.scenario[s] = (ActWidths){1, MOST_ACTION};
    CHECK(!ActShapeIsSound(&shape), "too many weights together");
}

static void CheckDistributions(void)
{
    const float right[] = {0.25f, 0, 0.7501f}, below[] = {1.1f, -0.1f}, less[] = {0.3f, 0.3f};
    const float nan[] = {NAN, 1}, infinite[] = {INFINITY, -INFINITY};

    CHECK(IsDistribution(right, 3), "weights whose sum is 1 but for rounding");
    CHECK(!IsDistribution(below, 2) && !IsDistribution(less, 2) && !IsDistribution(nan, 2) &&
              !IsDistribution(infinite, 2),
          "negative ones, too small a sum, no numbers");
}

/* --- the market */

#define SESSIONS 8000

typedef struct Earnings {
    double mean;
    double error; /* standard, of the mean */
    double depth;
} Earnings;

static Earnings Earn(const ActPlayer *player, uint64_t seed)
{
    double sum = 0, squares = 0, depth = 0, mean;

    for (uint64_t i = 0; i < SESSIONS; i++) {
        ActEarned earned = ActPlaySession(&market_environment, player, seed, i, NULL, NULL);

        sum += earned.reward;
        squares += earned.reward * earned.reward;
        depth += earned.steps;
    }
    mean = sum / SESSIONS;
    return (Earnings){mean, sqrt((squares / SESSIONS - mean * mean) / SESSIONS), depth / SESSIONS};
}

static void CheckScript(const char *name, double expected)
{
    Earnings e = Earn(&ActScriptFind(&market_environment, name)->player, 3);

    CHECK(fabs(e.mean - expected) < 4 * e.error && e.error < 0.1,
          "market: %s earns %.2f +- %.2f, as a simulation of its own says %.2f", name, e.mean,
          e.error, expected);
}

/* Told the type itself. */
static uint32_t seen_type;

static bool KnowsAll(const void *arg, const ActInput *input, ActOutput *output)
{
    (void)arg;
    output->action[0] = input->scenario == MARKET_SHOP && seen_type == 0;
    output->action[1] = 1 - output->action[0];
    output->density = (double)NAN;
    return true;
}

/* The first draw of a session is the type. */
static void CheckTruth(void)
{
    ActPlayer player = {.act = KnowsAll};
    double sum = 0;

    for (uint64_t i = 0; i < SESSIONS; i++) {
        char state[ACT_SESSION_BYTES] __attribute__((aligned(64)));
        Random luck;

        RandomSeed(&luck, 3, RANDOM_VISITOR, i, 0);
        market_environment.reset(state, &luck);
        seen_type = market_environment.kind(state);
        sum += ActPlaySession(&market_environment, &player, 3, i, NULL, NULL).reward;
    }
    CHECK(fabs(sum / SESSIONS - 5.06) < 0.3, "who knows the type earns %.2f", sum / SESSIONS);
}

/* What is seen of a session. */
typedef struct Diary {
    uint32_t steps;
    float seen[16][4];
    float before[16], after[16];
    bool ends;
} Diary;

static void Write(void *arg, const ActStep *step)
{
    Diary *d = arg;

    memcpy(d->seen[step->step], step->observation, sizeof(d->seen[0]));
    d->before[step->step] = step->before[0];
    d->after[step->step] = step->after[0];
    d->steps = step->step + 1;
    d->ends = step->ended;
}

static void CheckSessions(void)
{
    const ActPlayer *brand = &ActScriptFind(&market_environment, "brand")->player;
    const ActPlayer *told = &ActScriptFind(&market_environment, "told")->player;
    bool same = true, passed = true, ends = true;
    uint32_t longest = 0;

    for (uint64_t i = 0; i < 500; i++) {
        Diary a = {0}, b = {0};

        ActPlaySession(&market_environment, brand, 5, i, Write, &a);
        ActPlaySession(&market_environment, told, 5, i, Write, &b);
        same &= memcmp(a.seen[0], b.seen[0], sizeof(a.seen[0])) == 0 && a.seen[0][2] != 0;
        passed &= b.before[0] == 0;
        for (uint32_t t = 1; t < b.steps; t++)
            passed &= b.before[t] == b.after[t - 1];
        ends &= a.ends && b.ends;
        longest = a.steps > longest ? a.steps : longest;
    }
    CHECK(same, "market: the same visitors whoever acts");
    CHECK(passed, "a player's state goes from step to step, from zero");
    CHECK(ends && longest == market_environment.steps, "sessions end, after eight steps at most");
}

void TestActWorlds(void)
{
    CheckTable();
    CheckShapes();
    CheckDistributions();
    CheckScript("popular", 0.10);
    CheckScript("brand", 2.42);
    CheckScript("told", 4.97);
    CheckTruth();
    CheckSessions();
}
