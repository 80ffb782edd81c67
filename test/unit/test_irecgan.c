/* test_irecgan.c: a policy that learns from the returns of logged clicks, and learnt visitors. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "algo/irecgan/play.h"
#include "algo/policy/environment.h"
#include "algo/policy/rollout.h"
#include "check.h"
#include "support.h"
#include "tests.h"

#define ITEMS    20
#define SHOWN    5
#define SESSIONS 400
#define MOST     6

/* --- a log: bait, which everybody clicks and after which most leave, and items that keep them */

static bool IsBait(uint32_t item)
{
    return item % 2 == 0;
}

static double Attraction(uint32_t item)
{
    return IsBait(item) ? 3 : 1;
}

static double Stays(uint32_t item)
{
    return IsBait(item) ? 0.2 : 0.8;
}

static uint32_t Pick(const uint32_t *shown, Random *random)
{
    double sum = 0, luck;
    uint32_t place = 0;

    for (uint32_t i = 0; i < SHOWN; i++)
        sum += Attraction(shown[i]);
    luck = RandomUniform(random) * sum;
    while (place < SHOWN - 1 && luck >= Attraction(shown[place]))
        luck -= Attraction(shown[place++]);
    return place;
}

static void DrawShown(Random *random, uint32_t items, uint32_t *shown)
{
    for (uint32_t i = 0; i < SHOWN;) {
        bool repeats = false;

        shown[i] = RandomBelow(random, items);
        for (uint32_t j = 0; j < i; j++)
            repeats |= shown[j] == shown[i];
        i += !repeats;
    }
}

/* Are clicks on every fifth item purchases? */
static bool buys;

static bool IsBought(uint32_t item)
{
    return buys && item % 5 == 0;
}

/* One slate in eight is not answered, whatever it has. */
static Slates LogOf(const Host *host, uint32_t sessions, uint32_t items)
{
    size_t most = (size_t)sessions * MOST;
    Slates s = {.sessions = sessions, .items = items};
    Random random = TestStream(41);

    s.session = HostAllocateZero(host, sessions + 1, sizeof(uint64_t));
    s.step = HostAllocateZero(host, most + 1, sizeof(uint64_t));
    s.shown = HostAllocateZero(host, most * SHOWN, sizeof(uint32_t));
    s.clicked = HostAllocateZero(host, most * SHOWN, sizeof(bool));
    s.reward = HostAllocateZero(host, most, sizeof(float));
    for (uint32_t n = 0; n < sessions; n++) {
        bool stays = true;

        for (uint32_t t = 0; t < MOST && stays; t++) {
            uint32_t *shown = s.shown + s.steps * SHOWN, place;
            bool answers = RandomUniform(&random) > 0.125;

            DrawShown(&random, items, shown);
            place = Pick(shown, &random);
            s.clicked[s.steps * SHOWN + place] = answers;
            s.reward[s.steps] =
                answers && IsBought(shown[place]) ? 20 : ClickReward(answers, SHOWN);
            stays = RandomUniform(&random) < (answers ? Stays(shown[place]) : 0.5);
            s.steps++;
        }
        s.session[n + 1] = s.steps;
    }
    for (uint64_t t = 0; t <= s.steps; t++)
        s.step[t] = t * SHOWN;
    s.shown_count = s.steps * SHOWN;
    return s;
}

typedef struct Run {
    TestHost t;
    Slates log;
    PolicyData data;
    IrecganOptions options;
    Model model;
    TrainReport report;
} Run;

static void CountClicks(const Run *r)
{
    for (uint64_t i = 0; i < r->log.shown_count; i++)
        if (r->log.clicked[i])
            *PartRow(&r->model.part[POPULARITY_PART], r->log.shown[i]) += 1;
}

static void PrepareItems(Run *r, const char *settings, uint32_t sessions, uint32_t items)
{
    const Algorithm *algorithm = AlgorithmFind("irecgan");

    memset(r, 0, sizeof(*r));
    TestHostInit(&r->t);
    r->log = LogOf(&r->t.host, sessions, items);
    r->data = (PolicyData){.slates = &r->log};
    OptionsDefault(CommonOptions(algorithm), &r->options);
    OptionsDefault(algorithm->options, &r->options);
    SetOptions(algorithm, &r->options,
               "factors=8 hidden=8 rounds=2 sessions=50 epochs=4 user_epochs=6");
    SetOptions(algorithm, &r->options, settings);
    ModelLayout(&r->model, algorithm, &r->options, 0, items);
    ModelAllocate(&r->t.host, &r->model);
    CountClicks(r);
}

static void Prepare(Run *r, const char *settings)
{
    PrepareItems(r, settings, SESSIONS, ITEMS);
}

static void TrainModel(void *arg)
{
    Run *r = arg;

    r->model.algorithm->policy->train(&r->t.host, &r->data, &r->model, &r->report);
}

static Outcome RunOnce(Run *r, const char *settings, int threads)
{
    Prepare(r, settings);
    if (threads > 1)
        TestHostUsePool(&r->t, threads);
    return Attempt(&r->t, TrainModel, r);
}

static double FindingOf(const Run *r, const char *name)
{
    for (int i = 0; i < FINDINGS; i++)
        if (r->report.finding[i].name != NULL && strcmp(r->report.finding[i].name, name) == 0)
            return r->report.finding[i].value;
    return NAN;
}

/* Items of the five best that are bait, for somebody who has clicked these. */
static int BaitOf(const Run *r, const uint32_t *clicked, uint32_t count)
{
    float query[64] __attribute__((aligned(64))), scores[ITEMS + 64];
    QueryInput input = {.row = NO_ROW, .items = clicked, .count = count};
    int bait = 0;

    r->model.algorithm->query(&r->model, &input, query);
    ModelScore(&r->model, query, 1, scores);
    for (int k = 0; k < 5; k++) {
        uint32_t best = 0;

        for (uint32_t i = 1; i < ITEMS; i++)
            best = scores[i] > scores[best] ? i : best;
        bait += IsBait(best);
        scores[best] = -INFINITY;
    }
    return bait;
}

/* --- what is earned */

static void CheckReturns(void)
{
    uint32_t shown[] = {0, 1};
    Answer a[] = {{shown, 2, 0, 1, .5f, 0}, {shown, 2, 2, .5f, 1, 0}, {shown, 2, 1, 0, .25f, 0}};
    Worth worth = {1, 3, .9f};
    double last = .25, middle = 1.5 + .9 * last, first = .5 * 4 + .9 * middle;

    EarnBackwards(&worth, a, 3, 0);
    CHECK(Near((double)a[2].gain, last, 1e-6, 0) && Near((double)a[1].gain, middle, 1e-6, 0) &&
              Near((double)a[0].gain, first, 1e-6, 0),
          "R_t = q_t (1 + lambda r_t) + gamma R_t+1; no click is worth what came of it");
    CHECK(Near((double)EarnBackwards(&worth, a, 3, 10), first + .729 * 10, 1e-6, 0),
          "what is earned later counts");
}

/* Two sessions: one of three steps, with two clicks, one and none; one of a single step. */
static void CheckSessions(void)
{
    static uint32_t shown[] = {0, 1, 2, 3, 4, 5, 1, 3, 6};
    static bool clicked[] = {true, false, true, true, false, false, false, false, true};
    static float reward[4];
    static uint64_t session[] = {0, 3, 4}, step[] = {0, 3, 5, 7, 9};
    static TestHost t;
    Slates log = {.sessions = 2,
                  .items = 7,
                  .steps = 4,
                  .shown_count = 9,
                  .session = session,
                  .step = step,
                  .shown = shown,
                  .clicked = clicked,
                  .reward = reward};
    SessionsShape shape = SessionsMeasure(NULL, &log, 2);
    Worth worth = {1, 1, .5f};
    Store store;
    Sessions s;

    TestHostInit(&t);
    store = (Store){.host = &t.host};
    reward[0] = ClickReward(2, 3);
    reward[1] = 30;
    reward[2] = -2;
    reward[3] = 10;
    CHECK(shape.answers == 5 && shape.episodes == 3 && shape.longest == 2 && shape.shown == 6,
          "a step of two clicks is two answers, and long sessions are cut");
    SessionsTake(&store, &log, &shape, &s);
    SessionsRead(&t.host, 1, 2, &s);
    CHECK(s.count == 3 && s.learnt == 3 && s.buys, "a short log holds nothing out");
    CHECK(ClickedItem(&s.answer[0]) == 0 && ClickedItem(&s.answer[1]) == 2 &&
              ClickedItem(&s.answer[2]) == 3 && ClickedItem(&s.answer[3]) == NOTHING &&
              ClickedItem(&s.answer[4]) == 6,
          "answers are what was clicked");
    CHECK(!s.episode[0].left && s.episode[1].left && s.episode[2].left && s.episode[1].clicks == 1,
          "who is cut off has not left");
    CHECK(s.answer[0].reward == 0 && s.answer[1].reward == 0 && s.answer[2].reward == 1.5f &&
              s.answer[3].reward == -.1f && s.answer[4].reward == .5f,
          "rewards that clicks explain say nothing; the others are divided by their usual size");
    SessionsEarn(&t.host, &worth, &s);
    CHECK(Near((double)s.answer[1].gain, 1 + .5 * (2.5 + .5 * -.1), 1e-6, 0),
          "what is earned behind the cut counts");
    TestHostEnd(&t);
}

/* --- steps, by hand */

typedef struct Hand {
    Run run;
    Store store;
    Sessions sessions;
    Learner learner;
    Play play;
    const Episode *batch[MOST_BATCH];
} Hand;

static void StartHand(Hand *h, const char *settings, uint32_t sessions, uint32_t items)
{
    const IrecganOptions *o = &h->run.options;
    SessionsShape shape;
    Worth worth;

    PrepareItems(&h->run, settings, sessions, items);
    h->store = (Store){.host = &h->run.t.host};
    shape = SessionsMeasure(&h->run.t.host, &h->run.log, (uint32_t)o->history);
    SessionsTake(&h->store, &h->run.log, &shape, &h->sessions);
    SessionsRead(&h->run.t.host, 1, (uint32_t)o->history, &h->sessions);
    worth = (Worth){1, 3, .9f};
    SessionsEarn(&h->run.t.host, &worth, &h->sessions);
    IrLearnerTake(&h->store, &h->run.model, &(BatchShape){(uint32_t)o->history, 50 * SHOWN}, 1,
                  &h->learner);
    IrPlayTake(&h->store, &h->learner, &h->run.log, shape.answers, 1, &h->play);
    h->play.worth = worth;
    IrStartUser(&h->learner, 1);
    IrStartAgent(&h->learner, 1);
    if (o->discriminator)
        IrStartJudge(&h->learner, 1);
    CandidatesSet(&h->learner, h->run.model.part[POPULARITY_PART].data);
    for (uint32_t b = 0; b < MOST_BATCH && b < h->sessions.count; b++)
        h->batch[b] = &h->sessions.episode[b];
}

static void EndHand(Hand *h)
{
    StoreRelease(&h->store);
    TestHostEnd(&h->run.t);
}

/* ln of what the policy gives an item, as it serves. */
static double LogPolicy(const Hand *h, const uint32_t *clicked, uint32_t count, uint32_t item)
{
    const Model *model = &h->run.model;
    float query[64] __attribute__((aligned(64)));
    float *scores = HostAllocate(&h->run.t.host, model->items + 64, sizeof(float));
    QueryInput input = {.row = NO_ROW, .items = clicked, .count = count};
    double sum = 0, own;

    model->algorithm->query(model, &input, query);
    ModelScore(model, query, 1, scores);
    for (uint32_t i = 0; i < model->items; i++)
        sum += exp((double)scores[i]);
    own = (double)scores[item];
    HostRelease(&h->run.t.host, scores);
    return own - log(sum);
}

/* The sum of (gain - baseline) times -ln pi over a batch, by what serves. */
static double WeightedLoss(const Hand *h, uint32_t count)
{
    double loss = 0;

    for (uint32_t b = 0; b < count; b++) {
        uint32_t clicked[MOST_STEPS], clicks = 0;

        for (uint32_t i = 0; i < h->batch[b]->count; i++) {
            const Answer *answer = &h->batch[b]->answer[i];

            if (ClickedItem(answer) == NOTHING)
                continue;
            loss -= (double)(answer->gain - h->learner.baseline[h->batch[b]->simulated]) *
                    LogPolicy(h, clicked, clicks, ClickedItem(answer));
            clicked[clicks++] = ClickedItem(answer);
        }
    }
    return loss;
}

static void CheckAgentLoss(void)
{
    static Hand h;
    Random random = TestStream(42);
    double loss, expected;

    StartHand(&h, "", SESSIONS, ITEMS);
    h.learner.baseline[0] = .75f;
    h.learner.baseline[1] = .25f;
    for (int b = 0; b < 32; b += 3)
        h.sessions.episode[b].simulated = true;
    expected = WeightedLoss(&h, 32);
    loss = LearnAgent(&h.learner, h.batch, 32, &random);
    CHECK(Near(loss, expected, 1e-4, 0),
          "the agent's loss is the likelihood of clicks, by what they earned: %.5f, %.5f", loss,
          expected);
    for (int i = 0; i < 100; i++)
        LearnAgent(&h.learner, h.batch, 32, &random);
    CHECK(WeightedLoss(&h, 32) < expected - 5, "and falls: %.3f to %.3f", expected,
          WeightedLoss(&h, 32));
    EndHand(&h);
}

/* What was clicked teaches its row by what follows: here nothing else does, as the first answer
 * does not count and its item is not shown again. */
static void CheckInputs(void)
{
    static uint32_t shown[] = {7, 8, 1, 2};
    static Answer a[] = {{shown, 2, 0, 0, 0, 0}, {shown + 2, 2, 1, 0, 1, 1}};
    static const Episode episode = {a, 2, 2, true, false}, *batch[] = {&episode};
    static Hand h;
    Random random = TestStream(44);
    float *user, *click, before[3];

    StartHand(&h, "", SESSIONS, ITEMS);
    user = h.learner.user_items.rows;
    click = h.learner.clicks.rows;
    before[0] = user[7 * Pitch(8)];
    before[1] = click[7 * Pitch(8)];
    before[2] = click[2 * Pitch(8)];
    LearnUser(&h.learner, batch, 1);
    LearnAgent(&h.learner, batch, 1, &random);
    CHECK(user[7 * Pitch(8)] != before[0], "visitors learn what they have taken in");
    CHECK(click[7 * Pitch(8)] != before[1], "so does the agent");
    CHECK(click[2 * Pitch(8)] == before[2], "but not of the last click");
    EndHand(&h);
}

/* Beyond so many items candidates stand for all of them. */
static void CheckSampling(void)
{
    static Hand h;
    Random random = TestStream(43);
    double loss = 0, expected, last = 0;

    StartHand(&h, "samples=2000 learning_rate=0", 200, MOST_EXACT_ITEMS + 50);
    CHECK(h.learner.sampled, "too many items for all of them");
    expected = WeightedLoss(&h, 32);
    for (int i = 0; i < 10; i++)
        loss += LearnAgent(&h.learner, h.batch, 32, &random) / 10;
    CHECK(Near(loss, expected, 3e-3, 0), "candidates give the loss of all: %.3f, %.3f", loss,
          expected);
    h.run.options.learning_rate = 0.03;
    for (int i = 0; i < 150; i++)
        last = LearnAgent(&h.learner, h.batch, 32, &random);
    CHECK(last < 0.5 * expected && WeightedLoss(&h, 32) < 0.6 * expected,
          "and are learnt by: %.3f, %.3f", last, WeightedLoss(&h, 32));
    EndHand(&h);
}

/* --- the discriminator */

/* The same sessions as those of the log: nothing can be told apart. */
static void CheckSameSessions(void)
{
    static Hand h;
    static Episode copy[32];
    double loss = 0;
    uint32_t right = 0;

    StartHand(&h, "discriminator=true discriminator_rate=0.01", SESSIONS, ITEMS);
    for (uint32_t b = 0; b < 32; b++) {
        copy[b] = *h.batch[b];
        copy[b].simulated = true;
        h.batch[32 + b] = &copy[b];
    }
    h.run.options.batch = 32;
    for (int i = 0; i < 30; i++) {
        const Episode *both[32];

        for (uint32_t b = 0; b < 32; b++)
            both[b] = h.batch[b % 2 == 0 ? b / 2 : 32 + b / 2];
        loss = 0;
        right += LearnJudge(&h.learner, both, 32, &loss);
    }
    CHECK(right == 30 * 16, "of two sessions that are the same, one is told right: %u", right);
    CHECK(Near(loss / 32, log(2), 0.02, 0), "and nothing is learnt: %.4f", loss / 32);
    EndHand(&h);
}

/* Sessions with bait alone can be told from others. */
static void CheckTold(void)
{
    static Hand h;
    static Episode marked[64];
    static const Episode *batch[64];
    double loss = 0;
    uint32_t right = 0;

    StartHand(&h, "discriminator=true discriminator_rate=0.01 batch=64", SESSIONS, ITEMS);
    for (uint32_t b = 0; b < 64; b++) {
        marked[b] = *h.batch[b];
        marked[b].simulated = ClickedItem(&marked[b].answer[0]) % 4 < 2;
        batch[b] = &marked[b];
    }
    for (int i = 0; i < 150; i++)
        right = LearnJudge(&h.learner, batch, 64, &loss);
    CHECK(right > 58, "sessions that differ are told apart: %u of 64", right);
    EndHand(&h);
}

/* What the discriminator says of a session, from its beginning on. */
static double RealOf(Hand *h, const Episode *episode)
{
    Learner *l = &h->learner;
    SliceWork *w = &l->work[0];
    float odds[SLICE_ROWS];

    SliceOfAnswers(NULL, &episode, 1, &w->slice);
    JudgeLearn(&l->judge_net, l->judge.values, l->judge_items.rows, &w->slice, 1, &w->judge, odds,
               NULL);
    return 1 / (1 + exp(-(double)odds[0]));
}

/* The mean over all second answers, by their probabilities: nothing, then each item. */
static double Enumerated(Hand *h, const Episode *episode)
{
    const SimulatorMethods *m = h->run.model.algorithm->policy->simulator;
    float state[64] __attribute__((aligned(64))), odds[2];
    Answer answer[2] = {episode->answer[0], episode->answer[0]};
    Episode whole = {answer, 2, 0, true, true};
    double sum = 1, mean = 0;

    m->start(&h->run.model, 0, state, NULL, 0);
    m->answered(&h->run.model, state, ClickedItem(&answer[0]));
    m->respond(&h->run.model, state, answer[1].shown, 2, odds);
    for (uint32_t place = 0; place < 2; place++)
        sum += exp((double)odds[place]);
    for (uint32_t place = 0; place <= 2; place++) {
        answer[1].place = place;
        mean += (place < 2 ? exp((double)odds[place]) : 1) / sum * RealOf(h, &whole);
    }
    return mean;
}

/* With two items all slates are the same, and two answers are a session. */
static void CheckSequels(void)
{
    static Hand h;
    int going = 0;

    StartHand(&h, "discriminator=true history=2 slate=2 rollouts=1000 sessions=8 pool=8", 60, 5);
    h.learner.items = 2;
    for (size_t i = 0; i < h.learner.judge.floats; i++)
        h.learner.judge.values[i] *= 3;
    for (size_t i = 0; i < h.learner.user.floats; i++)
        h.learner.user.values[i] *= 3;
    PlayWithAgent(&h.play, 8, true);
    for (uint32_t s = 0; s < 8; s++) {
        const Episode *episode = &h.play.pool.episode[s];

        CHECK(Near((double)episode->answer[episode->count - 1].real, RealOf(&h, episode), 1e-4, 0),
              "the end of a session looks as real as the session");
        if (episode->count < 2)
            continue;
        going++;
        CHECK(Near((double)episode->answer[0].real, Enumerated(&h, episode), 0.03, 0),
              "its beginning as what may come of it: %.4f, %.4f", (double)episode->answer[0].real,
              Enumerated(&h, episode));
    }
    CHECK(going >= 2, "some sessions go on: %d", going);
    EndHand(&h);
}

/* --- visitors */

typedef struct Counted {
    uint64_t steps, most, clicks, bait, sessions;
} Counted;

static void CountStep(void *arg, const RolloutStep *step)
{
    Counted *c = arg;
    uint32_t clicks = 0;

    for (uint32_t i = 0; i < step->count; i++) {
        clicks += step->clicked[i];
        c->bait += step->clicked[i] && IsBait(step->shown[i]);
    }
    c->steps++;
    c->clicks += clicks;
    c->most = clicks > c->most ? clicks : c->most;
    c->sessions += step->ended;
}

static void FillByChance(void *arg, Slate *slates, uint32_t first, uint32_t count, int worker)
{
    (void)arg, (void)first, (void)worker;
    for (uint32_t s = 0; s < count; s++) {
        Random random;

        RandomSeed(&random, 5, RANDOM_SLATE, slates[s].visitor->session, slates[s].visitor->step);
        DrawShown(&random, ITEMS, slates[s].shown);
        slates[s].count = SHOWN;
        for (uint32_t i = 0; i < SHOWN; i++)
            slates[s].propensity[i] = NAN;
    }
}

static Counted PlayVisitors(Run *r, const VisitorRules *rules)
{
    Environment *e = EnvironmentOpen(&r->t.host, &r->model, rules, 9);
    Policy policy = {.batch = 8, .fill = FillByChance};
    Counted c = {0};

    RolloutRun(&r->t.host, &(Rollout){.environment = e,
                                      .policy = &policy,
                                      .sessions = 2000,
                                      .k = SHOWN,
                                      .arg = &c,
                                      .step = CountStep});
    EnvironmentClose(&r->t.host, e);
    return c;
}

static void CheckVisitors(void)
{
    static Run r;
    VisitorRules rules, bored;
    uint64_t clicks = 0, bait = 0;
    Counted c;

    RunOnce(&r, "user_epochs=20 rounds=0", 1);
    rules = SimulatorRules(r.model.algorithm, r.model.options);
    c = PlayVisitors(&r, &rules);
    for (uint64_t i = 0; i < r.log.shown_count; i++) {
        clicks += r.log.clicked[i];
        bait += r.log.clicked[i] && IsBait(r.log.shown[i]);
    }
    CHECK(c.most == 1, "visitors who choose click one item of a slate at most");
    CHECK(Near((double)c.steps / 2000, (double)r.log.steps / SESSIONS, 0.12, 0),
          "they stay as long as those of the log: %.3f, %.3f", (double)c.steps / 2000,
          (double)r.log.steps / SESSIONS);
    CHECK(Near((double)c.clicks / (double)c.steps, (double)clicks / (double)r.log.steps, 0.05, 0),
          "click as often: %.3f, %.3f", (double)c.clicks / (double)c.steps,
          (double)clicks / (double)r.log.steps);
    CHECK(Near((double)c.bait / (double)c.clicks, (double)bait / (double)clicks, 0.06, 0),
          "and the same: %.3f, %.3f", (double)c.bait / (double)c.clicks,
          (double)bait / (double)clicks);
    bored = rules;
    bored.patience = 1.5;
    CHECK(PlayVisitors(&r, &bored).steps == 2000, "a slate costs one of their patience");
    bored = rules;
    bored.patience = MOST + .5;
    CHECK(PlayVisitors(&r, &bored).steps > .9 * c.steps, "an item without a click costs nothing");
    bored = rules;
    bored.boredom = 50;
    bored.boredom_clusters = 2;
    CHECK(PlayVisitors(&r, &bored).clicks < c.clicks, "and they can be bored");
    TestHostEnd(&r.t);
}

/* Visitors who have learnt what is bought buy it. */
static void CheckPurchases(void)
{
    static Hand h;
    int bought[2] = {0}, clicked[2] = {0};

    buys = true;
    StartHand(&h, "sessions=200 pool=200", SESSIONS, ITEMS);
    buys = false;
    h.learner.user_losses.buys = h.sessions.buys;
    for (int i = 0; i < 400; i++)
        LearnUser(&h.learner, h.batch + i % 10 * 32, 32);
    PlayWithAgent(&h.play, 200, false);
    for (uint32_t s = 0; s < 200; s++)
        for (uint32_t i = 0; i < h.play.pool.episode[s].count; i++) {
            const Answer *answer = &h.play.pool.episode[s].answer[i];
            int fifth = ClickedItem(answer) % 5 == 0;

            clicked[fifth] += ClickedItem(answer) != NOTHING;
            bought[fifth] += ClickedItem(answer) != NOTHING && answer->reward > 0;
        }
    CHECK(h.sessions.buys && bought[1] > .8 * clicked[1] && bought[0] < .1 * clicked[0],
          "visitors buy what is bought: %d of %d, and %d of %d", bought[1], clicked[1], bought[0],
          clicked[0]);
    EndHand(&h);
}

/* Probabilities over a slate are those of the choice, and what is left is for none. */
static void CheckProbabilities(void)
{
    static Run r;
    VisitorRules rules;
    const uint32_t shown[] = {3, 4, NO_ITEM, 8, 9};
    float p[SHOWN], sum = 0, odds[SHOWN];
    Environment *e;
    Visitor *visitor;

    RunOnce(&r, "rounds=0", 1);
    rules = SimulatorRules(r.model.algorithm, r.model.options);
    e = EnvironmentOpen(&r.t.host, &r.model, &rules, 1);
    visitor = HostAllocate(&r.t.host, 1, VisitorSize(e));
    VisitorStart(e, 7, visitor);
    VisitorProbabilities(e, visitor, shown, SHOWN, p);
    r.model.algorithm->policy->simulator->respond(&r.model, visitor->state, shown, SHOWN, odds);
    for (int i = 0; i < SHOWN; i++)
        sum += p[i];
    CHECK(p[2] == 0 && sum > 0.5f && sum < 1, "nobody chooses what nobody knows: %.3f",
          (double)sum);
    CHECK(Near((double)(p[0] / (1 - sum)), exp((double)odds[0]), 1e-3, 0),
          "odds are against nothing");
    EnvironmentClose(&r.t.host, e);
    TestHostEnd(&r.t);
}

/* --- whole trainings */

static void CheckLearns(void)
{
    static const char *const likelihood = "gamma=0 baseline=0 rounds=0 epochs=8";
    static const char *const returns[] = {"baseline=1 rounds=0 epochs=8", "baseline=1 epochs=8",
                                          "baseline=1 discriminator=true epochs=8 sessions=100"};
    const uint32_t clicked[] = {3, 8};
    static Run r;

    RunOnce(&r, likelihood, 1);
    CHECK(BaitOf(&r, NULL, 0) == 5 && BaitOf(&r, clicked, 2) >= 4,
          "by likelihood what is clicked is recommended: %d", BaitOf(&r, NULL, 0));
    TestHostEnd(&r.t);
    for (size_t i = 0; i < sizeof(returns) / sizeof(*returns); i++) {
        RunOnce(&r, returns[i], 1);
        CHECK(BaitOf(&r, NULL, 0) == 0 && BaitOf(&r, clicked, 2) <= 1,
              "by returns what keeps visitors is: %s: %d, %d", returns[i], BaitOf(&r, NULL, 0),
              BaitOf(&r, clicked, 2));
        CHECK(FindingOf(&r, "held_return") > 0 && FindingOf(&r, "held_likelihood") > 0 &&
                  FindingOf(&r, "held_likelihood") < 1,
              "what is held out is measured");
        TestHostEnd(&r.t);
    }
}

/* Visitors who are not like those of the log teach nothing. */
static void CheckRefusal(void)
{
    static Run alone, refused, played;

    RunOnce(&alone, "rounds=0 user_rate=0 user_epochs=1", 1);
    RunOnce(&refused, "rounds=2 user_rate=0 user_epochs=1", 1);
    RunOnce(&played, "rounds=2 user_epochs=20", 1);
    CHECK(strstr(refused.report.warning, "simulated sessions have") == refused.report.warning,
          "visitors who leave too late, or too early, are told: %s", refused.report.warning);
    CHECK(fabs(FindingOf(&refused, "simulated_length") / FindingOf(&refused, "logged_length") - 1) >
              0.15,
          "by their length: %.2f, %.2f", FindingOf(&refused, "simulated_length"),
          FindingOf(&refused, "logged_length"));
    CHECK(SameModel(&alone.model, &refused.model), "and the model is that of the log alone");
    CHECK(played.report.warning[0] == 0 && !SameModel(&alone.model, &played.model),
          "others teach: %s", played.report.warning);
    TestHostEnd(&alone.t);
    TestHostEnd(&refused.t);
    TestHostEnd(&played.t);
}

static void CheckThreads(const char *settings)
{
    static Run one, two, other;

    RunOnce(&one, settings, 1);
    RunOnce(&two, settings, 2);
    CHECK(SameModel(&one.model, &two.model), "%s: the same bytes on one thread and two", settings);
    Prepare(&other, settings);
    other.options.train.seed = 2;
    Attempt(&other.t, TrainModel, &other);
    CHECK(!SameModel(&one.model, &other.model), "another seed makes another model");
    TestHostEnd(&one.t);
    TestHostEnd(&two.t);
    TestHostEnd(&other.t);
}

static void CheckCancel(const char *settings)
{
    static Run r;
    int calls;

    RunOnce(&r, settings, 1);
    calls = r.t.calls;
    TestHostEnd(&r.t);
    for (int part = 1; part < 6; part++) {
        Prepare(&r, settings);
        r.t.cancel_at = calls * part / 6;
        CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_CANCELLED, "it stops at call %d of %d",
              calls * part / 6, calls);
        TestHostEnd(&r.t);
    }
}

static TestHost *cancelled;

static void Cancel(int number)
{
    (void)number;
    cancelled->cancel = 1;
}

static void PlayJudged(void *hand)
{
    PlayWithAgent(&((Hand *)hand)->play, 8, true);
}

/* Some milliseconds from now. */
static void CancelSoon(Hand *h)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 5000}};

    cancelled = &h->run.t;
    signal(SIGALRM, Cancel);
    setitimer(ITIMER_REAL, &soon, NULL);
}

/* A cancel that comes while a task has many sequels before it, which it leaves. */
static void CheckLateCancel(void)
{
    static Hand h;

    StartHand(&h, "discriminator=true rollouts=1000 sessions=8 pool=8", 60, ITEMS);
    CancelSoon(&h);
    CHECK(Attempt(&h.run.t, PlayJudged, &h) == OUTCOME_CANCELLED,
          "sequels are left where they are");
    EndHand(&h);
}

/* --- what is held out */

static bool StaysOut(const Run *r, uint32_t session)
{
    Random random;

    RandomSeed(&random, (uint64_t)r->options.train.seed, RANDOM_HOLDOUT, session, 0);
    return RandomUniform(&random) < 0.1;
}

/* Nobody clicks in the sessions that are held out, or in the others. */
static void ForgetClicks(const Run *r, bool held)
{
    for (uint32_t s = 0; s < r->log.sessions; s++)
        for (uint64_t i = r->log.session[s] * SHOWN; i < r->log.session[s + 1] * SHOWN; i++)
            r->log.clicked[i] &= StaysOut(r, s) != held;
}

static int EpochsOf(const Run *r, const char *stage)
{
    int count = 0;

    for (int e = 0; e < r->report.epochs; e++)
        count += strcmp(r->report.history[e].stage, stage) == 0;
    return count;
}

/* What is held out says nothing of the agent. */
static void CheckHeldWithoutClicks(void)
{
    static Run r;

    for (int held = 0; held < 2; held++) {
        Prepare(&r, "rounds=0 epochs=7");
        ForgetClicks(&r, held);
        CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "clicks on one side alone: %s",
              r.t.message);
        CHECK(EpochsOf(&r, "agent search") == 0 && EpochsOf(&r, "agent") == 7,
              "no number of epochs is the best by a loss of nothing: %d, %d",
              EpochsOf(&r, "agent search"), EpochsOf(&r, "agent"));
        CHECK(isnan(FindingOf(&r, "held_return")) && isnan(FindingOf(&r, "held_likelihood")) &&
                  isfinite(FindingOf(&r, "held_user_loss")),
              "what is not measured is not told");
        TestHostEnd(&r.t);
    }
}

/* Sessions without a click are no part of a mean over clicks. */
static void CheckSilentSessions(void)
{
    static Hand h;
    uint32_t shown[] = {0, 1, 2};
    Answer silent[] = {{shown, 3, 3, 0, 1, 9}}, clicks[] = {{shown, 3, 1, 0, 1, 2}};
    Episode nobody = {silent, 1, 0, true, false}, somebody = {clicks, 1, 1, true, false};
    Preference none = {0}, one = {0}, both = {0};

    StartHand(&h, "", 60, ITEMS);
    h.batch[0] = &nobody;
    AgentPreference(&h.learner, h.batch, 1, &none);
    h.batch[1] = &somebody;
    AgentPreference(&h.learner, h.batch + 1, 1, &one);
    AgentPreference(&h.learner, h.batch, 2, &both);
    CHECK(none.clicks == 0 && none.loss == 0 && none.share == 0, "nobody's preference is nothing");
    CHECK(one.clicks == 1 && memcmp(&one, &both, sizeof(one)) == 0,
          "and adds nothing to somebody's");
    EndHand(&h);
}

/* --- slates of very many items */

#define HUGE_SLATE 3000000

/* One answer, to a slate that is shown the same items again and again. */
static Answer AnswerOf(const Host *host, uint32_t count, bool clicks)
{
    uint32_t *shown = HostAllocate(host, count, sizeof(uint32_t));

    for (uint32_t i = 0; i < count; i++)
        shown[i] = i % ITEMS;
    return (Answer){shown, count, clicks ? 3 : count, 0, 1, 1};
}

static void CheckUserOfHugeSlate(Hand *h, const Slice *slice)
{
    const Learner *l = &h->learner;
    size_t reals = UserWorkSet(&l->user_net, 1, HUGE_SLATE, NULL, NULL);
    UserWork w = {0};

    UserWorkSet(&l->user_net, 1, HUGE_SLATE, HostAllocateZero(&h->run.t.host, reals, sizeof(Real)),
                &w);
    CancelSoon(h);
    UserLearn(&l->user_net, l->user.values, l->user_items.rows, slice, &(UserLosses){false, 1, 1},
              &w, l->work[0].gradient);
    CHECK(!(w.score[HUGE_SLATE - 1] > 0), "the visitors' model leaves a long slate in its midst");
    w.score[0] = 5;
    UserLearn(&l->user_net, l->user.values, l->user_items.rows, slice, &(UserLosses){false, 1, 1},
              &w, NULL);
    CHECK(w.score[0] == 5, "and does not begin one");
    h->run.t.cancel = 0;
}

static void CheckJudgeOfHugeSlate(Hand *h, const Slice *slice)
{
    const Learner *l = &h->learner;
    size_t reals = JudgeWorkSet(&l->judge_net, 1, HUGE_SLATE, NULL, NULL);
    JudgeWork w = {0};
    Real odds;

    JudgeWorkSet(&l->judge_net, 1, HUGE_SLATE,
                 HostAllocateZero(&h->run.t.host, reals, sizeof(Real)), &w);
    CancelSoon(h);
    JudgeLearn(&l->judge_net, l->judge.values, l->judge_items.rows, slice, 1, &w, &odds,
               l->work[0].gradient);
    CHECK(!(w.share[HUGE_SLATE - 1] > 0), "and so does the discriminator");
    h->run.t.cancel = 0;
}

static void PreferHuge(void *hand)
{
    Hand *h = hand;
    Preference sum = {0};

    for (int i = 0; i < 100; i++)
        AgentPreference(&h->learner, h->batch, 1, &sum);
}

static void PlayHuge(void *hand)
{
    PlayByLog(&((Hand *)hand)->play);
}

static void CheckHugeSlates(void)
{
    static Hand h;
    static Slice slice;
    Answer answer;
    Episode episode = {&answer, 1, 1, true, false};

    StartHand(&h, "discriminator=true", 60, ITEMS);
    answer = AnswerOf(&h.run.t.host, HUGE_SLATE, true);
    h.batch[0] = &episode;
    SliceOfAnswers(&h.run.t.host, h.batch, 1, &slice);
    CheckUserOfHugeSlate(&h, &slice);
    CheckJudgeOfHugeSlate(&h, &slice);
    CancelSoon(&h);
    CHECK(Attempt(&h.run.t, PreferHuge, &h) == OUTCOME_CANCELLED, "what is held out is left");
    h.run.t.cancel = 0;
    PlayReadLog(&h.play, &h.sessions);
    for (uint64_t i = 0; i < h.play.logged.first[ITEMS + 1]; i++)
        h.play.logged.answer[i] = &answer;
    CancelSoon(&h);
    CHECK(Attempt(&h.run.t, PlayHuge, &h) == OUTCOME_CANCELLED,
          "and so are visitors with such slates");
    EndHand(&h);
}

/* Looks at interrupts while one answer to so many items is learnt. */
static int LooksOf(Hand *h, uint32_t count, bool judge)
{
    Answer answer = AnswerOf(&h->run.t.host, count, true);
    Episode episode = {&answer, 1, 1, true, false};
    int before = h->run.t.calls;
    double loss = 0;

    h->batch[0] = &episode;
    if (judge)
        LearnJudge(&h->learner, h->batch, 1, &loss);
    else
        LearnUser(&h->learner, h->batch, 1);
    return h->run.t.calls - before;
}

static void CheckLooks(void)
{
    static Hand h;

    StartHand(&h, "discriminator=true", 60, ITEMS);
    for (int judge = 0; judge < 2; judge++)
        CHECK(LooksOf(&h, 3000, judge) == LooksOf(&h, 500, judge) + 2,
              "gradients of a long slate are shared out with looks at interrupts");
    EndHand(&h);
}

/* A log of few steps with many items each. */
static void CheckLooksOfLog(void)
{
    enum { STEPS = 6, MANY = 100000 };
    static uint64_t session[2] = {0, STEPS}, step[STEPS + 1];
    static uint32_t shown[STEPS * MANY];
    static bool clicked[STEPS * MANY];
    static float reward[STEPS];
    static TestHost t;
    Slates log = {1, MANY, STEPS, STEPS * MANY, session, step, shown, clicked, NULL, reward};
    SessionsShape shape;
    Store store;
    Sessions s;
    int before;

    TestHostInit(&t);
    store = (Store){.host = &t.host};
    for (uint64_t i = 0; i < STEPS * MANY; i++)
        shown[i] = (uint32_t)(i % MANY);
    for (uint64_t i = 0; i <= STEPS; i++)
        step[i] = i * MANY;
    shape = SessionsMeasure(&t.host, &log, 50);
    CHECK(t.calls == STEPS, "counting a log looks at interrupts by items, %d times", t.calls);
    SessionsTake(&store, &log, &shape, &s);
    before = t.calls;
    SessionsRead(&t.host, 1, 50, &s);
    CHECK(t.calls - before >= 3 * STEPS, "and so does reading it: %d times", t.calls - before);
    StoreRelease(&store);
    TestHostEnd(&t);
}

static void CheckMemory(const char *settings, int threads)
{
    static Run r;
    size_t before, estimate;

    Prepare(&r, settings);
    if (threads > 1)
        TestHostUsePool(&r.t, threads);
    estimate = r.model.algorithm->policy->memory(&r.model, &r.data, threads);
    before = r.t.bytes;
    TestHostResetPeak(&r.t);
    Attempt(&r.t, TrainModel, &r);
    CHECK(r.t.peak - before <= estimate + TestHostSlack(&r.t) &&
              (double)estimate < 1.2 * (double)(r.t.peak - before) + 1e6,
          "%s: memory %zu, estimated %zu", settings, r.t.peak - before, estimate);
    TestHostEnd(&r.t);
}

/* Visitors of a simulator who know many more items than the model. */
static void CheckMemoryOfChecks(int threads)
{
    enum { KNOWN = 400000 };
    static Run r;
    IrecganOptions options;
    Model visitors;
    uint32_t same[ITEMS];
    size_t before, estimate;

    Prepare(&r, "rounds=0 epochs=1 user_epochs=1 check_sessions=4");
    if (threads > 1)
        TestHostUsePool(&r.t, threads);
    options = r.options;
    ModelLayout(&visitors, r.model.algorithm, &options, 0, KNOWN);
    ModelAllocate(&r.t.host, &visitors);
    for (uint32_t i = 0; i < ITEMS; i++)
        same[i] = i;
    r.data.simulator = &visitors;
    r.data.simulator_item = same;
    estimate = r.model.algorithm->policy->memory(&r.model, &r.data, threads);
    before = r.t.bytes;
    TestHostResetPeak(&r.t);
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "visitors who know more: %s", r.t.message);
    CHECK(r.t.peak - before <= estimate + TestHostSlack(&r.t) &&
              (double)estimate < 1.2 * (double)(r.t.peak - before) + 1e6,
          "their items count: memory %zu, estimated %zu", r.t.peak - before, estimate);
    TestHostEnd(&r.t);
}

static void CheckBadInput(void)
{
    static Run r;

    CHECK(RunOnce(&r, "rounds=0 discriminator=true", 1) == OUTCOME_FAILED &&
              strstr(r.t.message, "rounds = 0") != NULL,
          "a discriminator without anything to judge: %s", r.t.message);
    TestHostEnd(&r.t);
    Prepare(&r, "");
    r.options.learning_rate = 3e38; /* two steps are beyond all floats */
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_FAILED && r.t.kind == FAIL_NOT_FINITE,
          "what is not finite ends the training: %s", r.t.message);
    TestHostEnd(&r.t);
    Prepare(&r, "");
    r.log.reward[3] = 1e38f;
    r.log.reward[4] = 3e38f;
    r.log.reward[5] = -3e38f;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "huge rewards in the log: %s",
          r.t.message);
    TestHostEnd(&r.t);
    PrepareItems(&r, "", 1, ITEMS);
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "one session: %s", r.t.message);
    TestHostEnd(&r.t);
    Prepare(&r, "");
    memset(r.log.clicked, 0, r.log.shown_count);
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_FAILED && r.t.kind == FAIL_INVALID &&
              strstr(r.t.message, "nothing was clicked") != NULL,
          "nobody clicks: %s", r.t.message);
    TestHostEnd(&r.t);
}

void TestIrecgan(void)
{
    CheckReturns();
    CheckSessions();
    CheckAgentLoss();
    CheckInputs();
    CheckSampling();
    CheckSameSessions();
    CheckTold();
    CheckSequels();
    CheckVisitors();
    CheckPurchases();
    CheckProbabilities();
    CheckLearns();
    CheckRefusal();
    CheckThreads("discriminator=true");
    CheckThreads("layers=2 history=3");
    CheckCancel("discriminator=true");
    CheckLateCancel();
    CheckHeldWithoutClicks();
    CheckSilentSessions();
    CheckHugeSlates();
    CheckLooks();
    CheckLooksOfLog();
    CheckMemory("", 1);
    CheckMemory("rounds=0", 1);
    CheckMemory("discriminator=true hidden=20 batch=64", 2);
    CheckMemoryOfChecks(1);
    CheckMemoryOfChecks(2);
    CheckBadInput();
}
