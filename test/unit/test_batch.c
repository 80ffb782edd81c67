/* test_batch.c: mini-batches against published numbers, finite differences and identities. */
#include "algo/mf/batch.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "rig.h"
#include "support.h"
#include "tests.h"

/* ---- a worked example of two factors: users 0 and 1, items 0 to 2, three triples ---- */

static const double example_p[] = {.1, .2, -.3, .4};
static const double example_q[] = {.5, -.1, .2, .3, -.4, .6};
static const BatchTriple example_batch[] = {{0, 0, 1}, {1, 1, 2}, {0, 2, 0}};

static void LoadRows(float *rows, uint32_t stride, const double *values, uint32_t count)
{
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t k = 0; k < 2; k++)
            rows[r * stride + k] = (float)values[r * 2 + k];
}

/* Do the slots of a side hold these rows (in matrix order, two columns)? */
static bool SlotsAre(const BatchSide *side, const float *buffer, uint32_t stride,
                     const double *expected, uint32_t rows)
{
    for (uint32_t r = 0; r < rows; r++) {
        const float *row;

        if (side->slot[r] == 0)
            return false;
        row = buffer + (side->slot[r] - 1) * stride;
        for (uint32_t k = 0; k < stride; k++)
            if (fabs(row[k] - (k < 2 ? expected[r * 2 + k] : 0)) > 3e-7)
                return false;
    }
    return true;
}

static bool RowsAre(const float *rows, uint32_t stride, const double *expected, uint32_t count)
{
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t k = 0; k < stride; k++)
            if (fabs(rows[r * stride + k] - (k < 2 ? expected[r * 2 + k] : 0)) > 2e-7)
                return false;
    return true;
}

static Rig ExampleRig(TestHost *t, Batch *batch)
{
    Rig rig = RigCreate(t, 2, 3, 2, OPTIMIZER_ADAGRAD, 0, 0);

    LoadRows(rig.rule.users, rig.rule.stride, example_p, 2);
    LoadRows(rig.rule.items, rig.rule.stride, example_q, 3);
    RigSetAdversarial(&rig, 0.5f, 1);
    BatchCreate(&t->host, &rig.rule, 2, 3, 3, batch);
    memcpy(batch->triples, example_batch, sizeof(example_batch));
    return rig;
}

static void CheckExampleGradients(const Rig *rig, Batch *batch)
{
    static const double gamma_p[] = {.28500312, -.13625286, -.34466551, .17233276};
    static const double gamma_q[] = {-.00249948, -.00499896, .22358249,
                                     -.12727753, -.22108302, .13227649};
    static const double delta_p[] = {.45109974, -.2156595, -.4472136, .2236068};
    static const double delta_q[] = {-.2236068,  -.4472136,  .43452611,
                                     -.24736019, -.42906578, .25671494};
    static const double h_p[] = {.91744877, -.58839832, -1.21671958, .66844724};
    static const double h_q[] = {.05836515,  -.00165845, .92254879,
                                 -.52698301, -.98091394, .52864145};
    uint32_t stride = rig->rule.stride;
    double loss = BatchClean(&rig->rule, batch, 3);

    CHECK(fabs(loss - 2.24127454) < 1e-7, "example: clean loss %.8f", loss);
    CHECK(SlotsAre(&batch->user, batch->user.gamma, stride, gamma_p, 2), "example: Gamma of P");
    CHECK(SlotsAre(&batch->item, batch->item.gamma, stride, gamma_q, 3),
          "example: Gamma of Q, an item in both roles");
    loss = BatchAdversarial(&rig->rule, batch, 3);
    CHECK(fabs(loss - 3.62906731) < 1e-6, "example: adversarial loss %.8f", loss);
    CHECK(SlotsAre(&batch->user, batch->user.delta, stride, delta_p, 2), "example: Delta of P");
    CHECK(SlotsAre(&batch->item, batch->item.delta, stride, delta_q, 3), "example: Delta of Q");
    CHECK(SlotsAre(&batch->user, batch->user.total, stride, h_p, 2), "example: H of P");
    CHECK(SlotsAre(&batch->item, batch->item.total, stride, h_q, 3), "example: H of Q");
}

static void CheckExample(TestHost *t)
{
    static const double after_p[] = {.05164423, .24582659, -.25099496, .35320068};
    static const double after_q[] = {.49130156, -.09894761, .15180095,
                                     .3450174,  -.35164541, .55489692};
    Batch batch;
    Rig rig = ExampleRig(t, &batch);
    double loss;

    CheckExampleGradients(&rig, &batch);
    BatchApply(&rig.rule, &batch);
    CHECK(RowsAre(rig.rule.users, rig.rule.stride, after_p, 2), "example: P after a step");
    CHECK(RowsAre(rig.rule.items, rig.rule.stride, after_q, 3), "example: Q after a step");
    loss = BatchClean(&rig.rule, &batch, 3);
    CHECK(fabs(loss - 2.17467143) < 1e-6, "example: clean loss after a step %.8f", loss);
    rig = ExampleRig(t, &batch);
    loss = BatchStep(&rig.rule, &batch, 3);
    CHECK(fabs(loss - 2.24127454) < 1e-7 && RowsAre(rig.rule.users, rig.rule.stride, after_p, 2) &&
              RowsAre(rig.rule.items, rig.rule.stride, after_q, 3),
          "example: the same in one call, which returns the clean loss");
}

/* ---- a reference in double precision ---- */

typedef struct Reference {
    const Rig *rig;
    const BatchTriple *triples;
    uint32_t count;
    double *p, *q;   /* parameters */
    double *dp, *dq; /* perturbation */
} Reference;

static double *ToDouble(const Rig *rig, const float *from, uint32_t rows)
{
    size_t n = (size_t)rows * rig->rule.stride;
    double *to = HostAllocateZero(&rig->t->host, n, sizeof(double));

    for (size_t i = 0; from != NULL && i < n; i++)
        to[i] = from[i];
    return to;
}

static Reference ReferenceOf(const Rig *rig, const Batch *batch, uint32_t count)
{
    return (Reference){rig,
                       batch->triples,
                       count,
                       ToDouble(rig, rig->rule.users, rig->users),
                       ToDouble(rig, rig->rule.items, rig->items),
                       ToDouble(rig, NULL, rig->users),
                       ToDouble(rig, NULL, rig->items)};
}

/* Sum of -ln sigma(x) at P + scale Delta_P, Q + scale Delta_Q. */
static double ReferenceLoss(const Reference *r, double scale)
{
    uint32_t stride = r->rig->rule.stride;
    double loss = 0;

    for (uint32_t n = 0; n < r->count; n++) {
        size_t u = r->triples[n].user * stride, i = r->triples[n].positive * stride;
        size_t j = r->triples[n].negative * stride;
        double x = 0;

        for (uint32_t k = 0; k < stride; k++)
            x += (r->p[u + k] + scale * r->dp[u + k]) *
                 (r->q[i + k] + scale * r->dq[i + k] - r->q[j + k] - scale * r->dq[j + k]);
        loss += Softplus(-x);
    }
    return loss;
}

/* The whole objective, its perturbation constant, regularised once per occurrence of a row. */
static double ReferenceObjective(const Reference *r)
{
    uint32_t stride = r->rig->rule.stride;
    double norm = 0, loss = ReferenceLoss(r, 0);

    for (uint32_t n = 0; n < r->count; n++)
        for (uint32_t k = 0; k < stride; k++) {
            double p = r->p[r->triples[n].user * stride + k];
            double qi = r->q[r->triples[n].positive * stride + k];
            double qj = r->q[r->triples[n].negative * stride + k];

            norm += p * p + qi * qi + qj * qj;
        }
    if (r->rig->rule.adversarial)
        loss += (double)r->rig->rule.lambda * ReferenceLoss(r, 1);
    return loss + (double)r->rig->rule.regularization * norm;
}

/* Worst relative error of a side's gradient (gamma, or gamma + total) by central differences. */
static double GradientError(const Reference *r, double *parameters, const BatchSide *side,
                            bool whole)
{
    uint32_t stride = r->rig->rule.stride;
    double worst = 0, h = 1e-6;

    for (uint32_t s = 0; s < side->count; s++)
        for (uint32_t k = 0; k < r->rig->rule.factors; k++) {
            double *value = &parameters[(size_t)side->touched[s] * stride + k], old = *value;
            double gradient = (double)side->gamma[s * stride + k], slope;

            if (whole)
                gradient += (double)side->total[s * stride + k];
            *value = old + h;
            slope = whole ? ReferenceObjective(r) : ReferenceLoss(r, 0);
            *value = old - h;
            slope = (slope - (whole ? ReferenceObjective(r) : ReferenceLoss(r, 0))) / (2 * h);
            *value = old;
            worst = fmax(worst, fabs(slope - gradient) / (fabs(slope) + fabs(gradient) + 1e-2));
        }
    return worst;
}

static void TakeDeltas(const BatchSide *side, uint32_t stride, double *delta)
{
    for (uint32_t s = 0; s < side->count; s++)
        for (uint32_t k = 0; k < stride; k++)
            delta[(size_t)side->touched[s] * stride + k] = side->delta[s * stride + k];
}

static void RandomTriples(Batch *batch, uint32_t users, uint32_t items, uint64_t stream)
{
    Random random = TestStream(stream);

    for (uint32_t n = 0; n < batch->size; n++) {
        uint32_t positive = RandomBelow(&random, items);
        uint32_t negative = (positive + 1 + RandomBelow(&random, items - 1)) % items;

        batch->triples[n] = (BatchTriple){RandomBelow(&random, users), positive, negative};
    }
}

static Rig RandomBatch(TestHost *t, Optimizer optimizer, Batch *batch, uint64_t stream)
{
    Rig rig = RigCreate(t, 12, 15, 10, optimizer, 0.4, stream);

    BatchCreate(&t->host, &rig.rule, 12, 15, 30, batch);
    RandomTriples(batch, 12, 15, stream + 1);
    return rig;
}

static void CheckGradients(TestHost *t)
{
    Batch batch;
    Rig rig = RandomBatch(t, OPTIMIZER_SGD, &batch, 70);
    Reference r = ReferenceOf(&rig, &batch, 30);
    double loss, user, item;

    rig.rule.regularization = 0.03f;
    RigSetAdversarial(&rig, 0.7f, 2.5f);
    loss = BatchClean(&rig.rule, &batch, 30);
    CHECK(Near(loss, ReferenceLoss(&r, 0), 1e-6, 0), "clean loss against double precision");
    user = GradientError(&r, r.p, &batch.user, false);
    item = GradientError(&r, r.q, &batch.item, false);
    CHECK(user < 1e-4 && item < 1e-4, "Gamma by finite differences, errors %.1e %.1e", user, item);
    loss = BatchAdversarial(&rig.rule, &batch, 30);
    TakeDeltas(&batch.user, rig.rule.stride, r.dp);
    TakeDeltas(&batch.item, rig.rule.stride, r.dq);
    CHECK(Near(loss, ReferenceLoss(&r, 1), 1e-6, 0), "adversarial loss against double precision");
    user = GradientError(&r, r.p, &batch.user, true);
    item = GradientError(&r, r.q, &batch.item, true);
    CHECK(user < 1e-4 && item < 1e-4,
          "gradient of the whole objective by finite differences, errors %.1e %.1e", user, item);
}

static double RowNorm(const float *row, uint32_t stride)
{
    double square = 0;

    for (uint32_t k = 0; k < stride; k++)
        square += (double)row[k] * row[k];
    return sqrt(square);
}

/* Norms of Delta against epsilon; the sum of the norms of Gamma comes back. */
static double CheckNorms(const Rig *rig, const BatchSide *side, bool *right)
{
    uint32_t stride = rig->rule.stride;
    double sum = 0;

    for (uint32_t s = 0; s < side->count; s++) {
        double gamma = RowNorm(side->gamma + s * stride, stride);
        double delta = RowNorm(side->delta + s * stride, stride);
        double norm = RowNorm(side->rows + (size_t)side->touched[s] * stride, stride);
        double epsilon = rig->rule.relative ? rig->rule.epsilon * norm : rig->rule.epsilon;
        double expected = epsilon * fmin(1, gamma / 1e-6);

        *right &= Near(delta, expected, 1e-5, 1e-12);
        sum += gamma;
    }
    return sum;
}

static void CheckPerturbation(TestHost *t)
{
    Batch batch;
    Rig rig = RandomBatch(t, OPTIMIZER_SGD, &batch, 80);
    double clean, gamma, raised;
    bool right = true;

    RigSetAdversarial(&rig, 1e-3f, 1);
    clean = BatchClean(&rig.rule, &batch, 30);
    raised = BatchAdversarial(&rig.rule, &batch, 30);
    gamma = CheckNorms(&rig, &batch.user, &right) + CheckNorms(&rig, &batch.item, &right);
    CHECK(right, "every touched row is moved by epsilon");
    CHECK(Near((raised - clean) / 1e-3, gamma, 1e-2, 0),
          "the loss rises by epsilon times the norms of Gamma: %.4f, %.4f", (raised - clean) / 1e-3,
          gamma);
    rig.rule.relative = true;
    rig.rule.epsilon = 0.3f;
    BatchAdversarial(&rig.rule, &batch, 30);
    CheckNorms(&rig, &batch.user, &right);
    CheckNorms(&rig, &batch.item, &right);
    CHECK(right, "or by that share of its norm");
}

/* A row whose gradient cancels to zero must stay, not become NaN. */
static void CheckZeroGradient(TestHost *t)
{
    Batch batch;
    Rig rig = RigCreate(t, 2, 3, 4, OPTIMIZER_ADAGRAD_ROW, 0.5, 85), before;
    bool right = true;

    memcpy(rig.rule.items + rig.rule.stride, rig.rule.items, 4 * sizeof(float));
    RigSetAdversarial(&rig, 0.5f, 1);
    before = RigCopy(&rig);
    BatchCreate(&t->host, &rig.rule, 2, 3, 4, &batch);
    batch.triples[0] = (BatchTriple){0, 0, 1}; /* equal rows: Gamma of the user is 0 */
    BatchClean(&rig.rule, &batch, 1);
    BatchAdversarial(&rig.rule, &batch, 1);
    CheckNorms(&rig, &batch.user, &right);
    CheckNorms(&rig, &batch.item, &right);
    BatchApply(&rig.rule, &batch);
    CHECK(right && batch.user.count == 0 && RowNorm(batch.user.delta, rig.rule.stride) == 0,
          "a zero gradient gives no perturbation");
    CHECK(isfinite(rig.rule.users[0]) && isfinite(rig.rule.items[0]) &&
              memcmp(rig.rule.users + rig.rule.stride, before.rule.users + rig.rule.stride, 16) ==
                  0 &&
              memcmp(rig.rule.items + 2 * rig.rule.stride, before.rule.items + 2 * rig.rule.stride,
                     16) == 0,
          "and rows outside the batch stay");
}

/* Adversarial > clean > opposite; random directions of equal length raise the loss less. */
static void CheckDirections(TestHost *t)
{
    Batch batch;
    Rig rig = RandomBatch(t, OPTIMIZER_SGD, &batch, 90);
    Reference r = ReferenceOf(&rig, &batch, 30), noise = r;
    Random random = TestStream(91);
    double clean = ReferenceLoss(&r, 0), worst = 0;

    RigSetAdversarial(&rig, 0.05f, 1);
    BatchClean(&rig.rule, &batch, 30);
    BatchAdversarial(&rig.rule, &batch, 30);
    TakeDeltas(&batch.user, rig.rule.stride, r.dp);
    TakeDeltas(&batch.item, rig.rule.stride, r.dq);
    CHECK(ReferenceLoss(&r, 1) > clean && clean >= ReferenceLoss(&r, -1),
          "the perturbation raises the loss, its opposite does not");
    noise.dp = ToDouble(&rig, NULL, rig.users);
    noise.dq = ToDouble(&rig, NULL, rig.items);
    for (int repeat = 0; repeat < 50; repeat++) {
        for (uint32_t side = 0; side < 2; side++)
            for (uint32_t row = 0; row < (side == 0 ? rig.users : rig.items); row++) {
                double *d = (side == 0 ? noise.dp : noise.dq) + row * rig.rule.stride, square = 0;

                for (uint32_t k = 0; k < rig.rule.factors; k++)
                    d[k] = RandomNormal(&random), square += d[k] * d[k];
                for (uint32_t k = 0; k < rig.rule.factors; k++)
                    d[k] *= 0.05 / sqrt(square);
            }
        worst = fmax(worst, ReferenceLoss(&noise, 1));
    }
    CHECK(ReferenceLoss(&r, 1) > worst, "no random perturbation of equal length is as bad");
}

/* ---- identities of the update ---- */

static const char *const optimizer_names[] = {"adagrad_row", "adagrad", "sgd"};

static void Steps(Rig *rig, Batch *batch, int steps)
{
    for (int i = 0; i < steps; i++) {
        RandomTriples(batch, rig->users, rig->items, 100 + (uint64_t)i);
        BatchStep(&rig->rule, batch, batch->size);
    }
}

static void CheckLambdaZero(TestHost *t, Optimizer optimizer)
{
    Batch batch, adversarial_batch;
    Rig rig = RandomBatch(t, optimizer, &batch, 110);
    Rig adversarial;

    rig.rule.regularization = 0.01f;
    adversarial = RigCopy(&rig);
    RigSetAdversarial(&adversarial, 0.5f, 0);
    BatchCreate(&t->host, &adversarial.rule, 12, 15, 30, &adversarial_batch);
    Steps(&rig, &batch, 5);
    Steps(&adversarial, &adversarial_batch, 5);
    CHECK(RigSameBytes(&rig, &adversarial), "%s: lambda 0 is BPR bit for bit",
          optimizer_names[optimizer]);
}

/* By SGD a loss weight of 1 + lambda is a learning rate of 1 + lambda times. */
static void CheckEpsilonZero(TestHost *t)
{
    Batch batch, adversarial_batch;
    Rig rig = RandomBatch(t, OPTIMIZER_SGD, &batch, 120);
    Rig adversarial = RigCopy(&rig), start = RigCopy(&rig);

    RigSetAdversarial(&adversarial, 0, 1.5f);
    rig.rule.learning_rate *= 2.5f;
    BatchCreate(&t->host, &adversarial.rule, 12, 15, 30, &adversarial_batch);
    Steps(&rig, &batch, 1);
    Steps(&adversarial, &adversarial_batch, 1);
    CHECK(RigDistance(&rig, &adversarial, &start) < 1e-5, "epsilon 0 is BPR of weight 1 + lambda");
}

static void CheckRateZero(TestHost *t, Optimizer optimizer)
{
    Batch batch;
    Rig rig = RandomBatch(t, optimizer, &batch, 130);
    Rig start = RigCopy(&rig);

    RigSetAdversarial(&rig, 0.5f, 1);
    rig.rule.regularization = 0.1f;
    rig.rule.learning_rate = 0;
    Steps(&rig, &batch, 5);
    CHECK(RigSameRows(&rig, &start), "%s: learning rate 0 leaves the rows",
          optimizer_names[optimizer]);
}

static void CheckLossFalls(TestHost *t, Optimizer optimizer)
{
    Batch batch;
    Rig rig = RandomBatch(t, optimizer, &batch, 140);
    double before = INFINITY;
    bool falls = true;

    rig.rule.learning_rate = 0.01f;
    for (int i = 0; i < 20; i++) {
        double loss = BatchStep(&rig.rule, &batch, 30);

        falls &= loss < before;
        before = loss;
    }
    CHECK(falls, "%s: small steps lower the loss of a batch", optimizer_names[optimizer]);
}

/* Padding must stay zero: scores are sums over whole vectors. */
static void CheckPadding(TestHost *t, Optimizer optimizer)
{
    Batch batch;
    Rig rig = RandomBatch(t, optimizer, &batch, 150);
    bool zero = true;

    RigSetAdversarial(&rig, 0.5f, 1);
    rig.rule.regularization = 0.01f;
    Steps(&rig, &batch, 5);
    for (uint32_t r = 0; r < rig.items; r++)
        for (uint32_t k = rig.rule.factors; k < rig.rule.stride; k++)
            zero &= rig.rule.items[r * rig.rule.stride + k] == 0;
    CHECK(zero, "%s: padding stays zero", optimizer_names[optimizer]);
}

static void CheckMemory(TestHost *t)
{
    Rig rig = RigCreate(t, 100, 50, 20, OPTIMIZER_SGD, 1, 160);
    size_t before = t->bytes;
    Batch batch;

    TestHostResetPeak(t);
    BatchCreate(&t->host, &rig.rule, 100, 50, 64, &batch);
    CHECK(t->peak - before <= BatchMemory(100, 50, 64, rig.rule.stride) + TestHostSlack(t),
          "a batch needs no more memory than estimated");
    BatchRelease(&t->host, &batch);
    CHECK(t->bytes == before, "and releases it");
}

/* ---- negatives ---- */

/* One user with the given items of `items`, the item `held` held out (NO_ITEM: none). */
static Interactions OneUser(TestHost *t, const uint32_t *own, uint32_t count, uint32_t items,
                            uint32_t held)
{
    Pairs pairs = PairsCreate(&t->host, count, false);
    Interactions data;

    for (uint32_t i = 0; i < count; i++)
        PairsAdd(&pairs, 0, own[i], 0);
    InteractionsBuild(&t->host, &pairs, 1, items, &data);
    if (held != NO_ITEM) {
        data.held = HostAllocate(&t->host, 1, sizeof(uint32_t));
        data.held[0] = held;
        data.held_count = 1;
    }
    return data;
}

/* Draws negatives; counts[] of each item that trains no pair, in order; false on a positive. */
static bool DrawNegatives(const Interactions *data, int draws, uint64_t *counts, size_t *bins,
                          uint64_t *none)
{
    float rows[16] = {0};
    TripleRule rule = {.users = rows, .items = NULL, .stride = 16, .candidates = 1};
    Random random = TestStream(170);
    uint64_t *all = calloc(data->items, sizeof(uint64_t));
    bool right = true;

    *bins = *none = 0;
    for (int i = 0; i < draws; i++) {
        uint32_t item = BatchNegative(&rule, data, 0, &random);

        if (item == NO_ITEM)
            (*none)++;
        else
            all[item]++;
    }
    for (uint32_t item = 0; item < data->items; item++)
        if (!InteractionsContain(data, 0, item) || IsHeldOut(data, 0, item))
            counts[(*bins)++] = all[item];
        else
            right &= all[item] == 0;
    free(all);
    return right;
}

static void CheckFewPositives(TestHost *t)
{
    static const uint32_t own[] = {0, 3, 4, 11};
    Interactions data = OneUser(t, own, 4, 12, NO_ITEM);
    uint64_t counts[12], none;
    size_t bins;

    CHECK(DrawNegatives(&data, 20000, counts, &bins, &none) && none == 0,
          "a negative is never a positive");
    CHECK(bins == 8 && LooksUniform(counts, bins), "negatives are uniform over the others");
    data = OneUser(t, own, 4, 12, 4);
    CHECK(DrawNegatives(&data, 20000, counts, &bins, &none) && bins == 9 &&
              LooksUniform(counts, bins),
          "a held-out item may be drawn");
}

/* So few are left that most draws give up and look for one exactly. */
static void CheckManyPositives(TestHost *t)
{
    enum { ITEMS = 2000 };
    static uint32_t own[ITEMS];
    uint64_t counts[ITEMS], none;
    size_t bins;
    uint32_t n = 0;
    Interactions data;

    for (uint32_t i = 0; i < ITEMS; i++)
        if (i != 0 && i != 700 && i != 701 && i != ITEMS - 1)
            own[n++] = i;
    data = OneUser(t, own, n, ITEMS, NO_ITEM);
    CHECK(DrawNegatives(&data, 4000, counts, &bins, &none) && none == 0 && bins == 4 &&
              LooksUniform(counts, bins),
          "nearly all items taken: uniform over what is left");
    data = OneUser(t, own, n, ITEMS, 1000);
    CHECK(DrawNegatives(&data, 4000, counts, &bins, &none) && none == 0 && bins == 5 &&
              LooksUniform(counts, bins),

          "nearly all items taken, one held out: uniform over what is left");
}

static void CheckAllPositives(TestHost *t)
{
    uint32_t own[100];
    uint64_t counts[100], none;
    size_t bins;
    Interactions data;

    for (uint32_t i = 0; i < 100; i++)
        own[i] = i;
    data = OneUser(t, own, 100, 100, NO_ITEM);
    CHECK(DrawNegatives(&data, 100, counts, &bins, &none) && none == 100,
          "a user of every item has no negative");
    data = OneUser(t, own, 100, 100, 50);
    CHECK(DrawNegatives(&data, 1000, counts, &bins, &none) && none == 0 && counts[0] == 1000,

          "a user of every item, one held out: that one is the negative");
}

/* Does it end well in a process of its own? */
static bool Survives(void (*run)(TestHost *t), TestHost *t)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);

        dup2(null, STDERR_FILENO);
        run(t);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* A user of every item, one held out, many candidates: some draws find it, some give up. */
static void DrawWithOneLeft(TestHost *t)
{
    uint32_t own[200];
    Interactions data;
    Rig rig = RigCreate(t, 1, 200, 4, OPTIMIZER_SGD, 1, 190);
    Random random = TestStream(191);

    for (uint32_t i = 0; i < 200; i++)
        own[i] = i;
    data = OneUser(t, own, 200, 200, 50);
    rig.rule.candidates = 20;
    for (int i = 0; i < 200; i++)
        BatchNegative(&rig.rule, &data, 0, &random);
}

static void CheckHardest(TestHost *t)
{
    static const uint32_t own[] = {1, 2, 3};
    Interactions data = OneUser(t, own, 3, 10, NO_ITEM);
    Rig rig = RigCreate(t, 1, 10, 4, OPTIMIZER_SGD, 1, 180);
    Random random = TestStream(181);
    uint32_t best = NO_ITEM;
    double best_score = -INFINITY;
    bool right = true;

    for (uint32_t i = 0; i < 10; i++) {
        double score = 0;

        for (uint32_t k = 0; k < 4; k++)
            score += (double)rig.rule.users[k] * rig.rule.items[i * rig.rule.stride + k];
        if ((i == 0 || i > 3) && score > best_score) {
            best = i;
            best_score = score;
        }
    }
    rig.rule.candidates = 300;
    for (int i = 0; i < 50; i++)
        right &= BatchNegative(&rig.rule, &data, 0, &random) == best;
    CHECK(right, "of many candidates the highest-scored negative is taken");
    for (uint32_t i = 0; i < 10 * rig.rule.stride; i++)
        rig.rule.items[i] = NAN;
    for (int i = 0; i < 50; i++) {
        uint32_t item = BatchNegative(&rig.rule, &data, 0, &random);

        right &= item < 10 && !InteractionsContain(&data, 0, item);
    }
    CHECK(right, "undefined scores still give a negative");
    CHECK(Survives(DrawWithOneLeft, t), "many candidates where draws may find none");
}

void TestBatch(void)
{
    TestHost t;

    TestHostInit(&t);
    CheckExample(&t);
    CheckGradients(&t);
    CheckPerturbation(&t);
    CheckZeroGradient(&t);
    CheckDirections(&t);
    for (int optimizer = 0; optimizer < 3; optimizer++) {
        CheckLambdaZero(&t, (Optimizer)optimizer);
        CheckRateZero(&t, (Optimizer)optimizer);
        CheckLossFalls(&t, (Optimizer)optimizer);
        CheckPadding(&t, (Optimizer)optimizer);
    }
    CheckEpsilonZero(&t);
    CheckMemory(&t);
    CheckFewPositives(&t);
    CheckManyPositives(&t);
    CheckAllPositives(&t);
    CheckHardest(&t);
    TestHostEnd(&t);
}
