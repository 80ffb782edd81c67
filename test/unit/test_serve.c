/* test_serve.c: what factor models answer beside scores: likeness, visitors, reasons. */
#include <math.h>
#include <string.h>

#include "algo/mf/mf.h"
#include "algo/rank/validation.h"
#include "check.h"
#include "support.h"
#include "tests.h"

/* A view of chosen items, in memory of its own. */
static Model TakeItems(TestHost *t, const Model *model, const uint32_t *items, uint32_t count)
{
    Model view = *model;

    view.items = count;
    for (int p = 0; p < view.parts; p++) {
        Part *part = &view.part[p];
        size_t stride = part->stride;

        if (part->axis != AXIS_ITEM)
            continue;
        part->rows = count;
        part->data = HostAllocate(&t->host, count * stride, sizeof(float));
        for (uint32_t i = 0; i < count; i++)
            memcpy(part->data + i * stride, model->part[p].data + items[i] * stride,
                   stride * sizeof(float));
    }
    return view;
}

static Model TakeUser(const Model *model, uint32_t user)
{
    Model view = *model;

    view.users = 1;
    view.part[MF_USER_PART].rows = 1;
    view.part[MF_USER_PART].data += (size_t)user * view.part[MF_USER_PART].stride;
    return view;
}

static const float *RowOf(const Part *part, uint32_t row)
{
    return part->data + (size_t)row * part->stride;
}

static double PlainDot(const float *a, const float *b, uint32_t n)
{
    double sum = 0;

    for (uint32_t k = 0; k < n; k++)
        sum += (double)a[k] * b[k];
    return sum;
}

/* ---- likeness ---- */

static double Cosine(const float *a, const float *b, uint32_t n)
{
    return PlainDot(a, b, n) / sqrt(PlainDot(a, a, n) * PlainDot(b, b, n));
}

static void CheckSimilarity(Axis axis, const char *name)
{
    TestHost t;
    Interactions data;
    Training run;
    Model one;
    const Part *part;
    float *out;
    bool right = true;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 300, 200, 5, 12, 600);
    Train(&t, &data, "bpr", "factors=20 epochs=5", &run);
    part = &run.model.part[axis == AXIS_USER ? MF_USER_PART : MF_ITEM_PART];
    out = HostAllocate(&t.host, part->rows, sizeof(float));
    memset(part->data + 7 * (size_t)part->stride, 0, part->stride * sizeof(float));
    one =
        axis == AXIS_USER ? TakeUser(&run.model, 3) : TakeItems(&t, &run.model, (uint32_t[]){3}, 1);
    run.model.algorithm->similarity(&one, &run.model, axis, out);
    for (uint32_t r = 0; r < part->rows; r++)
        right &=
            r == 7 ? out[r] == 0 : fabs(out[r] - Cosine(RowOf(part, 3), RowOf(part, r), 20)) < 1e-5;
    CHECK(right, "%s: cosines, 0 for a row of zeros", name);
    CHECK(fabsf(out[3] - 1) < 1e-5f, "%s: a row is like itself", name);
    TestHostEnd(&t);
}

/* ---- visitors ---- */

/* Every fourth item that is not in the history. */
static uint32_t SampleWithout(const uint32_t *history, uint32_t count, uint32_t items,
                              uint32_t *sample)
{
    uint32_t sampled = 0;

    for (uint32_t i = 0; i < items; i += 4) {
        bool own = false;

        for (uint32_t h = 0; h < count; h++)
            own |= history[h] == i;
        if (!own)
            sample[sampled++] = i;
    }
    return sampled;
}

static void FoldUser(TestHost *t, const Training *run, uint32_t user, float *query)
{
    const Interactions *data = run->data;
    uint32_t history[700], sample[700], count = 0, sampled;
    Model own, others;

    for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++)
        if (!IsHeldOut(data, user, data->item[i]))
            history[count++] = data->item[i];
    sampled = SampleWithout(history, count, data->items, sample);
    own = TakeItems(t, &run->model, history, count);
    others = TakeItems(t, &run->model, sample, sampled);
    run->model.algorithm->fold_in(&t->host, &own, &others, query);
}

/* NDCG@100 on what is held out, with the users' rows replaced by folded ones. */
static double FoldedQuality(TestHost *t, const Training *run)
{
    Model folded = run->model;
    Part *user = &folded.part[MF_USER_PART];
    Validation v;

    user->data = HostAllocateZero(&t->host, (size_t)user->rows * user->stride, sizeof(float));
    for (uint32_t u = 0; u < user->rows; u++)
        FoldUser(t, run, u, user->data + (size_t)u * user->stride);
    ValidationPrepare(&t->host, run->data, &v);
    ValidationRun(&t->host, &folded, &v);
    return v.ndcg;
}

static double TrainedQuality(TestHost *t, const Training *run)
{
    Validation v;

    ValidationPrepare(&t->host, run->data, &v);
    ValidationRun(&t->host, &run->model, &v);
    return v.ndcg;
}

static void CheckFoldIn(const char *algorithm, const char *settings)
{
    TestHost t;
    Interactions data;
    Training popularity, run;
    double floor, trained, folded;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 400, 300, 8, 20, 610);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "popularity", "", &popularity);
    Train(&t, &data, algorithm, settings, &run);
    floor = TrainedQuality(&t, &popularity);
    trained = TrainedQuality(&t, &run);
    folded = FoldedQuality(&t, &run);
    CHECK(folded > 0.9 * trained && folded > 1.2 * floor,
          "%s %s: NDCG@100 %.4f of visitors, %.4f of the trained, %.4f of popularity", algorithm,
          settings, folded, trained, floor);
    TestHostEnd(&t);
}

static void CheckFoldInRepeats(const char *settings)
{
    TestHost t;
    Interactions data;
    Training run;
    _Alignas(64) float first[32], again[32];
    uint32_t history[] = {1, 5, 6, 30}, sample[] = {0, 9, 77, 150, 199};
    Model own, others, before;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 300, 200, 5, 12, 620);
    Train(&t, &data, "amf", settings, &run);
    own = TakeItems(&t, &run.model, history, 4);
    others = TakeItems(&t, &run.model, sample, 5);
    before = TakeItems(&t, &run.model, history, 4);
    memset(first, 0x7F, sizeof(first));
    run.model.algorithm->fold_in(&t.host, &own, &others, first);
    run.model.algorithm->fold_in(&t.host, &own, &others, again);
    CHECK(memcmp(first, again, sizeof(first)) == 0, "%s: the same history, the same bytes",
          settings);
    CHECK(first[20] == 0 && first[31] == 0, "%s: the padding is zero", settings);
    CHECK(memcmp(own.part[MF_ITEM_PART].data, before.part[MF_ITEM_PART].data,
                 4 * 32 * sizeof(float)) == 0,
          "%s: the items stay", settings);
    others = TakeItems(&t, &run.model, sample, 0);
    run.model.algorithm->fold_in(&t.host, &own, &others, first);
    CHECK(PlainDot(first, RowOf(&own.part[MF_ITEM_PART], 0), 20) != 0,
          "%s: a visitor with every item", settings);
    TestHostEnd(&t);
}

typedef struct FoldJob {
    TestHost *t;
    Training *run;
} FoldJob;

static void FoldOne(void *arg)
{
    FoldJob *job = arg;
    float *query = HostAllocate(&job->t->host, 32, sizeof(float));

    FoldUser(job->t, job->run, 0, query);
}

/* Rates of learning that the model was not trained with. */
static void CheckFoldInDiverges(void)
{
    TestHost t;
    Interactions data;
    Training run;
    FoldJob job = {&t, &run};

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 300, 200, 5, 12, 630);
    Train(&t, &data, "bpr", "factors=20 epochs=5", &run);
    run.options.mf.optimizer = OPTIMIZER_SGD;
    run.options.mf.learning_rate = 1000;
    run.options.mf.regularization = 1000;
    CHECK(Attempt(&t, FoldOne, &job) == OUTCOME_FAILED && t.kind == FAIL_NOT_FINITE,
          "values that are not finite are reported");
    TestHostEnd(&t);
}

static void CheckFoldInCancels(int at, bool silently)
{
    TestHost t;
    Interactions data;
    Training run;
    FoldJob job = {&t, &run};

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 300, 200, 5, 12, 640);
    Train(&t, &data, "bpr", "factors=20 epochs=5", &run);
    run.options.mf.epochs = 1000;
    t.calls = 0;
    t.cancel_at = at;
    t.cancel_silently = silently;
    CHECK(Attempt(&t, FoldOne, &job) == OUTCOME_CANCELLED, "cancelled %s",
          silently ? "inside a pass" : "between passes");
    TestHostEnd(&t);
}

/* ---- reasons ---- */

/* Gaussian elimination of n equations; a: n x n, b: n, both overwritten; the solution in b. */
static void SolveDense(double *a, double *b, uint32_t n)
{
    for (uint32_t c = 0; c < n; c++)
        for (uint32_t r = 0; r < n; r++) {
            double factor = a[r * n + c] / a[c * n + c];

            if (r == c)
                continue;
            for (uint32_t k = c; k < n; k++)
                a[r * n + k] -= factor * a[c * n + k];
            b[r] -= factor * b[c];
        }
    for (uint32_t r = 0; r < n; r++)
        b[r] /= a[r * n + r];
}

/* w = (H H^T + ridge I)^-1 H p, the dual of what the algorithm solves. */
static void NaiveWeights(const Part *history, const float *query, const float *item, double *out)
{
    double a[64 * 64], ridge = 0;
    uint32_t n = history->rows, width = history->columns;

    for (uint32_t r = 0; r < n; r++) {
        ridge += 0.1 * PlainDot(RowOf(history, r), RowOf(history, r), width) / n;
        for (uint32_t c = 0; c < n; c++)
            a[r * n + c] = PlainDot(RowOf(history, r), RowOf(history, c), width);
        out[r] = PlainDot(RowOf(history, r), query, width);
    }
    for (uint32_t r = 0; r < n; r++)
        a[r * n + r] += ridge;
    SolveDense(a, out, n);
    for (uint32_t r = 0; r < n; r++)
        out[r] *= PlainDot(RowOf(history, r), item, width);
}

static void CheckExplain(uint32_t count)
{
    TestHost t;
    Interactions data;
    Training run;
    uint32_t history[64], item = 190;
    float *query, weights[64];
    double naive[64], sum = 0, size = 0;
    bool right = true;
    Model own, one;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 300, 200, 5, 12, 650);
    Train(&t, &data, "bpr", "factors=20 epochs=40", &run);
    for (uint32_t h = 0; h < count; h++)
        history[h] = 3 * h;
    own = TakeItems(&t, &run.model, history, count);
    one = TakeItems(&t, &run.model, &item, 1);
    query = HostAllocate(&t.host, 32, sizeof(float));
    run.model.algorithm->query(&run.model, &(QueryInput){.row = 11}, query);
    run.model.algorithm->explain(&t.host, &own, query, &one, weights);
    NaiveWeights(&own.part[MF_ITEM_PART], query, RowOf(&one.part[MF_ITEM_PART], 0), naive);
    for (uint32_t h = 0; h < count; h++)
        size += fabs(naive[h]);
    for (uint32_t h = 0; h < count; h++) {
        right &= fabs(weights[h] - naive[h]) < 1e-3 * size / count;
        sum += weights[h];
    }
    CHECK(right, "%u items: the weights of a ridge regression", count);
    if (count == 64)
        CHECK(Near(sum, PlainDot(query, RowOf(&one.part[MF_ITEM_PART], 0), 20), 0.1, 0.02),
              "and they add up to the score, nearly");
    TestHostEnd(&t);
}

static void CheckExplainZero(void)
{
    TestHost t;
    Interactions data;
    Training run;
    uint32_t history[] = {1, 2};
    float *query, weights[] = {7, 7};
    Model own;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 300, 200, 5, 12, 660);
    Train(&t, &data, "bpr", "factors=20 epochs=2", &run);
    own = TakeItems(&t, &run.model, history, 2);
    memset(own.part[MF_ITEM_PART].data, 0, 2 * 32 * sizeof(float));
    query = HostAllocateZero(&t.host, 32, sizeof(float));
    run.model.algorithm->explain(&t.host, &own, query, &own, weights);
    CHECK(weights[0] == 0 && weights[1] == 0, "embeddings of zeros say nothing");
    own = TakeItems(&t, &run.model, history, 2);
    run.model.algorithm->explain(&t.host, &own, query, &own, weights);
    CHECK(weights[0] == 0 && weights[1] == 0, "to a user without taste neither");
    TestHostEnd(&t);
}

void TestServe(void)
{
    CheckSimilarity(AXIS_ITEM, "items");
    CheckSimilarity(AXIS_USER, "users");
    CheckFoldIn("bpr", "factors=16 epochs=60");
    CheckFoldIn("bpr", "factors=16 epochs=60 adaptive_negatives=4 optimizer=adagrad");
    CheckFoldIn("bpr", "factors=16 epochs=150 optimizer=sgd learning_rate=0.1");
    CheckFoldIn("bpr", "factors=16 epochs=60 batch_size=64 optimizer=adagrad");
    CheckFoldIn("amf", "factors=16 epochs=60 adv_epochs=40");
    CheckFoldInRepeats("factors=20 epochs=5 adv_epochs=5 epsilon=0.5");
    CheckFoldInRepeats("factors=20 epochs=5 adv_epochs=5 optimizer=adagrad reset_optimizer=false");
    CheckFoldInRepeats("factors=20 epochs=5 adv_epochs=5 optimizer=sgd adaptive_negatives=3");
    CheckFoldInDiverges();
    CheckFoldInCancels(3, false);
    CheckFoldInCancels(3, true);
    CheckExplain(1);
    CheckExplain(12);
    CheckExplain(64);
    CheckExplainZero();
}
