/* test_ma_rdpg.c: scenarios that cooperate: steps by hand, logs, the market, and serving. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/ma_rdpg/learner.h"
#include "algo/ma_rdpg/log.h"
#include "algo/policy/act_play.h"
#include "algo/policy/market.h"
#include "check.h"
#include "support.h"
#include "tests.h"

#define SESSIONS 120
#define MOST     6 /* steps of a session */

/* Scenario 1 sees less than 0 and has more weights. */
static const ActShape two = {2, {{3, 2}, {1, 4}}};
static const ActShape swapped = {2, {{1, 4}, {3, 2}}};

typedef struct Run {
    TestHost t;
    Acts acts;
    PolicyData data;
    MaOptions options;
    Model model;
    TrainReport report;
} Run;

/* --- logs */

static void AllocateActs(const Host *host, const ActShape *shape, uint32_t sessions, Acts *a)
{
    size_t room = (size_t)sessions * MOST;

    *a = (Acts){.shape = *shape, .sessions = sessions};
    a->session = HostAllocateZero(host, sessions + 1, sizeof(uint64_t));
    a->scenario = HostAllocateZero(host, room, sizeof(uint32_t));
    a->observation = HostAllocateZero(host, room * WidestObservation(shape), sizeof(float));
    a->action = HostAllocateZero(host, room * WidestAction(shape), sizeof(float));
    a->reward = HostAllocateZero(host, room, sizeof(float));
}

/* What earns is the first weight, in both scenarios. */
static void AddStep(Random *random, Acts *a, uint32_t scenario)
{
    ActWidths w = a->shape.scenario[scenario];
    float *seen = a->observation + a->steps * WidestObservation(&a->shape), sum = 0;
    float *action = a->action + a->steps * WidestAction(&a->shape);

    a->scenario[a->steps] = scenario;
    for (uint32_t k = 0; k < w.observation; k++)
        seen[k] = 1000 + 50 * (float)RandomNormal(random);
    for (uint32_t k = 0; k < w.action; k++)
        sum += action[k] = expf((float)RandomNormal(random));
    for (uint32_t k = 0; k < w.action; k++)
        action[k] /= sum;
    a->reward[a->steps++] = 10 * action[0] + 0.5f * (float)RandomNormal(random);
}

/* `only`: the scenario of all steps; -1: any. */
static Acts LogOfActs(const Host *host, const ActShape *shape, int only)
{
    Random random = TestStream(41);
    Acts a;

    AllocateActs(host, shape, SESSIONS, &a);
    for (uint32_t s = 0; s < SESSIONS; s++) {
        uint32_t steps = 1 + RandomBelow(&random, MOST);

        for (uint32_t t = 0; t < steps; t++) {
            uint32_t any = RandomBelow(&random, shape->scenarios);

            AddStep(&random, &a, only >= 0 ? (uint32_t)only : any);
        }
        a.session[s + 1] = a.steps;
    }
    return a;
}

/* shape == NULL: the market. */
static void Prepare(Run *r, const ActShape *shape, const char *settings)
{
    const Algorithm *algorithm = AlgorithmFind("ma_rdpg");

    memset(r, 0, sizeof(*r));
    TestHostInit(&r->t);
    OptionsDefault(CommonOptions(algorithm), &r->options);
    OptionsDefault(algorithm->options, &r->options);
    SetOptions(algorithm, &r->options, "iterations=60 check_every=20 check_sessions=40 buffer=200");
    if (shape == NULL)
        SetOptions(algorithm, &r->options, "environment=market");
    SetOptions(algorithm, &r->options, settings);
    if (shape != NULL) {
        r->acts = LogOfActs(&r->t.host, shape, -1);
        r->data.acts = &r->acts;
    }
    ModelLayoutActs(&r->model, algorithm, &r->options,
                    shape != NULL ? &r->acts.shape : &market_environment.shape);
    ModelAllocate(&r->t.host, &r->model);
}

static void TrainModel(void *arg)
{
    Run *r = arg;

    r->model.algorithm->policy->train(&r->t.host, &r->data, &r->model, &r->report);
}

static Outcome RunOnce(Run *r, const ActShape *shape, const char *settings, int threads)
{
    Prepare(r, shape, settings);
    if (threads > 1)
        TestHostUsePool(&r->t, threads);
    return Attempt(&r->t, TrainModel, r);
}

static double FindingOf(const Run *r, const char *name)
{
    for (int i = 0; i < FINDINGS && r->report.finding[i].name != NULL; i++)
        if (strcmp(r->report.finding[i].name, name) == 0)
            return r->report.finding[i].value;
    return NAN;
}

/* --- acts */

typedef struct Answer {
    bool done;
    double density;
    float action[4];
    float state[2 * MOST_MESSAGE];
} Answer;

static Answer Ask(const Model *model, uint32_t scenario, const float *seen, const float *state,
                  double explore, uint64_t stream)
{
    Random random = TestStream(stream);
    Answer a = {0};
    ActInput input = {.scenario = scenario,
                      .observation = seen,
                      .state = state,
                      .explore = explore,
                      .random = &random};
    ActOutput output = {a.action, a.state, 0};

    a.done = model->algorithm->policy->acts->act(model, &input, &output);
    a.density = output.density;
    return a;
}

static double ValueOf(const Model *model, uint32_t scenario, const float *seen, const float *state)
{
    ActInput input = {.scenario = scenario, .observation = seen, .state = state};

    return model->algorithm->policy->acts->value(model, &input);
}

static const float here[] = {1010, 980, 1020};

static void CheckActs(void)
{
    static Run r;
    const float zero[2 * MOST_MESSAGE] = {0};
    Answer one, same, next, noisy;
    bool sums = true;
    uint32_t state;

    CHECK(RunOnce(&r, &two, "", 1) == OUTCOME_DONE, "a log is learnt: %s", r.t.message);
    state = r.model.algorithm->policy->acts->state(&r.model);
    CHECK(state == 16, "a state is a message and its cells");
    one = Ask(&r.model, 0, here, NULL, 0, 1);
    same = Ask(&r.model, 0, here, zero, 0, 2);
    CHECK(one.done && memcmp(&one, &same, offsetof(Answer, density)) == 0 &&
              memcmp(one.state, same.state, sizeof(one.state)) == 0 &&
              memcmp(one.action, same.action, sizeof(one.action)) == 0 && isnan(one.density),
          "an act is a pure function; a session starts from zeros");
    next = Ask(&r.model, 0, here, one.state, 0, 1);
    CHECK(next.done && memcmp(next.state, one.state, sizeof(one.state)) != 0 &&
              memcmp(next.action, one.action, sizeof(one.action)) != 0,
          "what was before matters");
    one.state[state / 2] += 1;
    same = Ask(&r.model, 0, here, one.state, 0, 1);
    CHECK(memcmp(same.action, next.action, sizeof(same.action)) == 0 &&
              memcmp(same.state, next.state, sizeof(same.state)) != 0,
          "cells of the state pass through to the next one");
    for (uint64_t i = 0; i < 200; i++) {
        uint32_t scenario = i % 2;

        noisy = Ask(&r.model, scenario, here, one.state, 0.01 * (double)i, i);
        sums &= noisy.done && IsDistribution(noisy.action, two.scenario[scenario].action) &&
                isnan(noisy.density) == (i == 0) && !(noisy.density <= 0);
    }
    CHECK(sums, "actions are distributions, with noise or without");
    CHECK(isfinite(ValueOf(&r.model, 1, here, one.state)), "a value");
    TestHostEnd(&r.t);
}

/* Of two weights: the log ratio over the root of 2 is normal with the noise's deviation. */
static void CheckDensity(void)
{
    static Run r;
    double sigma = 0.7, middle, squares = 0;
    bool right = true;

    RunOnce(&r, &two, "", 1);
    middle = log((double)Ask(&r.model, 0, here, NULL, 0, 1).action[0] /
                 (double)Ask(&r.model, 0, here, NULL, 0, 1).action[1]) /
             sqrt(2);
    for (uint64_t i = 0; i < 400; i++) {
        Answer a = Ask(&r.model, 0, here, NULL, sigma, i);
        double y = log((double)a.action[0] / (double)a.action[1]) / sqrt(2) - middle;
        double density = exp(-y * y / (2 * sigma * sigma)) / sqrt(2 * M_PI * sigma * sigma);

        right &= Near(a.density, density, 1e-4, 1e-6);
        squares += y * y / 400;
    }
    CHECK(right, "the density of an action");
    CHECK(fabs(sqrt(squares) - sigma) < 0.1, "noise on the logits of deviation %.2f",
          sqrt(squares));
    TestHostEnd(&r.t);
}

/* Networks from anywhere: no number, or one that is far too large, is told, not served. */
static void CheckBrokenNetworks(void)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 3e38f};
    static Run r;
    bool told = true, sound = true;

    for (int part = MA_ACTORS; part <= MA_LSTM; part++)
        for (int v = 0; v < 4; v++) {
            Answer a;

            RunOnce(&r, &two, "iterations=1", 1);
            for (size_t i = 0; i < PartFloats(&r.model.part[part]); i++)
                r.model.part[part].data[i] = values[v];
            a = Ask(&r.model, 0, here, NULL, 0.5, 3);
            told &= part == MA_CRITICS || v == 3 || !a.done;
            sound &= !a.done || IsDistribution(a.action, 2);
            ValueOf(&r.model, 1, here, NULL);
            TestHostEnd(&r.t);
        }
    CHECK(told, "networks that are no numbers do not act");
    CHECK(sound, "what acts gives distributions");
}

/* --- steps by hand */

typedef struct Hand {
    Run run;
    Store store;
    Learner learner;
    Log log;
} Hand;

static void StartHand(Hand *h, const ActShape *shape, int only, const char *settings)
{
    Prepare(&h->run, shape, settings);
    h->run.acts = LogOfActs(&h->run.t.host, shape, only);
    h->store = (Store){.host = &h->run.t.host};
    MaLearnerTake(&h->store, &h->run.model, MOST, 1, &h->learner);
    MaLogTake(&h->store, &h->run.acts, &h->log);
    MaLearnerStart(&h->learner);
    MaLogRead(&h->log, &h->learner);
}

static void EndHand(Hand *h)
{
    StoreRelease(&h->store);
    TestHostEnd(&h->run.t);
}

/* With gamma 0 the critic learns the reward: what is left is the noise. */
static void CheckNoFuture(void)
{
    static Hand h;
    double loss = 0, deviation;

    StartHand(&h, &two, -1, "gamma=0 actor_rate=0");
    deviation = SpreadDeviation(&h.log.reward);
    for (int i = 0; i < 400; i++) {
        MaLogBatch(&h.log, &h.learner);
        loss = MaLearnerStep(&h.learner);
    }
    CHECK(sqrt(loss) * deviation < 0.6, "with gamma 0 the critic learns the reward but for %.2f",
          sqrt(loss) * deviation);
    EndHand(&h);
}

/* A value is in units of the rewards, whatever they are divided by. */
static void CheckValue(void)
{
    static Run r;
    Answer a;
    double value;

    RunOnce(&r, &two, "gamma=0 iterations=400", 1);
    a = Ask(&r.model, 0, here, NULL, 0, 1);
    value = ValueOf(&r.model, 0, here, NULL);
    CHECK(fabs(value - 10 * (double)a.action[0]) < 1.5,
          "with gamma 0 the value %.2f is the reward that the act brings, %.2f", value,
          10 * (double)a.action[0]);
    TestHostEnd(&r.t);
}

/* What is far beyond all that was seen is no more than far. */
static void CheckFar(void)
{
    static Run r;
    const float far[] = {1e30f, -1e30f, 3e38f}, farther[] = {2e30f, -3e38f, 1e5f};
    Answer a, b;

    RunOnce(&r, &two, "", 1);
    a = Ask(&r.model, 0, far, NULL, 0, 1);
    b = Ask(&r.model, 0, farther, NULL, 0, 1);
    CHECK(a.done && b.done && memcmp(a.action, b.action, sizeof(a.action)) == 0,
          "observations far beyond the log's");
    TestHostEnd(&r.t);
}

/* Each scenario has a norm of its own. */
static void CheckNorm(void)
{
    static Hand h;
    float o[16], at[] = {7, 8, 9};

    StartHand(&h, &two, -1, "");
    for (size_t k = 0; k < 3; k++) {
        float *rows = h.learner.norm + k;

        rows[0] = 6, rows[16] = 2;
        rows[32] = 10, rows[48] = 0.5f;
    }
    NetworksSee(&h.learner.n, h.learner.norm, 0, at, o);
    CHECK(o[0] == 2 && o[1] == 4 && o[2] == 6, "what scenario 0 sees");
    NetworksSee(&h.learner.n, h.learner.norm, 1, at, o);
    CHECK(o[0] == -1.5f && o[1] == 0 && o[2] == 0, "scenario 1 sees less, and otherwise");
    EndHand(&h);
}

/* Actors wait until the critic has learnt a little. */
static void CheckActorStart(void)
{
    static Hand h;
    bool waits = true;
    float before;

    StartHand(&h, &two, -1, "actor_start=3");
    before = h.learner.learnt[LEARNT_ACTORS].values[0];
    for (int i = 0; i < 4; i++) {
        waits &= h.learner.learnt[LEARNT_ACTORS].values[0] == before;
        MaLogBatch(&h.log, &h.learner);
        MaLearnerStep(&h.learner);
    }
    CHECK(waits && h.learner.learnt[LEARNT_ACTORS].values[0] != before,
          "actors begin with iteration actor_start");
    EndHand(&h);
}

/* About a tenth of the sessions is not learnt, and is what is judged. */
static void CheckHeld(void)
{
    static Hand h;
    Verdict v;

    StartHand(&h, &two, -1, "");
    v = MaLogJudge(&h.log, &h.learner);
    CHECK(h.log.learnt < SESSIONS && h.log.learnt > SESSIONS * 3 / 4 &&
              v.sessions == SESSIONS - h.log.learnt,
          "of %d sessions %u are learnt", SESSIONS, h.log.learnt);
    EndHand(&h);
}

/* An actor whose scenario nobody enters stays as it is. */
static void CheckInactive(void)
{
    static Hand h;
    const Networks *n = &h.learner.n;
    static float before[20000];
    bool stays = true, moves = false;

    StartHand(&h, &two, 0, "actor_start=0");
    memcpy(before, h.learner.learnt[LEARNT_ACTORS].values, n->actors.floats * sizeof(float));
    for (int i = 0; i < 5; i++) {
        MaLogBatch(&h.log, &h.learner);
        MaLearnerStep(&h.learner);
    }
    for (uint32_t s = 0; s < 2; s++) {
        const PackedMatrix *m = &n->actors.matrix[n->actor[s].layer[1].weight];
        size_t bytes = (size_t)m->rows * m->stride * sizeof(float);
        bool same = memcmp(before + m->first, h.learner.learnt[LEARNT_ACTORS].values + m->first,
                           bytes) == 0;

        stays &= s == 0 || same;
        moves |= s == 0 && !same;
    }
    CHECK(stays && moves, "an actor whose scenario nobody enters does not move");
    EndHand(&h);
}

static bool GradientsAreZero(const Learner *l)
{
    bool zero = true;

    for (int p = 0; p < LEARNT_PACKS; p++)
        for (uint32_t s = 0; s * l->together < l->count; s++)
            for (size_t i = 0; i < l->learnt[p].floats; i++)
                zero &= l->learnt[p].gradient[s][i] == 0;
    return zero;
}

/* With constant parameters targets go (1 - tau)^n of the way; with tau 1 there are none. */
static void CheckTargets(void)
{
    static Hand h;
    float value;

    StartHand(&h, &two, -1, "actor_rate=0 critic_rate=0 message_rate=0 tau=0.1 actor_start=0");
    for (int p = 0; p < LEARNT_PACKS; p++)
        h.learner.learnt[p].target[0] += 1;
    for (int i = 0; i < 5; i++) {
        MaLogBatch(&h.log, &h.learner);
        MaLearnerStep(&h.learner);
    }
    CHECK(GradientsAreZero(&h.learner), "gradients are used up");
    for (int p = 0; p < LEARNT_PACKS; p++) {
        value = h.learner.learnt[p].values[0];
        CHECK(Near((double)(h.learner.learnt[p].target[0] - value), pow(.9, 5), 1e-5, 1e-6),
              "target %d follows", p);
    }
    EndHand(&h);
}

/* Goals are the targets' say: a target critic that says 1 more moves them by gamma. */
static void CheckAims(void)
{
    static Hand h;
    const MlpLayer *last;
    double before, after;

    StartHand(&h, &two, -1, "actor_rate=0 critic_rate=0 message_rate=0 tau=0 gamma=0.5");
    MaLogBatch(&h.log, &h.learner);
    before = MaLearnerStep(&h.learner);
    last = &h.learner.n.critic[0].layer[MA_LAYERS - 1];
    h.learner.learnt[LEARNT_CRITICS].target[h.learner.n.critics.matrix[last->bias].first] += 100;
    after = MaLearnerStep(&h.learner);
    CHECK(after > before + 100, "the critic aims by its target: loss %.2f, then %.2f", before,
          after);
    EndHand(&h);
}

/* What is too long is learnt as far as it goes, and then goes on. */
static void CheckCut(void)
{
    Learner l = {.longest = 3};
    Episode whole = EpisodeCut(&l, (Episode){.steps = 3, .ended = true});
    Episode cut = EpisodeCut(&l, (Episode){.steps = 4, .ended = true});

    CHECK(whole.steps == 3 && whole.ended && cut.steps == 4 && !cut.ended,
          "a session that is too long has not ended where it is cut");
}

/* Distances from the log count in units of the variance of its weights. */
static void CheckUnits(void)
{
    static Hand h;
    double mean = 0, squares = 0, count = 0;

    StartHand(&h, &two, 0, "cloning=3");
    for (uint64_t t = 0; t < h.run.acts.steps; t++, count++)
        mean += (double)h.run.acts.action[4 * t];
    mean /= count;
    for (uint64_t t = 0; t < h.run.acts.steps; t++)
        squares += pow((double)h.run.acts.action[4 * t] - mean, 2);
    CHECK(Near((double)h.learner.cloning[0], 3 / (squares / count), 1e-4, 0),
          "the weight of cloning: %.2f", (double)h.learner.cloning[0]);
    EndHand(&h);
}

/* --- other labels for the scenarios */

static void CopyRow(const Pack *from, const float *source, const Pack *to, float *target,
                    int from_matrix, int to_matrix, uint32_t from_row, uint32_t to_row)
{
    const PackedMatrix *f = &from->matrix[from_matrix], *t = &to->matrix[to_matrix];

    memcpy(target + t->first + (size_t)to_row * t->stride,
           source + f->first + (size_t)from_row * f->stride, f->columns * sizeof(float));
}

static void CopyMatrix(const Pack *from, const float *source, const Pack *to, float *target,
                       int from_matrix, int to_matrix)
{
    for (uint32_t row = 0; row < from->matrix[from_matrix].rows; row++)
        CopyRow(from, source, to, target, from_matrix, to_matrix, row, row);
}

/* Row of [o; a; h] or [o; a] where the segments have changed places. */
static uint32_t MovedRow(const Networks *from, const Networks *to, uint32_t row)
{
    uint32_t at = row - from->observed, scenario = at >= from->first[1];

    if (row < from->observed || row >= from->observed + from->actions)
        return row;
    return to->observed + to->first[1 - scenario] + at - from->first[scenario];
}

/* The same networks where scenario 0 is called 1. */
static void Relabel(const Learner *from, const Weights *source, const Learner *to, Weights *target)
{
    const Networks *f = &from->n, *t = &to->n;
    const Mlp *critic = &f->critic[0];

    for (uint32_t s = 0; s < 2; s++)
        for (int i = 0; i < MA_LAYERS; i++) {
            const MlpLayer *a = &f->actor[s].layer[i], *b = &t->actor[1 - s].layer[i];

            CopyMatrix(&f->actors, source->actors, &t->actors, target->actors, a->weight,
                       b->weight);
            CopyMatrix(&f->actors, source->actors, &t->actors, target->actors, a->bias, b->bias);
        }
    for (int m = 0; m < f->critics.count; m++)
        for (uint32_t row = 0; row < f->critics.matrix[m].rows; row++)
            CopyRow(&f->critics, source->critics, &t->critics, target->critics, m, m, row,
                    m == critic->layer[0].weight ? MovedRow(f, t, row) : row);
    for (int m = 0; m < f->lstm.count; m++)
        for (uint32_t row = 0; row < f->lstm.matrix[m].rows; row++)
            CopyRow(&f->lstm, source->lstm, &t->lstm, target->lstm, m, m, row,
                    m == f->input ? MovedRow(f, t, row) : row);
}

/* The log with other labels: rows are as wide as before. */
static void RelabelActs(Acts *a)
{
    a->shape = swapped;
    for (uint64_t t = 0; t < a->steps; t++)
        a->scenario[t] = 1 - a->scenario[t];
}

static Weights WeightsOf(const Learner *l, bool targets)
{
    const Learnt *p = l->learnt;

    return targets ? (Weights){p[0].target, p[1].target, p[2].target}
                   : (Weights){p[0].values, p[1].values, p[2].values};
}

static double Difference(const float *a, const float *b, size_t count)
{
    double most = 0;

    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* Learns the same log under both labels, with the same first networks. */
static void CheckLabels(void)
{
    static Hand a, b;
    static float actors[20000] __attribute__((aligned(64)));
    static float critics[20000] __attribute__((aligned(64)));
    static float lstm[20000] __attribute__((aligned(64)));
    Weights expected = {actors, critics, lstm}, from, to;
    Answer one, other;

    StartHand(&a, &two, -1, "actor_start=0");
    StartHand(&b, &swapped, -1, "actor_start=0");
    b.run.acts = LogOfActs(&b.run.t.host, &two, -1);
    RelabelActs(&b.run.acts);
    MaLogTake(&b.store, &b.run.acts, &b.log);
    MaLogRead(&b.log, &b.learner);
    for (int targets = 0; targets < 2; targets++) {
        from = WeightsOf(&a.learner, targets);
        to = WeightsOf(&b.learner, targets);
        Relabel(&a.learner, &from, &b.learner, &to);
    }
    one = Ask(&a.run.model, 0, here, NULL, 0, 1);
    other = Ask(&b.run.model, 1, here, NULL, 0, 1);
    CHECK(Difference(one.action, other.action, 4) < 1e-6 &&
              Difference(one.state, other.state, 16) < 1e-6 &&
              Near(ValueOf(&a.run.model, 1, here, one.state),
                   ValueOf(&b.run.model, 0, here, other.state), 1e-4, 1e-4),
          "other labels for the scenarios, the same acts");
    for (int i = 0; i < 3; i++) {
        MaLogBatch(&a.log, &a.learner);
        MaLearnerStep(&a.learner);
        MaLogBatch(&b.log, &b.learner);
        MaLearnerStep(&b.learner);
    }
    from = WeightsOf(&a.learner, false);
    to = WeightsOf(&b.learner, false);
    Relabel(&a.learner, &from, &b.learner, &expected);
    CHECK(Difference(actors, to.actors, b.learner.n.actors.floats) < 1e-4 &&
              Difference(critics, to.critics, b.learner.n.critics.floats) < 1e-3 &&
              Difference(lstm, to.lstm, b.learner.n.lstm.floats) < 1e-3,
          "and the same learning");
    EndHand(&a);
    EndHand(&b);
}

/* --- logs */

/* In both scenarios the first weight earns. */
static void CheckLearnsLog(const char *settings)
{
    static Run r;
    Outcome outcome = RunOnce(&r, &two, settings, 1);
    Answer a = Ask(&r.model, 0, here, NULL, 0, 1), b = Ask(&r.model, 1, here, NULL, 0, 1);

    CHECK(outcome == OUTCOME_DONE && a.action[0] > 0.65f && b.action[0] > 0.45f,
          "%s: weights that earn grow: %.2f of two, %.2f of four", settings, (double)a.action[0],
          (double)b.action[0]);
    Note("outside %.2f distance %.2f error %.2f expected %.2f logged %.2f",
         FindingOf(&r, "outside"), FindingOf(&r, "distance"), FindingOf(&r, "critic_error"),
         FindingOf(&r, "expected_return"), FindingOf(&r, "logged_return"));
    CHECK(FindingOf(&r, "outside") >= 0 && FindingOf(&r, "outside") <= 1 &&
              FindingOf(&r, "critic_error") > 0 && isfinite(FindingOf(&r, "critic_error")) &&
              isnan(FindingOf(&r, "expected_return")) == (r.options.communication == 2) &&
              r.report.best == r.report.epochs - 1 &&
              isnan(r.report.history[r.report.best].metric[0]),
          "findings, and no claim of what it earns");
    TestHostEnd(&r.t);
}

/* The more cloning weighs, the closer the actors stay. */
static void CheckCloning(void)
{
    static Run free, tied;

    RunOnce(&free, &two, "iterations=300 cloning=0", 1);
    RunOnce(&tied, &two, "iterations=300 cloning=100", 1);
    CHECK(FindingOf(&tied, "distance") < 0.8 * FindingOf(&free, "distance") &&
              FindingOf(&tied, "outside") == 0,
          "cloning: the log is %.2f away, without %.2f", FindingOf(&tied, "distance"),
          FindingOf(&free, "distance"));
    TestHostEnd(&free.t);
    TestHostEnd(&tied.t);
}

/* A log that tried one action only knows of no other. */
static void CheckOutside(void)
{
    static Run r;

    Prepare(&r, &two, "iterations=200 cloning=0 actor_start=0 actor_rate=0.01");
    for (uint64_t t = 0; t < r.acts.steps; t++) {
        float *action = r.acts.action + t * 4;

        for (uint32_t k = 0; k < 4; k++)
            action[k] = k < two.scenario[r.acts.scenario[t]].action
                            ? 1 / (float)two.scenario[r.acts.scenario[t]].action
                            : 0;
    }
    Attempt(&r.t, TrainModel, &r);
    CHECK(FindingOf(&r, "outside") > 0.9 && strstr(r.report.warning, "beyond") != NULL,
          "outside %.2f: %s", FindingOf(&r, "outside"), r.report.warning);
    TestHostEnd(&r.t);
}

static void CheckOneScenario(void)
{
    static const ActShape single = {1, {{2, 3}}};
    static Run r;

    CHECK(RunOnce(&r, &single, "", 1) == OUTCOME_DONE, "a single scenario");
    TestHostEnd(&r.t);
    Prepare(&r, &two, "");
    r.acts = LogOfActs(&r.t.host, &two, 1);
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE && Ask(&r.model, 0, here, NULL, 0, 1).done,
          "sessions of one scenario only; the other acts, too");
    TestHostEnd(&r.t);
    Prepare(&r, &two, "communication=independent");
    for (uint64_t t = 0; t < r.acts.steps; t++)
        r.acts.scenario[t] = 0;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "the same with critics of their own");
    TestHostEnd(&r.t);
}

static void CheckHugeRewards(void)
{
    static Run r;
    bool finite = true;

    Prepare(&r, &two, "");
    r.acts.reward[7] = 1e30f;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE &&
              strstr(r.report.warning, "hardly count") == NULL,
          "a reward of 1e30 in a short log is no harm");
    for (int p = MA_ACTORS; p < r.model.parts; p++)
        finite &= PartIsFinite(&r.model.part[p]);
    CHECK(finite && Ask(&r.model, 0, here, NULL, 0, 1).done, "the networks are finite");
    TestHostEnd(&r.t);
    Prepare(&r, &two, "iterations=3");
    for (uint64_t t = 0; t < r.acts.steps; t++)
        r.acts.reward[t] = t % 2 == 0 ? 3e38f : -3e38f;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE && Ask(&r.model, 0, here, NULL, 0, 1).done,
          "the largest there are");
    TestHostEnd(&r.t);
    Prepare(&r, &two, "iterations=3");
    for (uint64_t t = 0; t < r.acts.steps; t++)
        r.acts.reward[t] = t % 2 == 0 ? 1e-40f : -1e-40f;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE && Ask(&r.model, 0, here, NULL, 0, 1).done,
          "hardly anything: %s", r.t.message);
    TestHostEnd(&r.t);
    Prepare(&r, &two, "iterations=3");
    for (uint64_t t = 0; t < r.acts.steps; t++)
        r.acts.reward[t] = 1e30f;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "all the same");
    TestHostEnd(&r.t);
    Prepare(&r, &two, "iterations=3");
    memset(r.acts.reward, 0, r.acts.steps * sizeof(float));
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE, "none at all");
    TestHostEnd(&r.t);
}

static void CheckBadData(void)
{
    static Run r;

    Prepare(&r, &two, "");
    r.acts.observation[0] = NAN;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_FAILED && r.t.kind == FAIL_NOT_FINITE &&
              strstr(r.t.message, "diverged") != NULL,
          "what is not finite ends the training: %s", r.t.message);
    TestHostEnd(&r.t);
    Prepare(&r, &two, "");
    r.acts.sessions = 0;
    r.acts.steps = 0;
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_FAILED && r.t.kind == FAIL_INVALID,
          "an empty log: %s", r.t.message);
    TestHostEnd(&r.t);
    Prepare(&r, &two, "environment=market");
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_FAILED && r.t.kind == FAIL_INVALID,
          "a world of other scenarios: %s", r.t.message);
    TestHostEnd(&r.t);
    Prepare(&r, &two, "session_steps=2");
    CHECK(Attempt(&r.t, TrainModel, &r) == OUTCOME_DONE && strstr(r.report.note, "steps come"),
          "longer sessions: %s", r.report.note);
    TestHostEnd(&r.t);
}

/* --- the market */

static double Earns(const Model *model, uint64_t sessions)
{
    ActPlayer player = ActPlayerOfModel(model, 0);
    double sum = 0;

    for (uint64_t i = 0; i < sessions; i++)
        sum += ActPlaySession(&market_environment, &player, 77, i, NULL, NULL).reward;
    return sum / (double)sessions;
}

/* Weight of the second type in the shop after main search has seen this sign of the type. */
static float Told(const Model *model, float sign)
{
    float seen[] = {1, 0, sign, 0}, shop[] = {0, 1, 0, 0.125f};
    Answer first = Ask(model, MARKET_MAIN, seen, NULL, 0, 1);

    return Ask(model, MARKET_SHOP, shop, first.state, 0, 1).action[1];
}

static void CheckMarket(void)
{
    static Run r;
    const ActPlayer *brand = &ActScriptFind(&market_environment, "brand")->player;
    Outcome outcome =
        RunOnce(&r, NULL, "iterations=400 check_every=200 check_sessions=200 buffer=10000", 1);
    double earned = Earns(&r.model, 2000), scripted = 0;

    for (uint64_t i = 0; i < 2000; i++)
        scripted += ActPlaySession(&market_environment, brand, 77, i, NULL, NULL).reward / 2000;
    CHECK(outcome == OUTCOME_DONE && ActFits(&r.model, &market_environment), "the market: %s",
          r.t.message);
    CHECK(earned > scripted + 1, "who passes messages earns %.2f, who does not %.2f", earned,
          scripted);
    CHECK(Told(&r.model, 1.2f) > 0.7f && Told(&r.model, -1.2f) < 0.3f,
          "the shop is told which type it is: %.2f, %.2f", (double)Told(&r.model, 1.2f),
          (double)Told(&r.model, -1.2f));
    CHECK(FindingOf(&r, "even_reward") > 1 && FindingOf(&r, "even_reward") < 4,
          "what equal weights earn: %.2f", FindingOf(&r, "even_reward"));
    TestHostEnd(&r.t);
}

static void CheckOthers(void)
{
    static Run r;
    float seen[] = {1, 0, 0.5f, 0};

    CHECK(RunOnce(&r, NULL, "communication=shared", 1) == OUTCOME_DONE &&
              r.model.algorithm->policy->acts->state(&r.model) == 0 &&
              Ask(&r.model, MARKET_MAIN, seen, NULL, 0.1, 1).done &&
              isfinite(ValueOf(&r.model, MARKET_MAIN, seen, NULL)),
          "one critic without messages: acts without a state");
    TestHostEnd(&r.t);
    CHECK(RunOnce(&r, NULL, "communication=independent", 1) == OUTCOME_DONE &&
              Ask(&r.model, MARKET_SHOP, seen, NULL, 0.1, 1).done &&
              isnan(ValueOf(&r.model, MARKET_MAIN, seen, NULL)) &&
              r.report.best == r.report.epochs - 1,
          "critics of their own: no value of the whole, and the last version stays");
    TestHostEnd(&r.t);
}

/* --- threads, seeds, cancel, memory */

static void CheckThreads(const ActShape *shape, const char *settings)
{
    static Run one, two_threads, other;
    char seeded[200];

    snprintf(seeded, sizeof(seeded), "%s seed=2", settings);
    RunOnce(&one, shape, settings, 1);
    RunOnce(&two_threads, shape, settings, 2);
    RunOnce(&other, shape, seeded, 1);
    CHECK(SameModel(&one.model, &two_threads.model) &&
              memcmp(one.report.finding, two_threads.report.finding, sizeof(one.report.finding)) ==
                  0,
          "%s: the same bytes on one thread and two", settings);
    CHECK(!SameModel(&one.model, &other.model), "others with another seed");
    TestHostEnd(&one.t);
    TestHostEnd(&two_threads.t);
    TestHostEnd(&other.t);
}

static void CheckCancel(const ActShape *shape)
{
    static Run r;
    bool stops = true;
    int calls;

    RunOnce(&r, shape, "", 1);
    calls = r.t.calls;
    TestHostEnd(&r.t);
    for (int part = 1; part < 8; part++) {
        Prepare(&r, shape, "");
        r.t.cancel_at = calls * part / 8;
        stops &= Attempt(&r.t, TrainModel, &r) == OUTCOME_CANCELLED;
        TestHostEnd(&r.t);
    }
    CHECK(stops, "a cancel ends the training wherever it comes, of %d calls", calls);
}

static void CheckMemory(const ActShape *shape, const char *settings, int threads)
{
    static Run r;
    size_t before, estimate;

    Prepare(&r, shape, settings);
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

void TestMaRdpg(void)
{
    CheckActs();
    CheckDensity();
    CheckBrokenNetworks();
    CheckNoFuture();
    CheckValue();
    CheckFar();
    CheckNorm();
    CheckActorStart();
    CheckHeld();
    CheckInactive();
    CheckTargets();
    CheckAims();
    CheckCut();
    CheckUnits();
    CheckLabels();
    CheckLearnsLog("iterations=400");
    CheckLearnsLog("iterations=400 communication=shared");
    CheckLearnsLog("iterations=400 communication=independent");
    CheckCloning();
    CheckOutside();
    CheckOneScenario();
    CheckHugeRewards();
    CheckBadData();
    CheckMarket();
    CheckOthers();
    CheckThreads(&two, "iterations=30 actor_start=5");
    CheckThreads(NULL, "iterations=30 actor_start=5");
    CheckThreads(NULL, "iterations=30 actor_start=5 communication=independent");
    CheckCancel(&two);
    CheckCancel(NULL);
    CheckMemory(&two, "", 1);
    CheckMemory(&two, "message=64 hidden=256 batch=200", 2);
    CheckMemory(NULL, "", 2);
    CheckMemory(NULL, "communication=independent", 1);
}
