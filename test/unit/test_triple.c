/* test_triple.c: one triple at a time, against batches of one, and the draws of negatives. */
#include "algo/mf/triple.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "rig.h"
#include "support.h"
#include "tests.h"

#define MOST 512

static const char *const optimizer_names[] = {"adagrad_row", "adagrad", "sgd"};

/* A cell of one user who has the items own[0..count-1], in a block of the items 0..size-1. */
typedef struct OneUserCell {
    CellEntry entries[MOST];
    uint32_t block[MOST];
    uint32_t order[MOST];
    CellWork work;
} OneUserCell;

static void CellPrepare(OneUserCell *cell, const uint32_t *own, uint32_t count, uint32_t size,
                        uint64_t stream)
{
    Random random = TestStream(stream);

    for (uint32_t i = 0; i < count; i++)
        cell->entries[i] = (CellEntry){0, own[i]};
    for (uint32_t i = 0; i < size; i++)
        cell->block[i] = i;
    cell->work = (CellWork){.entries = cell->entries,
                            .count = count,
                            .block = cell->block,
                            .block_size = size,
                            .order = cell->order,
                            .random = random};
}

/* ---- the update ---- */

/* Positive 0, negative 1 by force: the block has no other item. */
static void LearnOne(const Rig *rig, double *loss, uint64_t *triples)
{
    static const uint32_t own[] = {0};
    OneUserCell cell;

    CellPrepare(&cell, own, 1, 2, 200);
    LearnCell(&rig->rule, &cell.work);
    *loss = cell.work.loss;
    *triples = cell.work.triples;
}

static double StepOne(const Rig *rig)
{
    Batch batch;

    BatchCreate(&rig->t->host, &rig->rule, rig->users, rig->items, 1, &batch);
    batch.triples[0] = (BatchTriple){0, 0, 1};
    return BatchStep(&rig->rule, &batch, 1);
}

/* Worst relative difference over random rows between a cell and a batch of one triple. */
static double WorstDistance(TestHost *t, const TripleRule *like, uint32_t factors, double scale,
                            bool *loss_right)
{
    double worst = 0;

    for (uint64_t repeat = 0; repeat < 40; repeat++) {
        Rig cell = RigCreate(t, 1, 2, factors, like->optimizer, scale, 210 + repeat), batch, start;
        double loss, batch_loss;
        uint64_t triples;

        cell.rule.regularization = like->regularization;
        if (like->adversarial)
            RigSetAdversarial(&cell, like->epsilon, like->lambda);
        cell.rule.relative = like->relative;
        batch = RigCopy(&cell);
        start = RigCopy(&cell);
        LearnOne(&cell, &loss, &triples);
        batch_loss = StepOne(&batch);
        *loss_right &= triples == 1 && Near(loss, batch_loss, 1e-5, 0);
        worst = fmax(worst, RigDistance(&batch, &cell, &start));
    }
    return worst;
}

static void CheckOptimizer(TestHost *t, Optimizer optimizer, uint32_t factors)
{
    static const float regularization[] = {0, 0.02f};

    for (int adversarial = 0; adversarial < 3; adversarial++)
        for (int r = 0; r < 2; r++) {
            TripleRule rule = {.optimizer = optimizer,
                               .regularization = regularization[r],
                               .adversarial = adversarial > 0,
                               .relative = adversarial == 2,
                               .epsilon = 0.5f,
                               .lambda = 1.5f};
            bool loss_right = true;
            double worst = WorstDistance(t, &rule, factors, 0.4, &loss_right);
            /* Rows' accumulators leave the decay out here, batches put it in. */
            bool apart = optimizer == OPTIMIZER_ADAGRAD_ROW && r == 1;

            CHECK(worst < (apart ? 0.05 : 3e-5) && loss_right,
                  "%s%s%s, %u factors: a triple is a batch of one, difference %.1e",
                  optimizer_names[optimizer],
                  rule.relative      ? ", adversarial by a share of the norm"
                  : rule.adversarial ? ", adversarial"
                                     : "",
                  r == 1 ? ", regularized" : "", factors, worst);
        }
}

/* x' = x - 2 eps a - eps b + 2 eps^2 x / (a b): read from the step that SGD makes with it. */
static void CheckClosedForm(TestHost *t)
{
    double worst = 0;

    for (uint64_t repeat = 0; repeat < 50; repeat++) {
        Rig rig = RigCreate(t, 1, 2, 8, OPTIMIZER_SGD, 0.5, 300 + repeat), start;
        double x = 0, a = 0, b = 0, eps = 0.3, moved, g, g_moved, loss;
        uint64_t triples;

        RigSetAdversarial(&rig, (float)eps, 1);
        start = RigCopy(&rig);
        LearnOne(&rig, &loss, &triples);
        for (uint32_t k = 0; k < 8; k++) {
            double p = start.rule.users[k];
            double d = (double)start.rule.items[k] - start.rule.items[rig.rule.stride + k];

            x += p * d, a += p * p, b += d * d;
        }
        a = sqrt(a), b = sqrt(b);
        moved = x - 2 * eps * a - eps * b + 2 * eps * eps * x / (a * b);
        g = 1 / (1 + exp(x)), g_moved = 1 / (1 + exp(moved));
        for (uint32_t k = 0; k < 8; k++) {
            double p = start.rule.users[k];
            double d = (double)start.rule.items[k] - start.rule.items[rig.rule.stride + k];
            double step = (g + g_moved) * d - g_moved * 2 * eps * p / a;
            double item = (g + g_moved) * p - g_moved * eps * d / b;

            worst = fmax(worst, fabs(rig.rule.users[k] - (p + 0.05 * step)));
            worst = fmax(worst, fabs(rig.rule.items[k] - (start.rule.items[k] + 0.05 * item)));
        }
    }
    CHECK(worst < 1e-6, "the closed form of a single triple, error %.1e", worst);
}

/* Margins far out: no NaN, no infinity. */
static void CheckExtremes(TestHost *t)
{
    static const float margins[] = {-1e4f, -100, 0, 100, 1e4f};
    bool finite = true, loss_right = true;

    for (int m = 0; m < 5; m++)
        for (int adversarial = 0; adversarial < 2; adversarial++) {
            Rig rig = RigCreate(t, 1, 2, 4, OPTIMIZER_ADAGRAD_ROW, 0, 1);
            double loss;
            uint64_t triples;

            if (adversarial)
                RigSetAdversarial(&rig, 0.5f, 1);
            rig.rule.users[0] = 1;
            rig.rule.items[0] = margins[m];
            LearnOne(&rig, &loss, &triples);
            for (uint32_t k = 0; k < 4; k++)
                finite &= isfinite(rig.rule.users[k]) && isfinite(rig.rule.items[k]);
            loss_right &= Near(loss, fmin(Softplus(-(double)margins[m]), 80), 1e-6, 1e-6);
        }
    CHECK(finite, "extreme margins keep the rows finite");
    CHECK(loss_right, "and their loss right, up to 80");
}

static void CheckZeroRows(TestHost *t)
{
    for (int optimizer = 0; optimizer < 3; optimizer++) {
        Rig rig = RigCreate(t, 1, 2, 4, (Optimizer)optimizer, 0, 1);
        double loss;
        uint64_t triples;

        RigSetAdversarial(&rig, 0.5f, 1);
        LearnOne(&rig, &loss, &triples);
        CHECK(rig.rule.users[0] == 0 && rig.rule.items[0] == 0 && Near(loss, log(2), 1e-6, 0),
              "%s: zero rows stay zero", optimizer_names[optimizer]);
    }
}

/* ---- many triples of many users ---- */

typedef struct BigCell {
    CellEntry entries[MOST];
    uint32_t block[64];
    uint32_t order[MOST];
    CellWork work;
} BigCell;

static void BigCellPrepare(BigCell *cell)
{
    uint32_t n = 0;
    Random random = TestStream(320);

    for (uint32_t u = 0; u < 40; u++)
        for (uint32_t i = 0; i < 64 && n < MOST; i++)
            if (RandomBelow(&random, 6) == 0)
                cell->entries[n++] = (CellEntry){u, i};
    for (uint32_t i = 0; i < 64; i++)
        cell->block[i] = i;
    cell->work = (CellWork){.entries = cell->entries,
                            .count = n,
                            .block = cell->block,
                            .block_size = 64,
                            .order = cell->order,
                            .random = random};
}

static void LearnBig(const Rig *rig, CellWork *out)
{
    BigCell cell;

    BigCellPrepare(&cell);
    LearnCell(&rig->rule, &cell.work);
    *out = cell.work;
}

/* ---- more entries than are shuffled together ---- */

#define DENSE 300

/* Every user with every second item: more than a stretch, less than two. */
static void CheckStretches(TestHost *t)
{
    Rig rig = RigCreate(t, DENSE, DENSE * 2, 16, OPTIMIZER_ADAGRAD_ROW, 0.3, 331);
    CellEntry *entries = HostAllocate(&t->host, DENSE * DENSE, sizeof(CellEntry));
    uint32_t *order = HostAllocate(&t->host, STRETCH + 1, sizeof(uint32_t));
    uint32_t block[DENSE * 2], n = 0, moved = 0;
    CellWork work;

    for (uint32_t u = 0; u < DENSE; u++)
        for (uint32_t i = 0; i < DENSE; i++)
            entries[n++] = (CellEntry){u, 2 * i};
    for (uint32_t i = 0; i < DENSE * 2; i++)
        block[i] = i;
    order[STRETCH] = 12345;
    work = (CellWork){.entries = entries,
                      .count = n,
                      .block = block,
                      .block_size = DENSE * 2,
                      .order = order,
                      .random = TestStream(321)};
    LearnCell(&rig.rule, &work);
    for (uint32_t u = 0; u < DENSE; u++)
        moved += rig.rule.user_state[u] > ADAGRAD_START;
    for (uint32_t i = 0; i < DENSE * 2; i++)
        moved += rig.rule.item_state[i] > ADAGRAD_START;
    CHECK(n > STRETCH && n < 2 * STRETCH && work.triples == n,
          "two stretches: every entry is learnt");
    CHECK(moved == 3 * DENSE, "two stretches: all rows move");
    CHECK(order[STRETCH] == 12345, "two stretches need scratch for one");
    HostRelease(&t->host, entries);
    HostRelease(&t->host, order);
}

static void CheckIdentities(TestHost *t, Optimizer optimizer, uint32_t candidates)
{
    Rig rig = RigCreate(t, 40, 64, 20, optimizer, 0.3, 330), same, adversarial, still;
    CellWork work;
    const char *name = optimizer_names[optimizer];

    rig.rule.regularization = 0.01f;
    rig.rule.candidates = candidates;
    same = RigCopy(&rig), adversarial = RigCopy(&rig), still = RigCopy(&rig);
    LearnBig(&rig, &work);
    CHECK(work.triples == work.count && !work.abandoned && work.loss > 0,
          "%s, %u candidates: every entry is learnt once", name, candidates);
    LearnBig(&same, &work);
    CHECK(RigSameBytes(&rig, &same), "%s, %u candidates: the same bytes again", name, candidates);
    RigSetAdversarial(&adversarial, 0.5f, 0);
    LearnBig(&adversarial, &work);
    CHECK(RigSameBytes(&rig, &adversarial), "%s, %u candidates: lambda 0 is BPR bit for bit", name,
          candidates);
    same = RigCopy(&still);
    RigSetAdversarial(&still, 0.5f, 1);
    still.rule.learning_rate = 0;
    LearnBig(&still, &work);
    CHECK(RigSameRows(&still, &same), "%s, %u candidates: learning rate 0 leaves the rows", name,
          candidates);
}

/* One triple: the user's row takes the step that it takes in training, the items take none. */
static void CheckItemsFixed(TestHost *t, Optimizer optimizer)
{
    Rig rig = RigCreate(t, 40, 64, 20, optimizer, 0.3, 335), fixed = RigCopy(&rig);
    Rig start = RigCopy(&rig);
    size_t users = 40 * 32 * sizeof(float), items = 64 * 32 * sizeof(float);
    CellWork work;
    uint64_t triples;
    double loss;

    RigSetAdversarial(&rig, 0.5f, 1);
    RigSetAdversarial(&fixed, 0.5f, 1);
    fixed.rule.items_fixed = true;
    LearnOne(&rig, &loss, &triples);
    LearnOne(&fixed, &loss, &triples);
    CHECK(memcmp(fixed.rule.users, rig.rule.users, users) == 0 &&
              memcmp(fixed.rule.users, start.rule.users, users) != 0,
          "%s: with items fixed, a user's first step is that of training",
          optimizer_names[optimizer]);
    LearnBig(&fixed, &work);
    CHECK(memcmp(fixed.rule.items, start.rule.items, items) == 0,
          "%s: fixed items stay, bit for bit", optimizer_names[optimizer]);
}

static void CheckPadding(TestHost *t, Optimizer optimizer)
{
    Rig rig = RigCreate(t, 40, 64, 20, optimizer, 0.3, 340);
    CellWork work;
    bool zero = true;

    rig.rule.regularization = 0.01f;
    RigSetAdversarial(&rig, 0.5f, 1);
    LearnBig(&rig, &work);
    for (uint32_t r = 0; r < 40; r++)
        for (uint32_t k = 20; k < 32; k++)
            zero &= rig.rule.users[r * 32 + k] == 0 && rig.rule.items[r * 32 + k] == 0;
    CHECK(zero, "%s: padding stays zero", optimizer_names[optimizer]);
}

static void CheckCancelled(TestHost *t)
{
    Rig rig = RigCreate(t, 40, 64, 20, OPTIMIZER_SGD, 0.3, 345), start = RigCopy(&rig);
    CellWork work;

    t->cancel = 1;
    LearnBig(&rig, &work);
    CHECK(work.abandoned && work.triples == 0 && RigSameBytes(&rig, &start),
          "a cancelled run leaves its cell");
    t->cancel = 0;
    LearnBig(&rig, &work);
    CHECK(!work.abandoned && work.triples == work.count, "and would have learnt it otherwise");
}

/* ---- negatives ---- */

/*
 * Which negatives were drawn: with tiny SGD steps from zero items every triple moves its negative
 * by -rate / 2 along the user's first factor, and its positive by the same upwards.
 */
typedef struct Draws {
    uint64_t negatives[MOST];
    uint64_t triples;
    bool right; /* each own item was positive once per pass and never negative */
} Draws;

static void CountDraws(TestHost *t, const uint32_t *own, uint32_t count, uint32_t size, int passes,
                       Draws *draws)
{
    Rig rig = RigCreate(t, 1, size, 1, OPTIMIZER_SGD, 0, 1);
    OneUserCell cell;
    const double unit = 1e-5 / 2;

    memset(draws, 0, sizeof(*draws));
    draws->right = true;
    rig.rule.learning_rate = 1e-5f;
    CellPrepare(&cell, own, count, size, 350);
    for (int pass = 0; pass < passes; pass++) {
        bool is_own[MOST] = {false};

        memset(rig.rule.items, 0, size * rig.rule.stride * sizeof(float));
        rig.rule.users[0] = 1;
        LearnCell(&rig.rule, &cell.work);
        draws->triples += cell.work.triples;
        for (uint32_t i = 0; i < count; i++) {
            is_own[own[i]] = true;
            draws->right &= fabs(rig.rule.items[own[i] * rig.rule.stride] / unit - 1) < 0.3;
        }
        for (uint32_t i = 0; i < size; i++)
            if (!is_own[i])
                draws->negatives[i] +=
                    (uint64_t)lround(-rig.rule.items[i * rig.rule.stride] / unit);
    }
}

/* Uniform over the block without the own items? */
static bool UniformOver(const Draws *d, const uint32_t *own, uint32_t count, uint32_t size)
{
    uint64_t counts[MOST], total = 0;
    size_t bins = 0;

    for (uint32_t i = 0; i < size; i++) {
        bool is_own = false;

        for (uint32_t o = 0; o < count; o++)
            is_own |= own[o] == i;
        if (!is_own)
            counts[bins++] = d->negatives[i];
        total += d->negatives[i];
    }
    return total == d->triples && (bins == 1 || LooksUniform(counts, bins));
}

static void CheckUniform(TestHost *t)
{
    static const uint32_t own[] = {0, 4, 5, 9};
    static Draws draws;

    CountDraws(t, own, 4, 12, 5000, &draws);
    CHECK(draws.right && draws.triples == 20000, "a negative is never a positive of the user");
    CHECK(UniformOver(&draws, own, 4, 12), "negatives are uniform over the rest of the block");
}

/* Of 300 items all but a few: random draws mostly fail, so the search decides. */
static void CheckExhaustive(TestHost *t)
{
    static uint32_t own[MOST];
    static Draws draws;
    uint32_t n = 0;

    for (uint32_t i = 0; i < 300; i++)
        if (i != 0 && i != 151 && i != 299)
            own[n++] = i;
    CountDraws(t, own, n, 300, 30, &draws);
    CHECK(draws.right && draws.triples == 30 * n && UniformOver(&draws, own, n, 300),
          "three left of 300: uniform over them");
    own[n++] = 0;
    own[n++] = 299;
    for (uint32_t i = 0; i < 299; i++)
        own[i] = i < 151 ? i : i + 1;
    CountDraws(t, own, 299, 300, 3, &draws);
    CHECK(draws.right && draws.negatives[151] == 3 * 299, "one left of 300: always that one");
}

static void CheckNoNegative(TestHost *t)
{
    uint32_t own[30];
    OneUserCell cell;

    for (uint32_t i = 0; i < 30; i++)
        own[i] = i;
    for (uint32_t candidates = 1; candidates <= 8; candidates *= 8) {
        Rig rig = RigCreate(t, 1, 30, 4, OPTIMIZER_ADAGRAD, 0.5, 360), start = RigCopy(&rig);

        rig.rule.candidates = candidates;
        CellPrepare(&cell, own, 30, 30, 361);
        LearnCell(&rig.rule, &cell.work);
        CHECK(cell.work.triples == 0 && cell.work.loss == 0 && RigSameBytes(&rig, &start),
              "%u candidates: a user of the whole block learns nothing", candidates);
    }
}

/* Two users in one cell, neighbours in the list: the other's items are fair negatives. */
static void CheckNeighbours(TestHost *t)
{
    OneUserCell cell;
    Rig rig = RigCreate(t, 2, 2, 1, OPTIMIZER_SGD, 0, 1);

    CellPrepare(&cell, (const uint32_t[]){0, 1}, 2, 2, 370);
    cell.entries[1].user = 1;
    rig.rule.users[0] = 1;                /* user 0: item 0 over item 1 */
    rig.rule.users[rig.rule.stride] = -1; /* user 1: item 1 over item 0 */
    LearnCell(&rig.rule, &cell.work);
    CHECK(cell.work.triples == 2 && rig.rule.items[0] > 0.04f &&
              rig.rule.items[rig.rule.stride] < -0.04f,
          "items of the next user in the cell are negatives");
}

/* Scores rise with the item's number: of many candidates the highest that is not own. */
static void CheckHardest(TestHost *t)
{
    static const uint32_t own[] = {3, 18, 19};
    OneUserCell cell;
    Rig rig = RigCreate(t, 1, 20, 1, OPTIMIZER_SGD, 0, 1);
    float before[20];
    bool right = true;

    rig.rule.candidates = MAX_CANDIDATES;
    rig.rule.learning_rate = 1e-4f;
    rig.rule.users[0] = 1;
    for (uint32_t i = 0; i < 20; i++)
        before[i] = rig.rule.items[i * rig.rule.stride] = (float)i * 0.1f;
    CellPrepare(&cell, own, 3, 20, 380);
    LearnCell(&rig.rule, &cell.work);
    for (uint32_t i = 0; i < 20; i++) {
        float now = rig.rule.items[i * rig.rule.stride];

        if (i == 17)
            right &= now < before[i];
        else if (i == 3 || i >= 18)
            right &= now > before[i];
        else
            right &= now == before[i];
    }
    CHECK(right && cell.work.triples == 3, "of many candidates the highest-scored is taken");
}

/*
 * The best of n uniform draws from M items, by its loss: scores rise with the item, item 0 is the
 * positive, nothing moves.  P(best is j) = ((j + 1)^n - j^n) / M^n, and where all n draws are item
 * 0 one of the others is taken.
 */
static void ExpectBest(uint32_t n, uint32_t size, double *mean, double *deviation)
{
    double square = 0;

    *mean = 0;
    for (uint32_t j = 1; j < size; j++) {
        double p =
            pow((j + 1.0) / size, n) - pow((double)j / size, n) + pow(1.0 / size, n) / (size - 1);
        double loss = Softplus(3.0 * j / size);

        *mean += p * loss;
        square += p * loss * loss;
    }
    *deviation = sqrt(square - *mean * *mean);
}

/* Successive triples share candidates, so their losses vary together: room for eight alike. */
static void CheckBestOf(TestHost *t, uint32_t candidates, uint32_t size, uint32_t triples)
{
    Rig rig = RigCreate(t, 2, size, 1, OPTIMIZER_SGD, 0, 1);
    CellEntry *entries = HostAllocate(&t->host, triples, sizeof(CellEntry));
    uint32_t *block = HostAllocate(&t->host, size, sizeof(uint32_t));
    uint32_t *order = HostAllocate(&t->host, triples, sizeof(uint32_t));
    CellWork work = {.entries = entries,
                     .count = triples,
                     .block = block,
                     .block_size = size,
                     .order = order,
                     .random = TestStream(385)};
    double mean, deviation, found;

    rig.rule.candidates = candidates;
    rig.rule.learning_rate = 0;
    rig.rule.users[0] = rig.rule.users[rig.rule.stride] = 1;
    for (uint32_t i = 0; i < size; i++) {
        rig.rule.items[i * rig.rule.stride] = 3.0f * (float)i / (float)size;
        block[i] = i;
    }
    for (uint32_t i = 0; i < triples; i++)
        entries[i] = (CellEntry){i % 2, 0}; /* neighbours are of different users */
    LearnCell(&rig.rule, &work);
    ExpectBest(candidates, size, &mean, &deviation);
    found = work.loss / triples;
    CHECK(work.triples == triples && fabs(found - mean) < 5 * deviation * sqrt(8.0 / triples),
          "the best of %u of %u items has a loss of %.4f on average, found %.4f", candidates, size,
          mean, found);
    HostRelease(&t->host, entries);
    HostRelease(&t->host, block);
    HostRelease(&t->host, order);
}

static void CheckUndefinedScores(TestHost *t)
{
    static const uint32_t own[] = {1};
    OneUserCell cell;
    Rig rig = RigCreate(t, 1, 4, 1, OPTIMIZER_SGD, 0, 1);

    rig.rule.candidates = 4;
    for (uint32_t i = 0; i < 4 * rig.rule.stride; i++)
        rig.rule.items[i] = NAN;
    CellPrepare(&cell, own, 1, 4, 390);
    LearnCell(&rig.rule, &cell.work);
    CHECK(cell.work.triples == 1 && isnan(cell.work.loss), "NaN shows in the loss");
}

void TestTriple(void)
{
    static const uint32_t widths[] = {1, 16, 20, 64, 100, 130};
    TestHost t;

    TestHostInit(&t);
    for (int optimizer = 0; optimizer < 3; optimizer++)
        for (int w = 0; w < 6; w++)
            if (w == 2 || optimizer == OPTIMIZER_ADAGRAD_ROW)
                CheckOptimizer(&t, (Optimizer)optimizer, widths[w]);
    CheckClosedForm(&t);
    CheckExtremes(&t);
    CheckZeroRows(&t);
    for (int optimizer = 0; optimizer < 3; optimizer++) {
        CheckIdentities(&t, (Optimizer)optimizer, 1);
        CheckIdentities(&t, (Optimizer)optimizer, 5);
        CheckItemsFixed(&t, (Optimizer)optimizer);
        CheckPadding(&t, (Optimizer)optimizer);
    }
    CheckStretches(&t);
    CheckCancelled(&t);
    CheckUniform(&t);
    CheckExhaustive(&t);
    CheckNoNegative(&t);
    CheckNeighbours(&t);
    CheckHardest(&t);
    CheckBestOf(&t, 2, 10, 200000);
    CheckBestOf(&t, 4, 100, 200000);
    CheckBestOf(&t, 7, 100, 200000);
    CheckBestOf(&t, 16, 1000, 200000);
    CheckBestOf(&t, MAX_CANDIDATES, 2000, 20000);
    CheckUndefinedScores(&t);
    TestHostEnd(&t);
}
