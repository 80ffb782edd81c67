/* test_weights.c: interactions that count more than others, from raw rows to what is learnt. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algo/nmrn/memory_network.h"
#include "algo/rank/prequential.h"
#include "check.h"
#include "core/pairsort.h"
#include "support.h"
#include "tests.h"

#define USERS 40
#define ITEMS 60
#define ROWS  9000

/* ---- rows in any order ---- */

static Pairs EmptyPairs(TestHost *t, uint64_t room, Columns columns)
{
    Pairs pairs = PairsCreate(&t->host, room, (columns & COLUMN_TIME) != 0);

    if ((columns & COLUMN_WEIGHT) != 0)
        pairs.weight = HostAllocate(&t->host, room, sizeof(float));
    return pairs;
}

static void Add(Pairs *pairs, uint32_t user, uint32_t item, double time, float weight)
{
    if (pairs->weight != NULL)
        pairs->weight[pairs->count] = weight;
    PairsAdd(pairs, user, item, time);
}

/* Weights of which the sum depends on the order in which they are added. */
static float RandomWeight(Random *random)
{
    static const float common[] = {1, 0.1f, 1e-30f, 1e30f, 2.5e38f, 1e-45f};
    uint32_t which = RandomBelow(random, 12);

    return which < 6 ? common[which] : (float)exp(3 * RandomNormal(random));
}

/* The same rows for the same stream, in an order that depends on `shuffle`. */
static Pairs ShuffledRows(TestHost *t, Columns columns, uint32_t count, uint32_t users,
                          uint64_t shuffle)
{
    Pairs pairs = EmptyPairs(t, count, columns);
    uint32_t *order = HostAllocate(&t->host, count, sizeof(uint32_t));
    Random random = TestStream(shuffle);

    for (uint32_t n = 0; n < count; n++)
        order[n] = n;
    if (shuffle > 0)
        RandomShuffle(&random, order, count);
    for (uint32_t n = 0; n < count; n++) {
        Random row;

        RandomSeed(&row, 77, RANDOM_ROBUSTNESS, order[n], 0);
        Add(&pairs, RandomBelow(&row, users), RandomBelow(&row, ITEMS), RandomBelow(&row, 20),
            RandomWeight(&row));
    }
    HostRelease(&t->host, order);
    return pairs;
}

static bool SameBytes(const void *a, const void *b, size_t size)
{
    return (a == NULL) == (b == NULL) && (a == NULL || memcmp(a, b, size) == 0);
}

static bool SameInteractions(const Interactions *a, const Interactions *b)
{
    return a->count == b->count && a->columns == b->columns &&
           SameBytes(a->offset, b->offset, (a->users + 1) * sizeof(uint64_t)) &&
           SameBytes(a->item, b->item, a->count * sizeof(uint32_t)) &&
           SameBytes(a->time, b->time, a->count * sizeof(double)) &&
           SameBytes(a->weight, b->weight, a->count * sizeof(float));
}

static bool SameEvents(const Events *a, const Events *b)
{
    return a->count == b->count && a->mean_weight == b->mean_weight &&
           SameBytes(a->item, b->item, a->count * sizeof(uint32_t)) &&
           SameBytes(a->time, b->time, a->count * sizeof(double)) &&
           SameBytes(a->weight, b->weight, a->count * sizeof(float));
}

/* `users` == 1: one user has so many events that they are sorted another way. */
static void CheckOrder(Columns columns, uint32_t count, uint32_t users)
{
    Interactions first, next;
    Events first_events, next_events;
    bool same = true;
    TestHost t;

    TestHostInit(&t);
    for (uint64_t shuffle = 0; shuffle < 4; shuffle++) {
        Pairs pairs = ShuffledRows(&t, columns, count, users, shuffle);

        if ((columns & COLUMN_TIME) != 0)
            EventsBuild(&t.host, &pairs, users, shuffle == 0 ? &first_events : &next_events);
        InteractionsBuild(&t.host, &pairs, users, ITEMS, shuffle == 0 ? &first : &next);
        if (shuffle > 0)
            same &= SameInteractions(&first, &next) &&
                    ((columns & COLUMN_TIME) == 0 || SameEvents(&first_events, &next_events));
    }
    CHECK(same && first.count < count, "columns %u, %u users: rows in any order, the same bytes",
          columns, users);
    TestHostEnd(&t);
}

static void CheckSorted(void)
{
    TestHost t;
    Pairs pairs, scratch;
    const Pairs *sorted;
    bool right = true;

    TestHostInit(&t);
    pairs = ShuffledRows(&t, COLUMN_WEIGHT, ROWS, USERS, 5);
    scratch = EmptyPairs(&t, ROWS, COLUMN_WEIGHT);
    scratch.count = ROWS;
    sorted = PairsSort(&t.host, &pairs, &scratch, USERS, ITEMS);
    for (uint32_t n = 1; n < ROWS; n++) {
        bool same_user = sorted->user[n - 1] == sorted->user[n];
        bool same_item = same_user && sorted->item[n - 1] == sorted->item[n];

        right &= sorted->user[n - 1] <= sorted->user[n];
        right &= !same_user || sorted->item[n - 1] <= sorted->item[n];
        right &= !same_item || sorted->weight[n - 1] <= sorted->weight[n];
    }
    CHECK(right, "rows are sorted by user, item and weight");
    TestHostEnd(&t);
}

static void CheckSums(void)
{
    static const double times[] = {1, 5, 2};
    TestHost t;
    Pairs pairs;
    Interactions x;

    TestHostInit(&t);
    pairs = EmptyPairs(&t, 8, COLUMN_TIME | COLUMN_WEIGHT);
    Add(&pairs, 1, 3, 9, 2);
    Add(&pairs, 0, 2, 4, 0.5f);
    Add(&pairs, 1, 3, 5, 1.5f);
    Add(&pairs, 0, 2, 1, 4);
    Add(&pairs, 1, 4, 2, FLT_MAX);
    Add(&pairs, 1, 4, 3, FLT_MAX);
    InteractionsBuild(&t.host, &pairs, 2, 5, &x);
    CHECK(x.count == 3 && x.weight[0] == 4.5f && x.weight[1] == 3.5f &&
              memcmp(x.time, times, sizeof(times)) == 0,
          "the weights of duplicates add up, the earliest time stays");
    CHECK(x.weight[2] == FLT_MAX, "to the greatest float at most");
    CHECK(x.columns == (COLUMN_TIME | COLUMN_WEIGHT) &&
              Near(MeanWeight(&t.host, &x), ((double)FLT_MAX + 8) / 3, 1e-12, 0),
          "the mean weight");
    TestHostEnd(&t);
}

static void CheckMemory(Columns columns)
{
    TestHost t;
    Pairs pairs;
    Interactions x;
    Events events;
    size_t before;

    TestHostInit(&t);
    pairs = ShuffledRows(&t, columns, ROWS, USERS, 1);
    before = t.bytes;
    TestHostResetPeak(&t);
    if ((columns & COLUMN_TIME) != 0) {
        EventsBuild(&t.host, &pairs, USERS, &events);
        CHECK(t.peak - before <= EventsMemory(ROWS, USERS, columns) + TestHostSlack(&t) &&
                  t.peak - before > EventsMemory(ROWS, USERS, columns) / 2,
              "columns %u: events within the estimate", columns);
        CHECK(t.bytes - before <= EventsKept(ROWS, USERS, columns) + 4 * 72,
              "columns %u: and what stays of them", columns);
    }
    before = t.bytes;
    TestHostResetPeak(&t);
    InteractionsBuild(&t.host, &pairs, USERS, ITEMS, &x);
    CHECK(t.peak - before <= InteractionsMemory(ROWS, USERS, columns) + TestHostSlack(&t) &&
              t.peak - before > InteractionsMemory(ROWS, USERS, columns) / 2,
          "columns %u: interactions within the estimate", columns);
    TestHostEnd(&t);
}

static void CheckMeanOfTraining(void)
{
    TestHost t;
    Pairs pairs;
    Interactions x;
    double sum = 0;

    TestHostInit(&t);
    pairs = EmptyPairs(&t, 60, COLUMN_WEIGHT);
    for (uint32_t n = 0; n < 60; n++)
        Add(&pairs, n % 6, n / 6, 0, 1 + (float)n);
    InteractionsBuild(&t.host, &pairs, 6, 10, &x);
    InteractionsHoldOut(&t.host, &x, HOLDOUT_RANDOM, 0, 3);
    for (uint32_t u = 0; u < 6; u++)
        for (uint64_t i = x.offset[u]; i < x.offset[u + 1]; i++)
            sum += x.item[i] == x.held[u] ? 0 : x.weight[i];
    CHECK(x.held_count == 6 && Near(MeanWeight(&t.host, &x), sum / 54, 1e-12, 0),
          "the mean weight is that of what trains");
    TestHostEnd(&t);
}

/* ---- the last items of a user ---- */

static void CheckRecent(uint32_t limit)
{
    uint32_t all[3][200], count[3] = {0};
    Random random = TestStream(961);
    bool right = true;
    History h;
    TestHost t;

    TestHostInit(&t);
    HistoryInit(&t.host, 3, limit, &h);
    for (int n = 0; n < 200; n++) {
        uint32_t user = RandomBelow(&random, 2), item = RandomBelow(&random, 5), kept;

        HistoryNote(&h, user, item);
        all[user][count[user]++] = item;
        kept = count[user] < limit ? count[user] : limit;
        right &= h.recent[user].count == kept &&
                 memcmp(h.recent[user].item, all[user] + count[user] - kept,
                        kept * sizeof(uint32_t)) == 0;
    }
    CHECK(right && h.recent[2].count == 0, "the last %u items, oldest first, with repeats", limit);
    CHECK(!HistoryContains(&h, 0, all[0][count[0] - 1]),
          "they are not those that the user has had");
    TestHostEnd(&t);
}

static void CheckNoRecent(void)
{
    History h;
    TestHost t;

    TestHostInit(&t);
    HistoryInit(&t.host, 3, 0, &h);
    HistoryNote(&h, 1, 7);
    CHECK(h.recent == NULL && t.live == 1, "where nobody asks, nothing is kept");
    TestHostEnd(&t);
}

/* ---- factor models ---- */

/* User u has item u alone; weights repeat. */
#define PAIRS 32

static const float pair_weights[] = {1, 2, 5, 0.5f};

static Interactions OneEach(TestHost *t)
{
    Pairs pairs = EmptyPairs(t, PAIRS, COLUMN_WEIGHT);
    Interactions data;

    for (uint32_t u = 0; u < PAIRS; u++)
        Add(&pairs, u, u, 0, pair_weights[u % 4]);
    InteractionsBuild(&t->host, &pairs, PAIRS, 2 * PAIRS, &data);
    return data;
}

/*
 * How often an epoch visits each interaction.  Item u has a dimension of its own, in which only a
 * visit of user u moves the user's row: by half the learning rate, as all scores are nearly 0.
 */
static void CountVisits(TestHost *t, const Interactions *data, const char *batch, int seed,
                        double *visits)
{
    char settings[200];
    Training run;

    snprintf(settings, sizeof(settings),
             "factors=32 epochs=1 holdout=none optimizer=sgd learning_rate=0.001 regularization=0 "
             "adaptive_negatives=1 %s seed=%d",
             batch, seed);
    TrainingPrepare(t, data, "bpr", settings, &run);
    for (uint32_t i = 0; i < 2 * PAIRS; i++) {
        float *row = PartRow(&run.model.part[MF_ITEM_PART], i);

        row[i % PAIRS] = i < PAIRS ? 1 : 0;
        row[(i + 1) % PAIRS] += 1e-6f; /* a row of zeros would get random values */
        if (i < PAIRS)
            PartRow(&run.model.part[MF_USER_PART], i)[i] = 1e-6f;
    }
    TrainingRun(&run);
    for (uint32_t u = 0; u < PAIRS; u++)
        visits[u] = PartRow(&run.model.part[MF_USER_PART], u)[u] / 0.0005;
}

/* In the mean the share of the weight; each time one of the two whole numbers next to it. */
static void CheckVisits(const char *batch)
{
    enum { RUNS = 300 };
    double visits[PAIRS], sum[PAIRS] = {0}, mean = 8.5 / 4, worst = 0, total = 0;
    bool whole = true;

    for (int seed = 1; seed <= RUNS; seed++) {
        TestHost t;
        Interactions data;

        TestHostInit(&t);
        data = OneEach(&t);
        CountVisits(&t, &data, batch, seed, visits);
        for (uint32_t u = 0; u < PAIRS; u++) {
            double share = pair_weights[u % 4] / mean;

            whole &= fabs(visits[u] - rint(visits[u])) < 0.1 && rint(visits[u]) > share - 1 &&
                     rint(visits[u]) < share + 1;
            sum[u] += rint(visits[u]);
            total += rint(visits[u]);
        }
        TestHostEnd(&t);
    }
    for (uint32_t u = 0; u < PAIRS; u++)
        worst = fmax(worst, fabs(sum[u] / RUNS - pair_weights[u % 4] / mean));
    CHECK(whole, "%s: an epoch visits an interaction as often as its share, within one", batch);
    CHECK(worst < 5.5 * sqrt(0.25 / RUNS), "%s: and in the mean its share (off by %.3f)", batch,
          worst);
    CHECK(fabs(total / RUNS - PAIRS) <= 1, "%s: as many visits as interactions", batch);
}

static Interactions WeightedTastes(TestHost *t, const float *weight, uint64_t stream)
{
    Interactions data = TasteInteractions(&t->host, 300, 200, 4, 12, stream);
    Random random = TestStream(stream + 1);

    data.columns |= COLUMN_WEIGHT;
    data.weight = HostAllocate(&t->host, data.count, sizeof(float));
    for (uint64_t i = 0; i < data.count; i++)
        data.weight[i] = weight != NULL ? *weight : (float)exp(RandomNormal(&random));
    return data;
}

static void CheckEqualWeights(const char *algorithm, const char *settings, float weight)
{
    TestHost t;
    Interactions weighted, plain;
    Training a, b;
    bool same = true;

    TestHostInit(&t);
    weighted = WeightedTastes(&t, &weight, 962);
    plain = TasteInteractions(&t.host, 300, 200, 4, 12, 962);
    InteractionsHoldOut(&t.host, &weighted, HOLDOUT_RANDOM, 50, 1);
    InteractionsHoldOut(&t.host, &plain, HOLDOUT_RANDOM, 50, 1);
    Train(&t, &weighted, algorithm, settings, &a);
    Train(&t, &plain, algorithm, settings, &b);
    for (int p = MF_USER_PART; p <= MF_ITEM_PART; p++)
        same &= SameBytes(a.model.part[p].data, b.model.part[p].data,
                          PartFloats(&a.model.part[p]) * sizeof(float));
    CHECK(same, "%s %s: equal weights of %g are as good as none", algorithm, settings, weight);
    TestHostEnd(&t);
}

/* Threads share no random numbers. */
static void CheckThreads(const char *settings)
{
    TestHost t[2];
    Training run[2];

    for (int n = 0; n < 2; n++) {
        Interactions *data;

        TestHostInit(&t[n]);
        if (n > 0)
            TestHostUsePool(&t[n], 3);
        data = HostAllocate(&t[n].host, 1, sizeof(Interactions));
        *data = WeightedTastes(&t[n], NULL, 963);
        Train(&t[n], data, "amf", settings, &run[n]);
    }
    CHECK(SameModel(&run[0].model, &run[1].model), "%s: weights, on one thread and on three",
          settings);
    TestHostEnd(&t[0]);
    TestHostEnd(&t[1]);
}

/* All items are about as common as each other, without any taste; half of them count nine times as
 * much. */
static void CheckPreference(const char *settings)
{
    enum { CUSTOMERS = 200, GOODS = 40 };
    TestHost t;
    Pairs pairs;
    Interactions data;
    Training run;
    double sum[2] = {0};
    Random random = TestStream(967);

    TestHostInit(&t);
    pairs = EmptyPairs(&t, CUSTOMERS * 10, COLUMN_WEIGHT);
    for (uint32_t n = 0; n < CUSTOMERS * 10; n++) {
        uint32_t item = RandomBelow(&random, GOODS);

        Add(&pairs, n / 10, item, 0, item % 2 == 0 ? 9 : 1);
    }
    InteractionsBuild(&t.host, &pairs, CUSTOMERS, GOODS, &data);
    Train(&t, &data, "bpr", settings, &run);
    for (uint32_t n = 0; n < CUSTOMERS * GOODS; n++)
        for (uint32_t k = 0; k < 2; k++)
            sum[n % 2] += PartRow(&run.model.part[MF_USER_PART], n / GOODS)[k] *
                          PartRow(&run.model.part[MF_ITEM_PART], n % GOODS)[k];
    CHECK(sum[0] > sum[1] + 0.3 * CUSTOMERS * GOODS / 2,
          "%s: what counts more scores higher (%.0f, %.0f)", settings, sum[0], sum[1]);
    TestHostEnd(&t);
}

/* ---- one interaction outweighs all others ---- */

static Interactions Extreme(TestHost *t)
{
    Interactions data = WeightedTastes(t, &(float){1}, 964);

    data.weight[data.count / 3] = 1e30f;
    data.weight[data.count / 2] = 1e-30f;
    return data;
}

static void CheckExtreme(const char *algorithm, const char *settings, int threads)
{
    TestHost t;
    Interactions data;
    Training run;
    size_t before, need;
    Outcome outcome;

    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    data = Extreme(&t);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 40, 1);
    TrainingPrepare(&t, &data, algorithm, settings, &run);
    need = run.model.algorithm->memory(&run.model, &data, threads);
    TestHostResetPeak(&t);
    before = t.bytes;
    outcome = TrainingRun(&run);
    CHECK(outcome == OUTCOME_DONE && run.report.epochs > 0, "%s %s: 1e30 beside 1 is learnt",
          algorithm, settings);
    CHECK(t.peak - before <= need + TestHostSlack(&t) + 8 * 128, "%s %s: %zu bytes, estimated %zu",
          algorithm, settings, t.peak - before, need);
    TestHostEnd(&t);
}

static void CheckExtremeCancel(const char *settings, int threads)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    data = Extreme(&t);
    TrainingPrepare(&t, &data, "bpr", settings, &run);
    t.cancel_epoch = 1;
    CHECK(TrainingRun(&run) == OUTCOME_CANCELLED && run.report.epochs == 1,
          "%s: 1e30 beside 1 can be cancelled", settings);
    TestHostEnd(&t);
}

/* ---- memories ---- */

/* What one event of this weight adds to the accumulators of its user and item, and to the loss. */
static void LearnOne(TestHost *t, Training *run, float weight, double *added)
{
    Model model = run->model;
    History history;
    Stream stream;
    Event event = {3, 150, 5000, weight};

    ModelAllocate(&t->host, &model);
    for (int p = 0; p < model.parts; p++)
        memcpy(model.part[p].data, run->model.part[p].data,
               PartFloats(&model.part[p]) * sizeof(float));
    HistoryInit(&t->host, model.users, 0, &history);
    StreamOpen(&t->host, &model, &history, 0, 1, &stream);
    StreamEvent(&stream, &event, false);
    StreamClose(&stream);
    added[0] = (double)model.part[NMRN_USER_STATE].data[event.user] -
               run->model.part[NMRN_USER_STATE].data[event.user];
    added[1] = (double)model.part[NMRN_ITEM_STATE].data[event.item] -
               run->model.part[NMRN_ITEM_STATE].data[event.item];
    added[2] = model.part[POPULARITY_PART].data[event.item] -
               run->model.part[POPULARITY_PART].data[event.item];
}

static void CheckGradient(const char *algorithm)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;
    double one[3], three[3];

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, 60, 160, 4, 2000, 2000, 965);
    data = TasteStreamData(&t.host, &events, 2000);
    Train(&t, &data, algorithm, "factors=16 epochs=1 holdout=none regularization=0 learning_rate=0",
          &run);
    LearnOne(&t, &run, 1, one);
    LearnOne(&t, &run, 3, three);
    CHECK(one[0] > 0 && one[1] > 0 && Near(three[0], 9 * one[0], 1e-3, 0) &&
              Near(three[1], 9 * one[1], 1e-3, 0),
          "%s: three times the weight, three times the gradient (%.3g, %.3g)", algorithm,
          three[0] / one[0], three[1] / one[1]);
    CHECK(one[2] == 1 && three[2] == 3, "%s: and three times the popularity", algorithm);
    TestHostEnd(&t);
}

/* Training divides by the mean weight: a common factor changes nothing. */
static void CheckCommonFactor(const char *algorithm)
{
    TestHost t;
    Training run[3];
    TasteStream stream;
    Interactions data[3];
    bool same[2] = {true, true};

    TestHostInit(&t);
    stream = TasteStreamCreate(&t.host, 60, 160, 4, 2000, 2000, 966);
    for (int n = 0; n < 3; n++) {
        Events *events;

        data[n] = TasteStreamData(&t.host, &stream, 2000);
        events = (Events *)data[n].events;
        if (n > 0) {
            events->weight = HostAllocate(&t.host, events->count, sizeof(float));
            for (uint64_t i = 0; i < events->count; i++)
                events->weight[i] = n == 1 ? 0.1f : (float)(1 + i % 3);
            events->mean_weight = n == 1 ? 0.1f : 2;
        }
        Train(&t, &data[n], algorithm, "factors=16 epochs=2 holdout=none", &run[n]);
    }
    for (int p = 1; p < run[0].model.parts; p++)
        for (int n = 0; n < 2; n++)
            same[n] &= SameBytes(run[0].model.part[p].data, run[n + 1].model.part[p].data,
                                 PartFloats(&run[0].model.part[p]) * sizeof(float));
    CHECK(same[0], "%s: equal weights are as good as none", algorithm);
    CHECK(!same[1], "%s: others make another model", algorithm);
    TestHostEnd(&t);
}

void TestWeights(void)
{
    static const char *const settings[] = {"epochs=3 factors=12",
                                           "epochs=2 factors=12 batch_size=40 optimizer=adagrad"};

    for (Columns columns = 0; columns < 4; columns++) {
        CheckOrder(columns, ROWS, USERS);
        CheckMemory(columns);
    }
    CheckOrder(COLUMN_TIME | COLUMN_WEIGHT, 100000, 1);
    CheckSorted();
    CheckSums();
    CheckMeanOfTraining();
    CheckRecent(1);
    CheckRecent(7);
    CheckRecent(500);
    CheckNoRecent();
    CheckVisits("batch_size=1");
    CheckVisits("batch_size=7");
    for (int s = 0; s < 2; s++) {
        CheckEqualWeights("bpr", settings[s], 0.1f);
        CheckEqualWeights("bpr", settings[s], 1e30f);
        CheckExtreme("bpr", settings[s], 1);
        CheckExtreme("bpr", settings[s], 3);
        CheckExtremeCancel(settings[s], 3);
    }
    CheckEqualWeights("amf", "epochs=2 adv_epochs=2 factors=12", 7);
    CheckExtreme("amf", "epochs=2 adv_epochs=2 factors=12", 2);
    CheckThreads("epochs=2 adv_epochs=2 factors=12");
    CheckPreference("epochs=30 factors=2 holdout=none adaptive_negatives=1");
    CheckPreference("epochs=30 factors=2 holdout=none adaptive_negatives=1 batch_size=20");
    CheckGradient("nmrn");
    CheckGradient("nmrn_gan");
    CheckCommonFactor("nmrn");
    CheckCommonFactor("nmrn_gan");
}
