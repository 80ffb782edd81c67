/* test_als.c: alternating least squares against plain systems in double precision. */
#include "algo/als/search.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/rank/validation.h"
#include "check.h"
#include "core/blas.h"
#include "core/symmetric.h"
#include "support.h"
#include "tests.h"

/* ---- systems ---- */

/* Gaussian elimination without pivots, which positive matrices do not need. */
static void SolveDense(double *a, double *b, uint32_t n)
{
    for (uint32_t c = 0; c < n; c++)
        for (uint32_t r = 0; r < n; r++) {
            double factor = a[r * n + c] / a[c * n + c];

            if (r == c)
                continue;
            for (uint32_t k = 0; k < n; k++)
                a[r * n + k] -= factor * a[c * n + k];
            b[r] -= factor * b[c];
        }
    for (uint32_t k = 0; k < n; k++)
        b[k] /= a[k * n + k];
}

static float *RandomPositive(const Host *host, uint32_t n, uint32_t rank, uint64_t stream)
{
    float *a = HostAllocateZero(host, (size_t)n * n, sizeof(float));
    float *rows = HostAllocate(host, (size_t)rank * n, sizeof(float));
    Random random = TestStream(stream);

    for (uint32_t i = 0; i < rank * n; i++)
        rows[i] = (float)RandomNormal(&random);
    AddProducts(rows, rank, n, a);
    return a;
}

/* a x against b, by the lower triangle. */
static double Residual(const float *a, const float *x, const float *b, uint32_t n)
{
    double worst = 0;

    for (uint32_t i = 0; i < n; i++) {
        double sum = -b[i];

        for (uint32_t j = 0; j < n; j++)
            sum += (double)(j <= i ? a[i * n + j] : a[j * n + i]) * x[j];
        worst = fmax(worst, fabs(sum));
    }
    return worst;
}

static void CheckSystems(uint32_t n)
{
    TestHost t;
    float *a, *copy, *x, *b, *products;
    bool solved, right = true;

    TestHostInit(&t);
    a = RandomPositive(&t.host, n, 4 * n, 700);
    copy = RandomPositive(&t.host, n, 4 * n, 700);
    x = HostAllocate(&t.host, n, sizeof(float));
    b = HostAllocate(&t.host, n, sizeof(float));
    for (uint32_t i = 0; i < n; i++)
        x[i] = b[i] = (float)i - 3;
    solved = SolvePositive(copy, n, x);
    CHECK(solved && Residual(a, x, b, n) < 1e-3, "a system of %u equations, residual %.1e", n,
          Residual(a, x, b, n));
    copy[0] = -1;
    CHECK(!SolvePositive(copy, n, x), "a matrix of %u that is not positive has no solution", n);
    products = HostAllocateZero(&t.host, (size_t)n * n, sizeof(float));
    if (n % 16 == 0) {
        RowProducts(a, n, n, products);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j <= i; j++) {
                double sum = 0;

                for (uint32_t k = 0; k < n; k++)
                    sum += (double)a[i * n + k] * a[j * n + k];
                right &= fabs(sum - products[i * n + j]) <= 1e-3 * (fabs(sum) + n);
            }
        CHECK(right, "products of %u rows among each other", n);
    }
    TestHostEnd(&t);
}

/* V diag(values) V^T must be the matrix again, and V V^T the identity. */
static void CheckEigen(uint32_t n, uint32_t lead, uint32_t rank)
{
    TestHost t;
    float *a, *v, *values;
    double product = 0, identity = 0;

    TestHostInit(&t);
    a = RandomPositive(&t.host, n, rank, 701);
    v = HostAllocateZero(&t.host, (size_t)lead * lead, sizeof(float));
    values = HostAllocate(&t.host, n, sizeof(float));
    for (uint32_t i = 0; i < n; i++)
        memcpy(v + i * lead, a + i * n, n * sizeof(float));
    CHECK(SymmetricEigen(v, n, lead, values, HostAllocate(&t.host, EigenWork(n), 1)),
          "eigenvectors of %u are found", n);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j <= i; j++) {
            double sum = -a[i * n + j], dot = i == j ? -1 : 0;

            for (uint32_t k = 0; k < n; k++) {
                sum += (double)values[k] * v[k * lead + i] * v[k * lead + j];
                dot += (double)v[i * lead + k] * v[j * lead + k];
            }
            product = fmax(product, fabs(sum));
            identity = fmax(identity, fabs(dot));
        }
    CHECK(product < 1e-4 * 4 * rank && identity < 1e-5,
          "eigenvectors of %u, rank %u: errors %.1e and %.1e", n, rank, product, identity);
    TestHostEnd(&t);
}

/* ---- a half-step ---- */

typedef struct Rows {
    TestHost t;
    Interactions data;
    Training run;
    Solver solver;
} Rows;

static void RowsOpen(Rows *r, const char *settings, uint32_t each, bool weights)
{
    TestHostInit(&r->t);
    r->data = TasteInteractions(&r->t.host, 120, 70, each > 9 ? 2 : 4, each, 702);
    if (weights) {
        Random random = TestStream(703);

        r->data.columns |= COLUMN_WEIGHT;
        r->data.weight = HostAllocate(&r->t.host, r->data.count, sizeof(float));
        for (uint64_t i = 0; i < r->data.count; i++)
            r->data.weight[i] = (float)(0.1 + 5 * RandomUniform(&random));
    }
    InteractionsHoldOut(&r->t.host, &r->data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&r->t, &r->data, "als", settings, &r->run);
    SolverOpen(&r->t.host, &r->data, &r->run.model, &r->solver);
    r->solver.weights = (AlsWeights){0.07, 0.02, 0.8};
}

static double Weight(const Rows *r, uint64_t i)
{
    return r->data.weight == NULL ? 1 : r->data.weight[i] / MeanWeight(&r->t.host, &r->data);
}

static void AddOuter(double *a, double scale, const float *row, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            a[i * n + j] += scale * row[i] * row[j];
}

/* The row of user u from its normal equations, written out. */
static void PlainUser(const Rows *r, uint32_t u, double *p)
{
    const Part *item = &r->run.model.part[ALS_ITEM_PART];
    const AlsWeights *w = &r->solver.weights;
    uint32_t n = item->columns;
    double *a = HostAllocateZero(&r->t.host, (size_t)n * n, sizeof(double)), frequency = 0;

    memset(p, 0, n * sizeof(double));
    for (uint32_t i = 0; i < item->rows; i++)
        AddOuter(a, w->unobserved, PartRow(item, i), n);
    for (uint64_t i = r->data.offset[u]; i < r->data.offset[u + 1]; i++) {
        const float *row = PartRow(item, r->data.item[i]);
        double c = Weight(r, i);

        if (!r->solver.everything && IsHeldOut(&r->data, u, r->data.item[i]))
            continue;
        AddOuter(a, c, row, n);
        for (uint32_t k = 0; k < n; k++)
            p[k] += c * row[k];
        frequency += c;
    }
    for (uint32_t k = 0; k < n; k++)
        a[k * n + k] += w->regularization * pow(frequency + w->unobserved * item->rows, w->scaling);
    SolveDense(a, p, n);
}

/* The loss of als.h, but for the penalty of items, with every pair visited. */
static double PlainLoss(const Rows *r)
{
    const Part *user = &r->run.model.part[ALS_USER_PART], *item = &r->run.model.part[ALS_ITEM_PART];
    const AlsWeights *w = &r->solver.weights;
    double loss = 0;

    for (uint32_t u = 0; u < user->rows; u++) {
        double square = 0, frequency = 0;

        for (uint32_t k = 0; k < user->columns; k++)
            square += (double)PartRow(user, u)[k] * PartRow(user, u)[k];
        for (uint32_t i = 0, at = 0; i < item->rows; i++) {
            uint64_t entry = r->data.offset[u] + at;
            double s = 0;

            for (uint32_t k = 0; k < user->columns; k++)
                s += (double)PartRow(user, u)[k] * PartRow(item, i)[k];
            loss += w->unobserved * s * s;
            if (entry >= r->data.offset[u + 1] || r->data.item[entry] != i)
                continue;
            at++;
            if (IsHeldOut(&r->data, u, i))
                continue;
            loss += Weight(r, entry) * (1 - s) * (1 - s);
            frequency += Weight(r, entry);
        }
        loss +=
            w->regularization * pow(frequency + w->unobserved * item->rows, w->scaling) * square;
    }
    return loss;
}

static void FillItems(Rows *r, double scale)
{
    Part *item = &r->run.model.part[ALS_ITEM_PART];
    Random random = TestStream(704);

    for (uint32_t i = 0; i < item->rows; i++)
        for (uint32_t k = 0; k < item->columns; k++)
            PartRow(item, i)[k] = (float)(scale * RandomNormal(&random));
}

/* Largest difference of a user's row from that of the written-out system, by the largest number. */
static double WorstUser(const Rows *r)
{
    const Part *user = &r->run.model.part[ALS_USER_PART];
    double p[256], worst = 0, largest = 0;
    uint32_t step = user->columns > 64 ? 5 : 1; /* wide ones are slow */

    for (uint32_t u = 0; u < user->rows; u += step) {
        PlainUser(r, u, p);
        for (uint32_t k = 0; k < user->columns; k++) {
            worst = fmax(worst, fabs(p[k] - PartRow(user, u)[k]));
            largest = fmax(largest, fabs(p[k]));
        }
    }
    return worst / largest;
}

/* factors above and below the users' 9 interactions: systems of both forms. */
static void CheckHalfStep(const char *settings, bool weights, bool everything)
{
    Rows r;
    Part *user, *item;
    double loss, error;

    RowsOpen(&r, settings, 9, weights);
    user = &r.run.model.part[ALS_USER_PART];
    item = &r.run.model.part[ALS_ITEM_PART];
    FillItems(&r, 0.3);
    r.solver.everything = everything;
    loss = HalfStep(&r.solver, AXIS_USER, item, user);
    error = WorstUser(&r);
    CHECK(error < 1e-4, "%s, weights %d, held-out %d: users' rows, error %.1e", settings, weights,
          everything, error);
    CHECK(user->columns == user->stride || PartRow(user, 3)[user->columns] == 0,
          "%s: the padding is zero", settings);
    if (!everything)
        CHECK(Near(loss, PlainLoss(&r), 1e-4, 0), "%s, weights %d: loss %.6f, written out %.6f",
              settings, weights, loss, PlainLoss(&r));
    SolverClose(&r.solver);
    TestHostEnd(&r.t);
}

/*
 * Many interactions: rows are moved towards the solution, and get there; or they are solved for.
 * The loss must be right on the way, too.
 */
static void CheckMoved(const char *settings, bool weights)
{
    Rows r;
    Part *user, *item;
    double first, before, loss = INFINITY, error;
    bool falls = true;

    RowsOpen(&r, settings, 20, weights);
    user = &r.run.model.part[ALS_USER_PART];
    item = &r.run.model.part[ALS_ITEM_PART];
    FillItems(&r, 0.3);
    for (int step = 0; step < 12; step++) {
        before = loss;
        loss = HalfStep(&r.solver, AXIS_USER, item, user);
        falls &= loss <= before * (1 + 1e-6);
        first = step == 0 ? WorstUser(&r) : first;
        if (step == 0)
            CHECK(Near(loss, PlainLoss(&r), 1e-4, 0), "%s, moved: loss %.6f, written out %.6f",
                  settings, loss, PlainLoss(&r));
    }
    error = WorstUser(&r);
    CHECK(first > 1e-3 && error < 1e-3 && falls,
          "%s, weights %d: rows move to the solution, error %.1e, then %.1e", settings, weights,
          first, error);
    memset(user->data, 0, PartFloats(user) * sizeof(float));
    r.solver.exact = true;
    HalfStep(&r.solver, AXIS_USER, item, user);
    error = WorstUser(&r);
    CHECK(error < 1e-4, "%s, weights %d: or are solved for at once, error %.1e", settings, weights,
          error);
    SolverClose(&r.solver);
    TestHostEnd(&r.t);
}

/* Slope of the whole loss at each number of an item's row, after the items were solved for. */
static void CheckGradient(void)
{
    Rows r;
    Part *user, *item;
    double worst = 0, bent = 0;

    RowsOpen(&r, "factors=8", 9, true);
    user = &r.run.model.part[ALS_USER_PART];
    item = &r.run.model.part[ALS_ITEM_PART];
    FillItems(&r, 0.3);
    HalfStep(&r.solver, AXIS_USER, item, user);
    HalfStep(&r.solver, AXIS_ITEM, user, item);
    for (uint32_t i = 0; i < item->rows; i += 14)
        for (uint32_t k = 0; k < 8; k++) {
            float *x = &PartRow(item, i)[k], was = *x;
            double at[3];

            for (int side = -1; side <= 1; side++) {
                *x = was + 0.05f * (float)side;
                at[side + 1] = PlainLoss(&r) + SidePenalty(&r.solver, AXIS_ITEM, item);
            }
            *x = was;
            worst = fmax(worst, fabs(at[2] - at[0]) / 0.1);
            bent = fmax(bent, (at[2] + at[0] - 2 * at[1]) / (0.05 * 0.05));
        }
    CHECK(bent > 1 && worst < 1e-3 * bent, "items: slope %.1e where the bend is %.1e", worst, bent);
    SolverClose(&r.solver);
    TestHostEnd(&r.t);
}

/* ---- whole trainings ---- */

static Interactions Data(const Host *host)
{
    Interactions data = TasteInteractions(host, 450, 350, 5, 12, 705);

    InteractionsHoldOut(host, &data, HOLDOUT_RANDOM, 0, 1);
    return data;
}

static Training TrainWith(TestHost *t, int threads, const char *settings)
{
    return TrainFresh(t, threads, Data, "als", settings);
}

static void CheckMemory(const char *settings, bool weights, int threads)
{
    TestHost t;
    Interactions data;
    Training run;
    size_t before, estimate, used, products;

    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    data = TasteInteractions(&t.host, 900, 700, 5, 12, 706);
    if (weights) {
        data.columns |= COLUMN_WEIGHT;
        data.weight = HostAllocate(&t.host, data.count, sizeof(float));
        for (uint64_t i = 0; i < data.count; i++)
            data.weight[i] = 1 + (float)(i % 3);
    }
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&t, &data, "als", settings, &run);
    estimate = run.model.algorithm->memory(&run.model, &data, threads);
    before = t.bytes;
    TestHostResetPeak(&t);
    CHECK(TrainingRun(&run) == OUTCOME_DONE, "%s: trained", settings);
    used = t.peak - before;
    /* What the library takes by itself, as validation counts it. */
    products = (size_t)threads * BlasMemory(256, 700, run.model.part[ALS_USER_PART].stride);
    CHECK(used <= estimate + TestHostSlack(&t) && used >= 0.95 * (double)(estimate - products),
          "%s, weights %d, %d threads: %zu bytes used, %zu estimated", settings, weights, threads,
          used, estimate);
    TestHostEnd(&t);
}

static double Ndcg(TestHost *t, const Training *run)
{
    Validation v;

    ValidationPrepare(&t->host, run->data, &v);
    ValidationRun(&t->host, &run->model, &v);
    return v.ndcg;
}

/* What was held out must have been learnt in the end, and not before the best epoch was known. */
static void CheckQuality(void)
{
    TestHost t;
    Training run = TrainWith(&t, 2, "factors=16"), popularity;
    double measured = run.report.history[run.report.best].metric[0], after = Ndcg(&t, &run);

    Train(&t, run.data, "popularity", "", &popularity);
    CHECK(measured > 1.2 * Ndcg(&t, &popularity), "NDCG@100 %.4f, popularity %.4f", measured,
          Ndcg(&t, &popularity));
    CHECK(after > measured, "held-out interactions are learnt: %.4f, measured before %.4f", after,
          measured);
    CHECK(strncmp(run.report.history[0].stage, "als, unobserved ", 16) == 0,
          "the learning curve says what was chosen: %s", run.report.history[0].stage);
    TestHostEnd(&t);
}

/*
 * Halves of the long steps by which the share of what is unobserved ended up away from its start,
 * and how many trials that took.
 */
static double HalfSteps(uint32_t groups, uint64_t stream, bool trial, int *trials)
{
    TestHost t;
    Interactions data;
    Training run;
    const float *setting;
    double activity, share;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 500, 300, groups, 12, stream);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&t, &data, "als", "factors=16 epochs=4", &run);
    run.model.trial = trial;
    CHECK(TrainingRun(&run) == OUTCOME_DONE, "als of %u groups", groups);
    *trials = t.epochs - run.report.epochs;
    setting = run.model.part[ALS_SETTING_PART].data;
    activity = (double)TrainingCount(&data) / data.users;
    share = setting[SETTING_UNOBSERVED] * data.items / activity;
    TestHostEnd(&t);
    return 2 * log(share / 8) / log(3);
}

/* The last steps of the search are half as long as the first; a trial of the whole has none. */
static void CheckSteps(void)
{
    bool whole = true, coarse = true, bounded = true;
    int halves = 0;

    for (uint32_t i = 0; i < 4; i++) {
        int trials, fewer;
        double steps = HalfSteps(3 + 5 * i, 720 + i, false, &trials);
        double longer = HalfSteps(3 + 5 * i, 720 + i, true, &fewer);

        whole &= fabs(steps - round(steps)) < 1e-3;
        halves += fabs(fmod(round(steps), 2)) == 1;
        coarse &= fabs(longer / 2 - round(longer / 2)) < 1e-3;
        bounded &= fewer >= 3 && fewer <= 10 && trials > fewer + 3 && trials <= 19;
    }
    CHECK(whole && halves > 0, "%d of four searches end half a step from the start", halves);
    CHECK(coarse, "those of trials at whole steps");
    CHECK(bounded, "in at most 10 trials, and 19 in all");
}

/* The search must find its way from a start that is wrong by far. */
static void CheckSearch(void)
{
    TestHost t;
    Training run = TrainWith(&t, 2, "factors=16"), bad;
    const float *setting = run.model.part[ALS_SETTING_PART].data;
    double chosen = run.report.history[run.report.best].metric[0];

    CHECK(setting[SETTING_UNOBSERVED] > 0 && setting[SETTING_REGULARIZATION] > 0,
          "unobserved_weight %.4f and regularization %.4f are chosen", setting[SETTING_UNOBSERVED],
          setting[SETTING_REGULARIZATION]);
    Train(&t, run.data, "als", "factors=16 unobserved_weight=0.0001 regularization=0.0001", &bad);
    CHECK(bad.model.part[ALS_SETTING_PART].data[0] == 0.0001f,
          "weights that are named are not searched for");
    CHECK(bad.report.history[bad.report.best].metric[0] < chosen,
          "chosen weights, %.4f, beat poor ones, %.4f", chosen,
          bad.report.history[bad.report.best].metric[0]);
    TestHostEnd(&t);
}

static void CheckWarm(void)
{
    TestHost t;
    Training run = TrainWith(&t, 2, "factors=16 unobserved_weight=0.1 regularization=0.01"), warm;
    Part *item;

    TrainingPrepare(&t, run.data, "als",
                    "factors=16 unobserved_weight=0.1 regularization=0.01 warm_epochs=1 seed=9",
                    &warm);
    item = &warm.model.part[ALS_ITEM_PART];
    memcpy(item->data, run.model.part[ALS_ITEM_PART].data, PartFloats(item) * sizeof(float));
    memset(PartRow(item, 5), 0, item->stride * sizeof(float));
    warm.model.warm = true;
    CHECK(TrainingRun(&warm) == OUTCOME_DONE && warm.report.epochs == 1, "a warm start is short");
    CHECK(
        Near(warm.report.history[0].loss, run.report.history[run.report.epochs - 1].loss, 0.02, 0),
        "it goes on where the model was: loss %.4f after one epoch, %.4f before",
        warm.report.history[0].loss, run.report.history[run.report.epochs - 1].loss);
    CHECK(!isnan(warm.report.history[0].loss) && PartRow(item, 5)[0] != 0, "a new item is learnt");
    TestHostEnd(&t);
}

static void CheckBad(const char *what, const char *settings, double weight)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 60, 50, 4, 9, 707);
    data.columns |= COLUMN_WEIGHT;
    data.weight = HostAllocate(&t.host, data.count, sizeof(float));
    for (uint64_t i = 0; i < data.count; i++)
        data.weight[i] = i == 17 ? (float)weight : 1;
    TrainingPrepare(&t, &data, "als", settings, &run);
    CHECK(TrainingRun(&run) == OUTCOME_DONE && PartIsFinite(&run.model.part[ALS_USER_PART]) &&
              PartIsFinite(&run.model.part[ALS_ITEM_PART]),
          "%s leaves the model finite", what);
    TestHostEnd(&t);
}

/* Single precision has its limits; whoever reaches them is told what to do. */
static void CheckSingular(void)
{
    TestHost t;
    Interactions data;
    Training run;
    Outcome outcome;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 60, 50, 4, 9, 707);
    TrainingPrepare(&t, &data, "als", "factors=60 regularization=1e-9 unobserved_weight=1e-9",
                    &run);
    outcome = TrainingRun(&run);
    CHECK(outcome == OUTCOME_FAILED && t.kind == FAIL_NOT_FINITE &&
              strstr(t.hint, "regularization") != NULL,
          "hardly a penalty: %s (%s)", t.message, t.hint);
    TestHostEnd(&t);
}

static void CheckUnrankable(void)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    data = BlockInteractions(&t.host, 5, 5, 1);
    TrainingPrepare(&t, &data, "als", "", &run);
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && t.kind == FAIL_INVALID,
          "users that have every item are refused: %s", t.message);
    TestHostEnd(&t);
}

static void CheckCancel(int at, bool silently)
{
    TestHost t;
    Interactions data;
    Training run;

    TestHostInit(&t);
    TestHostUsePool(&t, 2);
    data = TasteInteractions(&t.host, 300, 200, 5, 12, 708);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&t, &data, "als", "factors=16", &run);
    t.cancel_at = at;
    t.cancel_silently = silently;
    CHECK(TrainingRun(&run) == OUTCOME_CANCELLED, "cancelled at look %d%s", at,
          silently ? ", inside tasks" : "");
    TestHostEnd(&t);
}

/* ---- visitors and reasons ---- */

static Model TakeItems(TestHost *t, const Model *model, const uint32_t *items, uint32_t count)
{
    const Part *part = &model->part[ALS_ITEM_PART];
    Model view = *model;

    view.items = count;
    view.part[ALS_ITEM_PART].rows = count;
    view.part[ALS_ITEM_PART].data =
        HostAllocate(&t->host, (size_t)count * part->stride, sizeof(float));
    for (uint32_t i = 0; i < count; i++)
        memcpy(PartRow(&view.part[ALS_ITEM_PART], i), PartRow(part, items[i]),
               part->stride * sizeof(float));
    return view;
}

static void CheckVisitors(const char *settings)
{
    TestHost t;
    Training run = TrainWith(&t, 2, settings);
    const Part *user = &run.model.part[ALS_USER_PART], *item = &run.model.part[ALS_ITEM_PART];
    float *query = HostAllocate(&t.host, user->stride, sizeof(float)), said[64], score;
    double worst = 0, largest = 0, sum = 0;
    Model own, none = TakeItems(&t, &run.model, (uint32_t[]){0}, 0), one;

    for (uint32_t u = 0; u < user->rows; u += 11) {
        own = TakeItems(&t, &run.model, run.data->item + run.data->offset[u],
                        (uint32_t)(run.data->offset[u + 1] - run.data->offset[u]));
        run.model.algorithm->fold_in(&t.host, &own, &none, query);
        for (uint32_t k = 0; k < user->stride; k++) {
            worst = fmax(worst, fabs((double)query[k] - PartRow(user, u)[k]));
            largest = fmax(largest, fabs((double)query[k]));
        }
    }
    CHECK(worst < 1e-3 * largest, "%s: a visitor with a user's items has its row, error %.1e",
          settings, worst / largest);
    one = TakeItems(&t, &run.model, (uint32_t[]){77}, 1);
    run.model.algorithm->explain(&t.host, &own, query, &one, said);
    for (uint32_t h = 0; h < own.items; h++)
        sum += said[h];
    score = 0;
    for (uint32_t k = 0; k < item->columns; k++)
        score += query[k] * PartRow(item, 77)[k];
    CHECK(fabs(sum - score) < 1e-5 * (1 + fabs(score)) && own.items > 1,
          "%s: reasons add up to the score, %.6f to %.6f", settings, sum, score);
    TestHostEnd(&t);
}

typedef struct FoldJob {
    TestHost *t;
    Model *own;
    float *query;
} FoldJob;

static void FoldOne(void *arg)
{
    FoldJob *job = arg;

    job->own->algorithm->fold_in(&job->t->host, job->own, job->own, job->query);
}

/* What is read back from a table may be anything. */
static void CheckDamage(void)
{
    TestHost t;
    Training run = TrainWith(&t, 2, "factors=16 epochs=1 unobserved_weight=0.1 regularization=0.1");
    float *setting = run.model.part[ALS_SETTING_PART].data;
    Model own = TakeItems(&t, &run.model, (uint32_t[]){1, 2}, 2);
    FoldJob job = {&t, &own, HostAllocate(&t.host, 16, sizeof(float))};

    setting[SETTING_REGULARIZATION] = NAN;
    CHECK(Attempt(&t, FoldOne, &job) == OUTCOME_FAILED,
          "settings that are not numbers are refused");
    setting[SETTING_REGULARIZATION] = -10;
    CHECK(Attempt(&t, FoldOne, &job) == OUTCOME_FAILED, "a negative penalty is refused");
    TestHostEnd(&t);
}

void TestAls(void)
{
    BlasLoad(1);
    for (uint32_t n = 1; n <= 128; n *= 2)
        CheckSystems(n);
    CheckEigen(16, 16, 40);
    CheckEigen(20, 32, 40);
    CheckEigen(20, 32, 5);
    CheckEigen(64, 64, 200);
    CheckHalfStep("factors=4", false, false);
    CheckHalfStep("factors=20", false, false);
    CheckHalfStep("factors=20", true, false);
    CheckHalfStep("factors=4", true, true);
    CheckHalfStep("factors=20", true, true);
    CheckHalfStep("factors=128", true, false);
    CheckMoved("factors=48", true);
    CheckMoved("factors=33", false);
    CheckGradient();
    CheckSameBytes(TrainWith, "factors=20 epochs=3 evaluate_every=1");
    CheckSameBytes(TrainWith, "factors=48 epochs=3");
    CheckSameBytes(TrainWith, "factors=8 unobserved_weight=0.1");
    CheckMemory("factors=20", false, 1);
    CheckMemory("factors=20 epochs=2", true, 3);
    CheckMemory("factors=100 unobserved_weight=0.1 regularization=0.1", false, 2);
    CheckQuality();
    CheckSearch();
    CheckSteps();
    CheckWarm();
    CheckBad("a weight that dwarfs all others", "factors=8", 1e20);
    CheckBad("more factors than items",
             "factors=200 epochs=3 unobserved_weight=0.1 regularization=0.01", 1);
    CheckSingular();
    CheckUnrankable();
    CheckCancel(3, false);
    CheckCancel(40, true);
    CheckVisitors("factors=20");
    CheckVisitors("factors=40 epochs=3");
    CheckVisitors("factors=8 frequency_scaling=0.5");
    CheckDamage();
}
