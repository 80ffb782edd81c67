/* test_nmrn.c: training, streaming and serving of the memory recommenders. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algo/nmrn/memory_network.h"
#include "algo/rank/prequential.h"
#include "check.h"
#include "core/metrics.h"
#include "support.h"
#include "tests.h"

#define USERS  120
#define ITEMS  160
#define GROUPS 4
#define EVENTS 6000
#define WARM   3600

static const char *const small = "factors=16 epochs=4 holdout=none";

/* --- helpers */

/* A trained model with room for all rows, and the history of what it was trained on. */
typedef struct Live {
    Training run;
    History history;
} Live;

static void FillHistory(TestHost *t, const Interactions *data, uint32_t users, History *history)
{
    HistoryInit(&t->host, users, 0, history);
    for (uint32_t u = 0; u < data->users; u++)
        HistorySet(history, u, data->item + data->offset[u],
                   (uint32_t)(data->offset[u + 1] - data->offset[u]));
}

static void GoLive(TestHost *t, const Interactions *data, const char *algorithm,
                   const char *settings, Live *live)
{
    Train(t, data, algorithm, settings, &live->run);
    FillHistory(t, data, data->users, &live->history);
}

/* HR@10 over events [from, to), each learnt after it is ranked unless `frozen`. */
static double HitRate(TestHost *t, Live *live, const TasteStream *events, uint32_t from,
                      uint32_t to, bool frozen)
{
    Stream stream;

    StreamOpen(&t->host, &live->run.model, &live->history, from, 1, &stream);
    if (frozen && stream.learner != NULL) {
        live->run.model.algorithm->stream->close(stream.learner);
        stream.learner = NULL;
    }
    for (uint32_t n = from; n < to; n++)
        StreamEvent(&stream, &(Event){events->user[n], events->item[n], n, 1}, true);
    StreamClose(&stream);
    return stream.total.hr / (double)stream.total.ranked;
}

static Model CopyOf(TestHost *t, const Model *model)
{
    Model copy = *model;

    ModelAllocate(&t->host, &copy);
    for (int p = 0; p < model->parts; p++)
        memcpy(copy.part[p].data, model->part[p].data,
               (size_t)model->part[p].rows * model->part[p].stride * sizeof(float));
    return copy;
}

static bool SamePart(const Model *a, const Model *b, int part)
{
    size_t bytes = (size_t)a->part[part].rows * a->part[part].stride * sizeof(float);

    return memcmp(a->part[part].data, b->part[part].data, bytes) == 0;
}

static bool PaddingIsZero(const Model *model)
{
    for (int p = 0; p < model->parts; p++)
        for (size_t r = 0; r < model->part[p].rows; r++)
            for (uint32_t k = model->part[p].columns; k < model->part[p].stride; k++)
                if (model->part[p].data[r * model->part[p].stride + k] != 0)
                    return false;
    return true;
}

/* --- quality */

static void CheckQuality(void)
{
    static const char *const algorithms_tried[] = {"nmrn", "nmrn_gan"};
    TestHost t;

    for (int a = 0; a < 2; a++) {
        TasteStream events;
        Interactions data;
        double floor, rate;
        Live live;

        TestHostInit(&t);
        events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 700);
        data = TasteStreamData(&t.host, &events, WARM);
        GoLive(&t, &data, "popularity", "", &live);
        floor = HitRate(&t, &live, &events, WARM, EVENTS, true);
        GoLive(&t, &data, algorithms_tried[a], small, &live);
        rate = HitRate(&t, &live, &events, WARM, EVENTS, false);
        CHECK(rate > 3 * floor, "%s: HR@10 %.3f, more than three times popularity %.3f",
              algorithms_tried[a], rate, floor);
        TestHostEnd(&t);
    }
}

/* After the tastes have swapped, the last events tell. */
static double AfterDrift(const char *settings, bool frozen)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    double rate;
    Live live;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, WARM, 701);
    data = TasteStreamData(&t.host, &events, WARM);
    GoLive(&t, &data, "nmrn", settings, &live);
    HitRate(&t, &live, &events, WARM, WARM + 12 * USERS, frozen);
    rate = HitRate(&t, &live, &events, WARM + 12 * USERS, EVENTS, frozen);
    TestHostEnd(&t);
    return rate;
}

static void CheckDrift(void)
{
    double learning = AfterDrift("factors=16 epochs=4 holdout=none query_weight=0", false);
    double frozen = AfterDrift("factors=16 epochs=4 holdout=none query_weight=0", true);

    CHECK(learning > 4 * frozen && learning > 0.2,
          "12 events per user after a drift: HR@10 %.3f, frozen %.3f", learning, frozen);
}

/* --- what every combination must keep */

static void CheckRuns(void)
{
    static const char *const settings[] = {
        "temperature=0", /* which is chosen */
        "memory=shared slots=6",
        "slots=5 addressing=content hops=2",
        "slots=5 addressing=ntm write=erase_add erase_bias=0 learning_rate=0.03",
        "memory=shared slots=4 addressing=ntm hops=3",
        "optimizer=adagrad max_norm=1 clip=5 item_bias=false",
        "order=time rank_weight=true",
        "batch_size=7 slots=3 learn_start=false",
        "factors=5 query_weight=0",
        "loss=hinge recent=2",
        "recent=0 temperature=0.2 negatives=1",
        "recent=7 negatives=1000 batch_size=33 slots=2"};
    TestHost t;

    for (size_t s = 0; s < sizeof(settings) / sizeof(settings[0]); s++) {
        char all[256];
        TasteStream events;
        Interactions data;
        double rate;
        Live a, b;

        TestHostInit(&t);
        events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 702);
        data = TasteStreamData(&t.host, &events, WARM);
        InteractionsHoldOut(&t.host, &data, HOLDOUT_LAST, 0, 1);
        snprintf(all, sizeof(all), "factors=16 epochs=2 temperature=0.3 evaluate_every=1 %s",
                 settings[s]);
        GoLive(&t, &data, "nmrn", all, &a);
        GoLive(&t, &data, "nmrn", all, &b);
        CHECK(SameModel(&a.run.model, &b.run.model), "%s: two trainings give the same bytes", all);
        rate = HitRate(&t, &a, &events, WARM, EVENTS, false);
        HitRate(&t, &b, &events, WARM, EVENTS, false);
        CHECK(rate > 0.13, "%s: HR@10 %.3f, by chance below 0.1", all, rate);
        CHECK(SameModel(&a.run.model, &b.run.model), "%s: two streams give the same bytes", all);
        CHECK(PaddingIsZero(&a.run.model), "%s: padding stays zero", all);
        TestHostEnd(&t);
    }
}

/* With L = 1 in a memory for all, nothing of the user is left. */
static void CheckSharedSlot(void)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    float first[16], other[16];
    bool same = true;
    Live live;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 703);
    data = TasteStreamData(&t.host, &events, WARM);
    GoLive(&t, &data, "nmrn", "factors=16 epochs=2 memory=shared slots=1 query_weight=0", &live);
    NmrnQuery(&live.run.model, &(QueryInput){.row = 0}, first);
    for (uint32_t u = 1; u < USERS; u++) {
        NmrnQuery(&live.run.model, &(QueryInput){.row = u}, other);
        same &= memcmp(first, other, sizeof(first)) == 0;
    }
    CHECK(same, "one shared slot: the same query for all users");
    TestHostEnd(&t);
}

/* --- streaming */

static void LearnRange(TestHost *t, Live *live, const TasteStream *events, uint32_t from,
                       uint32_t to)
{
    const StreamMethods *stream = live->run.model.algorithm->stream;
    Learner *learner = stream->open(&t->host, &live->run.model, &live->history, from);

    for (uint32_t n = from; n < to; n++) {
        stream->learn(learner, &(Event){events->user[n], events->item[n], n, 1});
        HistoryAdd(&live->history, events->user[n], events->item[n]);
    }
    stream->close(learner);
}

static void CheckFlushes(const char *algorithm, const char *settings)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Random random = TestStream(704);
    Live a, b;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 705);
    data = TasteStreamData(&t.host, &events, WARM);
    GoLive(&t, &data, algorithm, settings, &a);
    GoLive(&t, &data, algorithm, settings, &b);
    LearnRange(&t, &a, &events, WARM, WARM + 500);
    for (uint32_t n = WARM; n < WARM + 500;) {
        uint32_t to = n + 1 + RandomBelow(&random, 40);

        to = to > WARM + 500 ? WARM + 500 : to;
        LearnRange(&t, &b, &events, n, to);
        n = to;
    }
    CHECK(SameModel(&a.run.model, &b.run.model),
          "%s %s: any flushes give the same bytes with micro-batches of one", algorithm, settings);
    TestHostEnd(&t);
}

/* Noting an event is what learning does to the memory at once. */
static void CheckWrite(const char *settings)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Model noted;
    Live live;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 706);
    data = TasteStreamData(&t.host, &events, WARM);
    GoLive(&t, &data, "nmrn", settings, &live);
    noted = CopyOf(&t, &live.run.model);
    for (uint32_t n = WARM; n < WARM + 30; n++)
        NmrnWrite(&noted, &(Event){events.user[n], events.item[n], n, 1});
    LearnRange(&t, &live, &events, WARM, WARM + 30);
    CHECK(SamePart(&noted, &live.run.model, NMRN_MEMORY_PART),
          "%s: write() does what learn() does to the memory", settings);
    CHECK(!SamePart(&noted, &live.run.model, NMRN_ITEM_PART), "%s: learn() does more", settings);
    TestHostEnd(&t);
}

static void CheckRateZero(void)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    bool same = true;
    Model before;
    Live live;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 707);
    data = TasteStreamData(&t.host, &events, WARM);
    GoLive(&t, &data, "nmrn_gan",
           "factors=16 epochs=1 learning_rate=0 generator_learning_rate=0 holdout=none", &live);
    before = CopyOf(&t, &live.run.model);
    LearnRange(&t, &live, &events, WARM, WARM + 300);
    for (int p = 0; p < before.parts; p++)
        if (strstr(before.part[p].name, "state") == NULL &&
            strstr(before.part[p].name, "steps") == NULL && p != NMRN_SLOT_PART &&
            p != NMRN_MEMORY_PART && strcmp(before.part[p].name, "generator_reward") != 0)
            same &= SamePart(&before, &live.run.model, p);
    CHECK(same, "a learning rate of 0 changes no parameter");
    CHECK(!SamePart(&before, &live.run.model, NMRN_MEMORY_PART), "... but the memory is written");
    TestHostEnd(&t);
}

/* A row depends on the id, not on where it stands. */
static void CheckStarts(void)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;
    Model *m = &run.model;
    size_t stride, bank;
    bool empty = true;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 708);
    data = TasteStreamData(&t.host, &events, WARM);
    Train(&t, &data, "nmrn", small, &run);
    stride = m->part[NMRN_USER_PART].stride;
    bank = m->part[NMRN_MEMORY_PART].stride;
    NmrnStartUser(m, 3, 77);
    NmrnStartUser(m, 9, 77);
    CHECK(memcmp(m->part[NMRN_USER_PART].data + 3 * stride,
                 m->part[NMRN_USER_PART].data + 9 * stride, stride * 4) == 0 &&
              memcmp(m->part[NMRN_MEMORY_PART].data + 3 * bank,
                     m->part[NMRN_WEIGHT_PART].data + stride, stride * 4) == 0,
          "a new user: a row by the id, the memory at its start");
    for (size_t k = stride; k < bank; k++)
        empty &= m->part[NMRN_MEMORY_PART].data[3 * bank + k] == 0;
    CHECK(bank == 4 * stride && empty, "... and no last items yet");
    NmrnStartUser(m, 9, 78);
    CHECK(memcmp(m->part[NMRN_USER_PART].data + 3 * stride,
                 m->part[NMRN_USER_PART].data + 9 * stride, stride * 4) != 0,
          "another id, another row");
    TestHostEnd(&t);
}

/* --- training */

/* A training that stops where validation has chosen. */
static void TrainTrial(TestHost *t, const Interactions *data, const char *settings, Training *run)
{
    TrainingPrepare(t, data, "nmrn", settings, run);
    run->model.trial = true;
    CHECK(TrainingRun(run) == OUTCOME_DONE, "%s: a trial", settings);
}

static void CheckHeldOut(void)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training a, b;
    char settings[96];

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 709);
    data = TasteStreamData(&t.host, &events, WARM);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_LAST, 0, 1);
    TrainTrial(&t, &data, "loss=hinge factors=16 epochs=12 evaluate_every=2 learning_rate=0.3", &a);
    CHECK(a.report.best >= 0 && a.report.best < a.report.epochs &&
              !isnan(a.report.history[a.report.best].metric[0]),
          "the best epoch (%d of %d) is one that was evaluated", a.report.best + 1,
          a.report.epochs);
    snprintf(settings, sizeof(settings),
             "loss=hinge factors=16 epochs=%d evaluate_every=2 learning_rate=0.3",
             a.report.best + 1);
    TrainTrial(&t, &data, settings, &b);
    CHECK(SameModel(&a.model, &b.model), "the model is that of the best epoch");
    TestHostEnd(&t);
}

/* What is held out must not be learnt before validation has chosen. */
static void CheckHeldOutUnseen(void)
{
    static const char *const settings = "temperature=0.3 factors=16 epochs=2 evaluate_every=2";
    TestHost t;
    TasteStream events;
    Interactions data, less;
    Training with, without;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, WARM, WARM, 710);
    data = TasteStreamData(&t.host, &events, WARM);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_LAST, 0, 1);
    less = TasteStreamData(&t.host, &events, WARM);
    less.held = data.held;
    less.held_count = 0; /* no validation, but the same pairs left out */
    TrainTrial(&t, &data, settings, &with);
    TrainTrial(&t, &less, settings, &without);
    CHECK(SameModel(&with.model, &without.model), "validation changes nothing but the choice");
    less.held = HostAllocate(&t.host, USERS, sizeof(uint32_t));
    for (uint32_t u = 0; u < USERS; u++)
        less.held[u] = NO_ITEM;
    TrainTrial(&t, &less, settings, &without);
    CHECK(!SamePart(&with.model, &without.model, NMRN_ITEM_PART), "held-out pairs are not learnt");
    TestHostEnd(&t);
}

/* Events that the running means have counted, if they are few. */
static double EventsLearnt(const Training *run)
{
    return (double)run->model.part[NMRN_SLOT_PART].data[SLOT_COUNT];
}

/* The same events with nothing held out, in so many epochs. */
static void CheckNothingHeldOut(TestHost *t, const TasteStream *events, const Training *run,
                                const char *settings, int epochs)
{
    Interactions data = TasteStreamData(&t->host, events, 600);
    char all[128];
    Training other;

    snprintf(all, sizeof(all), "%s epochs=%d", settings, epochs);
    Train(t, &data, run->model.algorithm->name, all, &other);
    CHECK(SameModel(&run->model, &other.model),
          "the model is, to the last bit, the one of %d epochs with nothing held out", epochs);
}

/* In the end everything is learnt, from the start, in as many epochs as were best: of four the
 * last, or an earlier one. */
static void CheckAllLearnt(const char *algorithm, const char *settings, bool earlier)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;
    const Epoch *last;
    double all = 600, held = 0;
    int best, passes;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, 600, 600, 730);
    data = TasteStreamData(&t.host, &events, 600);
    HoldOutOfLong(&t.host, &data, HOLDOUT_LAST);
    for (uint32_t n = 0; n < 600; n++)
        held += IsHeldOut(&data, events.user[n], events.item[n]);
    Train(&t, &data, algorithm, settings, &run);
    last = &run.report.history[run.report.epochs - 1];
    best = run.report.best + 1;
    CHECK(held > 20 && run.report.epochs == 4 + best && (best < 4) == earlier &&
              isnan(last->metric[0]) && strcmp(last->stage, "all") == 0,
          "%s %s: after four epochs, of which %d were best, as many on everything", algorithm,
          settings, best);
    passes =
        best + (strcmp(algorithm, "nmrn_gan") == 0 ? 1 : 0); /* of which one for the generator */
    CHECK(EventsLearnt(&run) == passes * all, "%s %s: %.0f events learnt", algorithm, settings,
          EventsLearnt(&run));
    CheckNothingHeldOut(&t, &events, &run, settings, best);
    TestHostEnd(&t);
}

/* A temperature is chosen by short runs, none of which is left in the model; it stays with it. */
/* By the first three epochs. */
static double BetterTemperature(const TrainReport *report)
{
    static const double tried[] = {0.3, 0.2, 0.5};
    int best = 0;

    for (int i = 1; i < 3; i++)
        if (report->history[i].metric[0] > 1.02 * report->history[best].metric[0])
            best = i;
    return tried[best];
}

static void CheckTemperature(void)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training chosen, named, plain;
    char settings[96];
    double value;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, WARM, WARM, 731);
    data = TasteStreamData(&t.host, &events, WARM);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_LAST, 0, 1);
    TrainTrial(&t, &data, "factors=16 epochs=3 evaluate_every=1", &chosen);
    value = (double)NmrnTemperature(&chosen.model);
    CHECK(strcmp(chosen.report.history[0].stage, "temperature 0.3") == 0 &&
              strcmp(chosen.report.history[2].stage, "temperature 0.5") == 0 &&
              chosen.report.epochs == 6 && chosen.report.best >= 3,
          "three temperatures are tried for a third of the epochs");
    CHECK(fabs(value - BetterTemperature(&chosen.report)) < 1e-6,
          "the first is kept, unless another is better by a fiftieth: %g of %.4f, %.4f, %.4f",
          value, chosen.report.history[0].metric[0], chosen.report.history[1].metric[0],
          chosen.report.history[2].metric[0]);
    snprintf(settings, sizeof(settings), "factors=16 epochs=3 evaluate_every=3 temperature=0.7");
    TrainTrial(&t, &data, settings, &named);
    CHECK(fabsf(NmrnTemperature(&named.model) - 0.7f) < 1e-6f && named.report.epochs == 3,
          "a temperature that is named is taken");
    data.held_count = 0;
    TrainTrial(&t, &data, "factors=16 epochs=1", &plain);
    CHECK(fabsf(NmrnTemperature(&plain.model) - 0.3f) < 1e-6f && plain.report.epochs == 1,
          "without anything held out it is 0.3");
    TestHostEnd(&t);
}

static void CheckFailures(void)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 50, 40, 4, 8, 711);
    TrainingPrepare(&t, &data, "nmrn", small, &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && t.kind == FAIL_INVALID &&
              strstr(t.hint, "time column") != NULL,
          "no times: %s", t.message);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 712);
    data = TasteStreamData(&t.host, &events, WARM);
    TrainingPrepare(&t, &data, "nmrn", "factors=16 epochs=20 learning_rate=1000 user_scale=1000",
                    &run);
    run.model.part[NMRN_ITEM_PART].data[5] = INFINITY;
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && t.kind == FAIL_NOT_FINITE, "divergence: %s",
          t.message);
    TestHostEnd(&t);
}

static void CheckCancel(const char *algorithm)
{
    bool cancelled = true;

    for (int at = 1; at < 400; at += 57) {
        TestHost t;
        TasteStream events;
        Interactions data;
        Training run;

        TestHostInit(&t);
        events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 713);
        data = TasteStreamData(&t.host, &events, WARM);
        TrainingPrepare(&t, &data, algorithm, "factors=16 epochs=30", &run);
        t.calls = 0;
        t.cancel_at = at;
        cancelled &= TrainingRun(&run) == OUTCOME_CANCELLED;
        TestHostEnd(&t);
    }
    CHECK(cancelled, "%s: a cancel ends training wherever it comes", algorithm);
}

static void CheckMemory(const char *algorithm, const char *settings)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;
    size_t before, need, live;
    Learner *learner;
    History history;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, WARM / 2, WARM / 2, 714);
    data = TasteStreamData(&t.host, &events, WARM / 2);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_LAST, 0, 1);
    TrainingPrepare(&t, &data, algorithm, settings, &run);
    need = run.model.algorithm->memory(&run.model, &data, 1);
    TestHostResetPeak(&t);
    before = t.bytes;
    live = t.live;
    TrainingRun(&run);
    CHECK(t.peak - before <= need + TestHostSlack(&t), "%s %s: %zu bytes, estimated %zu", algorithm,
          settings, t.peak - before, need);
    CHECK(t.peak - before > need / 2, "%s %s: the estimate is not wild", algorithm, settings);
    CHECK(t.live == live + 1, "%s %s: only the history stays", algorithm, settings);
    FillHistory(&t, &data, USERS, &history);
    need = run.model.algorithm->stream->memory(&run.model);
    TestHostResetPeak(&t);
    before = t.bytes;
    live = t.live;
    learner = run.model.algorithm->stream->open(&t.host, &run.model, &history, 0);
    CHECK(t.peak - before <= need + TestHostSlack(&t) && t.peak - before > need / 2,
          "%s %s: a learner has %zu bytes, estimated %zu", algorithm, settings, t.peak - before,
          need);
    run.model.algorithm->stream->close(learner);
    CHECK(t.live == live, "%s %s: a learner leaves nothing", algorithm, settings);
    TestHostEnd(&t);
}

static void CheckWarm(void)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run, again;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 715);
    data = TasteStreamData(&t.host, &events, WARM);
    Train(&t, &data, "nmrn_gan", "factors=16 epochs=5 holdout=none", &run);
    TrainingPrepare(&t, &data, "nmrn_gan", "factors=16 epochs=1 holdout=none", &again);
    for (int p = 1; p < run.model.parts; p++)
        memcpy(again.model.part[p].data, run.model.part[p].data,
               (size_t)run.model.part[p].rows * run.model.part[p].stride * 4);
    again.model.warm = true;
    CHECK(TrainingRun(&again) == OUTCOME_DONE &&
              again.report.history[0].loss < 0.8 * run.report.history[0].loss &&
              strcmp(again.report.history[0].stage, "adversarial") == 0,
          "a warm start goes on (%s): loss %.3f, from scratch %.3f", again.report.history[0].stage,
          again.report.history[0].loss, run.report.history[0].loss);
    TestHostEnd(&t);
}

static void CheckSlots(void)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Live live;
    double usage = 0;
    bool ranges = true;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 716);
    data = TasteStreamData(&t.host, &events, WARM);
    GoLive(&t, &data, "nmrn", "factors=16 epochs=2 slots=6 memory=shared", &live);
    LearnRange(&t, &live, &events, WARM, EVENTS);
    for (uint32_t i = 0; i < NmrnSlots(&live.run.model); i++) {
        Slot slot = NmrnSlot(&live.run.model, i);

        usage += slot.usage;
        ranges &= slot.entropy > 0 && slot.entropy <= 1.0001 && slot.erase > 0 && slot.erase < 1 &&
                  slot.key != slot.value;
    }
    CHECK(NmrnSlots(&live.run.model) == 6 && fabs(usage - 1) < 1e-4 && ranges,
          "usage of all slots sums to 1 (%.6f), entropy and erase are shares", usage);
    TestHostEnd(&t);
}

/* Mean reward of the last micro-batch; the memory stays as it was made. */
static double LastReward(const char *rate)
{
    char settings[160];
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;
    double reward;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 717);
    data = TasteStreamData(&t.host, &events, WARM);
    snprintf(settings, sizeof(settings),
             "factors=16 epochs=6 pre_epochs=0 holdout=none learning_rate=0 candidate_kind=all "
             "batch_size=256 erase_bias=-20 generator_learning_rate=%s",
             rate);
    Train(&t, &data, "nmrn_gan", settings, &run);
    reward = run.model.part[run.model.parts - 1].data[0];
    TestHostEnd(&t);
    return reward;
}

static void CheckGenerator(void)
{
    double uniform = LastReward("0"), learnt = LastReward("0.03");

    CHECK(learnt > uniform + 0.05,
          "the generator learns to choose near items: distance %.3f, of "
          "random ones %.3f",
          -learnt, -uniform);
}

void TestNmrn(void)
{
    CheckQuality();
    CheckDrift();
    CheckRuns();
    CheckSharedSlot();
    CheckFlushes("nmrn", "factors=16 epochs=2 batch_size=1");
    CheckFlushes("nmrn", "factors=16 epochs=2 batch_size=1 slots=4 memory=shared addressing=ntm");
    CheckFlushes("nmrn_gan", "factors=16 epochs=2 pre_epochs=1 batch_size=1");
    CheckWrite("factors=16 epochs=2");
    CheckWrite("factors=16 epochs=2 memory=shared slots=5 write=erase_add");
    CheckWrite("factors=16 epochs=2 slots=3 addressing=ntm");
    CheckRateZero();
    CheckStarts();
    CheckHeldOut();
    CheckHeldOutUnseen();
    CheckAllLearnt("nmrn", "temperature=0.3 factors=16 epochs=4 evaluate_every=4", false);
    CheckAllLearnt("nmrn", "loss=hinge recent=0 factors=16 epochs=4 evaluate_every=4", false);
    CheckAllLearnt("nmrn_gan", "factors=16 epochs=4 pre_epochs=2 evaluate_every=4", false);
    CheckAllLearnt("nmrn", "temperature=0.3 factors=16 epochs=4 evaluate_every=1 learning_rate=0.3",
                   true);
    CheckAllLearnt("nmrn", "loss=hinge factors=16 epochs=4 evaluate_every=1 learning_rate=0.3",
                   true);
    CheckAllLearnt("nmrn_gan", "factors=16 epochs=4 pre_epochs=0 evaluate_every=4", false);
    CheckTemperature();
    CheckFailures();
    CheckCancel("nmrn");
    CheckCancel("nmrn_gan");
    CheckMemory("nmrn", "epochs=2 evaluate_every=1");
    CheckMemory("nmrn", "epochs=1 slots=8 memory=shared order=time addressing=ntm");
    CheckMemory("nmrn_gan",
                "epochs=2 pre_epochs=1 candidates=30 generator_layers=true batch_size=33");
    CheckWarm();
    CheckSlots();
    CheckGenerator();
}
