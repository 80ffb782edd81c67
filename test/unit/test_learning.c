/* test_learning.c: the epochs of learn/loop.h, with a trainer whose metrics are written down. */
#include <math.h>
#include <string.h>

#include "algo/learn/factors.h"
#include "algo/learn/loop.h"
#include "check.h"
#include "support.h"
#include "tests.h"

#define USERS  30
#define ITEMS  9000 /* more than one task of checks and copies */
#define EPOCHS 12

#define PART_LEARNT 1 /* likewise 2 */
#define PART_OTHER  3

typedef struct Script {
    TestHost t;
    TrainOptions options;
    Model model;
    TrainReport report;
    Interactions data;
    Loop loop;
    double metric[EPOCHS]; /* of each epoch, by measure */
    double loss[EPOCHS];
    int epochs[2]; /* of the two stages; 0: none */
    double stage_best[2];
    bool against;         /* the second must beat the first */
    int adversarial_from; /* the stage has another name from this epoch on */
    int spoil;            /* the epoch in which a part gets a value that is not finite */
    int spoilt;           /* which part */
    int refuse;           /* the epoch that `check` refuses */
    int checked, prepared, measured, asked;
    bool in_order; /* prepare comes right before each measure, check after each epoch */
} Script;

static void Layout(Model *model)
{
    ModelAddPart(model, "first", AXIS_USER, model->users, 3);
    ModelAddPart(model, "second", AXIS_ITEM, model->items, 2);
    ModelAddPart(model, "other", AXIS_SHARED, 4, 4);
}

static uint32_t Width(const Model *model)
{
    return model->part[1].stride;
}

static void Query(const Model *view, const QueryInput *input, float *query)
{
    memcpy(query, PartRow(&view->part[PART_LEARNT], input->row), Width(view) * sizeof(float));
}

static const Algorithm scripted = {.name = "scripted",
                                   .metrics = {{"mine", "MINE@7"}, {"yours", "YOURS"}},
                                   .layout = Layout,
                                   .query_width = Width,
                                   .query = Query,
                                   .items = 2};

/* What the learnt parts are after an epoch. */
static float ValueAfter(int number, int part, size_t i)
{
    return (float)number + (float)part / 8 + (float)(i % 5) / 64;
}

static void FillPart(Part *part, int index, int number)
{
    for (size_t i = 0; i < PartFloats(part); i++)
        if (i % part->stride < part->columns)
            part->data[i] = ValueAfter(number, index, i);
}

static double RunEpoch(void *trainer, int number)
{
    Script *s = trainer;

    for (int p = PART_LEARNT; p <= PART_OTHER; p++)
        FillPart(&s->model.part[p], p, number);
    if (number == s->spoil)
        s->model.part[s->spoilt]
            .data[s->model.part[s->spoilt].rows / 2 * s->model.part[s->spoilt].stride] = INFINITY;
    s->in_order &= s->checked == number - 1;
    return s->loss[number - 1];
}

static const char *StageOf(void *trainer, int number)
{
    Script *s = trainer;

    s->asked++;
    return number < s->adversarial_from ? "calm" : "wild";
}

static void Check(void *trainer, int number)
{
    Script *s = trainer;

    s->checked++;
    s->in_order &= s->checked == number;
    if (number == s->refuse)
        HostFail(&s->t.host, FAIL_INVALID, NULL, "epoch %d is beyond repair", number);
}

static void PrepareModel(void *trainer)
{
    Script *s = trainer;

    s->in_order &= s->prepared == s->measured;
    s->prepared++;
}

static void MeasureModel(void *trainer, double *metric)
{
    Script *s = trainer;

    s->measured++;
    s->in_order &= s->prepared == s->measured;
    metric[0] = s->metric[s->checked - 1];
    metric[1] = s->checked;
}

/* patience and evaluate_every; two stages at most. */
static void Prepare(Script *s, int64_t patience, int64_t every, int first, int second)
{
    memset(s, 0, sizeof(*s));
    TestHostInit(&s->t);
    TestHostUsePool(&s->t, 2);
    OptionsDefault(train_options, &s->options);
    s->options.patience = patience;
    s->options.evaluate_every = every;
    s->epochs[0] = first;
    s->epochs[1] = second;
    s->adversarial_from = EPOCHS + 1;
    s->in_order = true;
    s->report.best = 99;
    ModelLayout(&s->model, &scripted, &s->options, USERS, ITEMS);
    ModelAllocate(&s->t.host, &s->model);
    for (int e = 0; e < EPOCHS; e++)
        s->loss[e] = 1.0 / (e + 1);
    s->loop = (Loop){.host = &s->t.host,
                     .model = &s->model,
                     .report = &s->report,
                     .epochs = first + second,
                     .learnt = LEARNT(1) | LEARNT(2),
                     .trainer = s,
                     .epoch = RunEpoch,
                     .check = Check,
                     .prepare = PrepareModel,
                     .measure = MeasureModel};
}

static void SetMetrics(Script *s, const double *metric, int count)
{
    for (int e = 0; e < EPOCHS; e++)
        s->metric[e] = metric[e < count ? e : count - 1];
}

static void RunLoop(void *arg)
{
    Script *s = arg;

    LoopOpen(&s->loop);
    for (int n = 0; n < 2 && s->epochs[n] > 0; n++) {
        const char *name = s->loop.stage != NULL ? NULL : n == 0 ? "one" : "two";
        Stage stage = n == 1 && s->against
                          ? LoopStageAgainst(&s->loop, name, s->epochs[n], s->stage_best[0])
                          : LoopStage(&s->loop, name, s->epochs[n]);

        s->stage_best[n] = stage.metric;
    }
    LoopClose(&s->loop);
}

static Outcome Run(Script *s)
{
    return Attempt(&s->t, RunLoop, s);
}

/* Are the learnt parts those of epoch `number`, and the others of the last one? */
static bool IsAfter(const Script *s, int number)
{
    bool right = true;

    for (int p = PART_LEARNT; p <= PART_OTHER; p++) {
        const Part *part = &s->model.part[p];
        int epoch = p == PART_OTHER ? s->report.epochs : number;

        for (size_t i = 0; i < PartFloats(part); i++)
            right &=
                part->data[i] == (i % part->stride < part->columns ? ValueAfter(epoch, p, i) : 0);
    }
    return right;
}

static void End(Script *s)
{
    TestHostEnd(&s->t);
}

/* ---- patience ---- */

static void CheckPatience(void)
{
    static const double metrics[] = {.1, .3, .2, .3, .9};
    static Script s;

    Prepare(&s, 2, 1, 8, 0);
    SetMetrics(&s, metrics, 5);
    CHECK(Run(&s) == OUTCOME_DONE && s.report.epochs == 4 &&
              strcmp(s.report.stop_reason, "patience") == 0,
          "two validations without a better one are the end; the same is not better");
    CHECK(s.report.best == 1 && IsAfter(&s, 2) && s.stage_best[0] == .3,
          "the model is that of the best epoch, bit for bit");
    CHECK(s.report.history[0].metric[0] == .1 && s.report.history[3].metric[1] == 4 &&
              s.report.history[2].loss == 1.0 / 3 &&
              strcmp(s.report.history[1].stage, "one") == 0 && s.report.history[3].epoch == 4,
          "the curve has a line for each epoch");
    CHECK(s.t.epochs == 4 && s.t.last.epoch == 4 && s.t.last.epochs == 8 && s.t.last.value == .3 &&
              strcmp(s.t.last.metric, "MINE@7") == 0,
          "progress names the first metric");
    CHECK(s.in_order && s.measured == 4 && s.prepared == 4 && s.checked == 4,
          "check, prepare, measure, in this order");
    End(&s);
    Prepare(&s, 0, 1, 8, 0);
    SetMetrics(&s, metrics, 1);
    CHECK(Run(&s) == OUTCOME_DONE && s.report.epochs == 8 && s.report.best == 0 && IsAfter(&s, 1) &&
              strcmp(s.report.stop_reason, "epochs") == 0,
          "patience 0 never ends");
    End(&s);
    Prepare(&s, 1, 1, 5, 0);
    SetMetrics(&s, (const double[]){0}, 1);
    CHECK(Run(&s) == OUTCOME_DONE && s.report.best == 0 && s.report.epochs == 2 &&
              s.stage_best[0] == 0,
          "a metric of 0 is one");
    End(&s);
}

static void CheckEvery(void)
{
    static const double metrics[] = {9, 9, .2, 9, 9, .5, .4};
    static Script s;
    bool right = true;

    Prepare(&s, 5, 3, 7, 0);
    SetMetrics(&s, metrics, 7);
    CHECK(Run(&s) == OUTCOME_DONE && s.measured == 3 && s.report.best == 5 && IsAfter(&s, 6),
          "each third epoch, and the last, are measured");
    for (int e = 0; e < 7; e++)
        right &= isnan(s.report.history[e].metric[0]) == (e != 2 && e != 5 && e != 6) &&
                 isnan(s.report.history[e].metric[1]) == (e != 2 && e != 5 && e != 6);
    CHECK(right && s.checked == 7, "the others have no metric, but are checked");
    End(&s);
}

/* ---- stages ---- */

static void CheckStages(void)
{
    static const double metrics[] = {.5, .7, .6, .2, .4, .3};
    static Script s;

    Prepare(&s, 9, 1, 3, 3);
    SetMetrics(&s, metrics, 6);
    CHECK(Run(&s) == OUTCOME_DONE && s.stage_best[0] == .7 && s.stage_best[1] == .4,
          "each stage has its best epoch");
    CHECK(s.report.best == 4 && IsAfter(&s, 5) && s.report.epochs == 6 &&
              strcmp(s.report.history[3].stage, "two") == 0,
          "the model is from the last stage");
    End(&s);
    for (int gains = 0; gains < 2; gains++) {
        Prepare(&s, 9, 1, 2, 2);
        s.against = true;
        SetMetrics(&s, (const double[]){.4, .5, .3, gains ? .5011 : .5009}, 4);
        CHECK(Run(&s) == OUTCOME_DONE && s.report.best == (gains ? 3 : 1) &&
                  IsAfter(&s, gains ? 4 : 2),
              "a stage that is to beat another is kept if it gains a five-hundredth");
        End(&s);
    }
    for (int gains = 0; gains < 2; gains++) {
        Prepare(&s, 9, 1, 2, 2);
        s.against = true;
        SetMetrics(&s, (const double[]){-5, -4, -6, gains ? -3.991 : -3.993}, 4);
        CHECK(Run(&s) == OUTCOME_DONE && s.stage_best[0] == -4 &&
                  s.report.best == (gains ? 3 : 1) && IsAfter(&s, gains ? 4 : 2),
              "of values below 0, too");
        End(&s);
    }
    Prepare(&s, 1, 1, 6, 0);
    SetMetrics(&s, (const double[]){1, 2, 3, 4, 5, 6}, 6);
    s.loop.stage = StageOf;
    s.adversarial_from = 4;
    CHECK(Run(&s) == OUTCOME_DONE && s.asked == 6 &&
              strcmp(s.report.history[2].stage, "calm") == 0 &&
              strcmp(s.report.history[3].stage, "wild") == 0 && IsAfter(&s, 6),
          "the trainer may name the stage of each epoch");
    End(&s);
}

/* ---- metrics that are no numbers, and none at all ---- */

static void CheckNan(void)
{
    static Script s;

    Prepare(&s, 1, 1, 4, 0);
    SetMetrics(&s, (const double[]){NAN}, 1);
    CHECK(Run(&s) == OUTCOME_DONE && s.report.epochs == 4 && s.report.best == 3 && IsAfter(&s, 4) &&
              s.stage_best[0] == -1,
          "where every metric is NaN, the last epoch stays");
    End(&s);
    Prepare(&s, 2, 1, 6, 0);
    SetMetrics(&s, (const double[]){NAN, .4, NAN, .1, NAN, .3}, 6);
    CHECK(Run(&s) == OUTCOME_DONE && s.report.epochs == 6 && s.report.best == 1 && IsAfter(&s, 2),
          "a NaN is no validation: it neither wins nor tries patience");
    End(&s);
    Prepare(&s, 9, 1, 2, 2);
    SetMetrics(&s, (const double[]){.4, .2, NAN}, 3);
    CHECK(Run(&s) == OUTCOME_DONE && s.report.best == 0 && IsAfter(&s, 1) && s.stage_best[1] == -1,
          "after a stage of NaN alone, the best epoch of the one before stays");
    End(&s);
    Prepare(&s, 9, 1, 2, 2);
    SetMetrics(&s, (const double[]){NAN}, 1);
    CHECK(Run(&s) == OUTCOME_DONE && s.report.best == 3 && IsAfter(&s, 4),
          "also where no stage has a number");
    End(&s);
}

static void CheckWithoutValidation(void)
{
    static Script s;
    size_t before;

    Prepare(&s, 1, 1, 5, 0);
    s.data = RandomInteractions(&s.t.host, USERS, ITEMS, 6, 930);
    s.loop.measure = NULL;
    s.loop.data = &s.data;
    before = s.t.live;
    CHECK(Run(&s) == OUTCOME_DONE && s.report.epochs == 5 && s.report.best == 4 && IsAfter(&s, 5) &&
              s.stage_best[0] == -1 && s.prepared == 0 && isnan(s.report.history[4].metric[0]),
          "where nothing is held out, the last epoch is the model");
    CHECK(s.t.live == before + 1, "and only the history stays");
    End(&s);
}

/* All items score alike, always: the first epoch stays the best. */
static void CheckValidation(void)
{
    static Script s;

    Prepare(&s, 1, 1, 5, 0);
    s.data = RandomInteractions(&s.t.host, USERS, ITEMS, 6, 931);
    InteractionsHoldOut(&s.t.host, &s.data, HOLDOUT_RANDOM, 0, 1);
    s.loop.measure = NULL;
    s.loop.data = &s.data;
    CHECK(Run(&s) == OUTCOME_DONE && s.data.held_count > 0 && s.report.best == 0 &&
              s.report.history[0].metric[0] < 0.02 && s.report.epochs > 1 &&
              s.report.history[1].metric[0] == s.report.history[0].metric[0] &&
              s.prepared == s.report.epochs,
          "without `measure`, the held-out interactions are ranked");
    End(&s);
}

/* ---- memory ---- */

static void CheckMemory(bool measures, bool held)
{
    static Script s;
    size_t before, need;

    Prepare(&s, 9, 1, 4, 0);
    s.data = RandomInteractions(&s.t.host, USERS, ITEMS, 6, 932);
    if (held)
        InteractionsHoldOut(&s.t.host, &s.data, HOLDOUT_RANDOM, 0, 1);
    s.loop.data = &s.data;
    if (!measures)
        s.loop.measure = NULL;
    need = LoopMemory(&s.model, measures ? NULL : &s.data, 2, s.loop.learnt, 4);
    before = s.t.bytes;
    TestHostResetPeak(&s.t);
    Run(&s);
    CHECK(s.t.peak - before <= need + TestHostSlack(&s.t) + 32, "%s, %s: %zu bytes, estimated %zu",
          measures ? "measured" : "validated", held ? "held out" : "nothing held out",
          s.t.peak - before, need);
    CHECK(measures || held ? s.t.peak - before > need / 2 : need < 1000,
          "and the estimate is not wild");
    End(&s);
}

/* ---- bad ends ---- */

static void CheckBadEnd(const char *what, double loss, int spoilt, int refuse, const char *message)
{
    static Script s;

    Prepare(&s, 9, 1, 5, 0);
    s.metric[0] = 1;
    if (isnan(loss) || isinf(loss))
        s.loss[2] = loss;
    s.spoil = spoilt >= 0 ? 3 : 0;
    s.spoilt = spoilt;
    s.refuse = refuse;
    CHECK(Run(&s) == (message == NULL ? OUTCOME_DONE : OUTCOME_FAILED) &&
              (message == NULL || strstr(s.t.message, message) != NULL),
          "%s: %s", what, message == NULL ? "no error" : s.t.message);
    if (message != NULL && refuse == 0)
        CHECK(s.t.kind == FAIL_NOT_FINITE && strstr(s.t.hint, "learning_rate") != NULL,
              "%s: with advice", what);
    End(&s);
}

static void CheckCancel(void)
{
    static Script s;
    bool right = true;

    for (int epoch = 1; epoch <= 3; epoch++) {
        Prepare(&s, 9, 1, 5, 0);
        s.t.cancel_epoch = epoch;
        right &= Run(&s) == OUTCOME_CANCELLED && s.report.epochs <= epoch + 1;
        End(&s);
    }
    CHECK(right, "a run that is cancelled ends with the next epoch at the latest");
}

/* A task is so many numbers, however wide rows are; all rows get their first values. */
static void CheckFirstValues(uint32_t rows, uint32_t columns, int tasks)
{
    TestHost t;
    Part part = {.rows = rows, .columns = columns, .stride = columns};
    bool right = true;

    TestHostInit(&t);
    part.data = HostAllocateZero(&t.host, (size_t)rows * columns, sizeof(float));
    t.calls = 0;
    FactorsInit(&t.host, &part, RANDOM_INIT_ITEM, 1, 1);
    for (uint32_t r = 0; r < rows; r++)
        right &= PartRow(&part, r)[columns - 1] != 0;
    CHECK(right && t.calls == tasks, "%u rows of %u numbers start with %d looks", rows, columns,
          t.calls);
    t.calls = 0;
    MoveRandomly(&t.host, &part, (Perturbation){.epsilon = 1}, 1);
    CHECK(t.calls == (int)((uint64_t)rows * columns / 262144), "and get noise with %d", t.calls);
    TestHostEnd(&t);
}

void TestLearning(void)
{
    CheckPatience();
    CheckEvery();
    CheckStages();
    CheckNan();
    CheckWithoutValidation();
    CheckValidation();
    CheckMemory(true, false);
    CheckMemory(false, true);
    CheckMemory(false, false);
    CheckBadEnd("a loss that is NaN", NAN, -1, 0, "diverged in epoch 3: the loss");
    CheckBadEnd("an infinite loss", INFINITY, -1, 0, "diverged in epoch 3: the loss");
    CheckBadEnd("a user part", 0, 1, 0, "diverged in epoch 3: part \"first\"");
    CheckBadEnd("an item part", 0, 2, 0, "diverged in epoch 3: part \"second\"");
    CheckBadEnd("a part that is not learnt", 0, 3, 0, NULL);
    CheckBadEnd("what the trainer refuses", 0, -1, 2, "epoch 2 is beyond repair");
    CheckCancel();
    CheckFirstValues(512, 4096, 8);
    CheckFirstValues(5000, 16, 1);
}
