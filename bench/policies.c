/*
 * policies.c: what policies earn in two simulators of MovieLens 100K, and how fast they learn.
 *
 *   policies FILE ITEMS SESSIONS RULE=VALUE,... FIRST_SEED SEEDS LABEL:ALGORITHM:OPTION=VALUE,...
 * ... policies FILE ITEMS 0 - SEED THREADS ALGORITHM:OPTION=VALUE,...
 *
 * FILE: user, item, rating, time.  Of the ITEMS most rated items.  The training simulator learns
 * from the first 80 % of the slates by time, the judge from all, with another seed; "-": visitors
 * are plain.  A line for each policy and seed:
 *
 *   LABEL SEED REWARD DEPTH REWARD DEPTH SECONDS
 *
 * in the training simulator, then in the judge; SESSIONS visitors each, none of whom the training
 * has met.  ALGORITHM may be one that learns from clicks; "random" and "popularity" need no
 * training; "greedy" knows the visitor and the training simulator, "careful" too, and shows no
 * bait. The second form prints iterations per second.
 */
#include <math.h>
#include <time.h>

#include "algo/actor_critic/actor_critic.h"
#include "algo/policy/model_policy.h"
#include "algo/user_response/user_response.h"
#include "core/pool.h"
#include "core/topk.h"
#include "program.h"
#include "slates.h"

/* Sessions of the judgement: apart from those that trainings have met. */
#define JUDGED_FROM ((uint64_t)1 << 40)
#define JUDGED_SEED 77

typedef struct World {
    MovieLog train, all;
    Model simulator, judge;
    Environment *own, *other;
    uint64_t sessions;
    uint32_t *same; /* items of the log are the simulator's */
} World;

static Model TrainSimulator(const Slates *log, const char *rules, int64_t seed)
{
    const Algorithm *algorithm = AlgorithmFind("user_response");
    ResponseOptions *o = (ResponseOptions *)ReadOptions(algorithm, Settings(rules));
    PolicyData data = {.slates = log};
    TrainReport report = {0};
    Model model;

    o->train.seed = seed;
    o->records = (int64_t)log->steps;
    ModelLayout(&model, algorithm, o, 0, log->items);
    ModelAllocate(&host, &model);
    Count(&model, log);
    algorithm->policy->train(&host, &data, &model, &report);
    return model;
}

static Environment *OpenJudgement(const Model *simulator)
{
    const ResponseOptions *o = simulator->options;

    return EnvironmentOpen(&host, simulator, &o->rules, JUDGED_SEED);
}

/* In its place: environments point into it. */
static void MakeWorld(const char *file, uint32_t items, uint64_t sessions, const char *rules,
                      World *w)
{
    size_t count;
    Rating *ratings = ReadRatings(file, &count);

    w->sessions = sessions;
    w->same = malloc(items * sizeof(uint32_t));
    for (uint32_t i = 0; i < items; i++)
        w->same[i] = i;
    count = KeepItems(ratings, count, items);
    w->train = SlatesOf(ratings, count, items, TimeOfShare(ratings, count, 0.8), false);
    w->all = SlatesOf(ratings, count, items, INFINITY, false);
    w->simulator = TrainSimulator(&w->train.slates, rules, 1);
    w->judge = TrainSimulator(&w->all.slates, rules, 101);
    w->own = OpenJudgement(&w->simulator);
    w->other = OpenJudgement(&w->judge);
}

/* --- policies */

static RolloutResult PlayPolicy(const World *w, const Environment *e, const Policy *policy)
{
    Rollout rollout = {.environment = e,
                       .policy = policy,
                       .first = JUDGED_FROM,
                       .sessions = w->sessions,
                       .k = SLATE};

    return RolloutRun(&host, &rollout);
}

static RolloutResult PlayModel(const World *w, const Environment *e, const Model *model)
{
    ModelPolicy p = {.environment = e, .model = model, .seed = 3};
    Policy policy = ModelPolicyOpen(&host, &p, SLATE);
    RolloutResult result = PlayPolicy(w, e, &policy);

    ModelPolicyClose(&host, &p);
    return result;
}

static Model Popular(const World *w)
{
    static TrainOptions none;
    Model model;

    ModelLayout(&model, AlgorithmFind("popularity"), &none, 0, w->train.slates.items);
    ModelAllocate(&host, &model);
    Count(&model, &w->train.slates);
    return model;
}

/* Greedy by who is there, in the simulator itself. */
typedef struct Oracle {
    const Environment *environment;
    bool shuns_bait;
} Oracle;

static void FillByOracle(void *arg, Slate *slates, uint32_t first, uint32_t count, int worker)
{
    Oracle *oracle = arg;
    uint32_t items = EnvironmentItems(oracle->environment);

    (void)first;
    (void)worker;
    for (uint32_t s = 0; s < count; s++) {
        Scored best[SLATE];
        TopK top = {.entries = best, .limit = SLATE};

        for (uint32_t i = 0; i < items; i++) {
            float p;

            VisitorProbabilities(oracle->environment, slates[s].visitor, &i, 1, &p);
            if (!(oracle->shuns_bait && EnvironmentIsBait(oracle->environment, i)) &&
                VisitorMaySee(oracle->environment, slates[s].visitor, i))
                TopKAdd(&top, p, i);
        }
        TopKFinish(&top);
        slates[s].count = top.count;
        for (uint32_t i = 0; i < top.count; i++)
            slates[s].shown[i] = best[i].item;
    }
}

static RolloutResult PlayOracle(const World *w, const Environment *e, bool careful)
{
    Oracle oracle = {e, careful};
    Policy policy = {.arg = &oracle, .batch = 4, .fill = FillByOracle};

    return PlayPolicy(w, e, &policy);
}

/* Who clicked what, in the training simulator's log. */
static Interactions LogClicks(const World *w)
{
    const Slates *log = &w->train.slates;
    Pairs pairs = {.user = HostAllocate(&host, log->shown_count, sizeof(uint32_t)),
                   .item = HostAllocate(&host, log->shown_count, sizeof(uint32_t))};
    Interactions data;

    for (uint32_t s = 0; s < log->sessions; s++)
        for (uint64_t a = log->step[log->session[s]]; a < log->step[log->session[s + 1]]; a++)
            if (log->clicked[a]) {
                pairs.user[pairs.count] = s;
                pairs.item[pairs.count++] = log->shown[a];
            }
    InteractionsBuild(&host, &pairs, log->sessions, log->items, &data);
    return data;
}

/* A model of clicks, which serves visitors by what they clicked last. */
static Model TrainOnClicks(const World *w, const char *name, const char *options)
{
    const Algorithm *algorithm = AlgorithmFind(name);
    TrainOptions *o = ReadOptions(algorithm, Settings(options));
    Interactions data = LogClicks(w);
    TrainReport report = {0};
    Model model;

    ModelLayout(&model, algorithm, o, data.users, data.items);
    ModelAllocate(&host, &model);
    Count(&model, &w->train.slates);
    algorithm->train(&host, &data, &model, &report);
    return model;
}

static Model TrainPolicy(const World *w, const char *name, const char *options, int64_t seed)
{
    const Algorithm *algorithm = AlgorithmFind(name);
    PolicyData data = {
        .slates = &w->train.slates, .simulator = &w->simulator, .simulator_item = w->same};
    TrainReport report = {0};
    TrainOptions *o;
    Model model;

    if (strncmp(options, "offline", 7) == 0) {
        data.simulator = NULL;
        options = options[7] == ',' ? options + 8 : "-";
    }
    o = ReadOptions(algorithm, Settings(options));
    o->seed = seed;
    ModelLayout(&model, algorithm, o, 0, w->train.slates.items);
    ModelAllocate(&host, &model);
    algorithm->policy->train(&host, &data, &model, &report);
    return model;
}

static void Tell(const char *label, int64_t seed, RolloutResult own, RolloutResult judged,
                 double seconds)
{
    printf("%s\t%d\t%.4f\t%.4f\t%.4f\t%.4f\t%.2f\n", label, (int)seed, own.reward, own.depth,
           judged.reward, judged.depth, seconds);
    fflush(stdout);
}

static void RunMethod(const World *w, const char *method, int64_t seed)
{
    char *label = strdup(method), *name = strchr(label, ':'), *options;
    double start = HostClock();
    Model model;

    *name++ = '\0';
    options = strchr(name, ':');
    *options++ = '\0';
    if (strcmp(name, "greedy") == 0 || strcmp(name, "careful") == 0) {
        bool careful = strcmp(name, "careful") == 0;

        Tell(label, seed, PlayOracle(w, w->own, careful), PlayOracle(w, w->other, careful), 0);
        return;
    }
    if (strcmp(name, "random") == 0) {
        Tell(label, seed, PlayModel(w, w->own, NULL), PlayModel(w, w->other, NULL), 0);
        return;
    }
    if (strcmp(name, "popularity") == 0)
        model = Popular(w);
    else if (!IsPolicy(AlgorithmFind(name)))
        model = TrainOnClicks(w, name, options);
    else
        model = TrainPolicy(w, name, options, seed);
    start = HostClock() - start;
    Tell(label, seed, PlayModel(w, w->own, &model), PlayModel(w, w->other, &model), start);
}

/* --- speed */

/* Processor time of the process, and a clock. */
typedef struct Spent {
    double cpu, wall;
} Spent;

static Spent Now(void)
{
    return (Spent){(double)clock() / CLOCKS_PER_SEC, HostClock()};
}

/* A training with so many iterations, that stands for nothing else. */
static Spent TimesOf(const World *w, const char *name, const char *options, int iterations)
{
    char all[1024];
    Spent start = Now(), end;

    snprintf(all, sizeof(all), "%s,pretrain=false,check_sessions=1,iterations=%d,check_every=%d",
             options, iterations, iterations);
    TrainPolicy(w, name, all, 1);
    end = Now();
    return (Spent){end.cpu - start.cpu, end.wall - start.wall};
}

static void Speed(const World *w, char *method)
{
    char *options = strchr(method, ':');
    int few = 20, many = 620;
    Spent before, after;

    *options++ = '\0';
    TimesOf(w, method, options, few);
    before = TimesOf(w, method, options, few);
    after = TimesOf(w, method, options, many);
    printf("%.1f %.1f\n", (many - few) / (after.cpu - before.cpu),
           (many - few) / (after.wall - before.wall));
}

int main(int argc, char **argv)
{
    static World w;

    if (argc < 8)
        return 2;
    MakeWorld(argv[1], (uint32_t)atoi(argv[2]), (uint64_t)atoll(argv[3]), argv[4], &w);
    if (w.sessions == 0) {
        host.pool = PoolCreate(&host, atoi(argv[6]));
        Speed(&w, argv[7]);
        PoolDestroy(host.pool);
        return 0;
    }
    for (int64_t seed = atoll(argv[5]); seed < atoll(argv[5]) + atoll(argv[6]); seed++)
        for (int i = 7; i < argc; i++)
            RunMethod(&w, argv[i], seed);
    return 0;
}
