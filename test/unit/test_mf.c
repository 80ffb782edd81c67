/* test_mf.c: whole trainings through the interface that all algorithms share. */
#include "algo/mf/mf.h"
#include "algo/rank/validation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

/* ---- over-fitting: a model must be able to learn what it has seen ---- */

/* Share of users whose best item of all is one of their own. */
static double TrainingHit(TestHost *t, const Training *run)
{
    const Interactions *data = run->data;
    RankingCase *cases = HostAllocate(&t->host, data->users, sizeof(RankingCase));
    uint32_t *positions = HostAllocate(&t->host, data->count, sizeof(uint32_t));
    double hits = 0;

    for (uint32_t u = 0; u < data->users; u++)
        cases[u] =
            (RankingCase){.user = u,
                          .relevant = data->item + data->offset[u],
                          .relevant_count = (uint32_t)(data->offset[u + 1] - data->offset[u]),
                          .positions = positions + data->offset[u]};
    RankCases(&t->host, &run->model, NO_HISTORIES, cases, data->users);
    for (uint32_t u = 0; u < data->users; u++)
        hits += CutoffMetricsOf(cases[u].positions, cases[u].relevant_count, 1).hr;
    return hits / data->users;
}

static void CheckOverfit(const char *algorithm, const char *settings)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = BlockInteractions(&t.host, 20, 20, 4);
    Train(&t, &data, algorithm, settings, &run);
    CHECK(TrainingHit(&t, &run) == 1, "%s %s: HR@1 = 1 on a block structure", algorithm, settings);
    CHECK(run.report.history[run.report.epochs - 1].loss < 0.5 * run.report.history[0].loss,
          "%s %s: the loss falls", algorithm, settings);
    TestHostEnd(&t);
}

/* ---- reproducibility ---- */

static Interactions Data(const Host *host)
{
    Interactions data = TasteInteractions(host, 900, 700, 5, 12, 500);

    InteractionsHoldOut(host, &data, HOLDOUT_RANDOM, 0, 1);
    return data;
}

static Training TrainWith(TestHost *t, int threads, const char *algorithm, const char *settings)
{
    return TrainFresh(t, threads, Data, algorithm, settings);
}

static bool SameHistory(const TrainReport *a, const TrainReport *b)
{
    if (a->epochs != b->epochs || a->best != b->best)
        return false;
    for (int e = 0; e < a->epochs; e++)
        if (a->history[e].loss != b->history[e].loss ||
            memcmp(&a->history[e].metric[0], &b->history[e].metric[0], sizeof(double)) != 0)
            return false;
    return true;
}

static void CheckThreads(const char *algorithm, const char *settings)
{
    TestHost t0, t;
    Training base = TrainWith(&t0, 0, algorithm, settings), run;

    for (int threads = 1; threads <= 4; threads *= 2) {
        run = TrainWith(&t, threads, algorithm, settings);
        CHECK(SameModel(&base.model, &run.model) && SameHistory(&base.report, &run.report),
              "%s %s: the same bytes with %d threads", algorithm, settings, threads);
        TestHostEnd(&t);
    }
    TestHostEnd(&t0);
}

static void CheckSeeds(const char *algorithm, const char *settings)
{
    TestHost t[3];
    Training run[3];
    char other[256];

    snprintf(other, sizeof(other), "%s seed=2", settings);
    for (int i = 0; i < 3; i++)
        run[i] = TrainWith(&t[i], 2, algorithm, i == 2 ? other : settings);
    CHECK(SameModel(&run[0].model, &run[1].model), "%s %s: the same seed, the same bytes",
          algorithm, settings);
    CHECK(!SameModel(&run[0].model, &run[2].model), "%s %s: another seed, other bytes", algorithm,
          settings);
    for (int i = 0; i < 3; i++)
        TestHostEnd(&t[i]);
}

/* Interrupts that come and go must not show in the model. */
static void CheckInterrupts(void)
{
    const char *settings = "epochs=3 factors=8 evaluate_every=1";
    TestHost t0, t;
    Training base = TrainWith(&t0, 0, "bpr", settings), run;
    Interactions data;

    TestHostInit(&t);
    TestHostUsePool(&t, 3);
    t.interrupt_every = 2;
    data = TasteInteractions(&t.host, 900, 700, 5, 12, 500);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "bpr", settings, &run);
    CHECK(SameModel(&base.model, &run.model) && t.checks > 0,
          "interrupts during training leave no trace, %d handled", t.checks);
    TestHostEnd(&t);
    TestHostEnd(&t0);
}

/* Adversarial training of weight 0, continuing, is more epochs of BPR. */
static void CheckLambdaZero(const char *common)
{
    char bpr[256], amf[256];
    TestHost t, u;
    Interactions data;
    Training a, b;

    TestHostInit(&t);
    TestHostInit(&u);
    data = TasteInteractions(&t.host, 200, 150, 5, 10, 510);
    snprintf(bpr, sizeof(bpr), "%s epochs=5", common);
    snprintf(amf, sizeof(amf),
             "%s epochs=3 adv_epochs=2 lambda=0 relative_epsilon=0.1 reset_optimizer=false",
             common);
    Train(&t, &data, "bpr", bpr, &a);
    Train(&u, &data, "amf", amf, &b);
    CHECK(SameModel(&a.model, &b.model), "%s: amf of lambda 0 is bpr bit for bit", common);
    snprintf(amf, sizeof(amf), "%s epochs=3 adv_epochs=2 lambda=0 epsilon=0.5", common);
    Train(&u, &data, "amf", amf, &b);
    CHECK(!SameModel(&a.model, &b.model), "%s: resetting the optimizer shows", common);
    TestHostEnd(&t);
    TestHostEnd(&u);
}

/* ---- course of a training ---- */

static bool InitialValuesAreRight(const Part *part, double deviation, double *spread)
{
    double square = 0, sum = 0;
    bool right = true;

    for (uint32_t r = 0; r < part->rows; r++)
        for (uint32_t k = 0; k < part->stride; k++) {
            double value = part->data[(size_t)r * part->stride + k];

            right &= fabs(value) <= 2 * deviation * (1 + 1e-6) && (k < part->columns || value == 0);
            square += value * value;
            sum += value;
        }
    *spread = sqrt(square / part->rows / part->columns) / deviation;
    return right && fabs(sum / part->rows / part->columns) < 0.02 * deviation;
}

static void CheckInitial(void)
{
    TestHost t;
    Interactions data;
    Training run;
    double user = 0, item = 0;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 900, 700, 5, 12, 520);
    Train(&t, &data, "amf",
          "epochs=1 adv_epochs=1 epsilon=0.5 learning_rate=0 regularization=0.1 factors=20 "
          "init_std=0.1",
          &run);
    CHECK(InitialValuesAreRight(&run.model.part[MF_USER_PART], 0.1, &user) &&
              InitialValuesAreRight(&run.model.part[MF_ITEM_PART], 0.1, &item) &&
              fabs(user - 0.8796) < 0.01 && fabs(item - 0.8796) < 0.01,
          "learning rate 0 leaves the truncated normal start, spread %.4f %.4f", user, item);
    CHECK(memcmp(run.model.part[MF_USER_PART].data, run.model.part[MF_ITEM_PART].data,
                 4 * 20 * 8) != 0,
          "users and items start differently");
    TestHostEnd(&t);
}

static void CheckHistory(void)
{
    TestHost t;
    Training run = TrainWith(&t, 2, "amf",
                             "epochs=4 adv_epochs=3 relative_epsilon=0.1 regularization=0.008 "
                             "evaluate_every=2 factors=8");
    const TrainReport *r = &run.report;
    bool right = r->epochs > 7 && r->epochs <= 14 && t.epochs == r->epochs;
    int all = 0;

    for (int e = 0; e < 7; e++) {
        bool evaluated = e == 1 || e == 3 || e == 5 || e == 6;

        right &= r->history[e].epoch == e + 1;
        right &= strcmp(r->history[e].stage, e < 4 ? "bpr" : "apr") == 0;
        right &= isnan(r->history[e].metric[0]) == !evaluated &&
                 isnan(r->history[e].metric[1]) == !evaluated;
        right &= isfinite(r->history[e].loss) && r->history[e].loss > 0;
    }
    for (int e = 7; e < r->epochs; e++) {
        right &= r->history[e].epoch == e + 1 && isnan(r->history[e].metric[0]);
        all += strcmp(r->history[e].stage, "bpr all") == 0;
    }
    CHECK(right, "an entry per epoch, evaluated where asked and at the end of a stage");
    CHECK(all == 2 || all == 4, "as many epochs of the first stage as were best learn all, %d",
          all);
    CHECK(strcmp(r->stop_reason, "epochs") == 0 && r->best >= 0 && r->best < 7,
          "stopped by the epochs: %s, %d", r->stop_reason, r->best);
    CHECK(t.last.epoch == r->epochs && t.last.epochs == 14 && isnan(t.last.value) &&
              strcmp(t.last.stage, r->history[r->epochs - 1].stage) == 0 &&
              t.last.loss == r->history[r->epochs - 1].loss,
          "progress says the same");
    TestHostEnd(&t);
}

/* Learning so fast that it soon gets worse: what is learnt at the end is learnt as long as was
 * best. */
static void CheckPatience(void)
{
    const char *settings = "epochs=200 patience=3 evaluate_every=1 learning_rate=0.3 factors=16 "
                           "optimizer=adagrad regularization=0.008";
    TestHost t;
    Training run = TrainWith(&t, 0, "bpr", settings);
    const TrainReport *r = &run.report;
    int validated = r->epochs - (r->best + 1);
    bool best = true;

    CHECK(r->epochs < 200 && strcmp(r->stop_reason, "patience") == 0,
          "patience stops after %d epochs", r->epochs);
    CHECK(r->best == validated - 4, "three evaluations after the best, %d", r->best + 1);
    for (int e = 0; e < validated; e++)
        best &= r->history[e].metric[0] <= r->history[r->best].metric[0];
    CHECK(best && strcmp(r->history[validated].stage, "bpr all") == 0,
          "then all is learnt, for as many epochs as were best");
    TestHostEnd(&t);
    run = TrainWith(&t, 0, "bpr",
                    "epochs=30 patience=0 evaluate_every=1 learning_rate=0.3 factors=16 "
                    "optimizer=adagrad regularization=0.008");
    CHECK(run.report.epochs == 30 + run.report.best + 1 &&
              strcmp(run.report.stop_reason, "epochs") == 0,
          "patience 0 never stops");
    TestHostEnd(&t);
}

static void CheckNoValidation(void)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 100, 80, 4, 10, 530);
    Train(&t, &data, "bpr", "epochs=4 factors=8 evaluate_every=1", &run);
    CHECK(run.report.epochs == 4 && run.report.best == 3 && isnan(run.report.history[3].metric[0]),
          "without held-out interactions the last epoch counts");
    TestHostEnd(&t);
}

/* ---- failures ---- */

static void CheckDivergence(const char *settings)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    TestHostUsePool(&t, 2);
    data = TasteInteractions(&t.host, 200, 150, 5, 10, 540);
    TrainingPrepare(&t, &data, "bpr", settings, &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && t.kind == FAIL_NOT_FINITE &&
              strstr(t.message, "epoch ") != NULL && strstr(t.hint, "learning_rate") != NULL,
          "%s: divergence is an error: %s", settings, t.message);
    CHECK(t.epochs < 50 && atoi(strstr(t.message, "epoch ") + 6) == t.epochs + 1,
          "%s: it names the epoch", settings);
    TestHostEnd(&t);
}

static void CheckCollapse(void)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 200, 150, 5, 10, 540);
    TrainingPrepare(&t, &data, "bpr",
                    "epochs=100 optimizer=sgd learning_rate=0.05 regularization=9", &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.hint, "regularization") != NULL,
          "regularization that kills all rows is an error: %s", t.message);
    TestHostEnd(&t);
}

/* The host raises its flag in some call of pending(), or silently, or after an epoch. */
static void CheckCancel(const char *settings, int threads, int at, bool silently, int epoch)
{
    TestHost t;
    Interactions data;
    Training run;
    Outcome outcome;

    TestHostInit(&t);
    if (threads > 0)
        TestHostUsePool(&t, threads);
    data = TasteInteractions(&t.host, 900, 700, 5, 12, 550);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&t, &data, "bpr", settings, &run);
    t.calls = 0;
    t.cancel_at = at;
    t.cancel_silently = silently;
    t.cancel_epoch = epoch;
    outcome = TrainingRun(&run);
    /* With threads, how often the main thread looks depends on how many tasks it gets. */
    CHECK(outcome == OUTCOME_CANCELLED &&
              (threads > 0 && at > 0 ? t.epochs < 500 : t.epochs == epoch),
          "%s, %d threads: cancelled %s", settings, threads,
          epoch > 0  ? "after an epoch"
          : silently ? "inside a task"
                     : "between tasks");
    TestHostEnd(&t);
    CHECK(t.live == 0 && t.host.pool == NULL, "threads are joined, memory is freed");
}

static void CheckCancels(void)
{
    static const char *const settings[] = {"epochs=1000 evaluate_every=1 patience=0",
                                           "epochs=1000 batch_size=64 patience=0"};

    for (int threads = 0; threads <= 4; threads += 2)
        for (int s = 0; s < 2; s++) {
            CheckCancel(settings[s], threads, 4, false, 0);
            CheckCancel(settings[s], threads, 0, false, 3);
        }
    CheckCancel(settings[0], 0, 1, true, 0);
    CheckCancel(settings[0], 0, 10, true, 0);
    CheckCancel(settings[0], 3, 4, true, 0);
}

/* ---- memory ---- */

static void CheckMemory(const char *algorithm, const char *settings, int threads)
{
    TestHost t;
    Interactions data;
    Training run;
    size_t before, need, live;

    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    data = TasteInteractions(&t.host, 900, 700, 5, 12, 560);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&t, &data, algorithm, settings, &run);
    need = run.model.algorithm->memory(&run.model, &data, threads);
    TestHostResetPeak(&t);
    before = t.bytes;
    live = t.live;
    TrainingRun(&run);
    /* The work list of a round is small and not estimated. */
    CHECK(t.peak - before <= need + TestHostSlack(&t) + 8 * 128, "%s %s: %zu bytes, estimated %zu",
          algorithm, settings, t.peak - before, need);
    CHECK(t.peak - before > need / 2, "%s %s: the estimate is not wild", algorithm, settings);
    CHECK(t.live == live + 1, "%s %s: only the history stays", algorithm, settings);
    TestHostEnd(&t);
}

/* ---- quality ---- */

/* NDCG@100 on what is held out. */
static double Quality(TestHost *t, const Interactions *data, const Model *model)
{
    Validation v;

    ValidationPrepare(&t->host, data, &v);
    ValidationRun(&t->host, model, &v);
    return v.ndcg;
}

static void CheckBeatsPopularity(void)
{
    static const char *const settings[] = {
        "factors=16 epochs=40 regularization=0.008",
        "factors=16 epochs=40 regularization=0.008 batch_size=128 optimizer=adagrad",
        "factors=16 epochs=40 regularization=0.008 adaptive_negatives=4",
    };
    TestHost t;
    Interactions data;
    Training popularity, run;
    double floor;

    TestHostInit(&t);
    TestHostUsePool(&t, 2);
    data = TasteInteractions(&t.host, 600, 400, 8, 20, 570);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "popularity", "", &popularity);
    floor = Quality(&t, &data, &popularity.model);
    for (int s = 0; s < 3; s++) {
        double quality;

        Train(&t, &data, "bpr", settings[s], &run);
        quality = Quality(&t, &data, &run.model);
        CHECK(quality > 1.5 * floor, "bpr %s: NDCG@100 %.4f, half as much again as popularity %.4f",
              settings[s], quality, floor);
    }
    TestHostEnd(&t);
}

static Model CopyModel(TestHost *t, const Model *model)
{
    Model copy = *model;

    ModelAllocate(&t->host, &copy);
    for (int p = 0; p < model->parts; p++)
        memcpy(copy.part[p].data, model->part[p].data,
               (size_t)model->part[p].rows * model->part[p].stride * sizeof(float));
    return copy;
}

/* Share of NDCG@100 that a perturbation takes away. */
static double RelativeLoss(TestHost *t, const Training *run, Perturbation how)
{
    Model moved = CopyModel(t, &run->model);
    double before = Quality(t, run->data, &run->model);

    run->model.algorithm->perturb(&t->host, run->data, &moved, how, 7);
    return 1 - Quality(t, run->data, &moved) / before;
}

static double RowNorm(const Part *part, uint32_t row)
{
    double square = 0;

    for (uint32_t k = 0; k < part->columns; k++)
        square += (double)PartRow(part, row)[k] * PartRow(part, row)[k];
    return sqrt(square);
}

static bool RowsMovedBy(const Part *from, const Part *to, double epsilon, bool relative)
{
    for (uint32_t r = 0; r < from->rows; r++) {
        double square = 0;

        for (uint32_t k = 0; k < from->stride; k++) {
            double d = (double)to->data[(size_t)r * to->stride + k] -
                       from->data[(size_t)r * from->stride + k];

            square += d * d;
            if (k >= from->columns && d != 0)
                return false;
        }
        if (fabs(sqrt(square) - epsilon * (relative ? RowNorm(from, r) : 1)) > 1e-4)
            return false;
    }
    return true;
}

static void CheckPerturbed(TestHost *t, const Training *run)
{
    for (int kind = PERTURB_RANDOM; kind <= PERTURB_ADVERSARIAL; kind++) {
        const char *name = kind == PERTURB_RANDOM ? "random" : "adversarial";
        Model once = CopyModel(t, &run->model), again = CopyModel(t, &run->model);

        Perturbation how = {(PerturbationKind)kind, 0.5, false};

        run->model.algorithm->perturb(&t->host, run->data, &once, how, 7);
        run->model.algorithm->perturb(&t->host, run->data, &again, how, 7);
        CHECK(RowsMovedBy(&run->model.part[MF_USER_PART], &once.part[MF_USER_PART], 0.5, false) &&
                  RowsMovedBy(&run->model.part[MF_ITEM_PART], &once.part[MF_ITEM_PART], 0.5, false),
              "%s: every row moves by epsilon", name);
        CHECK(SameModel(&once, &again), "%s: the same seed, the same noise", name);
        run->model.algorithm->perturb(&t->host, run->data, &again, how, 8);
        CHECK(!SameModel(&once, &again), "%s: another seed, other noise", name);
        again = CopyModel(t, &run->model);
        how = (Perturbation){(PerturbationKind)kind, 0.2, true};
        run->model.algorithm->perturb(&t->host, run->data, &again, how, 8);
        CHECK(RowsMovedBy(&run->model.part[MF_USER_PART], &again.part[MF_USER_PART], 0.2, true) &&
                  RowsMovedBy(&run->model.part[MF_ITEM_PART], &again.part[MF_ITEM_PART], 0.2, true),
              "%s: or by a share of its norm", name);
    }
}

/* ---- the adversarial stage ---- */

typedef struct StageOf {
    const char *name;
    int epochs;
    double best, last;
    int best_epoch; /* from 1 on, of the stage */
} StageOf;

static StageOf FindStage(const TrainReport *report, const char *name)
{
    StageOf stage = {.name = name, .best = -1};

    for (int e = 0; e < report->epochs; e++) {
        const Epoch *epoch = &report->history[e];

        if (strcmp(epoch->stage, name) != 0)
            continue;
        stage.epochs++;
        stage.last = epoch->metric[0];
        if (epoch->metric[0] > stage.best)
            stage.best = epoch->metric[0], stage.best_epoch = stage.epochs;
    }
    return stage;
}

static double FindingOf(const TrainReport *report, const char *name)
{
    for (int i = 0; i < FINDINGS; i++)
        if (report->finding[i].name != NULL && strcmp(report->finding[i].name, name) == 0)
            return report->finding[i].value;
    return NAN;
}

/* Both strengths start from the best epoch of BPR; the best of all is learnt from all. */
static void CheckTrials(void)
{
    TestHost t;
    Interactions data;
    Training run;
    TrainReport *r = &run.report;
    StageOf plain, weak, strong, better;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 800, 300, 12, 16, 585);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "amf", "factors=32 epochs=60 adv_epochs=40 patience=0 regularization=0.008",
          &run);
    plain = FindStage(r, "bpr");
    weak = FindStage(r, "apr 0.1");
    strong = FindStage(r, "apr 0.2");
    better = IsGain(strong.best, weak.best) ? strong : weak;
    CHECK(plain.epochs == 60 && weak.epochs == 40 && strong.epochs == 40,
          "60 epochs of BPR, then 40 of each strength: %d, %d, %d", plain.epochs, weak.epochs,
          strong.epochs);
    CHECK(IsGain(better.best, plain.best) && r->history[r->best].metric[0] == better.best &&
              strcmp(r->history[r->best].stage, better.name) == 0,
          "the best of all is kept: %.4f, %.4f, %.4f", plain.best, weak.best, strong.best);
    CHECK(FindStage(r, "bpr all").epochs == plain.best_epoch &&
              FindStage(r, "apr all").epochs == better.best_epoch,
          "and learnt anew from everything, for as many epochs");
    CHECK(FindingOf(r, "plain_ndcg") == plain.best &&
              FindingOf(r, "relative_epsilon") == (better.name == weak.name ? 0.1f : 0.2f) &&
              FindingOf(r, "adversarial_perturbed") > FindingOf(r, "plain_perturbed") &&
              FindingOf(r, "plain_perturbed") < 0 && r->note[0] != '\0' && r->warning[0] == '\0',
          "what it brought is told: %s", r->note);
    TestHostEnd(&t);
}

/* --- regularization and candidates for negatives that are chosen */

static const char *const decay_stages[] = {
    "regularization 0.005", "regularization 0.008", "regularization 0.012", "regularization 0.02",
    "regularization 0.03",  "regularization 0.05",  "regularization 0.08"};
static const double decay_values[] = {0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.08};

#define DECAYS ((int)(sizeof(decay_values) / sizeof(decay_values[0])))

#define DECAY_EPOCHS 20

/* Ending a fiftieth below its best, and by more than what may be chance, a trial over-fits. */
static bool OverFits(StageOf trial, uint64_t held)
{
    return trial.last < (1 - fmax(0.02, ValidationDoubt(held))) * trial.best;
}

/* The best of a walk, from the figures of the trials alone; -1: others took place.  Up to where a
 * trial neither gains nor over-fits.  `passes`: does one gain after one that does not? */
static int EndOfWalk(const TrainReport *report, uint64_t held, bool *passes)
{
    StageOf trial[DECAYS];
    int best = 1, met = 1;

    for (int i = 0; i < DECAYS; i++)
        trial[i] = FindStage(report, decay_stages[i]);
    for (int i = 2; i < DECAYS; i++) {
        bool gains = IsGain(trial[i].best, trial[best].best);

        met++;
        *passes |= gains && best < i - 1;
        best = gains ? i : best;
        if (!gains && !OverFits(trial[i], held))
            break;
    }
    if (best == 1) {
        met++;
        best = IsGain(trial[0].best, trial[1].best) ? 0 : 1;
    }
    for (int i = 0; i < DECAYS; i++)
        met -= trial[i].best >= 0;
    return met == 0 ? best : -1;
}

/* Fewer candidates for negatives as long as they gain over the trial of the decay; -1: other trials
 * took place. */
static int EndOfNegatives(const TrainReport *report, double value)
{
    StageOf two = FindStage(report, "adaptive_negatives 2");
    StageOf one = FindStage(report, "adaptive_negatives 1");

    if (two.best < 0)
        return -1;
    if (!IsGain(two.best, value))
        return one.best < 0 ? USUAL_NEGATIVES : -1;
    if (one.best < 0)
        return -1;
    return IsGain(one.best, two.best) ? 1 : 2;
}

static bool SameRows(const Model *a, const Model *b)
{
    for (int i = MF_USER_PART; i <= MF_ITEM_PART; i++)
        if (memcmp(a->part[i].data, b->part[i].data, PartFloats(&a->part[i]) * sizeof(float)) != 0)
            return false;
    return true;
}

/* The same users and items, learnt with numbers that are named. */
static void CheckNamed(TestHost *t, const Training *run, const char *settings, double decay,
                       int negatives)
{
    char named[256];
    Training other;

    snprintf(named, sizeof(named), "%s regularization=%g adaptive_negatives=%d", settings, decay,
             negatives);
    Train(t, run->data, run->model.algorithm->name, named, &other);
    CHECK(SameRows(&run->model, &other.model), "the model is that of %s", named);
}

/* The last part, behind the strength of amf. */
static float NegativesOf(const Model *model)
{
    const Part *part = &model->part[model->parts - 1];

    return strcmp(part->name, "negatives") == 0 ? part->data[0] : -1;
}

static void CheckNegatives(const Training *run, int chosen)
{
    CHECK(chosen >= 0, "no other trials of negatives than those of their walk");
    CHECK(FindingOf(&run->report, "adaptive_negatives") == chosen &&
              NegativesOf(&run->model) == (float)chosen,
          "%d candidates are told and kept", chosen);
}

/* Returns the place of what was chosen. */
static int CheckDecays(const char *algorithm, const char *settings, uint32_t items, uint32_t groups,
                       uint32_t taken, uint64_t stream, bool *passes, int *negatives)
{
    TestHost t;
    Interactions data;
    Training run;
    int chosen;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 500, items, groups, taken, stream);
    HoldOutOfLong(&t.host, &data, HOLDOUT_RANDOM);
    Train(&t, &data, algorithm, settings, &run);
    *passes = false;
    chosen = EndOfWalk(&run.report, data.held_count, passes);
    CHECK(chosen >= 0, "%s: no other trials than those of the walk", settings);
    CHECK(FindStage(&run.report, decay_stages[1]).epochs == DECAY_EPOCHS,
          "of a third of the epochs");
    CHECK(FindingOf(&run.report, "regularization") == decay_values[chosen] &&
              run.model.part[MF_REGULARIZATION_PART].data[0] == (float)decay_values[chosen],
          "%s: %g is told and kept", settings, decay_values[chosen]);
    *negatives = EndOfNegatives(&run.report, FindStage(&run.report, decay_stages[chosen]).best);
    CheckNegatives(&run, *negatives);
    CheckNamed(&t, &run, settings, decay_values[chosen], *negatives);
    TestHostEnd(&t);
    return chosen;
}

/* With little held out, or nothing, there are no trials. */
static void CheckPlainDecay(uint32_t users, bool held)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, users, 80, 4, 10, 586);
    if (held)
        InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "bpr", "factors=8 epochs=4", &run);
    CHECK(strcmp(run.report.history[0].stage, "bpr") == 0 &&
              FindingOf(&run.report, "regularization") == PLAIN_REGULARIZATION,
          "%u users: no trials", users);
    CheckNegatives(&run, USUAL_NEGATIVES);
    CheckNamed(&t, &run, "factors=8 epochs=4", PLAIN_REGULARIZATION, USUAL_NEGATIVES);
    TestHostEnd(&t);
}

/* What was chosen serves visitors and a warm start; what cannot have been is an error. */
static void CheckKeptDecay(void)
{
    static const char settings[] = "factors=8 epochs=6 warm_epochs=2";
    TestHost t;
    Training run = TrainWith(&t, 0, "bpr", settings), warm;
    float stored[] = {0.03f, NAN};

    for (int i = 0; i < 2; i++) {
        TrainingPrepare(&t, run.data, "bpr", settings, &warm);
        for (int p = MF_USER_PART; p <= MF_ITEM_PART; p++)
            memcpy(warm.model.part[p].data, run.model.part[p].data,
                   PartFloats(&run.model.part[p]) * sizeof(float));
        warm.model.part[MF_REGULARIZATION_PART].data[0] = stored[i];
        warm.model.warm = true;
        if (i == 0)
            CHECK(TrainingRun(&warm) == OUTCOME_DONE &&
                      strcmp(warm.report.history[0].stage, "bpr") == 0 &&
                      FindingOf(&warm.report, "regularization") == (double)stored[i],
                  "a warm start goes on with what was chosen");
        else
            CHECK(TrainingRun(&warm) == OUTCOME_FAILED && t.kind == FAIL_INVALID &&
                      strstr(t.message, "damaged") != NULL,
                  "a damaged number is an error: %s", t.message);
    }
    TestHostEnd(&t);
}

/* A model like another, not trained, with its rows. */
static Training *Copy(TestHost *t, const Training *run, const char *algorithm, const char *settings)
{
    Training *copy =
        HostAllocate(&t->host, 1, sizeof(Training)); /* the model points at its options */

    TrainingPrepare(t, run->data, algorithm, settings, copy);
    for (int p = POPULARITY_PART; p <= MF_ITEM_PART; p++)
        memcpy(copy->model.part[p].data, run->model.part[p].data,
               PartFloats(&run->model.part[p]) * sizeof(float));
    return copy;
}

static void FoldSix(TestHost *t, const Model *model, float *query)
{
    Model own, others;

    ModelViewItems(model, 0, 6, &own);
    ModelViewItems(model, 6, 40, &others);
    model->algorithm->fold_in(&t->host, &own, &others, query);
}

/* How many candidates were chosen counts for visitors and a warm start; what cannot have been is an
 * error. */
static void CheckKeptNegatives(void)
{
    static const char open[] = "factors=8 epochs=6 warm_epochs=2";
    static const char named[] =
        "factors=8 epochs=6 warm_epochs=2 regularization=0.008 adaptive_negatives=1";
    float damaged[] = {NAN, -1, 1.5f, MAX_CANDIDATES + 1}, kept[2][16] __attribute__((aligned(64)));
    TestHost t;
    Training run = TrainWith(&t, 0, "bpr", open), *like[2];

    for (int i = 0; i < 2; i++) {
        like[i] = Copy(&t, &run, "bpr", i == 0 ? open : named);
        if (i == 0)
            MfKeepNegatives(&like[i]->model, 1);
        FoldSix(&t, &like[i]->model, kept[i]);
        like[i]->model.warm = true;
        CHECK(TrainingRun(like[i]) == OUTCOME_DONE, "a warm start: %s", t.message);
    }
    CHECK(memcmp(kept[0], kept[1], sizeof(kept[0])) == 0, "visitors are folded in with them");
    CHECK(FindingOf(&like[0]->report, "adaptive_negatives") == 1 &&
              SameRows(&like[0]->model, &like[1]->model),
          "a warm start goes on with them");
    for (int i = 0; i < 4; i++) {
        Training *warm = Copy(&t, &run, "bpr", open);

        warm->model.part[MF_REGULARIZATION_PART + 1].data[0] = damaged[i];
        warm->model.warm = true;
        CHECK(TrainingRun(warm) == OUTCOME_FAILED && t.kind == FAIL_INVALID &&
                  strstr(t.message, "damaged") != NULL,
              "%g candidates are an error: %s", (double)damaged[i], t.message);
    }
    TestHostEnd(&t);
}

#define STRENGTH_PART MF_REGULARIZATION_PART /* the decay is named */
#define KEPT          "factors=8 epochs=6 learning_rate=0.1 adaptive_negatives=4 regularization=0.008"
#define KEPT_AMF      KEPT " adv_epochs=6 warm_epochs=2"

static void CheckKeptStrengthOf(TestHost *t, const Training *run, float stored, const char *stage)
{
    Training *warm = Copy(t, run, "amf", KEPT_AMF), *bpr = Copy(t, run, "bpr", KEPT);
    float of_amf[16] __attribute__((aligned(64))), of_bpr[16] __attribute__((aligned(64)));

    warm->model.part[STRENGTH_PART].data[0] = stored;
    FoldSix(t, &warm->model, of_amf);
    FoldSix(t, &bpr->model, of_bpr);
    CHECK((memcmp(of_amf, of_bpr, sizeof(of_amf)) == 0) == (stored == 0),
          "strength %g: visitors are %s", (double)stored, stored == 0 ? "those of bpr" : "others");
    warm->model.warm = true;
    CHECK(TrainingRun(warm) == OUTCOME_DONE && strcmp(warm->report.history[0].stage, stage) == 0,
          "a warm start goes on with %s", stage);
}

/* What stayed of the adversarial stage counts for visitors and warm starts. */
static void CheckKeptStrength(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, "amf", KEPT_AMF " holdout=none"), *warm;

    CHECK(run.model.part[STRENGTH_PART].rows == 1, "a number for the strength");
    CheckKeptStrengthOf(&t, &run, 0, "bpr");
    CheckKeptStrengthOf(&t, &run, 0.2f, "apr 0.1");
    for (int i = 0; i < 2; i++) {
        warm = Copy(&t, &run, "amf", KEPT_AMF);
        warm->model.part[STRENGTH_PART].data[0] = i == 0 ? NAN : 11;
        warm->model.warm = true;
        CHECK(TrainingRun(warm) == OUTCOME_FAILED && t.kind == FAIL_INVALID &&
                  strstr(t.message, "damaged") != NULL,
              "a damaged one is an error: %s", t.message);
    }
    TestHostEnd(&t);
}

static float StrengthOf(const Model *model)
{
    return model->part[STRENGTH_PART + ChoosesRegularization(model->options)].data[0];
}

typedef enum Kept { KEPT_STAGE, KEPT_DECAY, KEPT_BPR } Kept;

/* The stages that a model was learnt anew by, and its decay. */
static void CheckLearntBy(const Training *run, const char *plain, const char *adversarial,
                          double decay)
{
    const TrainReport *r = &run->report;
    StageOf first = FindStage(r, plain);
    int more = adversarial == NULL ? 0 : FindStage(r, adversarial).best_epoch;

    CHECK(FindStage(r, "bpr all").epochs == first.best_epoch && first.epochs > 0 &&
              FindStage(r, "apr all").epochs == more,
          "learnt anew by %s", plain);
    CHECK(fabs(FindingOf(r, "regularization") - decay) < 1e-9, "%g is kept: %s%s",
          FindingOf(r, "regularization"), r->note, r->warning);
}

/* Bit for bit what bpr makes of that decay by name. */
static void CheckDecayed(TestHost *t, const Training *run, const char *settings, double decay)
{
    char named[256];
    Training bpr;

    snprintf(named, sizeof(named), "%s regularization=%.17g", settings, decay);
    Train(t, run->data, "bpr", named, &bpr);
    CHECK(SameRows(&run->model, &bpr.model), "the model is that of bpr with regularization %g",
          decay);
}

/*
 * Where another decay is best for BPR, the adversarial stage starts from the plain one all the
 * same; it stays where the model is more robust than the best of BPR and not less accurate, or more
 * accurate and as robust; or else BPR with more decay, where that is more robust and costs next to
 * nothing; or that of BPR.
 */
static Kept CheckKept(TestHost *t, Interactions *data, const char *epochs, const char *settings)
{
    char all[256];
    Training run;
    TrainReport *r = &run.report;
    double decay, plain, adversarial, decayed;
    bool passes = false;
    Kept kept = KEPT_BPR;
    int end;

    HoldOutOfLong(&t->host, data, HOLDOUT_RANDOM);
    snprintf(all, sizeof(all), "%s %s", epochs, settings);
    Train(t, data, "amf", all, &run);
    end = EndOfWalk(r, data->held_count, &passes);
    CHECK(end >= 0, "no other trials than those of the walk");
    decay = decay_values[end < 0 ? 0 : end];
    if (ChoosesNegatives(run.model.options))
        CheckNegatives(&run, EndOfNegatives(r, FindStage(r, decay_stages[end < 0 ? 0 : end]).best));
    plain = FindingOf(r, "plain_perturbed");
    adversarial = FindingOf(r, "adversarial_perturbed");
    decayed = FindingOf(r, "decayed_perturbed");
    CHECK((decay != PLAIN_REGULARIZATION) == (FindStage(r, "bpr 0.008").epochs > 0),
          "BPR with %g, which was chosen, and with the plain decay", decay);
    CHECK(FindingOf(r, "plain_ndcg") == FindStage(r, "bpr").best,
          "what it is compared with is the better decay");
    CHECK((FindStage(r, "bpr more decay").epochs > 0) == isnan(adversarial),
          "more decay is tried where the stage does not stay");
    if (!isnan(adversarial)) {
        const char *stage = FindingOf(r, "relative_epsilon") > 0.15 ? "apr 0.2" : "apr 0.1";

        kept = KEPT_STAGE;
        CHECK(adversarial >= plain && isnan(decayed) && r->note[0] != '\0' && r->warning[0] == '\0',
              "what stays is no less robust: %s", r->note);
        CHECK(FindStage(r, stage).best >= 0.99 * FindStage(r, "bpr").best, "and costs little");
        CheckLearntBy(&run, decay == PLAIN_REGULARIZATION ? "bpr" : "bpr 0.008", stage,
                      PLAIN_REGULARIZATION);
    } else if (!isnan(decayed)) {
        kept = KEPT_DECAY;
        CHECK(decayed > plain && r->note[0] != '\0' && r->warning[0] == '\0' &&
                  FindStage(r, "bpr more decay").best >= 0.99 * FindStage(r, "bpr").best,
              "more decay is more robust and costs little: %s", r->note);
        CheckLearntBy(&run, "bpr more decay", NULL, 1.2 * decay);
        CheckDecayed(t, &run, settings, 1.2 * decay);
    } else {
        CHECK(r->warning[0] != '\0' && r->note[0] == '\0', "what is undone is told: %s",
              r->warning);
        CheckLearntBy(&run, "bpr", NULL, decay);
    }
    CHECK(StrengthOf(&run.model) ==
              (kept == KEPT_STAGE ? (float)FindingOf(r, "relative_epsilon") : 0),
          "the strength that stays is kept, or none");
    return kept;
}

static Kept CheckTastes(uint32_t users, uint32_t items, uint32_t groups, uint32_t per_user,
                        const char *settings)
{
    TestHost t;
    Interactions data;
    Kept kept;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, users, items, groups, per_user, 585);
    kept = CheckKept(&t, &data, "adv_epochs=40", settings);
    TestHostEnd(&t);
    return kept;
}

static Kept CheckNoise(uint32_t users, uint32_t items, uint32_t per_user, uint64_t seed)
{
    TestHost t;
    Interactions data;
    Kept kept;

    TestHostInit(&t);
    data = RandomInteractions(&t.host, users, items, per_user, seed);
    kept = CheckKept(&t, &data, "adv_epochs=40", "factors=16 epochs=60");
    TestHostEnd(&t);
    return kept;
}

#define RATIO_CASES 400

static double RatioWithout(const float *part, const float *whole, int left_out)
{
    double parts = 0, wholes = 0;

    for (int i = 0; i < RATIO_CASES; i++)
        if (i != left_out)
            parts += part[i], wholes += whole[i];
    return parts / wholes;
}

/* The difference of two ratios over the same cases has the error that the jackknife finds. */
static void CheckRatioError(void)
{
    static float whole[2][RATIO_CASES], part[2][RATIO_CASES];
    double difference[RATIO_CASES], mean = 0, squares = 0, error, naive;
    Random random;

    RandomSeed(&random, 1, RANDOM_NOISE, 0, 0);
    for (int i = 0; i < RATIO_CASES; i++)
        for (int k = 0; k < 2; k++) {
            whole[k][i] = (float)(i % 5 == 0 ? 0 : RandomUniform(&random));
            part[k][i] = (float)((0.6 + 0.2 * k) * whole[k][i] * RandomUniform(&random));
        }
    for (int i = 0; i < RATIO_CASES; i++) {
        difference[i] = RatioWithout(part[0], whole[0], i) - RatioWithout(part[1], whole[1], i);
        mean += difference[i] / RATIO_CASES;
    }
    for (int i = 0; i < RATIO_CASES; i++)
        squares += (difference[i] - mean) * (difference[i] - mean);
    naive = DifferenceError(part[0], part[1], RATIO_CASES);
    for (int k = 0; k < 2; k++)
        RatioResiduals(part[k], whole[k], RATIO_CASES);
    error = DifferenceError(part[0], part[1], RATIO_CASES);
    squares = sqrt(squares * (RATIO_CASES - 1) / RATIO_CASES);
    CHECK(fabs(error / squares - 1) < 0.02 && fabs(naive / squares - 1) > 0.1,
          "the standard error of a difference of ratios: %g, %g by jackknife", error, squares);
}

static void CheckRegularization(void)
{
    bool passes;
    int usual, fewer, fewest, unused;
    int few = CheckDecays("bpr", "factors=16 epochs=60", 60, 6, 12, 585, &passes, &usual);
    int many = CheckDecays("bpr", "factors=16 epochs=60 batch_size=40 optimizer=adagrad", 400, 8,
                           12, 585, &passes, &fewer);
    int sparse = CheckDecays("bpr", "factors=16 epochs=60", 200, 4, 7, 613, &passes, &unused);

    CHECK(passes && decay_values[sparse] > 0.03, "past a trial that over-fits, up to %g",
          decay_values[sparse]);
    CheckDecays("bpr", "factors=16 epochs=60", 800, 4, 7, 585, &passes, &fewest);
    CHECK(usual == USUAL_NEGATIVES && fewer == 2 && fewest == 1,
          "as many candidates for negatives as suit: %d, %d, %d", usual, fewer, fewest);
    CHECK(few != many, "what is chosen depends on the data: %g, %g", decay_values[few],
          decay_values[many]);
    CHECK(CheckTastes(800, 300, 8, 16, "factors=32 epochs=60") == KEPT_STAGE,
          "an adversarial stage stays");
    CHECK(CheckTastes(800, 500, 20, 8, "factors=32 epochs=60 adaptive_negatives=4") == KEPT_DECAY,
          "one that costs more than a hundredth, within the error, does not");
    CHECK(CheckTastes(800, 100, 4, 8, "factors=32 epochs=60") == KEPT_BPR, "one does not");
    CHECK(CheckTastes(800, 100, 12, 16, "factors=32 epochs=60") == KEPT_DECAY,
          "more decay stays instead");
    CHECK(CheckTastes(800, 100, 12, 16, "factors=32 epochs=60 patience=0") == KEPT_DECAY,
          "nor does what is more accurate and less robust");
    CHECK(CheckTastes(800, 300, 12, 16, "factors=32 epochs=9") == KEPT_STAGE,
          "what is more accurate and as robust does");
    CHECK(CheckTastes(500, 100, 20, 8, "factors=32 epochs=60") == KEPT_BPR,
          "what is more robust by chance alone does not");
    CHECK(CheckNoise(400, 100, 20, 225) == KEPT_BPR,
          "more decay that costs two hundredths does not");
    CheckRatioError();
    CheckPlainDecay(100, false);
    CheckPlainDecay(40, true);
    CheckKeptDecay();
    CheckKeptNegatives();
    CheckKeptStrength();
}

/* Without an adversarial stage the model is that of bpr: to the last bit, unless all is learnt
 * anew, with other random numbers. */
static void CheckUndone(const char *settings, bool held)
{
    char all[256];
    TestHost t[2];
    Training run[2];

    for (int n = 0; n < 2; n++) {
        Interactions *data;

        TestHostInit(&t[n]);
        data = HostAllocate(&t[n].host, 1, sizeof(Interactions));
        *data = TasteInteractions(&t[n].host, 600, 400, 8, 20, 580);
        if (held)
            InteractionsHoldOut(&t[n].host, data, HOLDOUT_RANDOM, 0, 1);
        snprintf(all, sizeof(all), "factors=16 epochs=20 regularization=0.008 %s",
                 n == 0 ? "" : settings);
        Train(&t[n], data, n == 0 ? "bpr" : "amf", all, &run[n]);
    }
    CHECK((held || SameRows(&run[0].model, &run[1].model)) &&
              FindStage(&run[1].report, "apr all").epochs == 0 &&
              run[1].report.warning[0] != '\0' && run[1].report.note[0] == '\0',
          "%s: the model is that of BPR, with a warning: %s", settings, run[1].report.warning);
    CHECK(run[1].report.best == run[0].report.best &&
              FindStage(&run[1].report, "bpr all").epochs ==
                  FindStage(&run[0].report, "bpr all").epochs,
          "of the same epoch, and as much of it learns all");
    TestHostEnd(&t[0]);
    TestHostEnd(&t[1]);
}

static void CheckRobustness(void)
{
    TestHost t;
    Interactions data;
    Training bpr, amf;

    TestHostInit(&t);
    TestHostUsePool(&t, 2);
    data = TasteInteractions(&t.host, 600, 400, 8, 20, 580);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "bpr", "factors=16 epochs=80 patience=0 regularization=0.008", &bpr);
    Train(&t, &data, "amf", "factors=16 epochs=40 adv_epochs=40 patience=0 regularization=0.008",
          &amf);
    CheckPerturbed(&t, &bpr);
    for (double epsilon = 0.125; epsilon <= 0.5; epsilon *= 2) {
        double of_bpr = RelativeLoss(&t, &bpr, (Perturbation){PERTURB_ADVERSARIAL, epsilon, true});
        double of_amf = RelativeLoss(&t, &amf, (Perturbation){PERTURB_ADVERSARIAL, epsilon, true});
        double random = RelativeLoss(&t, &bpr, (Perturbation){PERTURB_RANDOM, epsilon, true});

        CHECK(of_amf < of_bpr, "epsilon %.3f: amf loses %.3f, less than bpr's %.3f", epsilon,
              of_amf, of_bpr);
        CHECK(random < of_bpr, "epsilon %.3f: random noise does less harm, %.3f", epsilon, random);
    }
    TestHostEnd(&t);
}

/* ---- serving ---- */

static void CheckScores(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, "bpr", "epochs=2 factors=20");
    const Part *user = &run.model.part[MF_USER_PART], *item = &run.model.part[MF_ITEM_PART];
    float *query, scores[700], block[50];
    bool right = true;
    Model view;

    CHECK(run.model.algorithm->query_width(&run.model) == 32, "a query is padded to whole vectors");
    query = HostAllocate(&t.host, 32, sizeof(float));
    run.model.algorithm->query(&run.model, &(QueryInput){.row = 3}, query);
    ModelScore(&run.model, query, 1, scores);
    for (uint32_t i = 0; i < 700; i++) {
        double sum = 0;

        for (uint32_t k = 0; k < 20; k++)
            sum += (double)user->data[3 * 32 + k] * item->data[i * 32 + k];
        right &= fabs(sum - scores[i]) < 1e-6;
    }
    CHECK(right, "scores are dot products");
    ModelViewItems(&run.model, 200, 50, &view);
    ModelScore(&view, query, 1, block);
    CHECK(memcmp(block, scores + 200, sizeof(block)) == 0, "and the same bytes through a view");
    TestHostEnd(&t);
}

/* ---- the smallest and oddest data ---- */

static Interactions OddInteractions(TestHost *t, uint32_t users, uint32_t items, uint32_t per_user)
{
    return per_user >= items ? BlockInteractions(&t->host, users, items, 1)
                             : RandomInteractions(&t->host, users, items, per_user, 590);
}

/* Where every user has every item there is nothing to rank: refused. */
static void CheckOdd(uint32_t users, uint32_t items, uint32_t per_user, const char *what)
{
    static const char *const settings[] = {"epochs=2", "epochs=2 batch_size=7",
                                           "epochs=2 adaptive_negatives=3"};
    bool full = per_user >= items, right = true;

    for (int s = 0; s < 3; s++) {
        TestHost t;
        Interactions data;
        Training run;
        Outcome outcome;

        TestHostInit(&t);
        data = OddInteractions(&t, users, items, per_user);
        TrainingPrepare(&t, &data, "bpr", settings[s], &run);
        outcome = TrainingRun(&run);
        right &= full ? outcome == OUTCOME_FAILED && t.kind == FAIL_INVALID
                      : outcome == OUTCOME_DONE && run.report.epochs == 2;
        TestHostEnd(&t);
    }
    CHECK(right, "training on %s %s", what, full ? "is refused" : "works");
}

void TestMf(void)
{
    CheckOverfit("bpr", "factors=8 epochs=200");
    CheckOverfit("bpr", "factors=8 epochs=200 optimizer=adagrad");
    CheckOverfit("bpr", "factors=8 epochs=400 optimizer=sgd learning_rate=0.1");
    CheckOverfit("bpr", "factors=8 epochs=200 batch_size=16 optimizer=adagrad");
    CheckOverfit("amf", "factors=8 epochs=100 adv_epochs=100");
    CheckThreads("bpr", "epochs=2 factors=16");
    CheckThreads("amf", "epochs=2 adv_epochs=2 factors=16 optimizer=adagrad");
    CheckThreads("amf", "epochs=2 adv_epochs=2 factors=16 evaluate_every=1");
    CheckThreads("bpr", "epochs=2 factors=16 adaptive_negatives=4 evaluate_every=1");
    CheckThreads("amf", "epochs=1 adv_epochs=1 factors=16 batch_size=100");
    CheckSeeds("bpr", "epochs=2 factors=8");
    CheckSeeds("amf", "epochs=1 adv_epochs=1 factors=8 batch_size=50");
    CheckInterrupts();
    CheckLambdaZero("factors=8 adaptive_negatives=1 regularization=0.001");
    CheckLambdaZero(
        "factors=8 adaptive_negatives=1 regularization=0.001 batch_size=40 optimizer=adagrad");
    CheckInitial();
    CheckHistory();
    CheckPatience();
    CheckNoValidation();
    CheckDivergence("epochs=50 optimizer=sgd learning_rate=1000 init_std=10");
    CheckDivergence("epochs=50 optimizer=sgd learning_rate=1000 init_std=10 batch_size=64");
    CheckCollapse();
    CheckCancels();
    CheckMemory("bpr", "epochs=3 factors=40", 3);
    CheckMemory("amf", "epochs=2 adv_epochs=2 factors=40 optimizer=adagrad batch_size=50", 2);
    CheckMemory("bpr", "epochs=3 factors=40 optimizer=sgd", 1);
    CheckBeatsPopularity();
    CheckRobustness();
    CheckTrials();
    CheckRegularization();
    CheckUndone("adv_epochs=10 epsilon=100", true);
    CheckUndone("adv_epochs=10", false);
    CheckScores();
    CheckOdd(1, 1, 1, "one user and one item");
    CheckOdd(1, 2, 1, "one user and two items");
    CheckOdd(50, 1, 1, "one item");
    CheckOdd(30, 20, 20, "users who have everything");
    CheckOdd(3, 500, 1, "few interactions");
}
