/* test_user_response.c: the simulator that learns how visitors answer. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "algo/policy/model_policy.h"
#include "algo/user_response/measure.h"
#include "check.h"
#include "core/pool.h"
#include "core/vector.h"
#include "support.h"
#include "tests.h"

/* ---- logs ---- */

typedef struct LogBuilder {
    Slates log;
    uint64_t room;
} LogBuilder;

static LogBuilder LogCreate(const Host *host, uint32_t items, uint64_t answers)
{
    LogBuilder b = {.room = answers};

    b.log.items = items;
    b.log.session = HostAllocateZero(host, answers + 2, sizeof(uint64_t));
    b.log.step = HostAllocateZero(host, answers + 2, sizeof(uint64_t));
    b.log.shown = HostAllocate(host, answers, sizeof(uint32_t));
    b.log.clicked = HostAllocate(host, answers, sizeof(bool));
    b.log.reward = HostAllocate(host, answers, sizeof(float));
    return b;
}

static void AddAnswer(LogBuilder *b, uint32_t item, bool clicked)
{
    if (b->log.shown_count == b->room)
        abort();
    b->log.shown[b->log.shown_count] = item;
    b->log.clicked[b->log.shown_count++] = clicked;
}

static void EndStep(LogBuilder *b)
{
    b->log.reward[b->log.steps++] = 0;
    b->log.step[b->log.steps] = b->log.shown_count;
}

static void EndSession(LogBuilder *b)
{
    b->log.session[++b->log.sessions] = b->log.steps;
}

/* Slates of 1 to 4 of so many items, clicked by a coin; sessions of 1 to 6 steps. */
static Slates RandomLog(const Host *host, uint32_t sessions, uint32_t items, uint64_t stream)
{
    LogBuilder b = LogCreate(host, items, (uint64_t)sessions * 24);
    Random random = TestStream(stream);

    for (uint32_t s = 0; s < sessions; s++) {
        for (uint32_t steps = 1 + RandomBelow(&random, 6); steps > 0; steps--) {
            uint32_t first = RandomBelow(&random, items), count = 1 + RandomBelow(&random, 4);

            for (uint32_t i = 0; i < count && i < items; i++)
                AddAnswer(&b, (first + 3 * i) % items, RandomBelow(&random, 3) == 0);
            EndStep(&b);
        }
        EndSession(&b);
    }
    return b.log;
}

/* ---- training ---- */

typedef struct World {
    TestHost t;
    Slates log;
    ResponseOptions options;
    Model model;
    TrainReport report;
} World;

static void WorldOpen(World *w, int threads, const char *settings)
{
    const Algorithm *algorithm = AlgorithmFind("user_response");

    memset(w, 0, sizeof(*w));
    TestHostInit(&w->t);
    TestHostUsePool(&w->t, threads);
    OptionsDefault(policy_options, &w->options);
    OptionsDefault(algorithm->options, &w->options);
    SetOptions(algorithm, &w->options, settings);
}

static void Layout(World *w)
{
    ModelLayout(&w->model, AlgorithmFind("user_response"), &w->options, 0, w->log.items);
    ModelAllocate(&w->t.host, &w->model);
}

static void TrainWorld(void *arg)
{
    World *w = arg;

    w->model.algorithm->policy->train(&w->t.host, &(PolicyData){.slates = &w->log}, &w->model,
                                      &w->report);
}

static bool AllFinite(const Model *model)
{
    bool finite = true;

    for (int p = 0; p < model->parts; p++)
        finite &= PartIsFinite(&model->part[p]);
    return finite;
}

/* ---- gradients ---- */

#define FACTORS 3
#define SHOWN   9 /* items */

typedef struct Values { /* as in the formula, in double precision */
    double item[SHOWN][FACTORS + 1], click[SHOWN][FACTORS], session[6][FACTORS + 1];
    double mapping[FACTORS][FACTORS], constant[1][1];
} Values;

static double *ValuesOf(Values *v, int learnt, uint32_t row, uint32_t column)
{
    switch (learnt) {
    case LEARNT_ITEM:
        return &v->item[row][column];
    case LEARNT_CLICK:
        return &v->click[row][column];
    case LEARNT_SESSION:
        return &v->session[row][column];
    case LEARNT_MAPPING:
        return &v->mapping[row][column];
    default:
        return &v->constant[row][column];
    }
}

/* The mean loss of the steps, by the formula. */
static double Loss(const Values *v, const Steps *steps, const uint32_t *order, uint32_t count,
                   uint32_t limit)
{
    double loss = 0, answers = 0;

    for (uint32_t n = 0; n < count; n++) {
        uint32_t step = order[n], clicks, session = steps->session[step];
        const uint32_t *history = StepHistory(steps, step, limit, &clicks);
        double mean[FACTORS] = {0}, z[FACTORS];

        for (uint32_t h = 0; h < clicks; h++)
            for (int k = 0; k < FACTORS; k++)
                mean[k] += v->click[history[h]][k] / clicks;
        for (int k = 0; k < FACTORS; k++) {
            z[k] = v->session[session][k];
            for (int j = 0; j < FACTORS; j++)
                z[k] += v->mapping[k][j] * mean[j];
        }
        for (uint64_t a = steps->log->step[step]; a < steps->log->step[step + 1]; a++) {
            const double *item = v->item[steps->log->shown[a]];
            double odds = item[FACTORS] + v->session[session][FACTORS] + v->constant[0][0];

            for (int k = 0; k < FACTORS; k++)
                odds += item[k] * z[k];
            loss += Softplus(steps->log->clicked[a] ? -odds : odds);
            answers++;
        }
    }
    return loss / answers;
}

static void DrawValues(const ResponseBatch *b, Values *v)
{
    Random random = TestStream(1600);

    for (int l = 0; l < LEARNT_PARTS; l++)
        for (uint32_t r = 0; r < b->learnt[l].part.rows; r++)
            for (uint32_t k = 0; k < b->learnt[l].part.columns; k++) {
                float value = (float)RandomNormal(&random);

                PartRow(&b->learnt[l].part, r)[k] = value;
                *ValuesOf(v, l, r, k) = value;
            }
}

static bool GradientIsRight(const ResponseBatch *b, int l, Values *v, const uint32_t *order,
                            uint32_t count)
{
    const double h = 1e-5;
    const Part *part = &b->learnt[l].part;
    bool right = true;

    for (uint32_t r = 0; r < part->rows; r++)
        for (uint32_t k = 0; k < part->columns; k++) {
            double *value = ValuesOf(v, l, r, k), before = *value, up, down;

            *value = before + h;
            up = Loss(v, b->steps, order, count, b->history);
            *value = before - h;
            down = Loss(v, b->steps, order, count, b->history);
            *value = before;
            right &= Near(b->learnt[l].gradient[(size_t)r * part->stride + k],
                          (up - down) / (2 * h), 1e-4, 1e-6);
        }
    return right;
}

static void CheckGradients(void)
{
    static const char *const names[] = {"items", "clicks", "sessions", "the mapping", "a constant"};
    World w;
    Steps steps;
    ResponseBatch b;
    Values v;
    uint32_t order[36], count;
    double loss;

    WorldOpen(&w, 2, "factors=3 history=4 batch_size=1000 records=1");
    w.log = RandomLog(&w.t.host, 6, SHOWN, 1601);
    Layout(&w);
    StepsCreate(&w.t.host, &w.log, &steps);
    ResponseBatchCreate(&w.t.host, &w.model, &steps, &b);
    DrawValues(&b, &v);
    for (int l = 0; l < LEARNT_PARTS; l++)
        b.learnt[l].gradient =
            HostAllocateZero(&w.t.host, PartFloats(&b.learnt[l].part), sizeof(float));
    for (uint32_t s = 0; s < steps.count; s++)
        order[s] = steps.count - 1 - s;
    count = ResponseBatchTake(&b, order, steps.count);
    loss = ResponseBatchLearn(&b);
    CHECK(count == steps.count &&
              Near(loss / (double)w.log.shown_count, Loss(&v, &steps, order, count, 4), 1e-6, 0),
          "the loss is that of the formula");
    for (int l = 0; l < LEARNT_PARTS; l++)
        CHECK(GradientIsRight(&b, l, &v, order, count), "the gradient by %s is right", names[l]);
    ResponseBatchRelease(&b);
    TestHostEnd(&w.t);
}

/* Batches are whole slates, and what they step is what they touch. */
static void CheckBatches(void)
{
    World w;
    Steps steps;
    ResponseBatch b;
    uint32_t order[64], done = 0;
    bool enough = true, still = true;

    WorldOpen(&w, 1, "factors=3 batch_size=5 records=1");
    w.log = RandomLog(&w.t.host, 10, 50, 1602);
    Layout(&w);
    StepsCreate(&w.t.host, &w.log, &steps);
    ResponseBatchCreate(&w.t.host, &w.model, &steps, &b);
    for (uint32_t s = 0; s < steps.count; s++)
        order[s] = s;
    while (done < steps.count) {
        done += ResponseBatchTake(&b, order + done, steps.count - done);
        enough &= ResponseBatchAnswers(&b) >= 5 || done == steps.count;
        enough &= ResponseBatchAnswers(&b) < 5 + steps.largest;
        enough &= b.first[b.count - 1] < 5;
    }
    CHECK(enough && done == steps.count, "a batch ends with the slate that fills it");
    ResponseBatchTake(&b, order, 1);
    ResponseBatchLearn(&b);
    for (uint32_t i = 0; i < 50; i++) {
        bool shown = false;

        for (uint64_t a = 0; a < w.log.step[1]; a++)
            shown |= w.log.shown[a] == i;
        still &= (PartRow(&w.model.part[RESPONSE_ITEM_PART], i)[FACTORS] != 0) == shown;
    }
    CHECK(still, "rows that a batch does not touch stay as they are");
    TestHostEnd(&w.t);
}

/* ---- what is measured ---- */

static double NaiveAuc(const float *odds, const bool *clicked, int count)
{
    double right = 0, pairs = 0;

    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            if (clicked[i] && !clicked[j]) {
                pairs++;
                right += odds[i] > odds[j] ? 1 : odds[i] == odds[j] ? 0.5 : 0;
            }
    return right / pairs;
}

static void CheckAuc(void)
{
    static float odds[3000];
    static bool clicked[3000];
    static uint64_t key[3000], other[3000];
    Random random = TestStream(1603);
    TestHost t;
    bool right = true;

    TestHostInit(&t);
    for (int round = 0; round < 12; round++) {
        int count = round < 6 ? 10 + 9 * round : 500 * (round - 5);

        for (int i = 0; i < count; i++) {
            odds[i] =
                round % 2 == 0 ? (float)RandomNormal(&random) : (float)RandomBelow(&random, 9) - 4;
            odds[i] *= i % 50 == 0 ? -0.0f : 1;
            clicked[i] = i < 2 ? i == 1 : RandomNormal(&random) + odds[i] > 0.5;
            key[i] = AucKey(odds[i], clicked[i]);
        }
        right &= Near(Auc(&t.host, key, other, (uint64_t)count), NaiveAuc(odds, clicked, count),
                      1e-12, 0);
    }
    CHECK(right, "AUC is the share of pairs in order, ties a half");
    CHECK(isnan(Auc(&t.host, key, other, 0)), "without answers there is none");
    TestHostEnd(&t);
}

static void CheckSteps(void)
{
    World w;
    Steps steps;
    bool right = true;

    WorldOpen(&w, 1, "");
    w.log = RandomLog(&w.t.host, 200, 30, 1604);
    StepsCreate(&w.t.host, &w.log, &steps);
    for (uint32_t session = 0; session < w.log.sessions; session++) {
        uint32_t clicks[64], count = 0, found;

        for (uint64_t t = w.log.session[session]; t < w.log.session[session + 1]; t++) {
            const uint32_t *history = StepHistory(&steps, (uint32_t)t, 5, &found);
            uint32_t first = count > 5 ? count - 5 : 0;

            right &= steps.session[t] == session && found == count - first &&
                     memcmp(history, clicks + first, found * sizeof(*clicks)) == 0;
            for (uint64_t a = w.log.step[t]; a < w.log.step[t + 1]; a++)
                if (w.log.clicked[a])
                    clicks[count++] = w.log.shown[a];
        }
    }
    CHECK(right, "the history of a step is what its session clicked before");
    TestHostEnd(&w.t);
}

/* `length` steps a session. */
static Slates EvenLog(const Host *host, uint32_t sessions, uint32_t length)
{
    LogBuilder b = LogCreate(host, 2, (uint64_t)sessions * length * 2);

    for (uint32_t s = 0; s < sessions; s++) {
        for (uint32_t t = 0; t < length; t++) {
            AddAnswer(&b, 0, t % 2 == 0);
            AddAnswer(&b, 1, t % 2 == 1);
            EndStep(&b);
        }
        EndSession(&b);
    }
    return b.log;
}

static void CheckHeldOut(void)
{
    World w;
    Steps steps;
    bool ends = true, whole = true;

    WorldOpen(&w, 1, "");
    w.log = EvenLog(&w.t.host, 50, 20);
    StepsCreate(&w.t.host, &w.log, &steps);
    StepsHoldOut(&w.t.host, &steps, 0.1, 1000000, 1);
    for (uint32_t t = 0; t < steps.count; t++)
        ends &= steps.held[t] == (t % 20 >= 18);
    CHECK(ends && steps.held_count == 100 && steps.held_answers == 200,
          "the last tenth of each long session is held out");
    w.log = EvenLog(&w.t.host, 600, 3);
    StepsCreate(&w.t.host, &w.log, &steps);
    StepsHoldOut(&w.t.host, &steps, 0.1, 1000000, 1);
    for (uint32_t t = 0; t < steps.count; t++)
        whole &= steps.held[t] == steps.held[t - t % 3];
    CHECK(whole && steps.held_count > 100 && steps.held_count < 260,
          "of short sessions, some as a whole");
    w.log = EvenLog(&w.t.host, 2000, 20);
    StepsCreate(&w.t.host, &w.log, &steps);
    StepsHoldOut(&w.t.host, &steps, 0.1, 2000, 1);
    CHECK(steps.held_answers > 600 && steps.held_answers <= 2000, "of a large log not so much");
    StepsCreate(&w.t.host, &w.log, &steps);
    StepsHoldOut(&w.t.host, &steps, 0.1, 6, 1);
    CHECK(steps.held_answers <= 6, "and never more than there is room for");
    w.log = EvenLog(&w.t.host, 1, 2);
    StepsCreate(&w.t.host, &w.log, &steps);
    StepsHoldOut(&w.t.host, &steps, 0.5, 1000000, 1);
    CHECK(steps.held_count == 0, "never all of them");
    TestHostEnd(&w.t);
}

/* ---- a click model that is known ---- */

#define TASTES 4
#define GOODS  40

/* Sessions have a taste, which they change for that of what they have clicked last, in part. */
typedef struct Truth {
    double quality[GOODS];
    double own[4000];
} Truth;

static double TrueOdds(const Truth *truth, uint32_t session, uint32_t last, uint32_t item)
{
    double match = item % TASTES == session % TASTES ? 1 : -0.4;
    double again = last == UINT32_MAX ? 0 : item % TASTES == last % TASTES ? 1.2 : -0.4;

    return truth->quality[item] + truth->own[session] + match + again - 0.5;
}

static double Chance(double odds)
{
    return 1 / (1 + exp(-odds));
}

/* Answers by the truth, drawn from the stream. */
static Slates TrueLog(const Host *host, Truth *truth, uint32_t sessions, uint32_t length,
                      uint64_t stream)
{
    LogBuilder b = LogCreate(host, GOODS, (uint64_t)sessions * length * 8);
    Random random = TestStream(1605);

    for (uint32_t i = 0; i < GOODS; i++)
        truth->quality[i] = 0.8 * RandomNormal(&random);
    for (uint32_t s = 0; s < sessions; s++)
        truth->own[s] = 0.5 * RandomNormal(&random);
    random = TestStream(stream);
    for (uint32_t s = 0; s < sessions; s++) {
        uint32_t last = UINT32_MAX;

        for (uint32_t t = 0; t < length; t++) {
            uint32_t first = RandomBelow(&random, GOODS), next = last;

            for (uint32_t i = 0; i < 8; i++) {
                uint32_t item = (first + 11 * i) % GOODS;
                bool clicked = RandomUniform(&random) < Chance(TrueOdds(truth, s, last, item));

                AddAnswer(&b, item, clicked);
                next = clicked ? item : next;
            }
            last = next;
            EndStep(&b);
        }
        EndSession(&b);
    }
    return b.log;
}

/* AUC that nobody can beat on the last tenth of each session, within chance. */
static double TrueAuc(const Host *host, const Truth *truth, const Slates *log)
{
    uint64_t *key = HostAllocate(host, log->shown_count, 8), count = 0;
    uint64_t *other = HostAllocate(host, log->shown_count, 8);

    for (uint32_t s = 0; s < log->sessions; s++) {
        uint32_t last = UINT32_MAX, length = (uint32_t)(log->session[s + 1] - log->session[s]);

        for (uint64_t t = log->session[s]; t < log->session[s + 1]; t++) {
            uint32_t next = last;

            for (uint64_t a = log->step[t]; a < log->step[t + 1]; a++) {
                uint32_t item = log->shown[a];

                if (t - log->session[s] >= length - length / 10)
                    key[count++] = AucKey((float)TrueOdds(truth, s, last, item), log->clicked[a]);
                next = log->clicked[a] ? item : next;
            }
            last = next;
        }
    }
    return Auc(host, key, other, count);
}

static bool IsCalibrated(const TrainReport *report)
{
    bool right = true;
    uint64_t answers = 0;

    for (int b = 0; b < CALIBRATION_BINS; b++) {
        const CalibrationBin *bin = &report->calibration[b];

        answers += bin->answers;
        if (bin->answers == 0)
            continue;
        right &= bin->expected >= b / 10.0 && bin->expected <= (b + 1) / 10.0;
        right &= bin->answers < 200 || fabs(bin->expected - bin->seen) < 0.07;
    }
    return right && answers > 0;
}

static double FindingOf(const TrainReport *report, const char *name)
{
    for (int f = 0; f < FINDINGS && report->finding[f].name != NULL; f++)
        if (strcmp(report->finding[f].name, name) == 0)
            return report->finding[f].value;
    return NAN;
}

static void CheckFindings(const TrainReport *r)
{
    const Epoch *best = &r->history[r->best];
    int most = r->best;

    for (int e = 0; e < r->epochs; e++)
        most = r->history[e].metric[0] > r->history[most].metric[0] ? e : most;
    CHECK(most == r->best && r->epochs <= 40 && isnan(r->history[r->epochs - 1].metric[0]) &&
              r->history[r->epochs - 1].epoch == r->epochs,
          "the best epoch is the one with the greatest AUC, and then all is learnt");
    CHECK(best->metric[1] > 0.6 && best->metric[1] < 1, "within slates it tells items apart");
    CHECK(FindingOf(r, "log_loss") < FindingOf(r, "log_loss_of_rate") - 0.05 &&
              fabs(FindingOf(r, "click_rate_expected") - FindingOf(r, "click_rate_seen")) < 0.03 &&
              FindingOf(r, "held_out_answers") == 600 * 2 * 8,
          "findings: less surprised than by the click rate alone, which is right");
}

/* Probabilities of a visitor like session 0 after clicks of one taste or another. */
static void CheckVisitors(World *w)
{
    const SimulatorMethods *m = w->model.algorithm->policy->simulator;
    float *state = HostAllocate(&w->t.host, m->state(&w->model), sizeof(float));
    uint32_t items[64], all[GOODS + 1], first[3] = {0, 4, 8}, second[3] = {1, 5, 9};
    float before[GOODS + 1], after[GOODS + 1], change = 0;

    for (uint32_t i = 0; i <= GOODS; i++)
        all[i] = i < GOODS ? i : NO_ITEM;
    m->start(&w->model, 0, state, items, 50);
    m->advance(&w->model, state, first, 3);
    m->respond(&w->model, state, all, GOODS + 1, before);
    m->advance(&w->model, state, second, 3);
    m->respond(&w->model, state, all, GOODS + 1, after);
    for (uint32_t i = 0; i < GOODS; i++)
        change += i % TASTES == 1   ? after[i] - before[i]
                  : i % TASTES == 0 ? before[i] - after[i]
                                    : 0;
    CHECK(change / (GOODS / 2) > 0.5, "who clicks other things, likes other things (%.2f)",
          change / (GOODS / 2));
    CHECK(before[GOODS] == after[GOODS], "of an unknown item nothing is known but the visitor");
}

static void CheckKnownModel(void)
{
    static Truth truth;
    World w;
    double best;

    WorldOpen(&w, 2, "factors=8 records=300 history=1");
    w.log = TrueLog(&w.t.host, &truth, 600, 20, 1606);
    Layout(&w);
    TrainWorld(&w);
    best = TrueAuc(&w.t.host, &truth, &w.log);
    CHECK(w.report.history[w.report.best].metric[0] > best - 0.03 &&
              w.report.history[w.report.best].metric[0] < best + 0.01,
          "AUC %.3f, of who knows the truth %.3f", w.report.history[w.report.best].metric[0], best);
    CHECK(IsCalibrated(&w.report), "clicks are as many as expected, in each tenth");
    CheckFindings(&w.report);
    CheckVisitors(&w);
    TestHostEnd(&w.t);
}

/* ---- records and visitors ---- */

/* With a record for each step: what was clicked before, and the session's odds. */
static void CheckRecords(void)
{
    World w;
    Steps steps;
    const SimulatorMethods *m;
    bool right = true;

    WorldOpen(&w, 1, "records=1 epochs=2 history=4 factors=5");
    w.log = RandomLog(&w.t.host, 30, 20, 1607);
    w.options.records = (int64_t)w.log.steps;
    Layout(&w);
    TrainWorld(&w);
    StepsCreate(&w.t.host, &w.log, &steps);
    m = w.model.algorithm->policy->simulator;
    for (uint32_t r = 0; r < w.log.steps; r++) {
        float state[64] __attribute__((aligned(64)));
        uint32_t items[50], expected, count = m->start(&w.model, r, state, items, 50);
        const uint32_t *history = StepHistory(&steps, r, 4, &expected);

        right &= count == expected && memcmp(items, history, count * sizeof(*items)) == 0;
        count = m->start(&w.model, r, state, items, 2);
        history = StepHistory(&steps, r, 2, &expected);
        right &= count == expected && memcmp(items, history, count * sizeof(*items)) == 0;
    }
    CHECK(m->records(&w.model) == w.log.steps && m->state(&w.model) <= 64 && right,
          "records are steps of the log with what was clicked before");
    TestHostEnd(&w.t);
}

/* A history's query is a visitor of whom nothing else is known. */
static void CheckQuery(void)
{
    World w;
    const SimulatorMethods *m;
    float state[64] __attribute__((aligned(64))), query[64] __attribute__((aligned(64)));
    float odds[20], scores[32] __attribute__((aligned(64)));
    uint32_t items[50], all[20], last[3] = {3, 7, 3};
    bool right = true;

    WorldOpen(&w, 1, "epochs=2 history=3 factors=5 records=1");
    w.log = RandomLog(&w.t.host, 30, 20, 1608);
    Layout(&w);
    TrainWorld(&w);
    m = w.model.algorithm->policy->simulator;
    PartClear(&w.t.host, &w.model.part[RESPONSE_RECORD_PART]);
    m->start(&w.model, 0, state, items, 50);
    m->advance(&w.model, state, last, 3);
    for (uint32_t i = 0; i < 20; i++)
        all[i] = i;
    m->respond(&w.model, state, all, 20, odds);
    w.model.algorithm->query(&w.model, &(QueryInput){.row = NO_ROW, .items = last, .count = 3},
                             query);
    ModelScore(&w.model, query, 1, scores);
    for (uint32_t i = 0; i < 20; i++)
        right &=
            Near(scores[i] + w.model.part[RESPONSE_CONSTANT_PART].data[0], odds[i], 1e-5, 1e-5);
    CHECK(right && w.model.algorithm->history(&w.options).limit == 3,
          "scores for a history are log odds");
    TestHostEnd(&w.t);
}

/* Numbers that no training stores. */
static void CheckDamage(void)
{
    static const float bad[] = {-1, 0.5f,  1e30f,         -INFINITY, NAN,
                                20, 19.5f, 4294967296.0f, -0.0f,     7};
    World w;
    const SimulatorMethods *m;
    bool right = true;

    WorldOpen(&w, 1, "epochs=1 history=6 factors=5 records=8");
    w.log = RandomLog(&w.t.host, 30, 20, 1609);
    Layout(&w);
    TrainWorld(&w);
    m = w.model.algorithm->policy->simulator;
    for (size_t n = 0; n < 100; n++) {
        float *row = PartRow(&w.model.part[RESPONSE_HISTORY_PART], n % 8);
        float state[64] __attribute__((aligned(64)));
        uint32_t items[50], count;

        row[0] = n < 50 ? 6 : bad[n % 10];
        for (size_t h = 1; h <= 6; h++)
            row[h] = bad[(n / 10 + h * (n + 1)) % 10];
        count = m->start(&w.model, (uint32_t)n % 8, state, items, 50);
        right &= count <= 6;
        for (uint32_t i = 0; i < count; i++)
            right &= items[i] == 0 || items[i] == 7;
        right &= n < 50 || bad[n % 10] == 0 || count == 0;
    }
    CHECK(right, "of a damaged record, what is no item is left out");
    TestHostEnd(&w.t);
}

static float AnyFloat(Random *random)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 0, 3e38f, 1, 16777216, -1};
    uint32_t bits = (uint32_t)RandomNext(random);
    float value;

    memcpy(&value, &bits, sizeof(value));
    return RandomBelow(random, 4) == 0 ? odd[RandomBelow(random, 8)] : value;
}

typedef struct Played {
    World *w;
    VisitorRules rules;
    bool by_chance; /* random slates, not the simulator's own scores */
    RolloutResult result;
} Played;

static void PlayWorld(void *arg)
{
    Played *played = arg;
    const Host *host = &played->w->t.host;
    const Model *model = &played->w->model;
    Environment *e = EnvironmentOpen(host, model, &played->rules, 3);
    ModelPolicy p = {.environment = e, .model = played->by_chance ? NULL : model};
    Policy policy = ModelPolicyOpen(host, &p, 4);

    played->result =
        RolloutRun(host, &(Rollout){.environment = e, .policy = &policy, .sessions = 50, .k = 4});
    ModelPolicyClose(host, &p);
    EnvironmentClose(host, e);
}

/* Sessions in a simulator of which nothing can be believed: they end, or scores that are not finite
 * are told. */
static void CheckGarbage(void)
{
    static const VisitorRules rules[] = {{0}, {.no_repeat = true, .boredom = 3, .bait = 1}};
    Random random = TestStream(1615);
    bool bound = true;
    int told = 0;
    World w;

    WorldOpen(&w, 2, "epochs=1 history=6 factors=5 records=8");
    w.log = RandomLog(&w.t.host, 30, 20, 1609);
    Layout(&w);
    for (int round = 0; round < 40; round++) {
        Played played = {&w, rules[round % 2], .by_chance = round % 4 >= 2};
        const Allocation *arena = w.t.arena;
        Outcome outcome;

        for (int part = 0; part < w.model.parts; part++)
            for (size_t i = 0; i < PartFloats(&w.model.part[part]); i++)
                w.model.part[part].data[i] = AnyFloat(&random);
        outcome = Attempt(&w.t, PlayWorld, &played);
        told += outcome == OUTCOME_FAILED && w.t.kind == FAIL_NOT_FINITE && !played.by_chance;
        bound &= outcome == OUTCOME_DONE ? played.result.depth <= 20 && played.result.reward <= 20
                                         : !played.by_chance && w.t.kind == FAIL_NOT_FINITE;
        TestHostRewind(&w.t, arena);
    }
    CHECK(bound, "whatever a simulator's table holds, sessions end");
    CHECK(told > 0, "scores that are not finite are told");
    TestHostEnd(&w.t);
}

/* ---- odd logs ---- */

static void TrainOdd(const char *what, LogBuilder *b, World *w, bool measured)
{
    Outcome outcome;

    w->log = b->log;
    Layout(w);
    outcome = Attempt(&w->t, TrainWorld, w);
    CHECK(outcome == OUTCOME_DONE && AllFinite(&w->model), "%s: it learns", what);
    CHECK(!isnan(w->report.history[w->report.best].metric[0]) == measured && w->report.best >= 0,
          "%s: %s", what, measured ? "measured" : "nothing to measure by");
}

static void CheckOddLogs(void)
{
    const char *settings = "epochs=3 factors=4 records=10";
    World w;
    LogBuilder b;

    WorldOpen(&w, 2, settings);
    b = LogCreate(&w.t.host, 1, 100);
    AddAnswer(&b, 0, true);
    EndStep(&b);
    EndSession(&b);
    TrainOdd("one answer", &b, &w, false);
    CHECK(w.report.epochs == 3 && w.report.best == 2, "all epochs, of which the last counts");
    TestHostEnd(&w.t);

    WorldOpen(&w, 2, settings);
    b = LogCreate(&w.t.host, 5, 4000);
    for (uint32_t s = 0; s < 500; s++) {
        AddAnswer(&b, s % 4, s % 4 == 1);
        AddAnswer(&b, (s + 1) % 4, false);
        EndStep(&b);
        EndSession(&b);
    }
    TrainOdd("sessions of one step, an item that is never shown", &b, &w, true);
    CHECK(PartRow(&w.model.part[RESPONSE_ITEM_PART], 4)[0] == 0 &&
              PartRow(&w.model.part[RESPONSE_ITEM_PART], 4)[4] == 0 &&
              PartRow(&w.model.part[RESPONSE_CLICK_PART], 2)[0] == 0,
          "of what was never shown, or clicked, nothing is believed");
    TestHostEnd(&w.t);

    WorldOpen(&w, 2, settings);
    b = LogCreate(&w.t.host, 3, 4000);
    for (uint32_t s = 0; s < 100; s++) {
        for (uint32_t t = 0; t < 6; t++) {
            AddAnswer(&b, t % 3, false);
            EndStep(&b);
        }
        EndSession(&b);
    }
    TrainOdd("nothing was ever clicked", &b, &w, false);
    CHECK(w.report.warning[0] != '\0', "which is said");
    TestHostEnd(&w.t);

    WorldOpen(&w, 1, "epochs=2 held_out=0 records=3 factors=2");
    b = LogCreate(&w.t.host, 200, 4000);
    for (uint32_t s = 0; s < 3; s++) {
        for (uint32_t i = 0; i < 200; i++)
            AddAnswer(&b, i, i % 2 == 0);
        EndStep(&b);
        EndSession(&b);
    }
    TrainOdd("slates of everything, nothing held out", &b, &w, false);
    CHECK(w.report.calibration[5].answers == 0 && w.report.epochs == 2, "no calibration either");
    TestHostEnd(&w.t);
}

/* The last item is shown in steps that are held out and nowhere else. */
static void CheckLearnsAll(void)
{
    World w;
    LogBuilder b;

    WorldOpen(&w, 2, "epochs=3 factors=4 records=10");
    b = LogCreate(&w.t.host, 3, 4000);
    for (uint32_t s = 0; s < 50; s++) {
        for (uint32_t t = 0; t < 6; t++) {
            AddAnswer(&b, t < 5 ? 0 : 2, (s + t) % 3 == 0);
            AddAnswer(&b, 1, (s + t) % 2 == 0);
            EndStep(&b);
        }
        EndSession(&b);
    }
    TrainOdd("an item of the last steps", &b, &w, true);
    CHECK(PartRow(&w.model.part[RESPONSE_ITEM_PART], 2)[4] != 0 &&
              strcmp(w.report.history[w.report.epochs - 1].stage, "all") == 0,
          "what was held out is learnt in the end");
    TestHostEnd(&w.t);
}

/* ---- sameness, limits ---- */

static void TrainRandom(World *w, int threads, const char *settings)
{
    WorldOpen(w, threads, settings);
    w->log = RandomLog(&w->t.host, 300, 40, 1610);
    Layout(w);
    TrainWorld(w);
}

static void CheckThreads(void)
{
    const char *settings = "epochs=4 factors=20 records=50 batch_size=200";
    World one, other;

    TrainRandom(&one, 1, settings);
    for (int threads = 2; threads < 4; threads++) {
        TrainRandom(&other, threads, settings);
        CHECK(SameModel(&one.model, &other.model) &&
                  memcmp(one.report.calibration, other.report.calibration,
                         sizeof(one.report.calibration)) == 0,
              "%d threads give the same bytes", threads);
        TestHostEnd(&other.t);
    }
    TrainRandom(&other, 1, "epochs=4 factors=20 records=50 batch_size=200 seed=2");
    CHECK(!SameModel(&one.model, &other.model), "another seed others");
    TestHostEnd(&other.t);
    TestHostEnd(&one.t);
}

static void CheckMemory(void)
{
    static const char *const settings[] = {"", "factors=40 batch_size=5000 history=50",
                                           "held_out=0 batch_size=1"};

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        World w;
        size_t before, estimate;
        PolicyData data;

        WorldOpen(&w, 2, settings[i]);
        SetOptions(AlgorithmFind("user_response"), &w.options, "epochs=2 records=10");
        w.log = RandomLog(&w.t.host, 300, 40, 1611);
        Layout(&w);
        data = (PolicyData){.slates = &w.log};
        estimate = w.model.algorithm->policy->memory(&w.model, &data, 2);
        before = w.t.bytes;
        TestHostResetPeak(&w.t);
        TrainWorld(&w);
        CHECK(w.t.peak - before <= estimate + TestHostSlack(&w.t),
              "\"%s\": no more memory than estimated (%zu of %zu)", settings[i], w.t.peak - before,
              estimate);
        CHECK(w.t.bytes - before <= 4 * sizeof(Epoch) + 100, "and all of it is given back");
        TestHostEnd(&w.t);
    }
}

static void CheckLimits(void)
{
    World w;
    PolicyData data = {.slates = &w.log};

    WorldOpen(&w, 1, "");
    w.log = (Slates){.sessions = UINT32_MAX,
                     .items = UINT32_MAX,
                     .steps = UINT64_MAX / 4,
                     .shown_count = UINT64_MAX / 2};
    ModelLayout(&w.model, AlgorithmFind("user_response"), &w.options, 0, UINT32_MAX);
    CHECK(w.model.algorithm->policy->memory(&w.model, &data, 1024) == SIZE_MAX,
          "what fits nowhere is not wrapped around");
    CHECK(Attempt(&w.t, TrainWorld, &w) == OUTCOME_FAILED && w.t.kind == FAIL_INVALID &&
              strstr(w.t.message, "items") != NULL,
          "too many items are refused");
    w.model.items = 10;
    CHECK(Attempt(&w.t, TrainWorld, &w) == OUTCOME_FAILED && strstr(w.t.message, "steps") != NULL,
          "so are too many steps");
    w.log.steps = 0;
    CHECK(Attempt(&w.t, TrainWorld, &w) == OUTCOME_FAILED && strstr(w.t.message, "slates") != NULL,
          "and none");
    TestHostEnd(&w.t);
}

static void CheckDivergence(void)
{
    World w;

    WorldOpen(&w, 2, "learning_rate=1000 epochs=50");
    w.options.learning_rate = 1e38;
    w.log = RandomLog(&w.t.host, 100, 20, 1612);
    Layout(&w);
    CHECK(Attempt(&w.t, TrainWorld, &w) == OUTCOME_FAILED && w.t.kind == FAIL_NOT_FINITE,
          "what diverges ends with an error");
    TestHostEnd(&w.t);
}

static void CheckCancel(void)
{
    World w;
    bool right = true;

    for (int at = 1; at < 200; at += 37) {
        WorldOpen(&w, 2, "epochs=5");
        w.log = RandomLog(&w.t.host, 300, 40, 1613);
        Layout(&w);
        w.t.interrupt_every = 1;
        w.t.cancel_at = at;
        right &= Attempt(&w.t, TrainWorld, &w) == OUTCOME_CANCELLED;
        TestHostEnd(&w.t);
    }
    CHECK(right, "a training can be cancelled anywhere");
}

static TestHost *cancelled;

static void Cancel(int number)
{
    (void)number;
    cancelled->cancel = 1;
}

static void CancelAfter(TestHost *t, int milliseconds)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 1000 * milliseconds}};

    cancelled = t;
    signal(SIGALRM, Cancel);
    setitimer(ITIMER_REAL, &soon, NULL);
}

/* Sessions of one slate with the same items again and again. */
static Slates LongSlates(const Host *host, uint32_t sessions, uint32_t shown)
{
    LogBuilder b = LogCreate(host, 20, (uint64_t)sessions * shown);

    for (uint32_t s = 0; s < sessions; s++) {
        for (uint32_t i = 0; i < shown; i++)
            AddAnswer(&b, i % 20, i % 7 == s % 7);
        EndStep(&b);
        EndSession(&b);
    }
    return b.log;
}

typedef struct LongWork {
    World w;
    Steps steps;
    ResponseBatch batch;
    Measure measure;
} LongWork;

static void LongWorkOpen(LongWork *l)
{
    const Host *host = &l->w.t.host;

    WorldOpen(&l->w, 1, "factors=400");
    l->w.log = LongSlates(host, 3, 1500000);
    Layout(&l->w);
    StepsCreate(host, &l->w.log, &l->steps);
    ResponseBatchCreate(host, &l->w.model, &l->steps, &l->batch);
    l->steps.held[0] = true;
    l->steps.held_count = 1;
    l->steps.held_answers = 1500000;
    MeasureCreate(host, &l->batch, &l->measure);
}

static void LearnLong(void *arg)
{
    LongWork *l = arg;

    for (uint32_t step = 0;; step = (step + 1) % 3) {
        ResponseBatchTake(&l->batch, &step, 1);
        ResponseBatchLearn(&l->batch);
    }
}

static void MeasureLong(void *arg)
{
    LongWork *l = arg;

    for (;;)
        MeasureRun(&l->w.t.host, &l->measure);
}

/* Wherever it comes. */
static void CheckCancelOfLongSlates(void)
{
    static LongWork l;
    bool right = true;

    LongWorkOpen(&l);
    for (int at = 5; at < 700; at += 70) {
        l.w.t.cancel = 0;
        CancelAfter(&l.w.t, at);
        right &= Attempt(&l.w.t, at % 4 == 3 ? MeasureLong : LearnLong, &l) == OUTCOME_CANCELLED;
    }
    CHECK(right, "long slates are left in their midst");
    TestHostEnd(&l.w.t);
}

static void CheckAllocations(void)
{
    World w;
    Outcome outcome = OUTCOME_FAILED;
    size_t at = 0;
    bool right = true;

    while (outcome == OUTCOME_FAILED && right) {
        WorldOpen(&w, 2, "epochs=2 factors=3 records=5");
        w.log = RandomLog(&w.t.host, 60, 20, 1614);
        Layout(&w);
        w.t.fail_at = w.t.allocations + ++at;
        outcome = Attempt(&w.t, TrainWorld, &w);
        right = outcome != OUTCOME_FAILED || w.t.kind == FAIL_RESOURCE;
        TestHostEnd(&w.t);
    }
    CHECK(right && outcome == OUTCOME_DONE && at > 30,
          "whichever allocation fails, the training ends with an error (%zu)", at);
}

void TestUserResponse(void)
{
    CheckGradients();
    CheckBatches();
    CheckAuc();
    CheckSteps();
    CheckHeldOut();
    CheckKnownModel();
    CheckRecords();
    CheckQuery();
    CheckDamage();
    CheckGarbage();
    CheckOddLogs();
    CheckLearnsAll();
    CheckThreads();
    CheckMemory();
    CheckLimits();
    CheckDivergence();
    CheckCancel();
    CheckCancelOfLongSlates();
    CheckAllocations();
}
