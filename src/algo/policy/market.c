/* market.c: the market of two scenarios, and players whose rules are known. */
#include "algo/policy/market.h"

#include <string.h>

#include "algo/policy/act_play.h"

#define STEPS      8
#define NOISE      0.5 /* deviation of the sign of the type */
#define CLICK      1.0f
#define NO_SUCCESS (-1.0f)
#define SOLD       10.0f
#define LOST       (-5.0f)

#define PI 3.14159265358979323846

/* Numbers of an observation. */
enum { IN_MAIN, IN_SHOP, SIGN, TIME, OBSERVED };

/* Weights of an action in main search. */
enum { POPULARITY, BRAND, WEIGHTS };

typedef struct Visit {
    uint32_t type;
    uint32_t scenario;
    uint32_t step;
} Visit;

static void Reset(void *state, Random *random)
{
    *(Visit *)state = (Visit){.type = RandomUniform(random) < 0.5, .scenario = MARKET_MAIN};
}

static uint32_t Observe(const void *state, Random *random, float *observation)
{
    const Visit *v = state;
    double noise = RandomNormal(random), sign = (v->type == 1 ? 1 : -1) + NOISE * noise;
    bool is_main = v->scenario == MARKET_MAIN;

    observation[IN_MAIN] = is_main;
    observation[IN_SHOP] = !is_main;
    observation[SIGN] = is_main ? (float)sign : 0;
    observation[TIME] = (float)v->step / STEPS;
    return v->scenario;
}

/* --- what comes of an action; u: three draws */

static bool MainStep(Visit *v, const double *u, const float *action, float *reward)
{
    *reward = u[0] < 0.2 + 0.6 * (double)action[POPULARITY] ? CLICK : NO_SUCCESS;
    if (u[1] < 0.1)
        return false;
    if (u[2] < 0.1 + 0.8 * (double)action[BRAND])
        v->scenario = MARKET_SHOP;
    return true;
}

static bool ShopStep(Visit *v, const double *u, float *reward)
{
    *reward = NO_SUCCESS;
    if (u[1] < 0.3)
        return false;
    if (u[2] < 0.15)
        v->scenario = MARKET_MAIN;
    return true;
}

static bool IsSold(const Visit *v, const double *u, const float *action)
{
    return v->scenario == MARKET_SHOP && u[0] < 0.15 + 0.45 * (double)action[v->type];
}

static bool Step(void *state, Random *random, const float *action, float *reward)
{
    Visit *v = state;
    double u[3];
    bool stays;

    for (int i = 0; i < 3; i++)
        u[i] = RandomUniform(random);
    if (IsSold(v, u, action)) {
        *reward = SOLD;
        return false;
    }
    stays = v->scenario == MARKET_MAIN ? MainStep(v, u, action, reward) : ShopStep(v, u, reward);
    if (stays && ++v->step < STEPS)
        return true;
    *reward = LOST;
    return false;
}

static uint32_t TypeOf(const void *state)
{
    return ((const Visit *)state)->type;
}

/* --- players */

static void Prefer(uint32_t weight, float *action)
{
    for (uint32_t k = 0; k < WEIGHTS; k++)
        action[k] = k == weight;
}

static void Halve(float *action)
{
    for (uint32_t k = 0; k < WEIGHTS; k++)
        action[k] = 0.5f;
}

/* Main search knows nothing of the shop, nor the shop of the type. */
static bool Popular(const void *arg, const ActInput *input, ActOutput *output)
{
    (void)arg;
    if (input->scenario == MARKET_MAIN)
        Prefer(POPULARITY, output->action);
    else
        Halve(output->action);
    output->density = (double)NAN;
    return true;
}

static bool Brand(const void *arg, const ActInput *input, ActOutput *output)
{
    (void)arg;
    if (input->scenario == MARKET_MAIN)
        Prefer(BRAND, output->action);
    else
        Halve(output->action);
    output->density = (double)NAN;
    return true;
}

/* Its state is the sum of the signs that it has seen. */
static bool Told(const void *arg, const ActInput *input, ActOutput *output)
{
    float seen = input->state == NULL ? 0 : input->state[0];

    (void)arg;
    if (input->scenario == MARKET_MAIN)
        Prefer(BRAND, output->action);
    else
        Prefer(seen > 0, output->action);
    output->state[0] = seen + input->observation[SIGN];
    output->density = (double)NAN;
    return true;
}

/* What somebody would do who reads minds. */
static bool Knows(const void *arg, const ActInput *input, ActOutput *output)
{
    (void)arg;
    Prefer(input->scenario == MARKET_MAIN ? BRAND : input->kind, output->action);
    output->density = (double)NAN;
    return true;
}

/* Log ratios with normal noise: a log from which something can be learnt. */
static bool Chance(const void *arg, const ActInput *input, ActOutput *output)
{
    double ratio = input->explore * (RandomNormal(input->random) - RandomNormal(input->random));
    double variance = input->explore * input->explore;

    (void)arg;
    output->action[0] = (float)(1 / (1 + exp(-ratio)));
    output->action[1] = 1 - output->action[0];
    /* centred they are ratio / 2 and -ratio / 2, on a line */
    output->density = exp(-ratio * ratio / (4 * variance)) / sqrt(2 * PI * variance);
    return true;
}

static const ActScript scripts[] = {
    {"random",
     "both show whatever chance says, with exploration as wide as at the start of a training",
     {.act = Chance, .explore = 2}},
    {"popular", "main search shows what is popular, the shop half of each type", {.act = Popular}},
    {"brand", "main search shows brands, the shop half of each type", {.act = Brand}},
    {"told",
     "main search shows brands, the shop the type that main search has seen a sign of",
     {.act = Told, .state = 1}},
    {"knows", "main search shows brands, the shop the type that the visitor likes", {.act = Knows}},
    {NULL, NULL, {0}},
};

static const char *const scenarios[] = {"main", "shop", NULL};

const ActEnvironment market_environment = {
    .name = "market",
    .summary = "main search sees which type of goods a visitor likes, and the shop needs to know",
    .shape = {2, {{OBSERVED, WEIGHTS}, {OBSERVED, WEIGHTS}}},
    .scenarios = scenarios,
    .steps = STEPS,
    .state = sizeof(Visit),
    .reset = Reset,
    .observe = Observe,
    .step = Step,
    .kinds = 2,
    .kind = TypeOf,
    .scripts = scripts,
};
