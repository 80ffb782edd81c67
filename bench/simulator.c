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

static void Count(Model *model, const Slates *log)
{
    for (uint64_t a = 0; a < log->shown_count; a++)
        model->part[POPULARITY_PART].data[log->shown[a]] += log->clicked[a];
}

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

/* Of answers later in time: the last clicks of the user, who has a vector where there was a
 * session. */
static void Test(const Model *model, const MovieLog *train, const MovieLog *all,
                 const MovieLog *test)
{
    const Slates *log = &all->slates;
    uint32_t history[VISITOR_HISTORY], count, limit = ResponseHistoryLength(model);
    float *mean = HostAllocate(&host, 1024, sizeof(float)),
          *z = HostAllocate(&host, 1024, sizeof(float));
    uint64_t *key = malloc(log->shown_count * 8), *other = malloc(log->shown_count * 8),
             answers = 0;
    double sum[CALIBRATION_BINS][3] = {{0}};
    uint32_t known = 0;

    for (uint32_t s = 0; s < log->sessions; s++) {
        uint64_t steps = log->session[s + 1] - log->session[s], learnt = 0;
        const float *u = NULL;

        for (uint32_t t = 0; t < train->slates.sessions; t++)
            if (train->user[t] == all->user[s]) {
                learnt = train->slates.session[t + 1] - train->slates.session[t];
                u = PartRow(&model->part[RESPONSE_RECORD_PART],
                            train->slates.session[t]); /* a record for each step */
            }
        known += u != NULL && learnt < steps;
        count = 0;
        for (uint64_t t = log->session[s]; t < log->session[s + 1]; t++) {
            float odds[SLATE], constant = model->part[RESPONSE_CONSTANT_PART].data[0];

            constant += u == NULL ? 0 : u[ResponseFactors(model)];
            ResponseInterest(model, u, history + (count > limit ? count - limit : 0),
                             count > limit ? limit : count, mean, z);
            ResponseProducts(model, z, log->shown + log->step[t], SLATE, odds);
            for (int i = 0; i < SLATE; i++) {
                bool clicked = log->clicked[log->step[t] + (uint64_t)i];
                double p = 1 / (1 + exp(-(double)odds[i] - constant));
                int bin = p < 1 ? (int)(p * CALIBRATION_BINS) : CALIBRATION_BINS - 1;

                if (t - log->session[s] >= learnt) {
                    key[answers++] = AucKey(odds[i] + constant, clicked);
                    sum[bin][0]++;
                    sum[bin][1] += p;
                    sum[bin][2] += clicked;
                }
                if (clicked) {
                    if (count == VISITOR_HISTORY)
                        memmove(history, history + 1, --count * sizeof(*history));
                    history[count++] = log->shown[log->step[t] + (uint64_t)i];
                }
            }
        }
    }
    printf("test: %llu answers of %u users, %u of them known: AUC %.4f\n",
           (unsigned long long)answers, test->slates.sessions, known,
           Auc(&host, key, other, answers));
    for (int b = 0; b < CALIBRATION_BINS; b++)
        if (sum[b][0] > 0)
            printf("  expected %.3f seen %.3f of %.0f\n", sum[b][1] / sum[b][0],
                   sum[b][2] / sum[b][0], sum[b][0]);
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
    Test(&model, &train, &all, &test);
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
