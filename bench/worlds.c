/*
 * worlds.c: what policies earn in made-up worlds.
 *
 *   worlds clicks WORLD LOGGED_BY LOGGED SESSIONS FIRST_SEED SEEDS LABEL:POLICY:OPTION=VALUE,...
 * ... worlds market SESSIONS FIRST_SEED SEEDS LABEL:POLICY:OPTION=VALUE,...
 * ... worlds market_log LOGGED NOISE LEANING SESSIONS FIRST_SEED SEEDS
 * LABEL:POLICY:OPTION=VALUE,...
 *
 * clicks: each seed has a world (success, click_bait) of its own and a log of LOGGED sessions of
 * the policy LOGGED_BY (random, max, mix), cut after ten clicks.  SESSIONS others are played, to at
 * most 25 clicks.  POLICY: an algorithm that learns from slates, or random, max, popularity,
 * satisfying and attractive (the ten items with the greatest mean over states), filter (which knows
 * the world and works out the state from what was clicked).  A line for each policy and seed:
 *
 *   LABEL SEED LENGTH COVERAGE P10 P1 SECONDS
 *
 * clicks of a session; the share of the ten best of the state that is shown; which share of the
 * clicks of another log of the same kind is among the ten, and is the first, that the policy would
 * have shown.  NAN where it cannot be asked.
 *
 * market: POLICY learns in the world, or is one of its players.
 *
 *   LABEL SEED REWARD DEPTH TOLD SECONDS
 *
 * TOLD: of visitors in the shop for the first time, whose type a linear read-out of what is carried
 * there tells, fitted to other visitors.  SECONDS: of the processor.
 *
 * market_log: POLICY learns from a log of LOGGED sessions of the market, another one for each seed:
 * logits with normal noise of deviation NOISE about 0 and 0, or in main search 0 and LEANING, which
 * is brand's.  A line for what the log earned ("log"), and for each policy:
 *
 *   LABEL SEED REWARD OUTSIDE
 *
 * OUTSIDE: what the training says of the share of steps in which it goes beyond the log.
 */
#include <math.h>
#include <time.h>

#include "algo/ma_rdpg/ma_rdpg.h"
#include "algo/policy/act_play.h"
#include "algo/policy/act_worlds.h"
#include "algo/policy/click_policy.h"
#include "algo/policy/model_policy.h"
#include "algo/policy/target.h"
#include "core/pool.h"
#include "program.h"

#define K           10
#define MOST_LOGGED 10
#define MOST_PLAYED 25

/* Seeds of the luck of visitors: of those in the log, in the other log, and who are played. */
#define LOG_SEED    1000
#define OTHER_SEED  2000
#define PLAYED_SEED 3000

/* Sessions of the judgement: apart from those that trainings have met. */
#define JUDGED_FROM ((uint64_t)1 << 40)

/* --- logs of clicks */

typedef struct World {
    ClickWorld world;
    Slates log, other;
    const char *logged_by;
    uint64_t logged, sessions;
    uint32_t same[WORLD_ITEMS]; /* items of all are the same */
} World;

/* For so many sessions. */
static Slates EmptyLog(uint64_t sessions)
{
    uint64_t steps = sessions * MOST_LOGGED, shown = steps * K;

    return (Slates){.items = WORLD_ITEMS,
                    .session = calloc(sessions + 1, sizeof(uint64_t)),
                    .step = calloc(steps + 1, sizeof(uint64_t)),
                    .shown = malloc(shown * sizeof(uint32_t)),
                    .clicked = malloc(shown * sizeof(bool)),
                    .reward = malloc(steps * sizeof(float))};
}

static void FreeLog(const Slates *log)
{
    free(log->session);
    free(log->step);
    free(log->shown);
    free(log->clicked);
    free(log->reward);
}

static void KeepStep(void *arg, const RolloutStep *step)
{
    Slates *log = arg;
    uint32_t clicks = step->reward > 0;

    memcpy(log->shown + log->shown_count, step->shown, step->count * sizeof(*step->shown));
    memcpy(log->clicked + log->shown_count, step->clicked, step->count * sizeof(*step->clicked));
    log->sessions += step->step == 1;
    log->reward[log->steps++] = ClickReward(clicks, step->count); /* that of no reward column */
    log->shown_count += step->count;
    log->step[log->steps] = log->shown_count;
    log->session[log->sessions] = log->steps;
}

static RolloutResult Play(const World *w, const Policy *policy, uint64_t sessions, uint32_t most,
                          uint64_t seed, void (*step)(void *, const RolloutStep *), void *arg)
{
    Environment *environment = EnvironmentOfWorld(&host, &w->world, most, seed);
    Rollout rollout = {.environment = environment,
                       .policy = policy,
                       .first = 1,
                       .sessions = sessions,
                       .k = K,
                       .arg = arg,
                       .step = step};
    RolloutResult result = RolloutRun(&host, &rollout);

    EnvironmentClose(&host, environment);
    return result;
}

/* By chance, or by who knows the world. */
static Policy Known(const World *w, const char *name, uint64_t seed)
{
    static ClickPolicy knows;
    static ModelPolicy chance;

    knows = (ClickPolicy){&w->world, strcmp(name, "mix") == 0, seed};
    chance = (ModelPolicy){.environment = EnvironmentOfWorld(&host, &w->world, 1, 0), .seed = seed};
    return strcmp(name, "random") == 0 ? ModelPolicyOpen(&host, &chance, K)
                                       : ClickPolicyOpen(&knows);
}

static Slates Log(const World *w, uint64_t seed)
{
    Slates log = EmptyLog(w->logged);
    Policy policy = Known(w, w->logged_by, seed);

    Play(w, &policy, w->logged, MOST_LOGGED, seed, KeepStep, &log);
    return log;
}

static void MakeWorld(const char *kind, uint64_t seed, World *w)
{
    ClickWorldMake(&w->world,
                   strcmp(kind, click_world_names[WORLD_SUCCESS]) == 0 ? WORLD_SUCCESS
                                                                       : WORLD_CLICK_BAIT,
                   seed);
    FreeLog(&w->log);
    FreeLog(&w->other);
    w->log = Log(w, LOG_SEED + seed);
    w->other = Log(w, OTHER_SEED + seed);
    for (uint32_t i = 0; i < WORLD_ITEMS; i++)
        w->same[i] = i;
}

/* --- policies of clicks */

/* The items with the greatest mean over all states. */
typedef struct Fixed {
    uint32_t items[K];
} Fixed;

static void FillFixed(void *arg, Slate *slates, uint32_t first, uint32_t count, int worker)
{
    (void)first;
    (void)worker;
    for (uint32_t s = 0; s < count; s++) {
        memcpy(slates[s].shown, ((Fixed *)arg)->items, K * sizeof(uint32_t));
        slates[s].count = K;
        for (uint32_t p = 0; p < K; p++)
            slates[s].propensity[p] = 1;
    }
}

static void TakeBest(const double *value, uint32_t *items)
{
    bool taken[WORLD_ITEMS] = {false};

    for (uint32_t p = 0; p < K; p++) {
        uint32_t best = WORLD_ITEMS;

        for (uint32_t i = 0; i < WORLD_ITEMS; i++)
            if (!taken[i] && (best == WORLD_ITEMS || value[i] > value[best]))
                best = i;
        taken[best] = true;
        items[p] = best;
    }
}

static void MakeFixed(double (*table)[WORLD_ITEMS], Fixed *fixed)
{
    double mean[WORLD_ITEMS] = {0};

    for (uint32_t s = 0; s < WORLD_STATES; s++)
        for (uint32_t i = 0; i < WORLD_ITEMS; i++)
            mean[i] += table[s][i];
    TakeBest(mean, fixed->items);
}

/* What is known of the state when these items were clicked one after another: its own slates are
 * not looked at, which would tell a little more. */
static void Follow(const ClickWorld *world, const uint32_t *clicks, uint32_t count, double *belief)
{
    memset(belief, 0, WORLD_STATES * sizeof(*belief));
    belief[0] = 1;
    for (uint32_t c = 0; c < count; c++) {
        double next[WORLD_STATES] = {0}, sum = 0;

        for (uint32_t s = 0; s < WORLD_STATES; s++) {
            double here =
                belief[s] * world->attraction[s][clicks[c]] * world->satisfaction[s][clicks[c]];

            for (uint32_t n = 0; n < WORLD_STATES; n++)
                next[n] += here * world->next[s][clicks[c]][n];
        }
        for (uint32_t n = 0; n < WORLD_STATES; n++)
            sum += next[n];
        for (uint32_t n = 0; n < WORLD_STATES; n++)
            belief[n] = next[n] / sum;
    }
}

static void FillByFilter(void *arg, Slate *slates, uint32_t first, uint32_t count, int worker)
{
    const ClickWorld *world = arg;

    (void)first;
    (void)worker;
    for (uint32_t i = 0; i < count; i++) {
        double belief[WORLD_STATES], value[WORLD_ITEMS] = {0};

        Follow(world, slates[i].visitor->history, slates[i].visitor->clicks, belief);
        for (uint32_t s = 0; s < WORLD_STATES; s++)
            for (uint32_t item = 0; item < WORLD_ITEMS; item++)
                value[item] += belief[s] * world->satisfaction[s][item];
        TakeBest(value, slates[i].shown);
        slates[i].count = K;
    }
}

static Model TrainPolicy(const World *w, const char *name, const char *options, int64_t seed)
{
    const Algorithm *algorithm = AlgorithmFind(name);
    PolicyData data = {.slates = &w->log};
    TrainOptions *o = ReadOptions(algorithm, Settings(options));
    TrainReport report = {0};
    Model model;

    o->seed = seed;
    ModelLayout(&model, algorithm, o, 0, WORLD_ITEMS);
    ModelAllocate(&host, &model);
    for (uint64_t a = 0; a < w->log.shown_count; a++)
        model.part[POPULARITY_PART].data[w->log.shown[a]] += w->log.clicked[a];
    if (IsPolicy(algorithm))
        algorithm->policy->train(&host, &data, &model, &report);
    return model;
}

/* --- what they earn */

typedef struct Covered {
    const ClickWorld *world;
    uint64_t seed, steps;
    uint32_t state;
    double sum;
} Covered;

static void Cover(void *arg, const RolloutStep *step)
{
    Covered *c = arg;

    if (step->step == 1)
        c->state = 0;
    c->sum += ClickWorldCoverage(c->world, c->state, step->shown, step->count, K);
    c->steps++;
    c->state = ClickWorldAnswer(c->world, c->seed, step->session, step->step - 1, c->state,
                                step->shown, step->count)
                   .state;
}

/* Of the clicks of the other log: how many are among the first so many that the model would have
 * shown. */
static double Precision(const World *w, const Model *model, uint32_t places)
{
    uint32_t *greedy = malloc((w->other.shown_count + 1) * sizeof(uint32_t));
    uint64_t hits = 0, clicks = 0;

    TargetSlates(&host, model, &w->other, NULL, w->same, greedy);
    for (uint64_t t = 0; t < w->other.steps; t++)
        for (uint64_t i = w->other.step[t]; i < w->other.step[t + 1]; i++) {
            clicks += w->other.clicked[i];
            for (uint32_t p = 0; w->other.clicked[i] && p < places; p++)
                hits += greedy[w->other.step[t] + p] == w->other.shown[i];
        }
    free(greedy);
    return (double)hits / (double)clicks;
}

static void TellClicks(const World *w, const char *label, const Policy *policy, const Model *model,
                       uint64_t seed, double seconds)
{
    Covered covered = {.world = &w->world, .seed = PLAYED_SEED + seed};
    RolloutResult result =
        Play(w, policy, w->sessions, MOST_PLAYED, PLAYED_SEED + seed, Cover, &covered);

    printf("%s\t%d\t%.4f\t%.4f\t%.4f\t%.4f\t%.2f\n", label, (int)seed, result.reward,
           covered.sum / (double)covered.steps, model == NULL ? NAN : Precision(w, model, K),
           model == NULL ? NAN : Precision(w, model, 1), seconds);
    fflush(stdout);
}

static void RunClicks(World *w, const char *label, const char *name, const char *options,
                      uint64_t seed)
{
    ModelPolicy shown = {.environment = EnvironmentOfWorld(&host, &w->world, 1, 0)};
    double start = HostClock();
    Fixed fixed;
    Model model;
    Policy policy;

    MakeFixed(strcmp(name, "attractive") == 0 ? w->world.attraction : w->world.satisfaction,
              &fixed);
    if (strcmp(name, "random") == 0 || strcmp(name, "max") == 0)
        policy = Known(w, name, PLAYED_SEED + seed);
    else if (strcmp(name, "attractive") == 0 || strcmp(name, "satisfying") == 0)
        policy = (Policy){.arg = &fixed, .batch = 64, .fill = FillFixed};
    else if (strcmp(name, "filter") == 0)
        policy = (Policy){.arg = &w->world, .batch = 64, .fill = FillByFilter};
    else {
        model = TrainPolicy(w, name, options, (int64_t)seed);
        start = HostClock() - start;
        shown.model = &model;
        policy = ModelPolicyOpen(&host, &shown, K);
        TellClicks(w, label, &policy, &model, seed, start);
        return;
    }
    TellClicks(w, label, &policy, NULL, seed, 0);
}

/* --- the market */

typedef struct Carried {
    uint32_t width; /* numbers of what is carried that are read */
    uint32_t count;
    uint32_t *kind;
    float *state;
    bool in_shop; /* has this session been there? */
    uint32_t shop;
} Carried;

static void Keep(void *arg, const ActStep *step)
{
    Carried *c = arg;

    c->in_shop = step->step > 0 && c->in_shop;
    if (step->scenario != c->shop || c->in_shop)
        return;
    c->in_shop = true;
    memcpy(c->state + (size_t)c->count * c->width, step->before, c->width * sizeof(float));
    c->kind[c->count++] = step->kind;
}

/* Solves a x = b in place by elimination; a: n x n, positive definite. */
static void Solve(double *a, double *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t r = 0; r < n; r++) {
            double share = r == i ? 0 : a[r * n + i] / a[i * n + i];

            for (uint32_t c = i; c < n; c++)
                a[r * n + c] -= share * a[i * n + c];
            b[r] -= share * b[i];
        }
    for (uint32_t i = 0; i < n; i++)
        b[i] /= a[i * n + i];
}

static double Feature(const Carried *c, uint32_t row, uint32_t f)
{
    return f == c->width ? 1 : (double)c->state[(size_t)row * c->width + f];
}

/* Least squares of the sign of the type, on every second; the share of the others that it tells. */
static double ReadOut(const Carried *c)
{
    uint32_t n = c->width + 1, told = 0, asked = 0;
    double *a = calloc((size_t)n * n, sizeof(double)), *b = calloc(n, sizeof(double));

    for (uint32_t i = 0; i < n; i++)
        a[i * n + i] = 1e-3;
    for (uint32_t row = 0; row < c->count; row += 2)
        for (uint32_t i = 0; i < n; i++) {
            for (uint32_t j = 0; j < n; j++)
                a[i * n + j] += Feature(c, row, i) * Feature(c, row, j);
            b[i] += Feature(c, row, i) * (c->kind[row] == 1 ? 1 : -1);
        }
    Solve(a, b, n);
    for (uint32_t row = 1; row < c->count; row += 2) {
        double sum = 0;

        for (uint32_t i = 0; i < n; i++)
            sum += b[i] * Feature(c, row, i);
        told += (sum > 0) == (c->kind[row] == 1);
        asked++;
    }
    free(a);
    free(b);
    return asked == 0 ? NAN : (double)told / asked;
}

static Model TrainToAct(const ActEnvironment *world, const PolicyData *data, const char *name,
                        const char *options, int64_t seed, TrainReport *report)
{
    const Algorithm *algorithm = AlgorithmFind(name);
    TrainOptions *o = ReadOptions(algorithm, Settings(options));
    Model model;

    o->seed = seed;
    ModelLayoutActs(&model, algorithm, o, &world->shape);
    ModelAllocate(&host, &model);
    algorithm->policy->train(&host, data, &model, report);
    return model;
}

static void RunMarket(uint64_t sessions, const char *label, const char *name, const char *options,
                      uint64_t seed)
{
    const ActEnvironment *world = ActEnvironmentFind("market");
    const ActScript *script = ActScriptFind(world, name);
    Carried carried = {.kind = malloc(sessions * sizeof(uint32_t)), .shop = 1};
    double reward = 0, depth = 0, seconds;
    clock_t start = clock();
    PolicyData none = {0};
    TrainReport report = {0};
    ActPlayer player;
    Model model;

    if (script == NULL) {
        model = TrainToAct(world, &none, name, options, (int64_t)seed, &report);
        player = ActPlayerOfModel(&model, 0);
    } else
        player = script->player;
    seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    carried.width = script == NULL ? player.state / 2 : player.state; /* of cells the outputs */
    carried.state = malloc(sessions * (carried.width + 1) * sizeof(float));
    for (uint64_t s = 0; s < sessions; s++) {
        ActEarned earned =
            ActPlaySession(world, &player, PLAYED_SEED, JUDGED_FROM + s, Keep, &carried);

        reward += earned.reward;
        depth += earned.steps;
    }
    printf("%s\t%d\t%.4f\t%.4f\t%.4f\t%.2f\n", label, (int)seed, reward / (double)sessions,
           depth / (double)sessions, carried.width == 0 ? NAN : ReadOut(&carried), seconds);
    fflush(stdout);
}

/* --- logs of the market */

/* Who logs: main search leans towards brand, both explore. */
typedef struct Leaning {
    double brand, noise;
} Leaning;

static bool LeaningActs(const void *arg, const ActInput *input, ActOutput *output)
{
    const Leaning *l = arg;
    double ratio = l->noise * (RandomNormal(input->random) - RandomNormal(input->random));

    output->action[1] = (float)(1 / (1 + exp(-ratio - (input->scenario == 0 ? l->brand : 0))));
    output->action[0] = 1 - output->action[1];
    return true;
}

static void KeepAct(void *arg, const ActStep *step)
{
    Acts *log = arg;
    uint32_t observed = WidestObservation(&log->shape), weights = WidestAction(&log->shape);

    log->scenario[log->steps] = step->scenario;
    log->reward[log->steps] = step->reward;
    memcpy(log->observation + log->steps * observed, step->observation, observed * sizeof(float));
    memcpy(log->action + log->steps++ * weights, step->action, weights * sizeof(float));
    if (step->ended)
        log->session[++log->sessions] = log->steps;
}

/* Of the market, whose scenarios are alike wide; returns what a session earns. */
static double LogMarket(const ActEnvironment *world, const Leaning *leaning, uint64_t sessions,
                        uint64_t seed, Acts *log)
{
    uint64_t steps = sessions * world->steps;
    ActPlayer player = {.act = LeaningActs, .arg = leaning, .explore = 1};
    double reward = 0;

    *log = (Acts){.shape = world->shape,
                  .session = calloc(sessions + 1, sizeof(uint64_t)),
                  .scenario = malloc(steps * sizeof(uint32_t)),
                  .observation = malloc(steps * WidestObservation(&world->shape) * sizeof(float)),
                  .action = malloc(steps * WidestAction(&world->shape) * sizeof(float)),
                  .reward = malloc(steps * sizeof(float))};
    for (uint64_t s = 0; s < sessions; s++)
        reward += ActPlaySession(world, &player, LOG_SEED + seed, s, KeepAct, log).reward;
    return reward / (double)sessions;
}

static void RunLogged(const Acts *log, uint64_t sessions, const char *label, const char *name,
                      const char *options, uint64_t seed)
{
    const ActEnvironment *world = ActEnvironmentFind("market");
    PolicyData data = {.acts = log};
    TrainReport report = {0};
    Model model = TrainToAct(world, &data, name, options, (int64_t)seed, &report);
    ActPlayer player = ActPlayerOfModel(&model, 0);
    double reward = 0;

    for (uint64_t s = 0; s < sessions; s++)
        reward += ActPlaySession(world, &player, PLAYED_SEED, JUDGED_FROM + s, NULL, NULL).reward;
    printf("%s\t%d\t%.4f\t%.4f\n", label, (int)seed, reward / (double)sessions,
           report.finding[0].value);
    fflush(stdout);
}

/* --- arguments */

/* LABEL:NAME:OPTIONS, cut apart. */
static char *Cut(char *method, char **name, char **options)
{
    char *label = strdup(method);

    *name = strchr(label, ':');
    *(*name)++ = '\0';
    *options = strchr(*name, ':');
    *(*options)++ = '\0';
    return label;
}

typedef enum Mode { MODE_CLICKS, MODE_MARKET, MODE_MARKET_LOG } Mode;

/* What a seed has of its own. */
static void MakeSeed(Mode mode, char **argv, uint64_t seed, World *w, Acts *log)
{
    Leaning leaning;

    if (mode == MODE_CLICKS) {
        w->logged_by = argv[3];
        w->logged = (uint64_t)atoll(argv[4]);
        MakeWorld(argv[2], seed, w);
    } else if (mode == MODE_MARKET_LOG) {
        leaning = (Leaning){.noise = atof(argv[3]), .brand = atof(argv[4])};
        printf(
            "log\t%d\t%.4f\tnan\n", (int)seed,
            LogMarket(ActEnvironmentFind("market"), &leaning, (uint64_t)atoll(argv[2]), seed, log));
    }
}

int main(int argc, char **argv)
{
    static World w;
    Acts log = {0};
    Mode mode = argc < 2                             ? MODE_CLICKS
                : strcmp(argv[1], "market") == 0     ? MODE_MARKET
                : strcmp(argv[1], "market_log") == 0 ? MODE_MARKET_LOG
                                                     : MODE_CLICKS;
    int at = mode == MODE_MARKET ? 2 : 5;
    char *label, *name, *options;

    if (argc < at + 4)
        return 2;
    w.sessions = (uint64_t)atoll(argv[at]);
    for (uint64_t seed = (uint64_t)atoll(argv[at + 1]), left = (uint64_t)atoll(argv[at + 2]);
         left > 0; seed++, left--) {
        MakeSeed(mode, argv, seed, &w, &log);
        for (int i = at + 3; i < argc; i++) {
            label = Cut(argv[i], &name, &options);
            if (mode == MODE_CLICKS)
                RunClicks(&w, label, name, options, seed);
            else if (mode == MODE_MARKET)
                RunMarket(w.sessions, label, name, options, seed);
            else
                RunLogged(&log, w.sessions, label, name, options, seed);
        }
    }
    return 0;
}
