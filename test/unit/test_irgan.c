/* test_irgan.c: steps, draws and whole trainings of irgan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/irgan/game.h"
#include "algo/irgan/steps.h"
#include "algo/rank/ranking.h"
#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define USERS 120
#define ITEMS 90

#define SMALL                                                                                      \
    "factors=8 epochs=30 adv_epochs=2 discriminator_epochs=10 generator_epochs=2 "                 \
    "learning_rate=0.1"

static Interactions Data(const Host *host)
{
    Interactions data = TasteInteractions(host, USERS, ITEMS, 3, 12, 1230);

    InteractionsHoldOut(host, &data, HOLDOUT_RANDOM, 0, 1);
    return data;
}

static Training TrainWith(TestHost *t, int threads, const char *settings)
{
    return TrainFresh(t, threads, Data, "irgan", settings);
}

/* ---- a small model of random numbers ---- */

#define TOY_USERS 7
#define TOY_ITEMS 21

typedef struct Toy {
    TestHost t;
    Interactions data;
    IrganOptions options;
    Model model;
    IrganGame game;
} Toy;

static void ToyOpen(Toy *toy, const char *settings)
{
    const Algorithm *algorithm = AlgorithmFind("irgan");
    Random random = TestStream(1231);

    memset(toy, 0, sizeof(*toy));
    TestHostInit(&toy->t);
    toy->data = RandomInteractions(&toy->t.host, TOY_USERS, TOY_ITEMS, 6, 1232);
    OptionsDefault(algorithm->options, &toy->options);
    SetOptions(algorithm, &toy->options, "factors=5");
    SetOptions(algorithm, &toy->options, settings);
    ModelLayout(&toy->model, algorithm, &toy->options, TOY_USERS, TOY_ITEMS);
    ModelAllocate(&toy->t.host, &toy->model);
    for (int p = IRGAN_USER_PART; p <= IRGAN_JUDGE_BIAS_PART; p++)
        for (uint32_t r = 0; r < toy->model.part[p].rows; r++)
            for (uint32_t k = 0; k < toy->model.part[p].columns; k++)
                PartRow(&toy->model.part[p], r)[k] = (float)(0.6 * RandomNormal(&random));
    IrganGameCreate(&toy->t.host, &toy->data, &toy->model, &toy->game);
}

/* ---- steps ---- */

typedef double (*StepOf)(const Player *player, StepSize size, uint32_t user, uint32_t item,
                         uint32_t other);

static double LossOf(const Player *player, bool judges, double regularization)
{
    double own = 0, other = 0, squares = 0;

    for (uint32_t k = 0; k < 5; k++) {
        double u = (double)PartRow(player->user, 2)[k];
        double i = (double)PartRow(player->item, 4)[k], j = (double)PartRow(player->item, 9)[k];

        own += u * i;
        other += u * j;
        squares += u * u + i * i + j * j;
    }
    own += (double)player->bias->data[4];
    other += (double)player->bias->data[9];
    squares += (double)player->bias->data[4] * (double)player->bias->data[4] +
               (double)player->bias->data[9] * (double)player->bias->data[9];
    return (judges ? Softplus(-own) + Softplus(other) : Softplus(other - own)) +
           regularization * squares / 2;
}

/* Where a step of size 1 moves a number, there the loss's difference points. */
static double WorstNumber(const Player *before, bool judges, Part *part, const Part *moved)
{
    double worst = 0;

    for (size_t i = 0; i < PartFloats(part); i++) {
        float value = part->data[i];
        double up, down, h = 0.01;

        part->data[i] = value + (float)h;
        up = LossOf(before, judges, 0.3);
        part->data[i] = value - (float)h;
        down = LossOf(before, judges, 0.3);
        part->data[i] = value;
        worst = fmax(worst, fabs((up - down) / (2 * h) - (double)(value - moved->data[i])));
    }
    return worst;
}

static void CheckStep(StepOf step, bool judges)
{
    Toy *before = calloc(1, sizeof(*before)), *after = calloc(1, sizeof(*after));
    Player from, to;
    double loss, worst;

    ToyOpen(before, "");
    ToyOpen(after, "");
    from = IrganGenerator(&before->model);
    to = IrganGenerator(&after->model);
    loss = step(&to, (StepSize){1, 0.3f}, 2, 4, 9);
    worst = WorstNumber(&from, judges, from.user, to.user);
    worst = fmax(worst, WorstNumber(&from, judges, from.item, to.item));
    worst = fmax(worst, WorstNumber(&from, judges, from.bias, to.bias));
    CHECK(Near(loss, LossOf(&from, judges, 0), 1e-5, 0), "%s: the loss is its formula's",
          judges ? "judgement" : "ranking");
    CHECK(worst < 1e-3 && from.user->data[2 * 16] != to.user->data[2 * 16],
          "a step goes along the gradient: off by %.2g", worst);
    TestHostEnd(&before->t);
    TestHostEnd(&after->t);
    free(before);
    free(after);
}

static void CheckHardest(void)
{
    Toy toy;
    Player player;
    Random random = TestStream(1233);
    bool right = true;

    ToyOpen(&toy, "");
    player = IrganGenerator(&toy.model);
    for (uint32_t u = 0; u < TOY_USERS; u++) {
        uint32_t best = NO_ITEM, found = HardestNegative(&player, &toy.data, u, 64, &random);

        for (uint32_t i = 0; i < TOY_ITEMS; i++)
            if (!TrainsOn(&toy.data, u, i) &&
                (best == NO_ITEM || PlayerScore(&player, u, i) > PlayerScore(&player, u, best)))
                best = i;
        right &= !TrainsOn(&toy.data, u, found) &&
                 (best == found || PlayerScore(&player, u, best) > PlayerScore(&player, u, found));
    }
    CHECK(right, "the hardest of those drawn is no item of the user");
    TestHostEnd(&toy.t);
}

/* ---- the generator ---- */

static void PlainChances(const Toy *toy, uint32_t user, double temperature, double *chance)
{
    Model model = toy->model;
    Player player = IrganGenerator(&model);
    double sum = 0;

    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        sum += chance[i] = exp((double)PlayerScore(&player, user, i) / temperature);
    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        chance[i] /= sum;
}

/* Draws of one user over many epochs, against the softmax. */
static void CheckDraws(void)
{
    Toy toy;
    double chance[TOY_ITEMS], chi = 0, all = 0;
    uint32_t count[TOY_ITEMS] = {0};

    ToyOpen(&toy, "temperature=0.7");
    for (toy.game.epoch = 0; toy.game.epoch < 2000; toy.game.epoch++) {
        IrganGameDraw(&toy.game);
        for (uint64_t i = toy.data.offset[3]; i < toy.data.offset[4]; i++, all++)
            count[toy.game.drawn[i]]++;
    }
    PlainChances(&toy, 3, 0.7, chance);
    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        chi += (count[i] - all * chance[i]) * (count[i] - all * chance[i]) / (all * chance[i]);
    CHECK(all > 4000 && chi < 60, "draws follow the softmax: chi square %.1f of 20 degrees", chi);
    TestHostEnd(&toy.t);
}

/* -sum of worth[i] ln p(i) */
static double RewardLoss(const double *score, const double *worth)
{
    double sum = 0, loss = 0;

    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        sum += exp(score[i]);
    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        loss -= worth[i] * (score[i] - log(sum));
    return loss;
}

static void CheckRewardGradient(void)
{
    Random random = TestStream(1234);
    double score[TOY_ITEMS], worth[TOY_ITEMS], worst = 0, sum = 0;
    float gradient[TOY_ITEMS];

    for (uint32_t i = 0; i < TOY_ITEMS; i++) {
        score[i] = RandomNormal(&random);
        worth[i] = RandomNormal(&random);
        sum += exp(score[i]);
    }
    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        gradient[i] = (float)(exp(score[i]) / sum);
    FollowRewards(worth, TOY_ITEMS, gradient);
    for (uint32_t i = 0; i < TOY_ITEMS; i++) {
        double before = score[i], up, down;

        score[i] = before + 1e-5;
        up = RewardLoss(score, worth);
        score[i] = before - 1e-5;
        down = RewardLoss(score, worth);
        score[i] = before;
        worst = fmax(worst, fabs((up - down) / 2e-5 - (double)gradient[i]));
    }
    CHECK(worst < 1e-5, "rewards are followed along the gradient: off by %.2g", worst);
}

/*
 * Steps of many epochs from the same numbers: their mean is the gradient of the expected reward,
 * sum over i of p(i) 2 (sigmoid(f_D) - 1/2), by the scores; importance weights leave it as it is.
 */
static void CheckExpectedStep(void)
{
    Toy toy;
    Player judge;
    double chance[TOY_ITEMS], reward[TOY_ITEMS], mean[TOY_ITEMS] = {0}, all = 0, worst = 0;
    uint32_t user = 3;

    ToyOpen(&toy, "positives=0.4");
    judge = IrganDiscriminator(&toy.model);
    PlainChances(&toy, user, 1, chance);
    for (uint32_t i = 0; i < TOY_ITEMS; i++) {
        reward[i] = 2 / (1 + exp(-(double)PlayerScore(&judge, user, i))) - 1;
        all += chance[i] * reward[i];
    }
    toy.game.rate = 0;
    for (toy.game.epoch = 0; toy.game.epoch < 4000; toy.game.epoch++) {
        IrganGameStep(&toy.game, &user, 1);
        for (uint32_t i = 0; i < TOY_ITEMS; i++)
            mean[i] += (double)toy.game.chance[i] / 4000;
    }
    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        worst = fmax(worst, fabs(mean[i] - chance[i] * (all - reward[i])));
    CHECK(worst < 0.006, "on average a step follows the expected reward: off by %.4f", worst);
    TestHostEnd(&toy.t);
}

/* Numbers move by the gradient of the scores times the numbers that they meet. */
static void CheckMoves(void)
{
    static const uint32_t users[] = {1, 5, 6};
    Toy *before = calloc(1, sizeof(*before)), *after = calloc(1, sizeof(*after));
    Player from, to;
    double worst = 0;

    ToyOpen(before, "");
    ToyOpen(after, "");
    from = IrganGenerator(&before->model);
    to = IrganGenerator(&after->model);
    after->game.rate = 1;
    IrganGameStep(&after->game, users, 3);
    for (uint32_t i = 0; i < TOY_ITEMS; i++)
        for (int k = 0; k < 5; k++) {
            double moved = 0;

            for (int n = 0; n < 3; n++)
                moved += (double)(after->game.chance[n * after->game.width + i] *
                                  PartRow(from.user, users[n])[k]);
            worst = fmax(worst,
                         fabs((double)(PartRow(from.item, i)[k] - PartRow(to.item, i)[k]) - moved));
        }
    CHECK(worst < 1e-5 && from.item->data[0] != to.item->data[0], "items move: off by %.2g", worst);
    for (int n = 0; n < 3; n++)
        for (int k = 0; k < 5; k++) {
            double moved = 0;

            for (uint32_t i = 0; i < TOY_ITEMS; i++)
                moved += (double)(after->game.chance[n * after->game.width + i] *
                                  PartRow(from.item, i)[k]);
            worst = fmax(worst, fabs((double)(PartRow(from.user, users[n])[k] -
                                              PartRow(to.user, users[n])[k]) -
                                     moved));
        }
    CHECK(worst < 1e-5 && memcmp(PartRow(from.user, 0), PartRow(to.user, 0), 64) == 0,
          "and users of the batch alone: off by %.2g", worst);
    TestHostEnd(&before->t);
    TestHostEnd(&after->t);
    free(before);
    free(after);
}

/* ---- whole trainings ---- */

static void CheckStages(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, SMALL " evaluate_every=5");
    const TrainReport *report = &run.report;

    CHECK(report->epochs >= 32 && strcmp(report->history[0].stage, "ranking") == 0 &&
              strcmp(report->history[30].stage, "players") == 0 &&
              strncmp(report->history[32].stage, "all", 3) == 0,
          "ranking, players, and what was held out at last");
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
    TrainingPrepare(&t, &data, "irgan", SMALL, &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "nothing to learn") != NULL,
          "users who have everything: %s", t.message);
    data = RandomInteractions(&t.host, USERS, ITEMS, 10, 1235);
    TrainingPrepare(&t, &data, "irgan", SMALL " learning_rate=1000", &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "diverged") != NULL,
          "what is not finite ends it: %s", t.message);
    TrainingPrepare(&t, &data, "irgan", SMALL " adv_learning_rate=1000", &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "diverged") != NULL,
          "of the players, too: %s", t.message);
    data = RandomInteractions(&t.host, 2, 3, 1, 1236);
    TrainingPrepare(&t, &data, "irgan", SMALL " epochs=2 candidates=64", &run);
    CHECK(TrainingRun(&run) == OUTCOME_DONE, "two users and three items");
    TestHostEnd(&t);
}

void TestIrgan(void)
{
    CheckStep(RankingStep, false);
    CheckStep(JudgementStep, true);
    CheckHardest();
    CheckDraws();
    CheckRewardGradient();
    CheckExpectedStep();
    CheckMoves();
    CheckSameBytes(TrainWith, SMALL " epochs=2");
    CheckSameBytes(TrainWith, SMALL " epochs=2 generator_batch=1");
    CheckStages();
    CheckFoldInOfTastes(TrainWith, SMALL, 3, 0.3);
    CheckBadData();
}
