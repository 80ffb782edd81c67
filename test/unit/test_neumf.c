/* test_neumf.c: steps, scores and whole trainings of neumf. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/learn/adam.h"
#include "algo/neumf/batch.h"
#include "algo/rank/ranking.h"
#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define USERS 120
#define ITEMS 90

#define SMALL "factors=5 width=8 epochs=30 batch_size=200 learning_rate=0.02"

static Interactions Data(const Host *host)
{
    Interactions data = TasteInteractions(host, USERS, ITEMS, 3, 12, 1210);

    InteractionsHoldOut(host, &data, HOLDOUT_RANDOM, 0, 1);
    return data;
}

static Training TrainWith(TestHost *t, int threads, const char *settings)
{
    return TrainFresh(t, threads, Data, "neumf", settings);
}

/* ---- one step ---- */

typedef struct Stepped {
    TestHost t;
    NeumfOptions options;
    Model model;
    NeumfBatch batch;
    double loss;
} Stepped;

static void AddExamples(Stepped *s, uint32_t count)
{
    Random random = TestStream(1211);

    for (uint32_t e = 0; e < count; e++) {
        uint32_t user = RandomBelow(&random, 9), item = RandomBelow(&random, 11);

        NeumfBatchAdd(&s->batch, user, item, (float)(e % 3 == 0));
    }
}

/* 150 examples: three slices. */
static void StepOnce(Stepped *s, bool sums)
{
    const Host *host = &s->t.host;
    const Algorithm *algorithm = AlgorithmFind("neumf");
    Random random = TestStream(1212);

    TestHostInit(&s->t);
    OptionsDefault(algorithm->options, &s->options);
    SetOptions(algorithm, &s->options, "factors=5 width=8 batch_size=200");
    ModelLayout(&s->model, algorithm, &s->options, 9, 11);
    ModelAllocate(host, &s->model);
    NeumfBatchCreate(host, &s->model, &s->batch);
    NeumfStartNetwork(&s->batch.network, &random, s->model.part[NEUMF_NETWORK_PART].data);
    FactorsInit(host, &s->model.part[NEUMF_USER_PART], RANDOM_INIT_USER, 5, 0.7);
    FactorsInit(host, &s->model.part[NEUMF_ITEM_PART], RANDOM_INIT_ITEM, 5, 0.7);
    s->batch.rule = (NeumfRule){.rate = 0.01f};
    if (sums)
        s->batch.rule =
            (NeumfRule){.user_sums = HostAllocateZero(host, 9 * 16, sizeof(float)),
                        .item_sums = HostAllocateZero(host, 11 * 16, sizeof(float)),
                        .network_sums = HostAllocateZero(
                            host, PartFloats(&s->model.part[NEUMF_NETWORK_PART]), sizeof(float))};
    AddExamples(s, 150);
    s->loss = NeumfBatchStep(&s->batch);
}

/* One example after the other, by the network alone. */
static double PlainSums(const Stepped *s, float *users, float *items, float *network)
{
    const Host *host = &s->t.host;
    const NeumfNetwork *n = &s->batch.network;
    const Model *m = &s->model;
    float *tape = HostAllocate(host, NeumfTape(n, 1), sizeof(float));
    float *du = HostAllocate(host, 16, sizeof(float)), *di = HostAllocate(host, 16, sizeof(float));
    Random random = TestStream(1211);
    double loss = 0;

    for (uint32_t e = 0; e < 150; e++) {
        uint32_t user = RandomBelow(&random, 9), item = RandomBelow(&random, 11);
        const float *u = PartRow(&m->part[NEUMF_USER_PART], user);
        const float *i = PartRow(&m->part[NEUMF_ITEM_PART], item);
        float odds, g;

        NeumfForward(n, m->part[NEUMF_NETWORK_PART].data, u, i, 1, tape, &odds);
        loss += Softplus(e % 3 == 0 ? -(double)odds : (double)odds);
        g = 1 / (1 + expf(-odds)) - (e % 3 == 0);
        NeumfBackward(n, m->part[NEUMF_NETWORK_PART].data, u, i, 1, tape, &g, du, di, network);
        for (int k = 0; k < 13; k++) {
            users[user * 16 + k] += du[k];
            items[item * 16 + k] += di[k];
        }
    }
    return loss;
}

static bool AllNear(const float *a, const float *b, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (!Near((double)a[k], (double)b[k], 1e-4, 1e-4))
            return false;
    return true;
}

static bool MadeStep(const Part *before, const Part *after, const float *sums)
{
    float state[2 * 4096] __attribute__((aligned(64)));
    AdamRule rule = {.rate = 0.01f, .scale = 1 / 150.0f};
    double moved = 0;

    for (size_t at = 0; at < PartFloats(before); at += 16) {
        memset(state, 0, sizeof(state));
        AdamMany(&rule, 1, before->data + at, sums + at, state, 16);
        for (int k = 0; k < 16; k++) {
            if (fabsf(before->data[at + k] - after->data[at + k]) > 1e-6f)
                return false;
            moved += fabs((double)state[k]);
        }
    }
    return moved > 0;
}

static void CheckStep(void)
{
    Stepped *gradient = calloc(1, sizeof(*gradient)), *step = calloc(1, sizeof(*step));
    const NeumfRule *sums = &gradient->batch.rule;
    size_t network;
    float *users, *items, *weights;
    double loss;

    StepOnce(gradient, true);
    StepOnce(step, false);
    network = PartFloats(gradient->batch.part);
    users = HostAllocateZero(&gradient->t.host, 9 * 16, sizeof(float));
    items = HostAllocateZero(&gradient->t.host, 11 * 16, sizeof(float));
    weights = HostAllocateZero(&gradient->t.host, network, sizeof(float));
    loss = PlainSums(gradient, users, items, weights);
    CHECK(Near(loss, gradient->loss, 1e-5, 0), "the loss is the sum over the examples");
    CHECK(AllNear(users, sums->user_sums, 9 * 16) && AllNear(items, sums->item_sums, 11 * 16) &&
              AllNear(weights, sums->network_sums, network),
          "and so are the gradients");
    CHECK(MadeStep(gradient->batch.user.part, step->batch.user.part, sums->user_sums) &&
              MadeStep(gradient->batch.item.part, step->batch.item.part, sums->item_sums) &&
              MadeStep(gradient->batch.part, step->batch.part, sums->network_sums),
          "each row makes Adam's step along the mean gradient");
    TestHostEnd(&gradient->t);
    TestHostEnd(&step->t);
    free(gradient);
    free(step);
}

/* ---- scores ---- */

static double PlainScore(const Host *host, const Model *m, uint32_t user, uint32_t item)
{
    NeumfShape shape = NeumfShapeOf(m->options);
    NeumfNetwork network;
    float odds;

    NeumfNetworkOf(&shape, &network);
    NeumfForward(&network, m->part[NEUMF_NETWORK_PART].data,
                 PartRow(&m->part[NEUMF_USER_PART], user), PartRow(&m->part[NEUMF_ITEM_PART], item),
                 1, HostAllocate(host, NeumfTape(&network, 1), sizeof(float)), &odds);
    return (double)odds;
}

static void CheckScores(const char *settings)
{
    TestHost t;
    Training run = TrainWith(&t, 0, settings);
    const Model *m = &run.model;
    float *query = HostAllocate(&t.host, NeumfQueryWidth(m), sizeof(float));
    float *all = HostAllocate(&t.host, ITEMS, sizeof(float)), some[40];
    bool right = true, same = true;

    for (uint32_t user = 0; user < 10; user++) {
        Model view;

        NeumfQuery(m, &(QueryInput){.row = user}, query);
        NeumfScore(m, query, all);
        for (uint32_t i = 0; i < ITEMS; i++)
            right &= Near((double)all[i], PlainScore(&t.host, m, user, i), 1e-4, 1e-4);
        for (uint32_t first = 0; first + 40 <= ITEMS; first += 7)
            for (uint32_t count = 1; count <= 40; count += 13) {
                ModelViewItems(m, first, count, &view);
                NeumfScore(&view, query, some);
                same &= memcmp(some, all + first, count * sizeof(float)) == 0;
            }
    }
    CHECK(right, "%s: scores are what training makes of the rows", settings);
    CHECK(same, "and the same bytes whatever items are beside them");
    TestHostEnd(&t);
}

static void CheckNotANumber(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, SMALL " epochs=1");
    Model *m = &run.model;
    float *query = HostAllocate(&t.host, NeumfQueryWidth(m), sizeof(float));
    float *out = HostAllocate(&t.host, ITEMS, sizeof(float));

    PartRow(&m->part[NEUMF_ITEM_PART], 3)[1] = NAN;
    NeumfQuery(m, &(QueryInput){.row = 0}, query);
    NeumfScore(m, query, out);
    CHECK(isnan(out[3]) && !isnan(out[2]), "what is no number in a row is none in its score");
    TestHostEnd(&t);
}

/* ---- whole trainings ---- */

static void CheckStages(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, SMALL " evaluate_every=10");
    const TrainReport *report = &run.report;
    int last = report->epochs - 1;

    CHECK(report->best >= 9 && last >= 30 && strcmp(report->history[last].stage, "all") == 0,
          "what was held out is learnt at last");
    CHECK(report->history[29].loss < 0.9 * report->history[0].loss, "the loss falls: %.4f to %.4f",
          report->history[0].loss, report->history[29].loss);
    CHECK(report->history[report->best].metric[0] > 0.35, "tastes are learnt: %.3f",
          report->history[report->best].metric[0]);
    TestHostEnd(&t);
}

static void CheckBadData(void)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = BlockInteractions(&t.host, 3, 2, 1);
    TrainingPrepare(&t, &data, "neumf", SMALL, &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "nothing to learn") != NULL,
          "users who have everything: %s", t.message);
    data = RandomInteractions(&t.host, USERS, ITEMS, 10, 1213);
    TrainingPrepare(&t, &data, "neumf", SMALL " learning_rate=1000 last_rate=1", &run);
    run.model.part[NEUMF_USER_PART].data[0] = INFINITY;
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "diverged") != NULL,
          "what is not finite ends it: %s", t.message);
    data = RandomInteractions(&t.host, 2, 3, 1, 1214);
    TrainingPrepare(&t, &data, "neumf", SMALL " epochs=2 negatives=64", &run);
    CHECK(TrainingRun(&run) == OUTCOME_DONE, "two users and three items");
    TestHostEnd(&t);
}

void TestNeumf(void)
{
    CheckStep();
    CheckScores(SMALL);
    CheckScores("factors=1 width=1 layers=1 epochs=3");
    CheckScores("factors=17 width=33 layers=2 epochs=3");
    CheckNotANumber();
    CheckFoldInOfTastes(TrainWith, SMALL, 3, 1);
    CheckSameBytes(TrainWith, SMALL " epochs=2");
    CheckSameBytes(TrainWith, SMALL " epochs=2 batch_size=4000 layers=1");
    CheckStages();
    CheckWarmStart(TrainWith, SMALL " holdout=none");
    CheckBadData();
}
