/* test_softmax.c: the softmax over cosines: kernels, batches, whole trainings. */
#include "algo/softmax/softmax.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algo/rank/validation.h"
#include "check.h"
#include "core/blas.h"
#include "core/exponential.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define STRIDE 32

static void CheckExponentials(void)
{
    _Alignas(64) float values[256], before[256];
    Random random = TestStream(900);
    double worst = 0;
    float greatest;

    for (int i = 0; i < 256; i++)
        before[i] = values[i] = (float)(20 * RandomUniform(&random) - 10);
    greatest = ExponentialsBelow(values, 256, 4);
    for (int i = 0; i < 256; i++) {
        double wanted = exp(4.0 * ((double)before[i] - greatest));

        worst = fmax(worst, fabs(values[i] / wanted - 1));
        before[i] = i == 3 ? 1e5f : -1e5f;
    }
    /* The argument itself, up to 80, has an error of 4e-6. */
    CHECK(worst < 1e-5, "exponentials to %.1e of themselves", worst);
    CHECK(ExponentialsBelow(before, 256, 4) == 1e5f && before[3] == 1 && before[4] < 1e-37f,
          "far below the greatest there is next to nothing");
}

/* ---- a batch against plain sums in double precision ---- */

#define USERS     40
#define ITEMS     300
#define FACTORS   20
#define NEGATIVES 100
#define QUERIES   150
#define CHUNK     2
#define RHO       0.8

typedef struct Toy {
    TestHost t;
    Interactions data;
    SoftmaxOptions options;
    Model model;
    SoftmaxList list;
    SoftmaxBatch batch;
    float norm[ITEMS];
    uint32_t negative[NEGATIVES];
    double p[USERS][FACTORS], x[ITEMS][FACTORS]; /* rows before the step */
    float temperature;
} Toy;

static void FillPart(Part *part, const float *norm, Random *random)
{
    for (uint32_t r = 0; r < part->rows; r++) {
        for (uint32_t k = 0; k < FACTORS; k++)
            PartRow(part, r)[k] = (float)RandomNormal(random);
        ScaleRow(PartRow(part, r), part->stride, norm == NULL ? 1 : norm[r]);
    }
}

/* The draws of SoftmaxBatchStep from the same numbers. */
static void DrawSame(Toy *toy, Random random)
{
    uint32_t count = 0;

    while (count < NEGATIVES) {
        uint32_t item = RandomBelow(&random, ITEMS);
        bool known = false;

        for (uint32_t n = 0; n < count; n++)
            known |= toy->negative[n] == item;
        if (!known)
            toy->negative[count++] = item;
    }
}

static void CopyToy(Toy *toy)
{
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < FACTORS; k++)
            toy->p[u][k] = (double)PartRow(toy->batch.rule.user, (size_t)u)[k];
    for (int i = 0; i < ITEMS; i++)
        for (int k = 0; k < FACTORS; k++)
            toy->x[i][k] = (double)PartRow(toy->batch.rule.item, (size_t)i)[k];
}

static void ToyOpen(Toy *toy, float temperature, bool sums)
{
    const Host *host = &toy->t.host;
    Random random = TestStream(910);

    TestHostInit(&toy->t);
    toy->data = RandomInteractions(host, USERS, ITEMS, 9, 911);
    InteractionsHoldOut(host, &toy->data, HOLDOUT_RANDOM, 0, 1);
    toy->options = (SoftmaxOptions){.factors = FACTORS};
    ModelLayout(&toy->model, AlgorithmFind("softmax"), &toy->options, USERS, ITEMS);
    ModelAllocate(host, &toy->model);
    SoftmaxNorms(host, &toy->data, false, 0.3, toy->norm);
    FillPart(&toy->model.part[FACTORS_USER_PART], NULL, &random);
    FillPart(&toy->model.part[FACTORS_ITEM_PART], toy->norm, &random);
    SoftmaxBatchCreate(host, &toy->model, QUERIES, CHUNK, NEGATIVES, &toy->batch);
    SoftmaxListCreate(host, &toy->data, &toy->list);
    SoftmaxListFill(host, &toy->data, false, CHUNK, &random, &toy->list);
    toy->temperature = temperature;
    toy->batch.rule = (SoftmaxRule){
        .data = &toy->data,
        .user = &toy->model.part[FACTORS_USER_PART],
        .item = &toy->model.part[FACTORS_ITEM_PART],
        .norm = toy->norm,
        .temperature = temperature,
        .log_sum_weight = (float)RHO,
        .learning_rate = 0.2f,
        .user_state = HostAllocateZero(host, USERS, sizeof(float)),
        .item_state = HostAllocateZero(host, ITEMS, sizeof(float)),
        .user_sums = sums ? HostAllocateZero(host, USERS * STRIDE, sizeof(float)) : NULL,
        .item_sums = sums ? HostAllocateZero(host, ITEMS * STRIDE, sizeof(float)) : NULL,
    };
    CopyToy(toy);
}

static double ToyStep(Toy *toy)
{
    Random random = TestStream(912);

    DrawSame(toy, random);
    SoftmaxListBatch(&toy->list, 0, &toy->batch);
    return SoftmaxBatchStep(&toy->t.host, &toy->batch, &random);
}

static double Product(const double *a, const double *b)
{
    double sum = 0;

    for (int k = 0; k < FACTORS; k++)
        sum += a[k] * b[k];
    return sum;
}

static double PairLoss(const Toy *toy, SoftmaxPair pair)
{
    const double *p = toy->p[pair.user];
    double sum = 0, left = 0;

    for (int n = 0; n < NEGATIVES; n++)
        if (!TrainsOn(&toy->data, pair.user, toy->negative[n])) {
            sum += exp(Product(p, toy->x[toy->negative[n]]) / (double)toy->temperature);
            left++;
        }
    return RHO * log(sum / left) - Product(p, toy->x[pair.item]) / (double)toy->temperature;
}

static double BatchLoss(const Toy *toy)
{
    double loss = 0;

    for (uint32_t r = 0; r < toy->batch.count; r++)
        for (uint32_t i = 0; i < toy->batch.queries[r].count; i++)
            loss += PairLoss(toy, toy->batch.queries[r].pairs[i]);
    return loss;
}

/* Central difference of the loss by one number. */
static double Slope(Toy *toy, double *number)
{
    const double step = 1e-5;
    double before = *number, up, down;

    *number = before + step;
    up = BatchLoss(toy);
    *number = before - step;
    down = BatchLoss(toy);
    *number = before;
    return (up - down) / (2 * step);
}

/* A number in three of some rows: each costs two losses. */
static void CheckGradients(float temperature)
{
    Toy *toy = malloc(sizeof(*toy));
    double worst = 0, loss, wanted;
    int checked = 0;

    ToyOpen(toy, temperature, true);
    loss = ToyStep(toy);
    wanted = BatchLoss(toy);
    CHECK(toy->batch.count == QUERIES && fabs(loss - wanted) < 1e-5 * fabs(wanted),
          "temperature %.2f: loss %.4f of %u queries, by plain sums %.4f", (double)temperature,
          loss, toy->batch.count, wanted);
    for (int row = 0; row < ITEMS; row += 3)
        for (int k = row % 7; k < FACTORS; k += 7) {
            double g = Slope(toy, &toy->x[row][k]);

            worst = fmax(worst, fabs(g - (double)toy->batch.rule.item_sums[row * STRIDE + k]));
            checked += g != 0;
            if (row >= USERS)
                continue;
            g = Slope(toy, &toy->p[row][k]);
            worst = fmax(worst, fabs(g - (double)toy->batch.rule.user_sums[row * STRIDE + k]));
        }
    CHECK(checked > 100 && worst < 1e-4 / (double)temperature,
          "gradients are those of finite differences, to %.1e", worst);
    CopyToy(toy);
    CHECK(fabs(BatchLoss(toy) - wanted) < 1e-9, "no row has moved");
    TestHostEnd(&toy->t);
    free(toy);
}

/* What Adagrad makes of a row's gradient, as the header says. */
static double RowError(const double *before, const float *after, const float *g, double norm,
                       double rate)
{
    double along = 0, square = 0, size = 0, next[FACTORS], error = 0;

    for (int k = 0; k < FACTORS; k++)
        along += (double)g[k] * before[k] / norm;
    for (int k = 0; k < FACTORS; k++) {
        next[k] = norm * ((double)g[k] - along * before[k] / norm);
        square += next[k] * next[k];
    }
    for (int k = 0; k < FACTORS; k++) {
        next[k] = before[k] / norm - rate * next[k] / sqrt(1e-12 + square / FACTORS);
        size += next[k] * next[k];
    }
    for (int k = 0; k < FACTORS; k++)
        error = fmax(error, fabs(norm * next[k] / sqrt(size) - (double)after[k]));
    return error;
}

static void CheckStep(void)
{
    Toy *toy = malloc(sizeof(*toy)), *gradient = malloc(sizeof(*toy));
    double worst = 0;
    bool padded = true;

    ToyOpen(gradient, 0.2f, true);
    ToyOpen(toy, 0.2f, false);
    ToyStep(gradient);
    ToyStep(toy);
    for (int u = 0; u < USERS; u++) {
        const float *row = PartRow(toy->batch.rule.user, (size_t)u);

        worst = fmax(worst,
                     RowError(toy->p[u], row, gradient->batch.rule.user_sums + u * STRIDE, 1, 0.2));
        padded &= row[FACTORS] == 0 && row[STRIDE - 1] == 0;
    }
    for (int i = 0; i < ITEMS; i++)
        worst = fmax(worst, RowError(toy->x[i], PartRow(toy->batch.rule.item, (size_t)i),
                                     gradient->batch.rule.item_sums + i * STRIDE,
                                     (double)toy->norm[i], 0.2));
    CHECK(worst < 1e-4 && padded, "rows step once, and are put back to their norms, to %.1e",
          worst);
    TestHostEnd(&toy->t);
    TestHostEnd(&gradient->t);
    free(toy);
    free(gradient);
}

/* ---- what an epoch learns ---- */

static void CheckList(void)
{
    TestHost t;
    Interactions data;
    SoftmaxList list = {0};
    Random random = TestStream(920);
    uint32_t visits[100 * 80] = {0};
    bool right = true;

    TestHostInit(&t);
    data = RandomInteractions(&t.host, 100, 80, 10, 921);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    data.columns |= COLUMN_WEIGHT;
    data.weight = HostAllocate(&t.host, data.count, sizeof(float));
    for (uint64_t i = 0; i < data.count; i++)
        data.weight[i] = i % 2 ? 1 : 3;
    SoftmaxListCreate(&t.host, &data, &list);
    for (int epoch = 0; epoch < 100; epoch++) {
        SoftmaxListFill(&t.host, &data, false, 1, &random, &list);
        right &= list.queries == list.count && list.count <= list.room;
        for (uint32_t i = 0; i < list.count; i++)
            visits[list.pairs[list.first[i]].user * 80 + list.pairs[list.first[i]].item]++;
    }
    for (uint32_t u = 0; u < 100; u++)
        for (uint64_t i = data.offset[u]; i < data.offset[u + 1]; i++) {
            double wanted = IsHeldOut(&data, u, data.item[i])
                                ? 0
                                : 100 * (double)data.weight[i] / MeanWeight(&t.host, &data);

            right &= fabs(visits[u * 80 + data.item[i]] - wanted) <= 15;
        }
    CHECK(right, "interactions are visited in proportion to their weights, held-out ones never");
    TestHostEnd(&t);
}

static void CheckChunks(void)
{
    TestHost t;
    Interactions data;
    SoftmaxList list = {0};
    Random random = TestStream(922);
    uint32_t wanted = 0, pairs = 0;
    bool right = true;

    TestHostInit(&t);
    data = RandomInteractions(&t.host, 100, 80, 10, 923);
    SoftmaxListCreate(&t.host, &data, &list);
    SoftmaxListFill(&t.host, &data, true, 4, &random, &list);
    for (uint32_t u = 0; u < 100; u++)
        wanted += (TrainingItems(&data, u) + 3) / 4;
    for (uint32_t q = 0; q < list.queries;) {
        SoftmaxQuery queries[7];
        SoftmaxBatch batch = {.most_queries = 7, .chunk = 4, .queries = queries};

        q = SoftmaxListBatch(&list, q, &batch);
        for (uint32_t r = 0; r < batch.count; r++) {
            pairs += queries[r].count;
            for (uint32_t i = 0; i < queries[r].count; i++)
                right &= queries[r].pairs[i].user == queries[r].pairs[0].user;
        }
    }
    CHECK(right && list.queries == wanted && pairs == data.count,
          "a query has up to four items of one user, and all are there");
    TestHostEnd(&t);
}

/* ---- whole trainings ---- */

#define SMALL "factors=16 epochs=6 batch_size=100 negatives=80"

static Interactions Data(const Host *host)
{
    Interactions data = TasteInteractions(host, 300, 400, 5, 12, 930);

    InteractionsHoldOut(host, &data, HOLDOUT_RANDOM, 0, 1);
    return data;
}

static Training TrainWith(TestHost *t, int threads, const char *settings)
{
    return TrainFresh(t, threads, Data, "softmax", settings);
}

static bool HasNorms(const Part *part, const float *norm)
{
    for (uint32_t r = 0; r < part->rows; r++) {
        double square = 0;

        for (uint32_t k = 0; k < part->stride; k++)
            square += (double)PartRow(part, r)[k] * (double)PartRow(part, r)[k];
        if (!Near(sqrt(square), norm == NULL ? 1 : (double)norm[r], 1e-5, 0))
            return false;
    }
    return true;
}

/* Once it trains, what was held out counts as if it had never been held out, by weight, too. */
static void CheckNormsOfAll(void)
{
    TestHost t;
    Interactions data, whole;
    float norm[60], expected[60];

    TestHostInit(&t);
    data = RandomInteractions(&t.host, 50, 60, 10, 931);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    data.weight = HostAllocate(&t.host, data.count, sizeof(float));
    for (uint32_t u = 0; u < data.users; u++)
        for (uint64_t i = data.offset[u]; i < data.offset[u + 1]; i++)
            data.weight[i] = IsHeldOut(&data, u, data.item[i]) ? 50 : 1;
    whole = data;
    whole.held = NULL;
    whole.held_count = 0;
    SoftmaxNorms(&t.host, &data, true, 0.4, norm);
    SoftmaxNorms(&t.host, &whole, false, 0.4, expected);
    CHECK(memcmp(norm, expected, sizeof(norm)) == 0, "norms of all interactions, by weight");
    TestHostEnd(&t);
}

static void CheckNorms(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, SMALL " item_norm_exponent=0.4");
    float norm[400];
    double mean = 0;

    SoftmaxNorms(&t.host, run.data, true, 0.4, norm);
    for (uint64_t i = 0; i < run.data->count; i++)
        mean += (double)norm[run.data->item[i]] / (double)run.data->count;
    CHECK(fabs(mean - 1) < 1e-5, "norms of items are 1 in the mean of the interactions");
    CHECK(HasNorms(&run.model.part[FACTORS_USER_PART], NULL) &&
              HasNorms(&run.model.part[FACTORS_ITEM_PART], norm),
          "rows have the norms that all interactions give");
    TestHostEnd(&t);
}

/* Mean NDCG@100 on what was held out. */
static double Quality(TestHost *t, const Interactions *data, const Model *model)
{
    Validation v;

    ValidationPrepare(&t->host, data, &v);
    ValidationRun(&t->host, model, &v);
    return v.ndcg;
}

/* The same interactions with nothing held out, at the temperature that was chosen. */
static void CheckNothingHeldOut(TestHost *t, const Training *run, float temperature)
{
    Interactions data = *run->data;
    char settings[128];
    Training other;

    data.held = NULL;
    data.held_count = 0;
    snprintf(settings, sizeof(settings), SMALL " temperature=%.9g", (double)temperature);
    Train(t, &data, "softmax", settings, &other);
    CHECK(SameModel(&run->model, &other.model),
          "the model is, to the last bit, the one with nothing held out");
}

static const float walk[] = {0.1f, 0.15f, 0.2f, 0.3f, 0.5f, 0.8f, 1.2f, 2};

#define WALK ((int)(sizeof(walk) / sizeof(walk[0])))

/* The metric of a trial; -1: there was none. */
static double TrialOf(const TrainReport *report, float temperature)
{
    char stage[64];

    snprintf(stage, sizeof(stage), "temperature %g", (double)temperature);
    for (int e = 0; e < report->epochs; e++)
        if (strcmp(report->history[e].stage, stage) == 0 && !isnan(report->history[e].metric[0]))
            return report->history[e].metric[0];
    return -1;
}

/* The best of the first three, or, if that is the last, of those after it as long as each gains;
 * -1: other trials took place.  `met`: how many. */
static int EndOfWalk(const TrainReport *report, bool enough, int *met)
{
    int best = 0, missing = 0;

    for (*met = 0; *met < 3 || (enough && *met < WALK && best == *met - 1); ++*met) {
        double value = TrialOf(report, walk[*met]), before = TrialOf(report, walk[best]);

        if (*met < 3 ? value > before : IsGain(value, before))
            best = *met;
    }
    for (int i = 0; i < WALK; i++)
        missing += TrialOf(report, walk[i]) < 0;
    return *met + missing == WALK ? best : -1;
}

/* What a walk ends with is trained and measured; then everything is learnt anew. */
static void CheckChoice(void)
{
    TestHost t;
    Training run = TrainWith(&t, 2, SMALL);
    const Epoch *history = run.report.history;
    float chosen = run.model.part[SOFTMAX_TEMPERATURE_PART].data[0];
    double measured;
    int trials, best = EndOfWalk(&run.report, true, &trials), last;

    CHECK(best >= 0 && chosen == walk[best] && SoftmaxTemperature(&t.host, &run.model) == chosen,
          "the model's temperature is where the walk ends: %g", (double)chosen);
    CHECK(run.report.epochs == trials * 2 + 6 + 6 && t.last.epochs == WALK * 2 + 6 + 6,
          "%d trials of a third of the epochs, all epochs, as many on everything", trials);
    last = 2 * trials + 5;
    CHECK(run.report.best == last && strcmp(history[last].stage, "softmax") == 0 &&
              isnan(history[last - 1].metric[0]) && history[last].metric[0] > 0 &&
              isnan(history[last + 6].metric[0]) && strcmp(history[last + 6].stage, "all") == 0,
          "measured once, before what is held out is learnt");
    measured = Quality(&t, run.data, &run.model);
    CHECK(measured > 1.1 * history[last].metric[0], "which shows: NDCG@100 %.3f, before %.3f",
          measured, history[last].metric[0]);
    CheckNothingHeldOut(&t, &run, chosen);
    TestHostEnd(&t);
    run = TrainWith(&t, 0, SMALL " temperature=0.3");
    CHECK(run.report.epochs == 12 && run.model.part[SOFTMAX_TEMPERATURE_PART].data[0] == 0.3f,
          "a number is taken as it is");
    TestHostEnd(&t);
}

/* The temperature that users of so many items out of these choose. */
static float ChosenOf(uint32_t users, uint32_t items, uint32_t groups, uint32_t per_user)
{
    TestHost t;
    Interactions data;
    Training run;
    int trials, best;
    float chosen;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, users, items, groups, per_user, 571);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "softmax", "factors=16 epochs=24 batch_size=100 negatives=80", &run);
    best = EndOfWalk(&run.report, IsEnoughHeld(&data), &trials);
    chosen = SoftmaxTemperature(&t.host, &run.model);
    CHECK(best >= 0 && chosen == walk[best],
          "%u users, %u items of %u each: %d trials, temperature %g", users, per_user, items,
          trials, (double)chosen);
    TestHostEnd(&t);
    return chosen;
}

/* What suits depends on the data. */
static void CheckTemperatures(void)
{
    float little = ChosenOf(40, 400, 8, 6);
    float least = ChosenOf(400, 4000, 200, 40), some = ChosenOf(400, 400, 8, 60),
          most = ChosenOf(400, 400, 8, 4);

    CHECK(least < some && some < most, "the fewer interactions, the greater: %g, %g, %g",
          (double)least, (double)some, (double)most);
    CHECK(little <= 0.2f, "not where little is held out: %g", (double)little);
}

static void CheckBeatsPopularity(const char *settings)
{
    TestHost t;
    Interactions data;
    Training popularity, run;
    double floor, quality;

    TestHostInit(&t);
    TestHostUsePool(&t, 2);
    data = TasteInteractions(&t.host, 600, 400, 8, 20, 570);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "popularity", "", &popularity);
    floor = Quality(&t, &data, &popularity.model);
    Train(&t, &data, "softmax", settings, &run);
    quality = run.report.history[run.report.best].metric[0];
    CHECK(quality > 1.5 * floor, "%s: NDCG@100 %.4f, half as much again as popularity %.4f",
          settings, quality, floor);
    TestHostEnd(&t);
}

/* A model that goes on from its own rows does not lose what it has. */
static void CheckWarm(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, SMALL " temperature=0.2 warm_epochs=3"), again = run;
    double before = run.report.history[run.report.best].metric[0], after;

    again.options.train.warm_start = true;
    again.model.options = &again.options;
    again.model.warm = true;
    again.model.part[FACTORS_USER_PART].data[5 * 16] = 0;
    for (int k = 0; k < 16; k++)
        again.model.part[FACTORS_USER_PART].data[5 * 16 + k] = 0;
    again.report = (TrainReport){0};
    CHECK(TrainingRun(&again) == OUTCOME_DONE && again.report.epochs == 4, "fewer epochs");
    after = again.report.history[again.report.best].metric[0];
    CHECK(after > before && HasNorms(&again.model.part[FACTORS_USER_PART], NULL),
          "a warm start goes on: NDCG@100 %.3f, before %.3f", after, before);
    TestHostEnd(&t);
}

/* ---- visitors, noise ---- */

static Model TakeRows(TestHost *t, const Model *model, const uint32_t *items, uint32_t count)
{
    Model view = *model;
    Part *part = &view.part[FACTORS_ITEM_PART];

    *part = model->part[FACTORS_ITEM_PART];
    part->data = HostAllocate(&t->host, (size_t)count * part->stride + 16, sizeof(float));
    for (uint32_t i = 0; i < count; i++)
        memcpy(part->data + (size_t)i * part->stride,
               PartRow(&model->part[FACTORS_ITEM_PART], items[i]), part->stride * sizeof(float));
    part->rows = view.items = count;
    return view;
}

static void Fold(TestHost *t, const Training *run, uint32_t user, float *query)
{
    const Interactions *data = run->data;
    uint32_t sample[400], sampled = 0;
    uint32_t count = (uint32_t)(data->offset[user + 1] - data->offset[user]);
    Model own = TakeRows(t, &run->model, data->item + data->offset[user], count), others;

    for (uint32_t i = 0; i < 400; i += 2)
        if (!InteractionsContain(data, user, i))
            sample[sampled++] = i;
    others = TakeRows(t, &run->model, sample, sampled);
    SoftmaxFoldIn(&t->host, &own, &others, query);
}

static void CheckFoldIn(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, "factors=20 epochs=24 temperature=0.2 negatives=128");
    _Alignas(64) float query[32], again[32];
    double cosine = 0;
    bool same = true;

    for (uint32_t u = 0; u < 300; u++) {
        const float *row = PartRow(&run.model.part[FACTORS_USER_PART], u);

        memset(query, 0x7F, sizeof(query));
        Fold(&t, &run, u, query);
        Fold(&t, &run, u, again);
        same &= memcmp(query, again, sizeof(query)) == 0 && query[20] == 0 && query[31] == 0;
        for (int k = 0; k < 20; k++)
            cosine += (double)query[k] * (double)row[k] / 300;
    }
    CHECK(cosine > 0.9, "visitors with a user's items get the user's row, nearly: cosine %.3f",
          cosine);
    CHECK(same, "the same history, the same bytes");
    TestHostEnd(&t);
}

static void FoldFirst(void *arg)
{
    Training *run = arg;
    _Alignas(64) float query[32];

    Fold(run->t, run, 0, query);
}

static void CheckFoldInEnds(void)
{
    TestHost t;
    Training run = TrainWith(&t, 0, "factors=20 epochs=2 temperature=0.2");
    float *temperature = run.model.part[SOFTMAX_TEMPERATURE_PART].data;
    static const float bad[] = {0, -1, NAN, INFINITY, 1e-5f};
    bool refused = true;

    t.calls = 0;
    t.cancel_at = 3;
    CHECK(Attempt(&t, FoldFirst, &run) == OUTCOME_CANCELLED, "folding in can be cancelled");
    t.cancel_at = 0;
    t.cancel = false;
    for (int i = 0; i < 5; i++) {
        *temperature = bad[i];
        refused &= Attempt(&t, FoldFirst, &run) == OUTCOME_FAILED && t.kind == FAIL_INVALID;
    }
    CHECK(refused, "a temperature that no training stores is refused");
    TestHostEnd(&t);
}

static double LossOf(TestHost *t, const Training *run, PerturbationKind kind)
{
    Model moved = run->model;
    double before = Quality(t, run->data, &run->model);

    ModelAllocate(&t->host, &moved);
    for (int p = 0; p < moved.parts; p++)
        memcpy(moved.part[p].data, run->model.part[p].data,
               PartFloats(&moved.part[p]) * sizeof(float));
    SoftmaxPerturb(&t->host, run->data, &moved, (Perturbation){kind, 0.5, false}, 7);
    return 1 - Quality(t, run->data, &moved) / before;
}

static void CheckPerturb(void)
{
    TestHost t;
    Training run = TrainWith(&t, 2, SMALL " temperature=0.2");
    double random = LossOf(&t, &run, PERTURB_RANDOM), worst = LossOf(&t, &run, PERTURB_ADVERSARIAL);

    CHECK(worst > random, "the worst case takes %.3f of NDCG@100, random noise %.3f", worst,
          random);
    CHECK(LossOf(&t, &run, PERTURB_ADVERSARIAL) == worst, "and the same again");
    TestHostEnd(&t);
}

/* ---- memory, cancels, odd data ---- */

/* Bytes that products fill count, but are the library's. */
static void CheckMemory(const char *settings, int threads, bool held)
{
    const SoftmaxOptions *o;
    TestHost t;
    Interactions data;
    Training run;
    size_t before, need, live;

    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    data = TasteInteractions(&t.host, 900, 700, 5, 12, 560);
    if (held)
        InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&t, &data, "softmax", settings, &run);
    o = run.model.options;
    need = run.model.algorithm->memory(&run.model, &data, threads);
    TestHostResetPeak(&t);
    before = t.bytes;
    live = t.live;
    TrainingRun(&run);
    CHECK(t.peak - before <= need + TestHostSlack(&t), "%s: %zu bytes, estimated %zu", settings,
          t.peak - before, need);
    if (!held)
        need -= (size_t)threads * BlasMemory((size_t)o->batch_size, (size_t)o->negatives,
                                             run.model.part[FACTORS_USER_PART].stride);
    CHECK((double)(t.peak - before) > (held ? 0.5 : 0.9) * (double)need, "%s: the estimate is %s",
          settings, held ? "not wild" : "within a tenth");
    CHECK(t.live == live + 1, "%s: only the history stays", settings);
    TestHostEnd(&t);
}

static void CheckCancel(int threads, int at, int epoch)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    if (threads > 0)
        TestHostUsePool(&t, threads);
    data = TasteInteractions(&t.host, 300, 200, 5, 12, 550);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&t, &data, "softmax", "factors=16 epochs=10000", &run);
    t.calls = 0;
    t.cancel_at = at;
    t.cancel_epoch = epoch;
    CHECK(TrainingRun(&run) == OUTCOME_CANCELLED, "%d threads: cancelled %s", threads,
          epoch > 0 ? "after an epoch" : "between tasks");
    TestHostEnd(&t);
    CHECK(t.live == 0 && t.host.pool == NULL, "threads are joined, memory is freed");
}

/* Where every user has every item there is nothing to rank: refused. */
static void CheckOdd(uint32_t users, uint32_t items, uint32_t per_user, const char *what)
{
    bool full = per_user >= items;
    TestHost t;
    Interactions data;
    Training run;
    Outcome outcome;

    TestHostInit(&t);
    data = full ? BlockInteractions(&t.host, users, items, 1)
                : RandomInteractions(&t.host, users, items, per_user, 590);
    TrainingPrepare(&t, &data, "softmax", "epochs=3 factors=5", &run);
    outcome = TrainingRun(&run);
    CHECK(full ? outcome == OUTCOME_FAILED && t.kind == FAIL_INVALID
               : outcome == OUTCOME_DONE && run.report.epochs == 3 &&
                     PartIsFinite(&run.model.part[FACTORS_USER_PART]) &&
                     PartIsFinite(&run.model.part[FACTORS_ITEM_PART]),
          "training on %s %s", what, full ? "is refused" : "works");
    TestHostEnd(&t);
}

/* One of several users has every item: all negatives are its own. */
static void CheckFull(void)
{
    TestHost t;
    Interactions data;
    Training run;
    Pairs pairs;

    TestHostInit(&t);
    pairs = PairsCreate(&t.host, 100, false);
    for (uint32_t i = 0; i < 20; i++)
        PairsAdd(&pairs, 0, i, 0);
    for (uint32_t u = 1; u < 9; u++)
        PairsAdd(&pairs, u, u, 0);
    InteractionsBuild(&t.host, &pairs, 9, 20, &data);
    TrainingPrepare(&t, &data, "softmax", "epochs=3 factors=5", &run);
    CHECK(TrainingRun(&run) == OUTCOME_DONE && HasNorms(&run.model.part[FACTORS_USER_PART], NULL),
          "a user who has every item does no harm");
    TestHostEnd(&t);
}

void TestSoftmax(void)
{
    CheckExponentials();
    CheckGradients(0.1f);
    CheckGradients(0.5f);
    CheckStep();
    CheckList();
    CheckChunks();
    CheckSameBytes(TrainWith, SMALL);
    CheckSameBytes(TrainWith, SMALL " temperature=0.15 chunk=3 negatives=33");
    CheckNorms();
    CheckNormsOfAll();
    CheckChoice();
    CheckTemperatures();
    CheckBeatsPopularity("factors=16 epochs=12");
    CheckBeatsPopularity("factors=16 epochs=12 chunk=4");
    CheckWarm();
    CheckFoldIn();
    CheckFoldInEnds();
    CheckPerturb();
    CheckMemory("epochs=3 factors=40 negatives=100 batch_size=200", 3, false);
    CheckMemory("epochs=3 factors=128 chunk=2 negatives=300", 1, false);
    CheckMemory("epochs=3 factors=128 batch_size=1000", 2, true);
    CheckCancel(0, 40, 0);
    CheckCancel(3, 40, 0);
    CheckCancel(2, 0, 3);
    CheckOdd(1, 1, 1, "one user and one item");
    CheckOdd(1, 2, 1, "one user and two items");
    CheckOdd(50, 1, 1, "one item");
    CheckOdd(30, 20, 20, "users who have everything");
    CheckOdd(3, 500, 1, "few interactions");
    CheckFull();
}
