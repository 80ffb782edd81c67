/*
 * simulator.c: the simulator user_response on a log, and what policies earn in it.
 *
 *   simulator FILE ITEMS SESSIONS THREADS [option=value ...]
 *
 * FILE: user, item, rating, time.  Of the ITEMS most rated items; trained on the first 80 % of the
 * slates by time, tested on the others; a second simulator, the judge, is trained on all of them
 * with another seed.
 */
#include <math.h>
#include <time.h>

#include "algo/policy/model_policy.h"
#include "algo/user_response/measure.h"
#include "core/pool.h"
#include "core/topk.h"
#include "program.h"
#include "slates.h"

/* Processor seconds: what else the machine does matters less. */
#define CPU ((double)clock() / CLOCKS_PER_SEC)

static Model Train(const ResponseOptions *o, const Slates *log, TrainReport *report)
{
    const Algorithm *algorithm = AlgorithmFind("user_response");
    PolicyData data = {.slates = log};
    Model model;

    ModelLayout(&model, algorithm, o, 0, log->items);
    ModelAllocate(&host, &model);
    Count(&model, log);
    algorithm->policy->train(&host, &data, &model, report);
    return model;
}

static void TellTraining(const char *what, const TrainReport *r, double seconds, double cpu)
{
    const Epoch *best = &r->history[r->best];

    printf(
        "%s: %.2f s, %.2f processor s, best epoch %d of %d, held out: AUC %.4f, within slates %.4f",
        what, seconds, cpu, best->epoch, r->epochs, best->metric[0], best->metric[1]);
    for (int f = 0; f < FINDINGS && r->finding[f].name != NULL; f++)
        printf(", %s %.4f", r->finding[f].name, r->finding[f].value);
    printf("\n");
}

/* A user's slates, and what was learnt of the first of them. */
typedef struct Tested {
    const Model *model;
    const Slates *log;
    uint64_t learnt; /* steps of the user that trained */
    const float *u;  /* what was learnt of the user, or NULL */
    uint32_t history[VISITOR_HISTORY], clicks;
    float *mean, *z;
    uint64_t *key, *other, answers;
    double bin[CALIBRATION_BINS][3]; /* answers, sum of probabilities, clicks */
} Tested;

/* A record for each step was kept. */
static void FindUser(Tested *t, const MovieLog *train, uint32_t user)
{
    const Slates *log = &train->slates;

    t->learnt = 0;
    t->u = NULL;
    t->clicks = 0;
    for (uint32_t s = 0; s < log->sessions; s++)
        if (train->user[s] == user) {
            t->learnt = log->session[s + 1] - log->session[s];
            t->u = PartRow(&t->model->part[RESPONSE_RECORD_PART], log->session[s]);
        }
}

static void KeepAnswer(Tested *t, float odds, bool clicked)
{
    double p = 1 / (1 + exp(-(double)odds));
    int bin = p < 1 ? (int)(p * CALIBRATION_BINS) : CALIBRATION_BINS - 1;

    t->key[t->answers++] = AucKey(odds, clicked);
    t->bin[bin][0]++;
    t->bin[bin][1] += p;
    t->bin[bin][2] += clicked;
}

static void KeepClick(Tested *t, uint32_t item)
{
    if (t->clicks == VISITOR_HISTORY)
        memmove(t->history, t->history + 1, --t->clicks * sizeof(*t->history));
    t->history[t->clicks++] = item;
}

static void TestStep(Tested *t, uint64_t step, bool counts)
{
    const Slates *log = t->log;
    float odds[SLATE], constant = t->model->part[RESPONSE_CONSTANT_PART].data[0];
    uint32_t limit = ResponseHistoryLength(t->model);
    uint32_t count = t->clicks < limit ? t->clicks : limit;

    constant += t->u == NULL ? 0 : t->u[ResponseFactors(t->model)];
    ResponseInterest(t->model, t->u, t->history + t->clicks - count, count, t->mean, t->z);
    ResponseProducts(t->model, t->z, log->shown + log->step[step], SLATE, odds);
    for (uint64_t a = log->step[step]; a < log->step[step + 1]; a++) {
        if (counts)
            KeepAnswer(t, odds[a - log->step[step]] + constant, log->clicked[a]);
        if (log->clicked[a])
            KeepClick(t, log->shown[a]);
    }
}

static void TellTest(Tested *t, uint32_t users, uint32_t known)
{
    printf("test: %llu answers of %u users, %u of them known: AUC %.4f\n",
           (unsigned long long)t->answers, users, known, Auc(&host, t->key, t->other, t->answers));
    for (int b = 0; b < CALIBRATION_BINS; b++)
        if (t->bin[b][0] > 0)
            printf("  expected %.3f seen %.3f of %.0f\n", t->bin[b][1] / t->bin[b][0],
                   t->bin[b][2] / t->bin[b][0], t->bin[b][0]);
}

/* Answers later in time, by the last clicks of the user, and what was learnt of who is known. */
static void Test(const Model *model, const MovieLog *train, const MovieLog *all)
{
    const Slates *log = &all->slates;
    Tested t = {.model = model, .log = log};
    uint32_t users = 0, known = 0;

    t.mean = HostAllocate(&host, 1024, sizeof(float));
    t.z = HostAllocate(&host, 1024, sizeof(float));
    t.key = malloc(log->shown_count * sizeof(uint64_t));
    t.other = malloc(log->shown_count * sizeof(uint64_t));
    for (uint32_t s = 0; s < log->sessions; s++) {
        uint64_t first = log->session[s], end = log->session[s + 1];

        FindUser(&t, train, all->user[s]);
        users += t.learnt < end - first;
        known += t.learnt < end - first && t.u != NULL;
        for (uint64_t step = first; step < end; step++)
            TestStep(&t, step, step - first >= t.learnt);
    }
    TellTest(&t, users, known);
}

/* ---- policies ---- */

/* Greedy on a simulator that knows who is there. */
typedef struct Oracle {
    const Environment *environment; /* whose probabilities are taken */
    bool shuns_bait;
    float *p; /* of all items, by thread */
    uint32_t *all;
    Scored *best;
} Oracle;

static void FillByOracle(void *arg, Slate *slates, uint32_t first, uint32_t count, int worker)
{
    Oracle *oracle = arg;
    uint32_t items = EnvironmentItems(oracle->environment);
    float *p = oracle->p + (size_t)worker * items;

    (void)first;
    for (uint32_t s = 0; s < count; s++) {
        TopK top = {.entries = oracle->best + (size_t)worker * SLATE, .limit = SLATE};

        VisitorProbabilities(oracle->environment, slates[s].visitor, oracle->all, items, p);
        for (uint32_t i = 0; i < items; i++)
            if (VisitorMaySee(oracle->environment, slates[s].visitor, i) &&
                !(oracle->shuns_bait && EnvironmentIsBait(oracle->environment, i)))
                TopKAdd(&top, p[i], i);
        TopKFinish(&top);
        slates[s].count = top.count;
        for (uint32_t i = 0; i < top.count; i++)
            slates[s].shown[i] = top.entries[i].item;
    }
}

static void TellRollout(const char *what, const Environment *e, const Policy *policy,
                        uint64_t sessions)
{
    Rollout rollout = {.environment = e, .policy = policy, .sessions = sessions, .k = SLATE};
    double start = HostClock();
    RolloutResult r = RolloutRun(&host, &rollout);

    printf("  %-34s return %6.3f (se %.3f) depth %6.3f  %.2f s\n", what, r.reward,
           r.reward_deviation / sqrt((double)sessions), r.depth, HostClock() - start);
}

static void PlayModel(const char *what, const Environment *e, const Model *model, uint64_t sessions)
{
    ModelPolicy p = {.environment = e, .model = model, .seed = 3};
    Policy policy = ModelPolicyOpen(&host, &p, SLATE);

    TellRollout(what, e, &policy, sessions);
    ModelPolicyClose(&host, &p);
}

static void PlayOracle(const Environment *e, double bait, uint64_t sessions)
{
    uint32_t items = EnvironmentItems(e);
    Oracle oracle = {e, false, malloc(64 * items * sizeof(float)), malloc(items * sizeof(uint32_t)),
                     malloc(64 * SLATE * sizeof(Scored))};
    Policy policy = {.arg = &oracle, .batch = 4, .fill = FillByOracle};

    for (uint32_t i = 0; i < items; i++)
        oracle.all[i] = i;
    TellRollout("greedy, knowing the visitor", e, &policy, sessions);
    oracle.shuns_bait = true;
    if (bait > 0)
        TellRollout("the same without bait", e, &policy, sessions);
}

static Model Popular(const Model *like)
{
    static TrainOptions none;
    Model model;

    ModelLayout(&model, AlgorithmFind("popularity"), &none, 0, like->items);
    ModelAllocate(&host, &model);
    memcpy(model.part[POPULARITY_PART].data, like->part[POPULARITY_PART].data,
           like->items * sizeof(float));
    return model;
}

static void Play(const char *what, const Model *simulator, const Model *trained,
                 const VisitorRules *rules, uint64_t sessions)
{
    Environment *e = EnvironmentOpen(&host, simulator, rules, 7);
    Model popular = Popular(trained);

    printf("%s\n", what);
    PlayModel("random", e, NULL, sessions);
    PlayModel("most clicked", e, &popular, sessions);
    PlayModel("greedy on the training simulator", e, trained, sessions);
    PlayOracle(e, rules->bait, sessions);
}

int main(int argc, char **argv)
{
    ResponseOptions *o;
    Rating *ratings;
    size_t count;
    MovieLog train, test, all;
    TrainReport report = {0};
    Model model, judge;
    uint64_t sessions;
    double start, cpu;

    if (argc < 5)
        return 2;
    ratings = ReadRatings(argv[1], &count);
    count = KeepItems(ratings, count, (uint32_t)atoi(argv[2]));
    sessions = (uint64_t)atoll(argv[3]);
    host.pool = PoolCreate(&host, atoi(argv[4]));
    o = (ResponseOptions *)ReadOptions(AlgorithmFind("user_response"), argv + 5);
    train =
        SlatesOf(ratings, count, (uint32_t)atoi(argv[2]), TimeOfShare(ratings, count, 0.8), false);
    test =
        SlatesOf(ratings, count, (uint32_t)atoi(argv[2]), TimeOfShare(ratings, count, 0.8), true);
    all = SlatesOf(ratings, count, (uint32_t)atoi(argv[2]), INFINITY, false);
    printf("%llu slates train, %llu test\n", (unsigned long long)train.slates.steps,
           (unsigned long long)test.slates.steps);
    o->records = (int64_t)train.slates.steps;
    start = HostClock();
    cpu = CPU;
    model = Train(o, &train.slates, &report);
    TellTraining("training simulator", &report, HostClock() - start, CPU - cpu);
    Test(&model, &train, &all);
    if (sessions > 0) {
        Play("in the training simulator", &model, &model, &o->rules, sessions);
        o->train.seed += 100;
        start = HostClock();
        cpu = CPU;
        report = (TrainReport){0};
        judge = Train(o, &all.slates, &report);
        TellTraining("judge", &report, HostClock() - start, CPU - cpu);
        Play("in the judge", &judge, &model, &o->rules, sessions);
    }
    PoolDestroy(host.pool);
    return 0;
}
