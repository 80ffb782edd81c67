/* double_actor_critic.c: gradients of states and of the actors' losses against finite differences.
 */
#include "algo/actor_critic/losses.h"
#include "algo/actor_critic/state.h"
#include "gradients.h"
#include "tests.h"

#define ITEMS   7
#define FACTORS 8
#define ROWS    4

/* --- states */

typedef struct States {
    StateEncoder encoder;
    Pack pack;
    Real *parameters, *items, *g, *tape;
} States;

static const uint32_t clicked[] = {1, 2, 2, 5, 0};

/* The third visitor has clicked nothing; the fourth one item twice. */
static const Clicks clicks[ROWS] = {{clicked, 4}, {clicked + 3, 2}, {clicked, 0}, {clicked + 1, 2}};

static double StateLoss(void *arg)
{
    States *s = arg;
    double sum = 0;

    StateForward(&s->encoder, &s->pack, s->parameters, s->items, clicks, ROWS, s->tape);
    for (size_t i = 0; i < ROWS * Pitch(FACTORS); i++)
        sum += (double)(s->tape[i] * s->g[i]);
    return sum;
}

/* What the shares of items' rows sum to. */
static void SumShares(const States *s, const Real *vectors, Real *sum)
{
    uint32_t each = StateVectors(&s->encoder);
    size_t pitch = Pitch(FACTORS);

    for (size_t r = 0; r < ROWS; r++)
        for (uint32_t h = 0; h < clicks[r].count; h++)
            for (size_t k = 0; k < FACTORS; k++)
                sum[clicks[r].items[h] * pitch + k] +=
                    each == 1 ? vectors[r * pitch + k] / clicks[r].count
                              : vectors[(r * each + h) * pitch + k];
}

static void StartStates(States *s, StateKind kind)
{
    StateShape shape = {kind, FACTORS, 5, 2};
    Random random = TestStream(11);

    *s = (States){.encoder = {.shape = {0}}};
    s->encoder = StateAdd(&s->pack, &shape);
    s->parameters = ZeroMatrix(1, s->pack.floats);
    StateStart(&s->encoder, &s->pack, &random, s->parameters);
    for (int m = 0; m < s->pack.count; m++)
        for (uint32_t r = 0; r < s->pack.matrix[m].rows; r++)
            for (uint32_t c = 0; c < s->pack.matrix[m].columns; c++)
                s->parameters[s->pack.matrix[m].first + r * s->pack.matrix[m].stride + c] +=
                    .1 * RandomNormal(&random);
    s->items = RandomMatrix(&random, ITEMS, FACTORS, 1);
    s->g = RandomMatrix(&random, ROWS, FACTORS, 1);
    s->tape = ZeroMatrix(1, StateTape(&s->encoder, ROWS));
}

static bool ParametersAreRight(States *s, const Real *gradient)
{
    bool right = true;

    for (int m = 0; m < s->pack.count; m++) {
        const PackedMatrix *matrix = &s->pack.matrix[m];

        right &= GradientIsRight(StateLoss, s, s->parameters + matrix->first,
                                 gradient + matrix->first, matrix->rows, matrix->columns);
    }
    return right;
}

static bool ServesTheSame(const States *s)
{
    Real *rows = ZeroMatrix(5, FACTORS), *state = ZeroMatrix(1, FACTORS);
    Real *scratch = ZeroMatrix(1, StateScratch(&s->encoder, 5));
    size_t pitch = Pitch(FACTORS);
    bool same = true;

    for (size_t r = 0; r < ROWS; r++) {
        for (uint32_t h = 0; h < clicks[r].count; h++)
            RealCopy(s->items + clicks[r].items[h] * pitch, pitch, rows + h * pitch);
        StateOfRows(&s->encoder, &s->pack, s->parameters, rows, clicks[r].count, scratch, state);
        for (size_t k = 0; k < FACTORS; k++)
            same &= Near((double)state[k], (double)s->tape[r * pitch + k], 1e-12, 1e-14);
    }
    return same;
}

static void CheckStates(StateKind kind, const char *name)
{
    static States s;
    Real *gradient, *g = ZeroMatrix(ROWS, FACTORS), *vectors, *sum = ZeroMatrix(ITEMS, FACTORS);

    StartStates(&s, kind);
    gradient = ZeroMatrix(1, s.pack.floats);
    vectors = ZeroMatrix(ROWS * StateVectors(&s.encoder), FACTORS);
    StateLoss(&s);
    CHECK(ServesTheSame(&s), "states of %s: what serves is what was trained", name);
    RealCopy(s.g, ROWS * Pitch(FACTORS), g);
    StateBackward(&s.encoder, &s.pack, s.parameters, clicks, ROWS, s.tape, g, gradient, vectors);
    SumShares(&s, vectors, sum);
    CHECK(ParametersAreRight(&s, gradient), "by the parameters");
    CHECK(GradientIsRight(StateLoss, &s, s.items, sum, ITEMS, FACTORS), "by the items' rows");
}

/* --- losses */

typedef struct Losses {
    Real *items, *z, *dz, *factor;
    uint32_t first, count; /* of a tile */
} Losses;

static const uint32_t shown[] = {6, 0, 3};
static const bool label[] = {true, false, true};
static const ShownSlate slate = {shown, 3};

static double Supervised(void *arg)
{
    Losses *l = arg;

    return (double)SupervisionLoss(l->items, FACTORS, slate, label, l->z, 2, l->dz, l->factor);
}

static double Aligned(void *arg)
{
    Losses *l = arg;

    return (double)AlignmentLoss(l->items, FACTORS, slate, l->z, 2, l->dz);
}

static void AddToRow(Real *sum, uint32_t item, Real factor, const Real *vector)
{
    for (size_t k = 0; k < FACTORS; k++)
        sum[item * Pitch(FACTORS) + k] += factor * vector[k];
}

static Losses StartLosses(void)
{
    Random random = TestStream(12);

    return (Losses){.items = RandomMatrix(&random, ITEMS, FACTORS, 1),
                    .z = RandomMatrix(&random, 1, FACTORS, 1),
                    .dz = ZeroMatrix(1, FACTORS),
                    .factor = ZeroMatrix(1, ITEMS)};
}

static void CheckSupervision(void)
{
    Losses l = StartLosses();
    Real *dz = ZeroMatrix(1, FACTORS), *sum = ZeroMatrix(ITEMS, FACTORS);

    Supervised(&l);
    RealCopy(l.dz, Pitch(FACTORS), dz);
    for (uint32_t i = 0; i < slate.count; i++)
        AddToRow(sum, shown[i], l.factor[i], l.z);
    CHECK(GradientIsRight(Supervised, &l, l.z, dz, 1, FACTORS), "supervision: by z");
    CHECK(GradientIsRight(Supervised, &l, l.items, sum, ITEMS, FACTORS), "by the items' rows");
}

static void CheckAlignment(void)
{
    Losses l = StartLosses();
    Real *delta = ZeroMatrix(1, FACTORS), *sum = ZeroMatrix(ITEMS, FACTORS), size = 0;
    double loss;

    Aligned(&l);
    RealCopy(l.dz, Pitch(FACTORS), delta);
    for (uint32_t i = 0; i < slate.count; i++)
        AddToRow(sum, shown[i], (Real)-1 / slate.count, delta);
    CHECK(GradientIsRight(Aligned, &l, l.z, delta, 1, FACTORS), "alignment: by z");
    CHECK(GradientIsRight(Aligned, &l, l.items, sum, ITEMS, FACTORS), "by the items' rows");
    for (uint32_t i = 0; i < ITEMS; i++)
        RealCopy(l.z, Pitch(FACTORS), l.items + i * Pitch(FACTORS));
    loss = Aligned(&l);
    for (size_t k = 0; k < FACTORS; k++)
        size += fabs(l.dz[k]);
    CHECK(loss < 1e-25 && size < 1e-12, "it is 0, with no gradient, where every row is z");
}

/* --- the likelihood of a slate, in two tiles */

#define FIRST_TILE 4

static double LogSum(const Real *logits)
{
    Real most[2], sum[2], all;

    SoftmaxTileSums(logits, FIRST_TILE, &most[0], &sum[0]);
    SoftmaxTileSums(logits + FIRST_TILE, ITEMS - FIRST_TILE, &most[1], &sum[1]);
    all = most[0] > most[1] ? most[0] : most[1];
    return (double)(all + log(sum[0] * exp(most[0] - all) + sum[1] * exp(most[1] - all)));
}

static double Likely(void *arg)
{
    const Losses *l = arg;
    double loss = 0;

    for (uint32_t i = 0; i < slate.count; i++)
        loss += LogSum(l->z) - (double)l->z[shown[i]];
    return .7 * loss;
}

static void CheckLikelihood(void)
{
    Random random = TestStream(13);
    Losses l = {.z = RandomMatrix(&random, 1, ITEMS, 3)};
    Real *gradient = ZeroMatrix(1, ITEMS), log_sum = (Real)LogSum(l.z);

    RealCopy(l.z, ITEMS, gradient);
    SoftmaxTileGradient(gradient, 0, FIRST_TILE, slate, log_sum, .7);
    SoftmaxTileGradient(gradient + FIRST_TILE, FIRST_TILE, ITEMS - FIRST_TILE, slate, log_sum, .7);
    CHECK(GradientIsRight(Likely, &l, l.z, gradient, 1, ITEMS), "likelihood of a slate, by tiles");
}

void TestActorLosses(void)
{
    CheckStates(STATE_MEAN, "means");
    CheckStates(STATE_ATTENTION, "attention");
    CheckSupervision();
    CheckAlignment();
    CheckLikelihood();
}
