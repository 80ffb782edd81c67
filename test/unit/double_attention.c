/* double_attention.c: attention against plain sums, its gradients against finite differences. */
#include "algo/net/attention.h"
#include "gradients.h"
#include "tests.h"

#define ROWS    11 /* of three sequences */
#define COLUMNS 20
#define NUMBERS (ROWS * 32)

static const uint32_t first[] = {0, 4, 5, ROWS}, padding[] = {2, 0, 3};

typedef struct World {
    AttentionShape shape;
    Sequences sequences;
    Real *q, *k, *v, *keep, *g;
    Real *weights, *kept, *out;
    size_t reals;
} World;

static double AttentionLoss(void *arg)
{
    World *w = arg;
    double loss = 0;

    AttentionForward(&w->shape, &w->sequences, w->q, w->k, w->v, w->keep, w->weights, w->kept,
                     w->out);
    for (size_t i = 0; i < NUMBERS; i++)
        loss += (double)(w->out[i] * w->g[i]);
    return loss;
}

static World WorldCreate(uint32_t heads, bool causal, bool pads, bool drops)
{
    Random random = TestStream(21);
    World w = {.shape = {COLUMNS, heads, causal},
               .sequences = {3, first, pads ? padding : NULL},
               .q = RandomMatrix(&random, ROWS, COLUMNS, 1),
               .k = RandomMatrix(&random, ROWS, COLUMNS, 1),
               .v = RandomMatrix(&random, ROWS, COLUMNS, 1),
               .g = RandomMatrix(&random, ROWS, COLUMNS, 1),
               .out = RandomMatrix(&random, ROWS, 32, 1)};

    w.reals = AttentionReals(&w.shape, &w.sequences);
    w.weights = RandomMatrix(&random, 1, w.reals, 1);
    w.kept = ZeroMatrix(1, w.reals);
    if (drops)
        w.keep = RandomMatrix(&random, 1, w.reals, 1);
    return w;
}

/* Does query t of sequence s see row r of it? */
static bool Sees(const World *w, uint32_t s, uint32_t t, uint32_t r)
{
    uint32_t none = w->sequences.padding == NULL ? 0 : w->sequences.padding[s];

    return t >= none && r >= none && (!w->shape.causal || r <= t);
}

static double Score(const World *w, uint32_t head, uint32_t t, uint32_t r)
{
    uint32_t width = COLUMNS / w->shape.heads;
    double sum = 0;

    for (uint32_t c = head * width; c < (head + 1) * width; c++)
        sum += (double)(w->q[t * 32 + c] * w->k[r * 32 + c]);
    return exp(sum / sqrt((double)width));
}

/* The definition, for one number. */
static double Expected(const World *w, uint32_t s, uint32_t t, uint32_t column)
{
    uint32_t head = column / (COLUMNS / w->shape.heads);
    double sum = 0, total = 0;

    for (uint32_t r = 0; r < first[s + 1] - first[s]; r++) {
        double score = Sees(w, s, t, r) ? Score(w, head, first[s] + t, first[s] + r) : 0;

        total += score;
        sum += score * (double)w->v[(first[s] + r) * 32 + column];
    }
    return total > 0 ? sum / total : 0;
}

static void CheckDefinition(World *w, const char *name)
{
    bool right = true;

    AttentionLoss(w);
    for (uint32_t s = 0; s < 3; s++)
        for (uint32_t t = 0; t < first[s + 1] - first[s]; t++)
            for (uint32_t c = 0; c < COLUMNS; c++)
                right &= Near((double)w->out[(first[s] + t) * 32 + c], Expected(w, s, t, c), 1e-12,
                              1e-12);
    CHECK(right && PaddingIsZero(w->out, ROWS, COLUMNS), "%s: what the formula says", name);
}

/* Rows of weights sum to 1, or to 0 where nothing is seen; none is negative. */
static void CheckWeights(World *w, const char *name)
{
    const Real *weights = w->weights;
    bool right = true;

    AttentionLoss(w);
    for (uint32_t s = 0; s < 3; s++)
        for (uint32_t h = 0; h < w->shape.heads; h++)
            for (uint32_t t = 0; t < first[s + 1] - first[s]; t++) {
                size_t pitch = Pitch(first[s + 1] - first[s]);
                double sum = 0;

                for (size_t r = 0; r < pitch; r++) {
                    right &= weights[r] >= 0;
                    sum += (double)weights[r];
                }
                right &= Near(sum, Sees(w, s, t, t) ? 1 : 0, 0, 1e-12);
                weights += pitch;
            }
    CHECK(right && weights == w->weights + w->reals, "%s: weights are shares", name);
}

static void CheckGradients(World *w, const char *name)
{
    Random random = TestStream(22);
    Real *dq = RandomMatrix(&random, ROWS, 32, 1), *dk = RandomMatrix(&random, ROWS, 32, 1);
    Real *dv = RandomMatrix(&random, ROWS, 32, 1);
    Real *scratch = ZeroMatrix(1, AttentionScratch(&w->sequences));
    AttentionTape tape = {w->q, w->k, w->v, w->weights, w->keep, w->kept};

    AttentionLoss(w);
    AttentionBackward(&w->shape, &w->sequences, &tape, w->g, dq, dk, dv, scratch);
    CHECK(GradientIsRight(AttentionLoss, w, w->q, dq, ROWS, COLUMNS), "%s: by the queries", name);
    CHECK(GradientIsRight(AttentionLoss, w, w->k, dk, ROWS, COLUMNS), "by the keys");
    CHECK(GradientIsRight(AttentionLoss, w, w->v, dv, ROWS, COLUMNS), "by the values");
    CHECK(PaddingIsZero(dq, ROWS, COLUMNS) && PaddingIsZero(dk, ROWS, COLUMNS) &&
              PaddingIsZero(dv, ROWS, COLUMNS),
          "padding is zero");
}

/* Another last row of a sequence changes its own result alone, if it is causal. */
static void CheckCausal(void)
{
    World w = WorldCreate(2, true, false, false);
    Real before[NUMBERS];
    bool same = true, changed = false;

    AttentionLoss(&w);
    RealCopy(w.out, NUMBERS, before);
    for (int c = 0; c < COLUMNS; c++)
        w.k[3 * 32 + c] = w.v[3 * 32 + c] = w.q[3 * 32 + c] = 3;
    AttentionLoss(&w);
    for (size_t i = 0; i < NUMBERS; i++)
        if (i / 32 == 3)
            changed |= w.out[i] != before[i];
        else
            same &= w.out[i] == before[i];
    CHECK(same && changed, "what comes later is not seen");
}

/* Rows that stand for nothing may hold anything. */
static void CheckPadding(void)
{
    World w = WorldCreate(2, false, true, false);
    Real before[NUMBERS];

    AttentionLoss(&w);
    RealCopy(w.out, NUMBERS, before);
    for (int c = 0; c < COLUMNS; c++) {
        w.k[c] = w.v[32 + c] = w.q[c] = 1000;
        w.v[5 * 32 + c] = w.k[7 * 32 + c];
    }
    AttentionLoss(&w);
    CHECK(memcmp(w.out, before, sizeof(before)) == 0, "rows that stand for nothing are not seen");
}

void TestAttention(void)
{
    World plain = WorldCreate(1, true, false, false), heads = WorldCreate(4, true, true, true);
    World all = WorldCreate(2, false, true, false);

    CheckDefinition(&plain, "one head, causal");
    CheckWeights(&plain, "one head, causal");
    CheckGradients(&plain, "one head, causal");
    CheckGradients(&heads, "four heads, padding, dropout");
    heads.keep = NULL;
    CheckDefinition(&heads, "four heads, padding");
    CheckWeights(&heads, "four heads, padding");
    CheckDefinition(&all, "two heads, both ways, padding");
    CheckGradients(&all, "two heads, both ways, padding");
    CheckCausal();
    CheckPadding();
}
