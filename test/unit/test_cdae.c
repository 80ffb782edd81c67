/* test_cdae.c: gradients, queries and whole trainings of cdae. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/cdae/batch.h"
#include "algo/learn/adam.h"
#include "algo/rank/ranking.h"
#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define USERS 120
#define ITEMS 90

#define SMALL "factors=8 epochs=30 batch_size=20 learning_rate=0.03"

static Interactions Data(const Host *host)
{
    Interactions data = TasteInteractions(host, USERS, ITEMS, 3, 12, 1220);

    InteractionsHoldOut(host, &data, HOLDOUT_RANDOM, 0, 1);
    return data;
}

static Training TrainWith(TestHost *t, int threads, const char *settings)
{
    return TrainFresh(t, threads, Data, "cdae", settings);
}

/* ---- gradients ---- */

#define TOY_USERS 9
#define TOY_ITEMS 30
#define FACTORS   5
#define PITCH     16

/* A batch of all users, and its parameters in double precision. */
typedef struct Toy {
    TestHost t;
    Interactions data;
    CdaeOptions options;
    Model model;
    CdaeBatch batch;
    double *values[CDAE_BIAS_PART + 1];
    uint32_t users, outputs; /* of the batch */
} Toy;

static void FillPart(Toy *toy, int part, Random *random)
{
    Part *of = &toy->model.part[part];

    toy->values[part] = HostAllocateZero(&toy->t.host, PartFloats(of), sizeof(double));
    for (uint32_t r = 0; r < of->rows; r++)
        for (uint32_t k = 0; k < of->columns; k++) {
            PartRow(of, r)[k] = (float)(0.5 * RandomNormal(random));
            toy->values[part][r * of->stride + k] = (double)PartRow(of, r)[k];
        }
}

static void ToyOpen(Toy *toy, const char *settings, bool sums)
{
    const Host *host = &toy->t.host;
    const Algorithm *algorithm = AlgorithmFind("cdae");
    Random random = TestStream(1221);

    TestHostInit(&toy->t);
    toy->data = RandomInteractions(host, TOY_USERS, TOY_ITEMS, 6, 1222);
    toy->data.weight = HostAllocate(host, toy->data.count, sizeof(float));
    for (uint64_t i = 0; i < toy->data.count; i++)
        toy->data.weight[i] = (float)(1 + i % 3);
    InteractionsHoldOut(host, &toy->data, HOLDOUT_RANDOM, 0, 1);
    OptionsDefault(algorithm->options, &toy->options);
    SetOptions(algorithm, &toy->options, "factors=5 batch_size=20 negatives=2");
    SetOptions(algorithm, &toy->options, settings);
    ModelLayout(&toy->model, algorithm, &toy->options, TOY_USERS, TOY_ITEMS);
    ModelAllocate(host, &toy->model);
    CdaeBatchCreate(host, &toy->model, &toy->batch);
    for (int p = CDAE_USER_PART; p <= CDAE_BIAS_PART; p++) {
        FillPart(toy, p, &random);
        if (sums)
            toy->batch.rule.sums[p] =
                HostAllocateZero(host, PartFloats(&toy->model.part[p]), sizeof(float));
    }
    toy->batch.rule.rate = 0.01f;
    for (uint32_t u = 0; u < TOY_USERS; u++)
        CHECK(CdaeBatchAdd(&toy->batch, &toy->data, 2, u, &random), "there is room");
    toy->users = toy->batch.users;
    toy->outputs = toy->batch.output_count;
}

static double *Row(Toy *toy, int part, uint32_t row)
{
    return toy->values[part] + (size_t)row * toy->model.part[part].stride;
}

static void Hidden(Toy *toy, const CdaeUser *of, double *z)
{
    for (int k = 0; k < FACTORS; k++) {
        double sum = Row(toy, CDAE_BIAS_PART, 0)[k] +
                     (toy->options.user_node ? Row(toy, CDAE_USER_PART, of->user)[k] : 0);

        for (uint32_t i = of->input; i < of->input + of->inputs; i++)
            sum += (double)of->scale * Row(toy, CDAE_INPUT_PART, toy->batch.input[i])[k];
        z[k] = 1 / (1 + exp(-sum));
    }
}

/* The loss from its formulas. */
static double UserLoss(Toy *toy, const CdaeUser *of)
{
    double z[FACTORS], o[256], all = 0, loss = 0;

    Hidden(toy, of, z);
    for (uint32_t j = 0; j < of->outputs; j++) {
        const double *row = Row(toy, CDAE_OUTPUT_PART, toy->batch.output[of->output + j]);

        o[j] = row[FACTORS];
        for (int k = 0; k < FACTORS; k++)
            o[j] += row[k] * z[k];
        all += exp(o[j]);
    }
    for (uint32_t j = 0; j < of->outputs; j++) {
        double y = (double)toy->batch.label[of->output + j];
        double w = (double)toy->batch.weight[of->output + j];

        loss += toy->options.loss == CDAE_LOGISTIC ? w * (Softplus(o[j]) - y * o[j])
                : toy->options.loss == CDAE_SQUARE ? w * (o[j] - y) * (o[j] - y) / 2
                                                   : y * w * (log(all) - o[j]);
    }
    return loss;
}

static double BatchLoss(Toy *toy)
{
    double loss = 0;

    for (uint32_t n = 0; n < toy->users; n++)
        loss += UserLoss(toy, &toy->batch.user[n]);
    return loss;
}

/* Largest difference of a part's gradient from finite differences. */
static double Worst(Toy *toy, int part, double *largest)
{
    const Part *of = &toy->model.part[part];
    double worst = 0;

    for (size_t i = 0; i < PartFloats(of); i++) {
        double *value = &toy->values[part][i], before = *value, up, down;
        double gradient = (double)toy->batch.rule.sums[part][i];

        *value = before + 1e-5;
        up = BatchLoss(toy);
        *value = before - 1e-5;
        down = BatchLoss(toy);
        *value = before;
        worst = fmax(worst, fabs((up - down) / 2e-5 - gradient));
        *largest = fmax(*largest, fabs(gradient));
    }
    return worst;
}

static void CheckGradients(const char *settings)
{
    static const char *const names[] = {"", "user", "input", "output", "bias"};
    Toy *toy = calloc(1, sizeof(*toy));
    double loss, expected;

    ToyOpen(toy, settings, true);
    expected = BatchLoss(toy);
    loss = CdaeBatchStep(&toy->batch);
    CHECK(toy->users >= 8 && Near(loss, expected, 1e-5, 0), "%s: the loss is its formula's",
          settings);
    for (int p = CDAE_USER_PART; p <= CDAE_BIAS_PART; p++) {
        double largest = 0, worst = Worst(toy, p, &largest);

        if (p == CDAE_USER_PART && !toy->options.user_node)
            continue;
        CHECK(largest > 0.05 && worst < 1e-4 * (1 + largest), "gradient of %s: off by %.2g of %.2g",
              names[p], worst, largest);
    }
    TestHostEnd(&toy->t);
    free(toy);
}

static void CheckStep(void)
{
    Toy *gradient = calloc(1, sizeof(*gradient)), *step = calloc(1, sizeof(*step));
    double moved = 0, worst = 0;

    ToyOpen(gradient, "", true);
    ToyOpen(step, "", false);
    CdaeBatchStep(&gradient->batch);
    CdaeBatchStep(&step->batch);
    for (int p = CDAE_USER_PART; p <= CDAE_BIAS_PART; p++)
        for (size_t i = 0; i < PartFloats(&step->model.part[p]); i++) {
            double g = (double)gradient->batch.rule.sums[p][i] / gradient->users;
            double by = (double)(gradient->model.part[p].data[i] - step->model.part[p].data[i]);

            moved += fabs(by);
            worst = fmax(worst, fabs(by - 0.01 * g / (fabs(g) + 1e-8)));
        }
    CHECK(moved > 1 && worst < 1e-5, "rows make Adam's step along the mean gradient");
    TestHostEnd(&gradient->t);
    TestHostEnd(&step->t);
    free(gradient);
    free(step);
}

static void CheckRoom(void)
{
    TestHost t;
    Interactions data;
    CdaeOptions options;
    Model model;
    CdaeBatch b;
    Random random = TestStream(1223);
    const Algorithm *algorithm = AlgorithmFind("cdae");

    TestHostInit(&t);
    data = BlockInteractions(&t.host, 20, 10000, 2); /* 5,000 items each */
    OptionsDefault(algorithm->options, &options);
    SetOptions(algorithm, &options, "factors=1 negatives=15 corruption=0 normalize=false");
    ModelLayout(&model, algorithm, &options, 20, 10000);
    ModelAllocate(&t.host, &model);
    CdaeBatchCreate(&t.host, &model, &b);
    CHECK(CdaeBatchAdd(&b, &data, 1, 0, &random) && b.input_count == CDAE_MOST_ITEMS &&
              b.output_count == 16 * CDAE_MOST_ITEMS,
          "of a user with very many items some are learnt");
    CHECK(Near((double)b.user[0].scale * CDAE_MOST_ITEMS, 5000, 1e-6, 0), "and stand for all: %.4f",
          (double)b.user[0].scale);
    CHECK(!CdaeBatchAdd(&b, &data, 1, 1, &random) && b.users == 1, "and fill the batch");
    CdaeBatchStep(&b);
    CHECK(CdaeBatchAdd(&b, &data, 1, 1, &random), "the next has its turn then");
    TestHostEnd(&t);
}

/* ---- queries ---- */

static void CheckQueries(void)
{
    static const uint32_t history[] = {3, 10, 17, 24};
    TestHost t;
    Training run = TrainWith(&t, 0, SMALL);
    const Model *m = &run.model;
    uint32_t width = CdaeQueryWidth(m);
    float *query = HostAllocate(&t.host, width, sizeof(float));
    float *visitor = HostAllocate(&t.host, width, sizeof(float));
    const float *own = PartRow(&m->part[CDAE_USER_PART], 5);
    bool right = true;

    CdaeQuery(m, &(QueryInput){.row = 5, .items = history, .count = 4}, query);
    for (int k = 0; k < 8; k++) {
        double sum = (double)(m->part[CDAE_BIAS_PART].data[k] + own[k]);

        for (int h = 0; h < 4; h++)
            sum += (double)PartRow(&m->part[CDAE_INPUT_PART], history[h])[k] / 2;
        right &= Near((double)query[k], 1 / (1 + exp(-sum)), 1e-5, 1e-6);
    }
    CHECK(right && query[8] == 1 && query[9] == 0, "a query is the hidden layer, and a 1");
    CdaeQuery(m, &(QueryInput){.row = NO_ROW, .items = history, .count = 4}, visitor);
    CHECK(memcmp(query, visitor, width * sizeof(float)) != 0 && isfinite(visitor[0]),
          "a visitor has no row");
    CdaeQuery(m, &(QueryInput){.row = NO_ROW, .count = 0}, visitor);
    CHECK(isfinite(visitor[0]) && visitor[0] > 0, "who has nothing has a query, too");
    TestHostEnd(&t);
}

/* ---- whole trainings ---- */

static void CheckStages(const char *settings)
{
    TestHost t;
    Training run = TrainWith(&t, 0, settings);
    const TrainReport *report = &run.report;
    int last = report->epochs - 1;

    CHECK(last >= 30 && strcmp(report->history[last].stage, "all") == 0,
          "%s: what was held out is learnt at last", settings);
    CHECK(report->history[29].loss < report->history[0].loss, "the loss falls: %.4f to %.4f",
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
    TrainingPrepare(&t, &data, "cdae", SMALL, &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "nothing to learn") != NULL,
          "users who have everything: %s", t.message);
    data = RandomInteractions(&t.host, USERS, ITEMS, 10, 1224);
    TrainingPrepare(&t, &data, "cdae", SMALL, &run);
    run.model.part[CDAE_USER_PART].data[0] = INFINITY;
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "diverged") != NULL,
          "what is not finite ends it: %s", t.message);
    data = RandomInteractions(&t.host, 2, 3, 1, 1225);
    TrainingPrepare(&t, &data, "cdae", SMALL " epochs=2 negatives=64", &run);
    CHECK(TrainingRun(&run) == OUTCOME_DONE, "two users and three items");
    TestHostEnd(&t);
}

void TestCdae(void)
{
    CheckGradients("loss=logistic");
    CheckGradients("loss=square normalize=false");
    CheckGradients("loss=softmax user_node=false corruption=0.9");
    CheckStep();
    CheckRoom();
    CheckQueries();
    CheckSameBytes(TrainWith, SMALL " epochs=2");
    CheckSameBytes(TrainWith, SMALL " epochs=2 loss=square normalize=false user_node=false");
    CheckStages(SMALL);
    CheckStages(SMALL " loss=logistic");
    CheckWarmStart(TrainWith, SMALL " holdout=none");
    CheckBadData();
}
