/* test_act_value.c: what a log of acts earned, what a critic expects, where an actor goes beyond.
 */
#include "algo/policy/act_play.h"
#include "algo/policy/act_value.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define GAMMA    0.5
#define SESSIONS 50
#define STEPS    3

/* --- an actor by hand: its first weight is what it sees first, and its state counts the acts */

static bool ToyAct(const Model *model, const ActInput *input, ActOutput *output)
{
    float before = input->state == NULL ? 0 : input->state[0];

    (void)model;
    output->action[0] = input->observation[0];
    output->action[1] = 1 - input->observation[0];
    if (input->scenario == 1)
        output->action[0] = 1 / (1 + before), output->action[1] = before / (1 + before);
    output->state[0] = before + 1;
    return output->action[0] < 100;
}

static double ToyValue(const Model *model, const ActInput *input)
{
    (void)model;
    return input->state == NULL ? 10 + (double)input->observation[0] : 1e6;
}

static uint32_t ToyState(const Model *model)
{
    (void)model;
    return 1;
}

static double ToyDiscount(const void *options)
{
    (void)options;
    return GAMMA;
}

static const ActMethods toy_acts = {
    .state = ToyState, .act = ToyAct, .value = ToyValue, .discount = ToyDiscount};
static const PolicyMethods toy_policy = {.acts = &toy_acts};
static const Algorithm toy = {.name = "toy", .policy = &toy_policy};

/* --- a log: scenarios 0, 1, 0 in each session; the model calls them 1, 0, so they are swapped */

typedef struct Case {
    TestHost t;
    ActShape shape;
    Model model;
    Acts log;
    uint32_t swapped[2];
    ActValueQuestion question;
    ActValue value;
} Case;

static void Open(Case *c, int threads)
{
    const Host *host = &c->t.host;

    memset(c, 0, sizeof(*c));
    TestHostInit(&c->t);
    TestHostUsePool(&c->t, threads);
    c->shape = (ActShape){2, {{1, 2}, {1, 2}}};
    c->model = (Model){.algorithm = &toy, .acts = &c->shape};
    c->log = (Acts){.shape = c->shape,
                    .sessions = SESSIONS,
                    .steps = SESSIONS * STEPS,
                    .session = HostAllocate(host, SESSIONS + 1, sizeof(uint64_t)),
                    .scenario = HostAllocate(host, SESSIONS * STEPS, sizeof(uint32_t)),
                    .observation = HostAllocate(host, SESSIONS * STEPS, sizeof(float)),
                    .action = HostAllocate(host, SESSIONS * STEPS, 2 * sizeof(float)),
                    .reward = HostAllocate(host, SESSIONS * STEPS, sizeof(float))};
    c->swapped[0] = 1;
    c->question = (ActValueQuestion){&c->model, &c->log, c->swapped, 0.95, 1};
}

/* Rewards s, 2, 4 in session s; actions of the log's scenario 0: between .3 and .8, of 1: all. */
static void Fill(Case *c)
{
    for (uint32_t s = 0; s <= SESSIONS; s++)
        c->log.session[s] = (uint64_t)s * STEPS;
    for (uint32_t i = 0; i < SESSIONS * STEPS; i++) {
        uint32_t s = i / STEPS, t = i % STEPS;
        float w = t == 1 ? (float)(s % 2) : s % 2 == 0 ? 0.3f : 0.8f;

        c->log.scenario[i] = t == 1;
        c->log.observation[i] = t == 1 ? (float)s / SESSIONS : 0.5f;
        c->log.action[2 * i] = w;
        c->log.action[2 * i + 1] = 1 - w;
        c->log.reward[i] = t == 0 ? (float)s : t == 1 ? 2 : 4;
    }
}

static void Run(void *arg)
{
    Case *c = arg;

    ActValueEstimate(&c->t.host, &c->question, &c->value);
}

static void CheckByHand(void)
{
    double logged = 0;
    Case c;

    Open(&c, 1);
    Fill(&c);
    Run(&c);
    for (uint32_t s = 0; s < SESSIONS; s++)
        logged += (s + GAMMA * 2 + GAMMA * GAMMA * 4) / SESSIONS;
    CHECK(fabs(c.value.logged.value - (logged)) < 1e-9, "discounted rewards of the log");
    CHECK(fabs(c.value.direct.value - (10.5)) < 1e-9,
          "what the critic expects where sessions start");
    /* Step 0: no state, 1 / 1 = 1, beyond .8; step 2: the third act, 1 / 3, inside. */
    CHECK(fabs(c.value.direct.supported - (2.0 / 3)) < 1e-9, "steps beyond what the log has tried");
    CHECK(!c.value.failed && c.value.logged.effective == SESSIONS * STEPS &&
              c.value.logged.sessions == SESSIONS && isnan(c.value.direct.lower),
          "sessions and steps; the critic has no interval");
    CHECK(c.value.logged.lower < logged && logged < c.value.logged.upper &&
              c.value.logged.upper - c.value.logged.lower < 4 * 14.4 / sqrt(SESSIONS),
          "the log has one");
    TestHostEnd(&c.t);
}

static void CheckThreads(void)
{
    Case one, three;

    Open(&one, 1);
    Open(&three, 3);
    Fill(&one);
    Fill(&three);
    Run(&one);
    Run(&three);
    CHECK(memcmp(&one.value, &three.value, sizeof(one.value)) == 0, "the same on three threads");
    TestHostEnd(&one.t);
    TestHostEnd(&three.t);
}

static void CheckEnds(void)
{
    Case c;

    Open(&c, 1);
    Fill(&c);
    c.log.observation[7 * STEPS + 1] = 1000;
    Run(&c);
    CHECK(c.value.failed, "networks that give no number are told");
    c.log.observation[7 * STEPS + 1] = 0;
    c.log.sessions = LEAST_SESSIONS - 1;
    c.log.steps = c.log.sessions * STEPS;
    Run(&c);
    CHECK(!c.value.failed && isnan(c.value.logged.lower) && !isnan(c.value.logged.value),
          "few sessions have no interval");
    TestHostEnd(&c.t);
}

static void CheckCancel(void)
{
    bool cancelled = true;
    int calls;
    Case c;

    Open(&c, 1);
    Fill(&c);
    c.t.calls = 0;
    Run(&c);
    calls = c.t.calls;
    c.t.cancel_silently = true;
    for (int at = 1; at <= calls; at++) {
        c.t.calls = 0;
        c.t.cancel_at = at;
        cancelled &= Attempt(&c.t, Run, &c) == OUTCOME_CANCELLED;
        c.t.cancel = 0;
    }
    CHECK(calls > 2 && cancelled, "a cancel amid the tasks ends it, wherever it comes, of %d calls",
          calls);
    TestHostEnd(&c.t);
}

/* --- acts by chance */

static void CheckChance(void)
{
    ActShape shape = {2, {{1, 3}, {1, 1}}};
    ActPlayer player = ActPlayerByChance(&shape);
    double sum[3] = {0}, squares = 0;
    float action[3];
    Random random;
    bool right = true;

    RandomSeed(&random, 1, RANDOM_NOISE, 0, 0);
    for (int i = 0; i < 10000; i++) {
        ActInput input = {.random = &random};
        ActOutput output = {.action = action};

        right &= player.act(player.arg, &input, &output) && IsDistribution(action, 3);
        for (int k = 0; k < 3; k++)
            sum[k] += (double)action[k] / 10000;
        squares += (double)action[0] * (double)action[0] / 10000;
    }
    CHECK(right && player.explore > 0, "weights by chance are those of a ranking");
    CHECK(fabs(sum[0] - (1.0 / 3)) < 0.01, "each has its share");
    CHECK(fabs(sum[2] - (1.0 / 3)) < 0.01, "the last, too");
    CHECK(fabs(squares - (1.0 / 6)) < 0.01, "all distributions are alike likely");
    CHECK(player.act(player.arg, &(ActInput){.scenario = 1, .random = &random},
                     &(ActOutput){.action = action}) &&
              action[0] == 1,
          "a single weight is 1");
}

void TestActValue(void)
{
    CheckByHand();
    CheckThreads();
    CheckEnds();
    CheckCancel();
    CheckChance();
}
