/* test_sasrec.c: windows, steps, queries and whole trainings of sasrec. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/learn/adam.h"
#include "algo/rank/ranking.h"
#include "algo/sasrec/batch.h"
#include "check.h"
#include "core/blas.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

/* ---- walks: an item says which one comes next, but for one in eight ---- */

#define USERS 120
#define ITEMS 60
#define WALK  30

/* Steps of 7 in a ring; with 60 items every item is reached. */
static uint32_t After(uint32_t item)
{
    return (item + 7) % ITEMS;
}

static Interactions Walks(const Host *host, uint64_t stream)
{
    Random random = TestStream(stream);
    Pairs pairs = PairsCreate(host, USERS * WALK, true);
    Events *events = HostAllocate(host, 1, sizeof(*events));
    Interactions data;

    for (uint32_t u = 0; u < USERS; u++) {
        uint32_t item = RandomBelow(&random, ITEMS);

        for (uint32_t n = 0; n < WALK; n++) {
            PairsAdd(&pairs, u, item, n);
            item = RandomBelow(&random, 8) == 0 ? RandomBelow(&random, ITEMS) : After(item);
        }
    }
    EventsBuild(host, &pairs, USERS, events);
    InteractionsBuild(host, &pairs, USERS, ITEMS, &data);
    data.events = events;
    return data;
}

#define SMALL "factors=16 length=10 epochs=12 batch_size=20 learning_rate=0.01 dropout=0.1"

static Interactions Data(const Host *host)
{
    Interactions data = Walks(host, 950);

    InteractionsHoldOut(host, &data, HOLDOUT_LAST, 0, 1);
    return data;
}

static Training TrainWith(TestHost *t, int threads, const char *settings)
{
    return TrainFresh(t, threads, Data, "sasrec", settings);
}

/* ---- windows ---- */

static bool WindowIsRight(const Windows *w, const Window *window)
{
    return window->rows > 0 && window->rows <= w->length &&
           window->first >= w->offset[window->user] &&
           window->first + window->rows < w->offset[window->user + 1];
}

/* How often each place of the histories is predicted. */
static bool CountTargets(const Windows *w, uint32_t *predicted)
{
    uint64_t rows = 0;
    bool right = true;

    for (uint32_t i = 0; i < w->count; i++) {
        const Window *window = &w->window[w->order[i]];

        right &= WindowIsRight(w, window);
        rows += window->rows;
        for (uint32_t r = 0; r < window->rows; r++)
            predicted[window->first + r + 1]++;
    }
    return right && rows == w->rows;
}

static void CheckWindows(bool last, uint32_t length)
{
    static uint32_t predicted[USERS * WALK];
    TestHost t;
    Interactions data;
    Windows w;
    Random random = TestStream(951);
    bool right = true, all = true;

    TestHostInit(&t);
    data = Walks(&t.host, 952);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    memset(predicted, 0, sizeof(predicted));
    WindowsCreate(&t.host, &data, length, last, &w);
    WindowsTake(&t.host, &w, false);
    for (int round = 0; round < 20; round++) {
        WindowsCut(&t.host, &w, &random);
        right &= CountTargets(&w, predicted);
    }
    for (uint32_t u = 0; u < USERS; u++)
        for (uint64_t i = w.offset[u]; i < w.offset[u + 1]; i++) {
            bool wanted = last ? i + length >= w.offset[u + 1] : true;

            right &= !IsHeldOut(&data, u, w.item[i]);
            all &= predicted[i] == (wanted && i > w.offset[u] ? 20 : 0);
        }
    CHECK(right, "windows of %u are pieces of what trains", length);
    CHECK(all, last ? "each user's last items are predicted once" : "each item is predicted once");
    WindowsTake(&t.host, &w, true);
    CHECK(w.offset[USERS] == data.events->count, "what was held out is learnt at last");
    TestHostEnd(&t);
}

/* ---- one step ---- */

typedef struct Stepped {
    TestHost t;
    Interactions data;
    SasrecOptions options;
    Model model;
    Windows windows;
    SasrecBatch batch;
} Stepped;

static void StepOnce(Stepped *s, bool sums)
{
    const Host *host = &s->t.host;
    const Algorithm *algorithm = AlgorithmFind("sasrec");
    Random random = TestStream(953);

    TestHostInit(&s->t);
    s->data = Walks(host, 954);
    OptionsDefault(algorithm->options, &s->options);
    SetOptions(algorithm, &s->options, "factors=16 length=10 batch_size=50 negatives=20");
    ModelLayout(&s->model, algorithm, &s->options, USERS, ITEMS);
    ModelAllocate(host, &s->model);
    SasrecBatchCreate(host, &s->model, &s->batch);
    TransformerStart(&s->batch.encoder, &random, s->batch.network->data);
    for (size_t i = 0; i < PartFloats(s->batch.item); i++)
        s->batch.item->data[i] = (float)RandomNormal(&random) / 4;
    WindowsCreate(host, &s->data, 10, false, &s->windows);
    WindowsTake(host, &s->windows, true);
    WindowsCut(host, &s->windows, &random);
    s->batch.windows = 50;
    memcpy(s->batch.window, s->windows.window, 50 * sizeof(Window));
    s->batch.rule = (SasrecRule){.data = &s->data, .dropout = 0.2, .rate = 0.01f};
    if (sums) {
        s->batch.rule.item_sums = HostAllocateZero(host, PartFloats(s->batch.item), sizeof(float));
        s->batch.rule.network_sums =
            HostAllocateZero(host, PartFloats(s->batch.network), sizeof(float));
    }
    SasrecBatchStep(&s->batch, &s->windows, 1, 0);
}

static void CheckStep(void)
{
    Stepped *gradient = calloc(1, sizeof(*gradient)), *step = calloc(1, sizeof(*step));
    const Part *before, *after;
    float state[2 * 4096] __attribute__((aligned(64)));
    double worst = 0, moved = 0;

    StepOnce(gradient, true);
    StepOnce(step, false);
    before = gradient->batch.item;
    after = step->batch.item;
    for (uint32_t i = 0; i < ITEMS; i++) {
        float *row = PartRow(before, i);
        AdamRule rule = {.rate = 0.01f, .scale = 1 / (float)gradient->batch.rows};

        moved += fabs((double)(row[3] - PartRow(after, i)[3]));
        memset(state, 0, sizeof(state));
        AdamMany(&rule, 1, row, gradient->batch.rule.item_sums + i * 16, state, 16);
        for (int k = 0; k < 16; k++)
            worst = fmax(worst, fabs((double)(row[k] - PartRow(after, i)[k])));
    }
    CHECK(moved > 0.1 && worst < 1e-6, "rows make Adam's step along the mean gradient");
    worst = moved = 0;
    for (size_t i = 0; i < PartFloats(gradient->batch.network); i++) {
        double g = (double)gradient->batch.rule.network_sums[i] / gradient->batch.rows;
        double step_size =
            (double)(gradient->batch.network->data[i] - step->batch.network->data[i]);

        moved += fabs(step_size);
        worst = fmax(worst, fabs(step_size - 0.01 * g / (fabs(g) + 1e-8)));
    }
    CHECK(moved > 1 && worst < 1e-5, "and so does the network");
    TestHostEnd(&gradient->t);
    TestHostEnd(&step->t);
    free(gradient);
    free(step);
}

/* ---- queries ---- */

/* What training makes of the last rows of a history. */
static void EncodeHistory(const Host *host, const Model *model, const uint32_t *items,
                          uint32_t count, float *out)
{
    const Part *part = &model->part[SASREC_ITEM_PART];
    Pack pack = {0};
    Transformer e = SasrecEncoder(model->options, &pack);
    uint32_t first[] = {0, count};
    Sequences one = {1, first, NULL};
    size_t floats = TransformerReals(&e.shape, count, TransformerAttention(&e.shape, &one), count);
    float *x = HostAllocate(host, (size_t)count * part->stride, sizeof(float));
    float *rows = HostAllocate(host, (size_t)count * part->stride, sizeof(float));
    TransformerTape tape;

    for (uint32_t h = 0; h < count; h++)
        for (uint32_t k = 0; k < part->stride; k++)
            x[h * part->stride + k] = sqrtf((float)part->columns) * PartRow(part, items[h])[k];
    TransformerForward(&e, model->part[SASREC_NETWORK_PART].data, &one,
                       (TransformerDropout){0, NULL}, x, HostAllocate(host, floats, sizeof(float)),
                       &tape, rows);
    memcpy(out, rows + (size_t)(count - 1) * part->stride, part->stride * sizeof(float));
}

static bool SameQuery(const float *a, const float *b, uint32_t width)
{
    for (uint32_t k = 0; k < width; k++)
        if (!Near((double)a[k], (double)b[k], 1e-4, 1e-4))
            return false;
    return true;
}

static void CheckQueries(void)
{
    static const uint32_t history[] = {3, 10, 17, 24, 5, 5, 59, 0, 7, 14, 21, 28};
    float query[16] __attribute__((aligned(64))), expected[16] __attribute__((aligned(64)));
    float other[16] __attribute__((aligned(64)));
    TestHost t;
    Training run = TrainWith(&t, 0, SMALL);
    const Model *m = &run.model;
    bool same = true;

    for (uint32_t count = 1; count <= 10; count++) {
        SasrecQuery(m, &(QueryInput){.row = NO_ROW, .items = history, .count = count}, query);
        EncodeHistory(&t.host, m, history, count, expected);
        same &= SameQuery(query, expected, 16);
    }
    CHECK(same, "a query is what training makes of the history%s",
          BlasLoad(1) ? ", with OpenBLAS there" : "");
    SasrecQuery(m, &(QueryInput){.row = NO_ROW, .items = history, .count = 12}, query);
    SasrecQuery(m, &(QueryInput){.row = NO_ROW, .items = history + 2, .count = 10}, other);
    CHECK(memcmp(query, other, sizeof(query)) == 0, "only the last `length` items count");
    SasrecQuery(m, &(QueryInput){.row = NO_ROW, .items = history + 1, .count = 11}, other);
    CHECK(memcmp(query, other, sizeof(query)) == 0, "however many more there are");
    SasrecQuery(m, &(QueryInput){.row = NO_ROW, .items = history, .count = 0}, other);
    CHECK(memcmp(query, other, sizeof(query)) != 0 && isfinite(other[0]) && other[0] != 0,
          "who has nothing has a query, too");
    TestHostEnd(&t);
}

/* ---- whole trainings ---- */

static void CheckOrder(const char *settings, double share)
{
    TestHost t;
    Training run = TrainWith(&t, 2, settings);
    uint32_t right = 0;

    for (uint32_t item = 0; item < ITEMS; item++) {
        float query[16] __attribute__((aligned(64))), scores[64] __attribute__((aligned(64)));
        uint32_t history[] = {(item + 13) % ITEMS, (item + 30) % ITEMS, item}, best = 0;

        SasrecQuery(&run.model, &(QueryInput){.row = NO_ROW, .items = history, .count = 3}, query);
        ModelScore(&run.model, query, 1, scores);
        for (uint32_t i = 1; i < ITEMS; i++)
            best = scores[i] > scores[best] ? i : best;
        right += best == After(item);
    }
    CHECK(right >= share * ITEMS, "%s: it knows what comes after %u of %d items", settings, right,
          ITEMS);
    TestHostEnd(&t);
}

static void CheckStages(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, SMALL " evaluate_every=3");
    const TrainReport *report = &run.report;
    int validated = 0, last = report->epochs - 1;

    for (int e = 0; e < report->epochs; e++)
        validated += !isnan(report->history[e].metric[0]);
    CHECK(validated == 4 && strcmp(report->history[0].stage, "next item") == 0,
          "every third epoch is validated");
    CHECK(report->best >= 2 && report->best < 12 && last >= 12 &&
              strcmp(report->history[last].stage, "all") == 0,
          "what was held out is learnt at last");
    CHECK(report->history[11].loss < 0.7 * report->history[0].loss, "the loss falls");
    TestHostEnd(&t);
}

static void CheckBadData(void)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = Walks(&t.host, 956);
    TrainingPrepare(&t, &data, "sasrec", "factors=10 heads=3", &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "multiple of \"heads\"") != NULL,
          "factors that heads cannot share: %s", t.message);
    data.events = NULL;
    TrainingPrepare(&t, &data, "sasrec", SMALL, &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && strstr(t.message, "order of time") != NULL,
          "without times: %s", t.message);
    TestHostEnd(&t);
}

void TestSasrec(void)
{
    CheckWindows(false, 10);
    CheckWindows(false, 1);
    CheckWindows(false, 200);
    CheckWindows(true, 10);
    CheckStep();
    CheckQueries();
    CheckOrder(SMALL, 0.8);
    CheckOrder(SMALL " loss=bce epochs=60", 0.5);
    CheckSameBytes(TrainWith, SMALL " epochs=2");
    CheckSameBytes(TrainWith, SMALL " epochs=2 loss=bce windows=last heads=2");
    CheckStages();
    CheckWarmStart(TrainWith, SMALL " holdout=none");
    CheckBadData();
}
