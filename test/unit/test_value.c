/* test_value.c: estimates by hand, their expectation over all slates, intervals that cover. */
#include "algo/policy/value.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "algo/policy/answers.h"
#include "algo/policy/exploration.h"
#include "check.h"
#include "core/interactions.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define MOST_ITEMS 64

typedef struct World {
    TestHost t;
    Slates log;
    uint32_t *greedy;
    uint32_t same[MOST_ITEMS]; /* items that the policy and the log have in common */
    ValueQuestion question;
    PolicyValue value;
    size_t peak;
} World;

/* A log with room for so many steps of k items; sessions and steps are added below. */
static void WorldOpen(World *w, uint32_t items, uint32_t sessions, uint64_t steps, uint32_t k,
                      int threads)
{
    const Host *host = &w->t.host;

    memset(w, 0, sizeof(*w));
    TestHostInit(&w->t);
    TestHostUsePool(&w->t, threads);
    w->log = (Slates){.items = items,
                      .session = HostAllocateZero(host, sessions + 1, sizeof(uint64_t)),
                      .step = HostAllocateZero(host, steps + 1, sizeof(uint64_t)),
                      .shown = HostAllocate(host, steps * k, sizeof(uint32_t)),
                      .clicked = HostAllocate(host, steps * k, sizeof(bool)),
                      .propensity = HostAllocate(host, steps * k, sizeof(float)),
                      .reward = HostAllocate(host, steps, sizeof(float))};
    w->greedy = HostAllocate(host, steps * k, sizeof(uint32_t));
    for (uint32_t i = 0; i < MOST_ITEMS; i++)
        w->same[i] = i;
    w->question = (ValueQuestion){.log = &w->log,
                                  .greedy = w->greedy,
                                  .items = items,
                                  .policy_item = w->same,
                                  .log_item = w->same,
                                  .gamma = 1,
                                  .confidence = 0.95,
                                  .clip = INFINITY,
                                  .seed = 1};
}

static void Empty(World *w)
{
    w->log.sessions = 0;
    w->log.steps = 0;
    w->log.shown_count = 0;
}

/* An item in the slate of the last step. */
static void AddItem(World *w, uint32_t item, double propensity, bool clicked, uint32_t greedy)
{
    uint64_t at = w->log.shown_count++;

    w->log.shown[at] = item;
    w->log.propensity[at] = (float)propensity;
    w->log.clicked[at] = clicked;
    w->greedy[at] = greedy;
}

static void EndStep(World *w)
{
    uint64_t first = w->log.step[w->log.steps], last = w->log.shown_count;
    uint32_t clicks = 0;

    for (uint64_t i = first; i < last; i++)
        clicks += w->log.clicked[i];
    w->log.reward[w->log.steps++] = ClickReward(clicks, (uint32_t)(last - first));
    w->log.step[w->log.steps] = last;
}

static void EndSession(World *w)
{
    w->log.session[++w->log.sessions] = w->log.steps;
}

static void Run(void *arg)
{
    World *w = arg;

    PolicyValueEstimate(&w->t.host, &w->question, &w->value);
}

static void Evaluate(World *w)
{
    size_t before = w->t.bytes;

    TestHostResetPeak(&w->t);
    if (Attempt(&w->t, Run, w) != OUTCOME_DONE)
        CHECK(false, "the estimate fails: %s", w->t.message);
    w->peak = w->t.peak - before;
    if (w->t.bytes != before)
        CHECK(false, "the estimate leaves memory behind");
}

static double ValueOf(const World *w, Estimator estimator)
{
    return w->value.of[estimator].value;
}

/* ---- by hand ---- */

/* The policy shows item 0 alone; the log has shown it once, with 1 / 2, and item 1 with 1 / 4. */
static void MakeTiny(World *w)
{
    WorldOpen(w, 3, 2, 2, 1, 1);
    AddItem(w, 0, 0.5, true, 0);
    EndStep(w);
    EndSession(w);
    AddItem(w, 1, 0.25, false, 0);
    EndStep(w);
    EndSession(w);
}

static void CheckByHand(void)
{
    const Estimate *ips;
    World w;

    MakeTiny(&w);
    Evaluate(&w);
    ips = &w.value.of[ESTIMATE_IPS];
    CHECK(Near(ValueOf(&w, ESTIMATE_LOGGED), 0.45, 1e-6, 0), "logged: the mean of 1 and -0.1");
    CHECK(ips->value == 1, "ips: 2 x 1 and 0 x -0.1, by 2");
    CHECK(ValueOf(&w, ESTIMATE_SNIPS) == 1, "snips: 2 x 1, by the weights' sum of 2");
    CHECK(ips->effective == 1 && ips->max_weight == 2 && ips->supported == 1 && ips->clipped == 0,
          "one effective item, largest weight 2, all supported");
    CHECK(isnan(ips->lower) && isnan(w.value.of[ESTIMATE_LOGGED].lower) && w.value.sparse,
          "so little has no interval");
    w.question.clip = 1.5;
    Evaluate(&w);
    CHECK(ips->value == 0.75 && ips->clipped == 1 && ips->max_weight == 1.5 &&
              ips->supported == 1 && ValueOf(&w, ESTIMATE_SNIPS) == 1,
          "a clipped weight counts less, and is told");
    w.question.clip = INFINITY;
    w.question.explore = 0.5;
    Evaluate(&w); /* item 0: 0.5 / 0.5, item 1: 0.25 / 0.25 */
    CHECK(Near(ips->value, 0.45, 1e-6, 0) && Near(ips->effective, 2, 1e-12, 0),
          "a policy that explores as the log did has its value");
    TestHostEnd(&w.t);
}

/* A session of two steps, and one of one: rewards 1, -0.1; -0.1. */
static void CheckDiscount(void)
{
    World w;

    WorldOpen(&w, 3, 2, 3, 1, 1);
    AddItem(&w, 0, 1, true, 0);
    EndStep(&w);
    AddItem(&w, 1, 1, false, 1);
    EndStep(&w);
    EndSession(&w);
    AddItem(&w, 2, 1, false, 0);
    EndStep(&w);
    EndSession(&w);
    w.question.gamma = 0.5;
    Evaluate(&w);
    CHECK(Near(ValueOf(&w, ESTIMATE_LOGGED), (1 - 0.05 - 0.1) / 2.5, 1e-6, 0),
          "slate t of a session counts gamma^t");
    CHECK(Near(ValueOf(&w, ESTIMATE_IPS), (1 - 0.05) / 2.5, 1e-6, 0) &&
              Near(ValueOf(&w, ESTIMATE_SNIPS), (1 - 0.05) / 1.5, 1e-6, 0),
          "in every estimate");
    w.question.gamma = 0;
    Evaluate(&w);
    CHECK(Near(ValueOf(&w, ESTIMATE_LOGGED), 0.45, 1e-6, 0), "gamma 0: first slates alone");
    TestHostEnd(&w.t);
}

/* A reward that does not follow from the clicks goes to what was clicked. */
static void CheckRewards(void)
{
    World w;

    WorldOpen(&w, 4, 1, 2, 2, 1);
    AddItem(&w, 0, 0.5, true, 0);
    AddItem(&w, 1, 0.5, false, 2);
    EndStep(&w);
    AddItem(&w, 2, 0.5, false, 2);
    AddItem(&w, 3, 0.5, false, 1);
    EndStep(&w);
    EndSession(&w);
    w.log.reward[0] = 7;
    w.log.reward[1] = -3;
    Evaluate(&w);
    CHECK(Near(ValueOf(&w, ESTIMATE_LOGGED), 2, 1e-6, 0), "rewards of the log's own");
    /* Step 0: item 0 earned 14 of 2 x 7; step 1: both -3; weights 2, 0; 2, 0. */
    CHECK(Near(ValueOf(&w, ESTIMATE_IPS), (14.0 - 3) / 2, 1e-6, 0),
          "they go to what was clicked, or to all");
    TestHostEnd(&w.t);
}

/* Rows without propensities count for what needs none. */
static void CheckPlainRows(void)
{
    World w;

    MakeTiny(&w);
    w.log.propensity[1] = NAN;
    Evaluate(&w);
    CHECK(w.value.steps == 1 && w.value.of[ESTIMATE_IPS].sessions == 1 &&
              ValueOf(&w, ESTIMATE_IPS) == 2 && Near(ValueOf(&w, ESTIMATE_LOGGED), 0.45, 1e-6, 0),
          "a step without propensities counts for logged and direct alone");
    w.log.propensity = NULL;
    Evaluate(&w);
    CHECK(w.value.steps == 0 && isnan(ValueOf(&w, ESTIMATE_IPS)) &&
              isnan(ValueOf(&w, ESTIMATE_DR)) && isfinite(ValueOf(&w, ESTIMATE_DIRECT)),
          "without any there is nothing else");
    CHECK(isnan(w.value.of[ESTIMATE_IPS].supported) && isnan(w.value.of[ESTIMATE_DR].supported),
          "nor is it known what the log may show");
    TestHostEnd(&w.t);
}

/* ---- expectation over all slates ---- */

typedef struct Expectation {
    double probability; /* of all slates so far */
    double of[ESTIMATORS];
} Expectation;

/* Of four items all but item 1 are clicked whenever they are shown. */
static bool IsClicked(uint32_t item)
{
    return item != 1;
}

static void AddSlate(World *w, const uint32_t *slate, double probability, const Exploration *e,
                     const uint32_t *greedy, Expectation *sum)
{
    Empty(w);
    for (int p = 0; p < 2; p++)
        AddItem(w, slate[p], slate[p] < 2 ? ExplorationGreedy(e) : ExplorationOther(e),
                IsClicked(slate[p]), greedy[p]);
    EndStep(w);
    EndSession(w);
    Evaluate(w);
    sum->probability += probability;
    for (int i = 0; i < ESTIMATORS; i++)
        sum->of[i] += probability * ValueOf(w, (Estimator)i);
}

/* The log's policy shows items 0 and 1 of four and explores: seven slates, all with two places. */
static Expectation ExpectationOver(World *w, double explore, const uint32_t *greedy)
{
    Exploration e = ExplorationOf(explore, 2, 4);
    double stay = 1 - explore;
    Expectation sum = {0};

    AddSlate(w, (uint32_t[]){0, 1}, stay * stay, &e, greedy, &sum);
    for (uint32_t other = 2; other < 4; other++) {
        AddSlate(w, (uint32_t[]){other, 1}, explore * stay / 2, &e, greedy, &sum);
        AddSlate(w, (uint32_t[]){0, other}, stay * explore / 2, &e, greedy, &sum);
        AddSlate(w, (uint32_t[]){other, 5 - other}, explore * explore / 2, &e, greedy, &sum);
    }
    return sum;
}

static void CheckExpectation(void)
{
    World w;
    Expectation mean;
    double truth;

    WorldOpen(&w, 4, 1, 1, 2, 1);
    w.question.explore = 0.2;
    mean = ExpectationOver(&w, 0.4, (uint32_t[]){1, 2});
    /* Items 1 and 2 with 0.8, items 0 and 3 with 0.2. */
    truth = (0.8 * -0.1 + 0.8 + 0.2 + 0.2) / 2;
    CHECK(Near(mean.probability, 1, 1e-12, 0), "those are all slates");
    CHECK(Near(mean.of[ESTIMATE_IPS], truth, 1e-6, 0), "ips is right on average (%g of %g)",
          mean.of[ESTIMATE_IPS], truth);
    CHECK(Near(mean.of[ESTIMATE_DR], truth, 1e-6, 0), "and so is dr, whatever it expects (%g)",
          mean.of[ESTIMATE_DR]);
    CHECK(fabs(mean.of[ESTIMATE_DIRECT] - truth) > 0.01, "direct is not");

    w.same[3] = NO_ITEM; /* the policy does not know item 3, nor the log what it has instead */
    mean = ExpectationOver(&w, 0.4, (uint32_t[]){1, 2});
    truth = (0.8 * -0.1 + 0.8 + 0.2) / 2;
    CHECK(Near(mean.of[ESTIMATE_IPS], truth, 1e-6, 0),
          "ips has what the log supports, an item that the policy has not counts nothing");
    TestHostEnd(&w.t);
}

/* ---- many sessions ---- */

#define ITEMS 30
#define K     3

static double ClickChance(uint32_t item)
{
    return 0.15 + 0.7 * ((item * 7) % ITEMS) / (ITEMS - 1.0);
}

/* The policy shows items 2, 3, 4 where the log shows 0, 1, 2, and explores a little. */
static void FillLog(World *w, uint32_t sessions, double explore, uint64_t stream)
{
    Exploration e = ExplorationOf(explore, K, ITEMS);
    Random random = TestStream(stream);
    uint32_t other[K], room[2 * K];

    Empty(w);
    for (uint32_t s = 0; s < sessions; s++) {
        ExplorePlaces(&e, &random, other, room);
        for (uint32_t p = 0; p < K; p++) {
            uint32_t item = other[p] == NO_ITEM ? p : K + other[p];

            AddItem(w, item, item < K ? ExplorationGreedy(&e) : ExplorationOther(&e),
                    RandomUniform(&random) < ClickChance(item), 2 + p);
        }
        EndStep(w);
        if (s % 3 != 0 || s + 1 == sessions)
            EndSession(w);
    }
}

static double TrueValue(double explore)
{
    Exploration e = ExplorationOf(explore, K, ITEMS);
    double sum = 0;

    for (uint32_t i = 0; i < ITEMS; i++)
        sum += (i >= 2 && i < 2 + K ? ExplorationGreedy(&e) : ExplorationOther(&e)) *
               (1.1 * ClickChance(i) - 0.1);
    return sum / K;
}

#define LOGS     100
#define SESSIONS 2400

static void CheckManyLogs(void)
{
    World w;
    double truth = TrueValue(0.1), bias[ESTIMATORS] = {0}, square[ESTIMATORS] = {0};
    int covered[ESTIMATORS] = {0};
    bool intervals = true;

    WorldOpen(&w, ITEMS, SESSIONS, SESSIONS, K, 1);
    w.question.explore = 0.1;
    for (uint64_t n = 0; n < LOGS; n++) {
        FillLog(&w, SESSIONS, 0.3, 8000 + n);
        Evaluate(&w);
        for (int i = 0; i < ESTIMATORS; i++) {
            const Estimate *e = &w.value.of[i];
            double off = e->value - truth;

            bias[i] += off / LOGS;
            square[i] += off * off / LOGS;
            covered[i] += e->lower <= truth && truth <= e->upper;
            intervals &= isnan(e->lower) == (i == ESTIMATE_DIRECT);
        }
    }
    CHECK(intervals && !w.value.sparse && !w.value.unsupported, "all but direct have an interval");
    for (int i = ESTIMATE_IPS; i < ESTIMATORS; i++) {
        double rmse = sqrt(square[i]);

        CHECK(fabs(bias[i]) < 3.5 * rmse / sqrt(LOGS) && rmse < 0.05,
              "%s: right on average (%+.4f, root mean square %.4f)", estimator_names[i], bias[i],
              rmse);
        CHECK(covered[i] >= 88, "%s: intervals of 95 %% cover %d of 100", estimator_names[i],
              covered[i]);
    }
    CHECK(sqrt(square[ESTIMATE_DR]) < sqrt(square[ESTIMATE_IPS]), "dr is nearer than ips");
    CHECK(covered[ESTIMATE_LOGGED] == 0, "what was logged is another value");
    TestHostEnd(&w.t);
}

/* ---- who is judged by what ---- */

static bool SameAnswers(const Answers *a, const Answers *b)
{
    return a->base == b->base && a->nothing == b->nothing &&
           memcmp(a->bias, b->bias, ITEMS * sizeof(float)) == 0 &&
           memcmp(a->worth, b->worth, ITEMS * sizeof(double)) == 0 &&
           memcmp(a->taste, b->taste, ITEMS * ANSWER_FACTORS * sizeof(float)) == 0;
}

/* The model that judges a session has not seen it; those of the other folds have. */
static void CheckCrossFitting(void)
{
    const uint32_t changed = 7;
    World w;
    FoldedAnswers before, after;
    bool others = true;

    WorldOpen(&w, ITEMS, 400, 400, K, 1);
    FillLog(&w, 400, 0.3, 7004);
    AnswersLearn(&w.t.host, &w.log, NULL, 1, &before);
    for (uint64_t i = w.log.step[w.log.session[changed]];
         i < w.log.step[w.log.session[changed + 1]]; i++)
        w.log.clicked[i] = !w.log.clicked[i];
    AnswersLearn(&w.t.host, &w.log, NULL, 1, &after);
    CHECK(SameAnswers(AnswersFor(&before, changed), AnswersFor(&after, changed)),
          "a session is judged by a model that has not seen it");
    for (uint32_t f = 0; f < before.folds; f++)
        others &= f == before.fold[changed] || !SameAnswers(&before.answers[f], &after.answers[f]);
    CHECK(before.folds == ANSWER_FOLDS && others, "the other models have");
    TestHostEnd(&w.t);
}

/* ---- no support ---- */

static void CheckNoSupport(void)
{
    const Estimate *ips;
    World w;

    WorldOpen(&w, ITEMS, 600, 600, K, 1);
    FillLog(&w, 600, 0, 7000);
    for (uint64_t i = 0; i < w.log.shown_count; i++)
        w.greedy[i] = 10 + (uint32_t)(i % K);
    Evaluate(&w);
    ips = &w.value.of[ESTIMATE_IPS];
    CHECK(ips->value == 0 && ips->effective == 0 && ips->supported == 0 && w.value.unsupported,
          "a policy that shows nothing of the log: no support, and it is told");
    CHECK(isnan(ValueOf(&w, ESTIMATE_SNIPS)) && isnan(ips->lower) && w.value.sparse,
          "no value without weights, no intervals");
    CHECK(!isnan(w.value.of[ESTIMATE_LOGGED].lower), "but one of what was logged");
    TestHostEnd(&w.t);
}

/* What the log has shown is what the policy shows: nothing is left to expect. */
static void CheckSamePolicy(void)
{
    World w;

    WorldOpen(&w, ITEMS, 600, 600, K, 1);
    FillLog(&w, 600, 0, 7001);
    memcpy(w.greedy, w.log.shown, w.log.shown_count * sizeof(uint32_t));
    Evaluate(&w);
    for (int i = ESTIMATE_IPS; i < ESTIMATORS; i++)
        CHECK(Near(ValueOf(&w, (Estimator)i), ValueOf(&w, ESTIMATE_LOGGED), 1e-6, 0),
              "%s of the policy that has logged: what was logged", estimator_names[i]);
    TestHostEnd(&w.t);
}

/* ---- threads, memory, cancel ---- */

static bool SameValue(const PolicyValue *a, const PolicyValue *b)
{
    bool same = true;

    for (int i = 0; i < ESTIMATORS; i++) {
        const Estimate *x = &a->of[i], *y = &b->of[i];

        same &= memcmp(&x->value, &y->value, sizeof(double)) == 0 &&
                memcmp(&x->lower, &y->lower, sizeof(double)) == 0 &&
                memcmp(&x->upper, &y->upper, sizeof(double)) == 0 && x->effective == y->effective;
    }
    return same;
}

static void CheckThreads(void)
{
    World one, three;

    WorldOpen(&one, ITEMS, 1500, 1500, K, 1);
    WorldOpen(&three, ITEMS, 1500, 1500, K, 3);
    FillLog(&one, 1500, 0.3, 7002);
    FillLog(&three, 1500, 0.3, 7002);
    Evaluate(&one);
    Evaluate(&three);
    CHECK(SameValue(&one.value, &three.value), "three threads give the same as one");
    CHECK(three.peak <= PolicyValueMemory(&three.log, ITEMS, 3) + TestHostSlack(&three.t),
          "no more memory than estimated");
    three.question.seed = 2;
    Evaluate(&three);
    CHECK(!SameValue(&one.value, &three.value), "another seed gives other intervals");
    TestHostEnd(&one.t);
    TestHostEnd(&three.t);
}

static void CheckCancel(void)
{
    World w;
    bool cancelled = true;

    WorldOpen(&w, ITEMS, 1500, 1500, K, 2);
    FillLog(&w, 1500, 0.3, 7003);
    for (int at = 1; at < 60; at += 7) {
        w.t.calls = 0;
        w.t.cancel_at = at;
        cancelled &= Attempt(&w.t, Run, &w) == OUTCOME_CANCELLED;
        w.t.cancel = 0;
    }
    CHECK(cancelled, "it can be cancelled at any point");
    TestHostEnd(&w.t);
}

static TestHost *cancelled;
static void *(*allocate)(void *arg, size_t size);
static volatile sig_atomic_t allocating;

/* The tests' host fills what it gives, which takes its time: no cancel comes meanwhile. */
static void *AllocateAlone(void *arg, size_t size)
{
    void *pointer;

    allocating = 1;
    pointer = allocate(arg, size);
    allocating = 0;
    return pointer;
}

static void SetTimer(int milliseconds)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 1000 * milliseconds}};

    setitimer(ITIMER_REAL, &soon, NULL);
}

static void Cancel(int number)
{
    (void)number;
    if (allocating) {
        SetTimer(1);
        return;
    }
    cancelled->cancel = 1;
}

static void CheckCancelAfter(World *w, int milliseconds, const char *what)
{
    cancelled = &w->t;
    signal(SIGALRM, Cancel);
    SetTimer(milliseconds);
    CHECK(Attempt(&w->t, Run, w) == OUTCOME_CANCELLED, "%s is left after %d ms", what,
          milliseconds);
    w->t.cancel = 0;
}

/* Two sessions of so many slates with the same items again and again. */
static void CheckCancelOfLong(uint32_t steps, uint32_t shown, const char *what)
{
    static World w;

    WorldOpen(&w, 20, 2, 2 * (uint64_t)steps, shown, 1);
    allocate = w.t.host.allocate;
    w.t.host.allocate = AllocateAlone;
    for (uint32_t s = 0; s < 2; s++) {
        for (uint32_t t = 0; t < steps; t++) {
            for (uint32_t i = 0; i < shown; i++)
                AddItem(&w, i % 20, 0.5, (i + t) % 7 == 0, i % 20);
            EndStep(&w);
        }
        EndSession(&w);
    }
    for (int at = 2; at <= 10; at += 4)
        CheckCancelAfter(&w, at, what);
    TestHostEnd(&w.t);
}

void TestValue(void)
{
    CheckByHand();
    CheckDiscount();
    CheckRewards();
    CheckPlainRows();
    CheckExpectation();
    CheckSamePolicy();
    CheckNoSupport();
    CheckCrossFitting();
    CheckManyLogs();
    CheckThreads();
    CheckCancel();
    CheckCancelOfLong(1, 2000000, "a long slate");
    CheckCancelOfLong(400000, 5, "a long session");
}
