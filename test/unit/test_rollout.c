/* test_rollout.c: sessions against policies, and policies made of models. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algo/policy/model_policy.h"
#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"
#include "toy_simulator.h"

#define ITEMS 40
#define USERS 9
#define K     5
#define ROWS  60000 /* of a log in memory, at most */

/* ---- a log of what was played ---- */

typedef struct Row {
    uint64_t session;
    uint32_t step, count, shown[K];
    bool clicked[K], ended;
    float propensity[K], reward;
} Row;

typedef struct Log {
    Row *rows;
    uint32_t count;
    uint32_t sessions;
    double reward, depth; /* of all sessions, as they were told */
} Log;

static void KeepStep(void *arg, const RolloutStep *step)
{
    Log *log = arg;
    Row *row = &log->rows[log->count++];

    *row = (Row){.session = step->session,
                 .step = step->step,
                 .count = step->count,
                 .ended = step->ended,
                 .reward = step->reward};
    memcpy(row->shown, step->shown, step->count * sizeof(uint32_t));
    memcpy(row->clicked, step->clicked, step->count * sizeof(bool));
    memcpy(row->propensity, step->propensity, step->count * sizeof(float));
}

static void KeepSession(void *arg, uint64_t session, double reward, uint32_t depth)
{
    Log *log = arg;

    (void)session;
    log->sessions++;
    log->reward += reward;
    log->depth += depth;
}

typedef struct World {
    TestHost t;
    Toy toy;
    Environment *e;
    ModelPolicy policy;
    uint64_t first, sessions;
    Log log;
    RolloutResult result;
    size_t peak, estimate;
} World;

static void WorldOpen(World *w, const VisitorRules *rules, int threads)
{
    Random random = TestStream(1500);

    memset(w, 0, sizeof(*w));
    TestHostInit(&w->t);
    TestHostUsePool(&w->t, threads);
    ToyCreate(&w->t, ITEMS, &w->toy);
    for (uint32_t i = 0; i < ITEMS; i++)
        ToySetOdds(&w->toy, i, (float)(0.5 + RandomNormal(&random)));
    w->e = EnvironmentOpen(&w->t.host, &w->toy.model, rules, 11);
    w->policy = (ModelPolicy){.environment = w->e, .seed = 5};
    w->log.rows = HostAllocateZero(&w->t.host, ROWS, sizeof(Row));
    w->sessions = 400;
}

static void PlayOnly(void *arg)
{
    World *w = arg;
    Policy policy;
    Rollout rollout = {.environment = w->e,
                       .policy = &policy,
                       .first = w->first,
                       .sessions = w->sessions,
                       .k = K,
                       .arg = &w->log,
                       .step = KeepStep,
                       .session = KeepSession};

    policy = ModelPolicyOpen(&w->t.host, &w->policy, K);
    w->result = RolloutRun(&w->t.host, &rollout);
    ModelPolicyClose(&w->t.host, &w->policy);
    w->estimate =
        RolloutMemory(&rollout) + ModelPolicyMemory(&w->policy, K, PoolThreads(&w->t.host));
}

static void PlayAll(void *arg)
{
    World *w = arg;
    size_t before = w->t.bytes;

    TestHostResetPeak(&w->t);
    PlayOnly(w);
    w->peak = w->t.peak - before;
    w->estimate += TestHostSlack(&w->t);
    CHECK(w->t.bytes == before, "what was played leaves nothing behind");
}

static bool SameRows(const Row *a, const Row *b, uint32_t count)
{
    return memcmp(a, b, count * sizeof(*a)) == 0;
}

/* ---- random slates ---- */

static bool IsDistinct(const Row *row)
{
    for (uint32_t i = 0; i < row->count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (row->shown[i] == row->shown[j])
                return false;
    return true;
}

static void CheckRows(const World *w)
{
    const Log *log = &w->log;
    uint64_t places[ITEMS] = {0};
    double spent = 0;
    bool right = true, ends = true, bound = true;

    for (uint32_t r = 0; r < log->count; r++) {
        const Row *row = &log->rows[r];
        bool begins = r == 0 || log->rows[r - 1].ended;
        uint32_t clicks = 0;

        for (uint32_t i = 0; i < row->count; i++) {
            places[row->shown[i]]++;
            clicks += row->clicked[i];
            right &= row->propensity[i] == (float)K / ITEMS;
        }
        right &= row->count == K && IsDistinct(row) && row->reward == ClickReward(clicks, K);
        ends &= begins ? row->step == 1 && (r == 0 || row->session == row[-1].session + 1)
                       : row->step == row[-1].step + 1 && row->session == row[-1].session;
        spent = (begins ? 0 : spent) + K * (1 - (double)row->reward) + 1;
        if (row->ended)
            bound &= spent > 19 && spent <= 19 + 1.1 * K + 1 + 1e-4;
    }
    CHECK(right, "random slates: distinct items, their propensity, the reward of their clicks");
    CHECK(LooksUniform(places, ITEMS), "every item as often as any other");
    CHECK(ends && log->rows[log->count - 1].ended && log->sessions == 400,
          "rows come by session and step, and say where a session ends");
    CHECK(bound, "the identity of patience holds in every session");
    CHECK(Near(w->result.reward, log->reward / 400, 1e-12, 1e-12) &&
              Near(w->result.depth, log->depth / 400, 1e-12, 0) && log->depth == log->count,
          "the result is the mean of the sessions");
}

static void CheckRandom(void)
{
    World one, two;
    uint32_t from = 0;

    WorldOpen(&one, &(VisitorRules){0}, 1);
    PlayAll(&one);
    CheckRows(&one);
    CHECK(one.peak <= one.estimate, "no more memory than estimated (%zu of %zu)", one.peak,
          one.estimate);
    for (int threads = 2; threads < 4; threads++) {
        WorldOpen(&two, &(VisitorRules){0}, threads);
        PlayAll(&two);
        CHECK(one.log.count == two.log.count && SameRows(one.log.rows, two.log.rows, one.log.count),
              "%d threads give the same rows", threads);
        TestHostEnd(&two.t);
    }
    WorldOpen(&two, &(VisitorRules){0}, 2);
    two.first = 333;
    two.sessions = 20;
    PlayAll(&two);
    while (one.log.rows[from].session < 333)
        from++;
    CHECK(SameRows(one.log.rows + from, two.log.rows, two.log.count) && two.log.count > 20,
          "a session is the same whatever else is played");
    TestHostEnd(&two.t);
    TestHostEnd(&one.t);
}

/* ---- models ---- */

/* Rows of these items, as a view. */
static Model Gather(const Host *host, const Model *model, const uint32_t *items, uint32_t count)
{
    Model view = *model;

    view.items = count;
    view.item_rows = items;
    for (int p = 0; p < view.parts; p++) {
        Part *part = &view.part[p];

        if (part->axis != AXIS_ITEM)
            continue;
        part->rows = count;
        part->data = HostAllocateZero(host, (size_t)count * part->stride + 1, sizeof(float));
        for (uint32_t i = 0; i < count; i++)
            memcpy(PartRow(part, i), PartRow(&model->part[p], items[i]),
                   part->stride * sizeof(float));
    }
    return view;
}

static int Ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint32_t Distinct(uint32_t *items, uint32_t count)
{
    uint32_t kept = 0;

    qsort(items, count, sizeof(*items), Ascending);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || items[i] != items[i - 1])
            items[kept++] = items[i];
    return kept;
}

static void Others(const uint32_t *items, uint32_t count, uint32_t *others, uint32_t *other_count)
{
    *other_count = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        bool among = false;

        for (uint32_t h = 0; h < count; h++)
            among |= items[h] == i;
        if (!among)
            others[(*other_count)++] = i;
    }
}

/* Scores for someone who clicked these items, by the interface of algorithms. */
static void ScoresFor(const Host *host, const Model *m, uint32_t *items, uint32_t count,
                      float *scores)
{
    const Algorithm *a = m->algorithm;
    float *query = HostAllocateZero(host, a->query_width(m) + 16, sizeof(float));
    bool ordered = a->history != NULL ? a->history(m->options).ordered : a->stream != NULL;
    uint32_t others[ITEMS], other_count, limit;

    if (!ordered)
        count = Distinct(items, count);
    if (a->history != NULL) {
        limit = ordered ? a->history(m->options).limit : count;
        items += count > limit ? count - limit : 0;
        count = count > limit ? limit : count;
        a->query(m, &(QueryInput){.row = NO_ROW, .items = items, .count = count}, query);
    } else if (a->query_width(m) > 0) {
        Model history = Gather(host, m, items, count), sample;

        Others(items, count, others, &other_count);
        sample = Gather(host, m, others, other_count);
        a->fold_in(host, &history, &sample, query);
    }
    ModelScore(m, query, 1, scores);
}

static bool IsGreedy(const float *scores, const uint32_t *shown, uint32_t count)
{
    bool right = true;

    for (uint32_t i = 0; i < ITEMS; i++) {
        uint32_t place = 0, found = count;

        for (uint32_t j = 0; j < ITEMS; j++)
            place += scores[j] > scores[i] || (scores[j] == scores[i] && j < i);
        for (uint32_t j = 0; j < count; j++)
            found = shown[j] == i ? j : found;
        right &= place < count ? found == place : found == count;
    }
    return right;
}

static void TrainSmallModel(TestHost *t, uint32_t number, Training *run)
{
    const Algorithm *algorithm = SmallAlgorithm(number);
    TasteStream stream = TasteStreamCreate(&t->host, USERS, ITEMS, 4, 200, 200, 993);
    Interactions *data = HostAllocate(&t->host, 1, sizeof(*data));

    *data = TasteStreamData(&t->host, &stream, 200);
    InteractionsHoldOut(&t->host, data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(t, data, algorithm->name, "", run);
    SetSmall(algorithm, &run->options, SmallSettings(number));
    ModelLayout(&run->model, algorithm, &run->options, USERS, ITEMS);
    ModelAllocate(&t->host, &run->model);
    ModelCountPopularity(&t->host, data, &run->model);
    algorithm->train(&t->host, data, &run->model, &run->report);
}

/* Is the first slate of every session the greedy one for what its record has clicked? */
static bool FirstSlatesAreGreedy(World *w, const Model *m)
{
    Visitor *visitor = HostAllocate(&w->t.host, 1, VisitorSize(w->e));
    float *scores = HostAllocate(&w->t.host, 64, sizeof(float));
    bool right = true;

    for (uint32_t r = 0; r < w->log.count; r++) {
        const Row *row = &w->log.rows[r];

        if (row->step != 1)
            continue;
        VisitorStart(w->e, row->session, visitor);
        if (visitor->clicks > 0)
            ScoresFor(&w->t.host, m, visitor->history, visitor->clicks, scores);
        else
            for (uint32_t i = 0; i < ITEMS; i++)
                scores[i] = *PartRow(&m->part[POPULARITY_PART], i);
        right &= row->count == K && row->propensity[0] == 1 && IsGreedy(scores, row->shown, K);
    }
    return right;
}

static void CheckModel(uint32_t number)
{
    World one, two;
    Training run;

    WorldOpen(&one, &(VisitorRules){0}, 1);
    TrainSmallModel(&one.t, number, &run);
    one.policy.model = &run.model;
    one.sessions = 30;
    PlayAll(&one);
    CHECK(FirstSlatesAreGreedy(&one, &run.model), "%s %s: slates are the greatest scores",
          run.model.algorithm->name, SmallSettings(number));
    CHECK(one.peak <= one.estimate, "no more memory than estimated (%zu of %zu)", one.peak,
          one.estimate);
    WorldOpen(&two, &(VisitorRules){0}, 2);
    two.policy.model = &run.model;
    two.sessions = 30;
    PlayAll(&two);
    CHECK(one.log.count == two.log.count && SameRows(one.log.rows, two.log.rows, one.log.count),
          "and the same with two threads");
    TestHostEnd(&two.t);
    TestHostEnd(&one.t);
}

static void CheckModels(void)
{
    for (uint32_t number = 0; number < SmallModels(); number++)
        if (SmallAlgorithm(number)->policy == NULL)
            CheckModel(number);
}

/* ---- items of two dictionaries, rules, exploration ---- */

/* Own item i is the simulator's ITEMS - 1 - i; every fifth is unknown to it. */
static void CheckMapping(void)
{
    World w;
    uint32_t simulator_item[ITEMS];
    Training run;
    bool right = true, all = true;

    WorldOpen(&w, &(VisitorRules){0}, 1);
    TrainSmallModel(&w.t, 0, &run); /* popularity */
    for (uint32_t i = 0; i < ITEMS; i++) {
        simulator_item[i] = i % 5 == 0 ? NO_ITEM : ITEMS - 1 - i;
        *PartRow(&run.model.part[POPULARITY_PART], i) = (float)(i < 30 ? i : 0);
        ToySetOdds(&w.toy, ITEMS - 1 - i, i == 28 ? 100 : -100); /* the own item 28 is good */
    }
    w.policy.model = &run.model;
    w.policy.simulator_item = simulator_item;
    w.sessions = 10;
    PlayAll(&w);
    for (uint32_t r = 0; r < w.log.count; r++) {
        static const uint32_t best[K] = {29, 28, 27, 26, 24};

        right &= memcmp(w.log.rows[r].shown, best, sizeof(best)) == 0;
        for (int i = 0; i < K; i++)
            all &= w.log.rows[r].clicked[i] == (i == 1);
    }
    CHECK(right, "a policy shows what the simulator knows, by its own numbers");
    CHECK(all, "and visitors answer the items that are meant");
    TestHostEnd(&w.t);
}

/* The history goes the other way. */
static void CheckMappedHistory(void)
{
    World one, two;
    uint32_t same[ITEMS], count = 0;
    Training run;

    WorldOpen(&one, &(VisitorRules){0}, 1);
    while (strcmp(SmallAlgorithm(count)->name, "itemknn") != 0)
        count++;
    TrainSmallModel(&one.t, count, &run);
    for (uint32_t i = 0; i < ITEMS; i++)
        same[i] = i;
    one.policy.model = &run.model;
    PlayAll(&one);
    WorldOpen(&two, &(VisitorRules){0}, 1);
    two.policy = one.policy;
    two.policy.environment = two.e;
    two.policy.simulator_item = same;
    PlayAll(&two);
    CHECK(SameRows(one.log.rows, two.log.rows, one.log.count), "a map of all items to themselves");
    TestHostEnd(&two.t);
    TestHostEnd(&one.t);
}

static void CheckNoRepeat(void)
{
    World w;
    Training run;
    bool right = true, seen[ITEMS] = {false};
    uint32_t most = 0;

    WorldOpen(&w, &(VisitorRules){.no_repeat = true, .patience = 1000}, 2);
    TrainSmallModel(&w.t, 0, &run);
    w.policy.model = &run.model;
    w.sessions = 100;
    PlayAll(&w);
    for (uint32_t r = 0; r < w.log.count; r++) {
        const Row *row = &w.log.rows[r];

        for (uint32_t i = 0; i < row->count; i++) {
            right &= !seen[row->shown[i]];
            seen[row->shown[i]] = true;
        }
        most = row->step > most ? row->step : most;
        right &= row->ended == (row->step == ITEMS / K);
        if (row->ended)
            memset(seen, 0, sizeof(seen));
    }
    CHECK(right && most == ITEMS / K, "no_repeat: no item twice, and who has seen all leaves");
    TestHostEnd(&w.t);
}

/* Puts the last item that may be shown in the last place. */
static void ShowLast(void *arg, const SlateChoice *choice, Slate *slate, int worker)
{
    (void)arg;
    (void)worker;
    slate->shown[slate->count - 1] = choice->items[choice->count - 1];
    slate->propensity[slate->count - 1] = 0.25f;
    slate->propensity[0] = (float)(choice->session % 2) + (float)choice->step;
}

static void CheckExploration(void)
{
    World w;
    Training run;
    bool right = true;

    WorldOpen(&w, &(VisitorRules){0}, 2);
    TrainSmallModel(&w.t, 0, &run);
    for (uint32_t i = 0; i < ITEMS; i++)
        *PartRow(&run.model.part[POPULARITY_PART], i) = i % 7 == 3;
    w.policy.model = &run.model;
    w.policy.explore = ShowLast;
    w.sessions = 20;
    PlayAll(&w);
    for (uint32_t r = 0; r < w.log.count; r++) {
        const Row *row = &w.log.rows[r];

        right &= row->shown[0] == 3 && row->shown[3] == 24 && row->shown[4] == ITEMS - 1 &&
                 row->propensity[4] == 0.25f && row->propensity[1] == 1 &&
                 row->propensity[0] == (float)(row->session % 2) + (float)(row->step - 1);
    }
    CHECK(right, "whoever explores changes slates and propensities");
    TestHostEnd(&w.t);
}

static void CheckFewItems(void)
{
    World w;
    Toy small;
    bool right = true;

    WorldOpen(&w, &(VisitorRules){0}, 1);
    ToyCreate(&w.t, 1, &small);
    w.e = EnvironmentOpen(&w.t.host, &small.model, &(VisitorRules){0}, 3);
    w.policy.environment = w.e;
    w.sessions = 50;
    PlayAll(&w);
    for (uint32_t r = 0; r < w.log.count; r++)
        right &= w.log.rows[r].count == 1 && w.log.rows[r].propensity[0] == 1;
    CHECK(right && w.log.sessions == 50, "one item: slates of one");
    w.sessions = 0;
    w.log.sessions = 0;
    PlayAll(&w);
    CHECK(w.log.sessions == 0 && w.result.depth == 0, "no sessions");
    TestHostEnd(&w.t);
}

static void CheckCancel(void)
{
    World w;

    for (int silently = 0; silently < 2; silently++) {
        WorldOpen(&w, &(VisitorRules){0}, 2);
        w.t.interrupt_every = 3;
        w.t.cancel_at = 40;
        w.t.cancel_silently = silently == 1;
        CHECK(Attempt(&w.t, PlayAll, &w) == OUTCOME_CANCELLED, "a run can be cancelled");
        TestHostEnd(&w.t);
    }
}

/* Sessions whose steps nobody wants, and what they take, which is known before. */
static void CheckUnopened(void)
{
    static const VisitorRules rules[] = {{0}, {.no_repeat = true}};
    World w;

    for (int i = 0; i < 2; i++) {
        Policy policy;
        size_t before, estimate;

        WorldOpen(&w, &rules[i], 2);
        policy = ModelPolicyOpen(&w.t.host, &w.policy, K);
        before = w.t.bytes;
        TestHostResetPeak(&w.t);
        estimate = RolloutMemoryOf(&w.toy.model, &rules[i], K, 400);
        RolloutRun(
            &w.t.host,
            &(Rollout){.environment = w.e, .policy = &policy, .first = 1, .sessions = 400, .k = K});
        CHECK(w.t.peak - before <= estimate + TestHostSlack(&w.t) &&
                  w.t.peak - before > estimate / 2,
              "memory of sessions is known before there is an environment: %zu, %zu",
              w.t.peak - before, estimate);
        ModelPolicyClose(&w.t.host, &w.policy);
        TestHostEnd(&w.t);
    }
}

static void CheckAllocations(void)
{
    World w;
    Training run;
    Outcome outcome = OUTCOME_FAILED;
    size_t at = 0;
    bool right = true;

    while (outcome == OUTCOME_FAILED && right) {
        WorldOpen(&w, &(VisitorRules){0}, 2);
        TrainSmallModel(&w.t, 3, &run);
        w.policy.model = &run.model;
        w.sessions = 20;
        w.t.fail_at = w.t.allocations + ++at;
        outcome = Attempt(&w.t, PlayOnly, &w);
        right = outcome != OUTCOME_FAILED || w.t.kind == FAIL_RESOURCE;
        TestHostEnd(&w.t);
    }
    CHECK(right && outcome == OUTCOME_DONE && at > 20,
          "whichever allocation fails, the run ends with an error (%zu)", at);
}

void TestRollout(void)
{
    CheckRandom();
    CheckModels();
    CheckMapping();
    CheckMappedHistory();
    CheckNoRepeat();
    CheckExploration();
    CheckFewItems();
    CheckCancel();
    CheckUnopened();
    CheckAllocations();
}
