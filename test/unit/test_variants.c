/*
 * test_variants.c: the same kernel for several instruction sets.
 *
 * The variants are private to their files, so these are compiled in here once more, under other
 * names.
 */
#define LearnCell   VariantsLearnCell
#define DotRows     VariantsDotRows
#define DotRowsAt   VariantsDotRowsAt
#define VectorLevel VariantsVectorLevel

#include "algo/triple.c"
#include "core/vector.c"

#include "check.h"
#include "rig.h"
#include "support.h"
#include "tests.h"

#define ENTRIES 2000
#define BLOCK   128

static CellEntry entries[ENTRIES];
static uint32_t block[BLOCK], order[ENTRIES];

static CellWork PrepareCell(void)
{
    Random random = TestStream(400);
    uint32_t n = 0;

    for (uint32_t u = 0; u < 100; u++)
        for (uint32_t i = 0; i < BLOCK && n < ENTRIES; i++)
            if (RandomBelow(&random, 7) == 0)
                entries[n++] = (CellEntry){u, i};
    for (uint32_t i = 0; i < BLOCK; i++)
        block[i] = i;
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    return (CellWork){.entries = entries,
                      .count = n,
                      .block = block,
                      .block_size = BLOCK,
                      .order = order,
                      .random = random};
}

static Rig LearnAt(TestHost *t, const Rig *start, int level, double *loss)
{
    Rig rig = RigCopy(start);
    CellWork work = PrepareCell();

    (void)t;
    LearnCellVariants[level](&rig.rule, &work);
    *loss = work.loss;
    return rig;
}

static void CheckRule(TestHost *t, Optimizer optimizer, bool adversarial, uint32_t candidates,
                      uint32_t factors)
{
    static const char *const names[] = {"adagrad_row", "adagrad", "sgd"};
    Rig start = RigCreate(t, 100, BLOCK, factors, optimizer, 0.3, 401), base;
    Rig at[VECTOR_LEVELS];
    double loss[VECTOR_LEVELS];
    int top = VariantsVectorLevel();

    start.rule.regularization = 0.01f;
    start.rule.candidates = candidates;
    if (adversarial)
        RigSetAdversarial(&start, 0.5f, 1);
    for (int level = 0; level <= top; level++)
        at[level] = LearnAt(t, &start, level, &loss[level]);
    base = at[0];
    /* One other negative, after another rounding, makes another model: only where none can. */
    if (top >= 1 && candidates == 1)
        CHECK(RigDistance(&base, &at[1], &start) < 1e-3 && Near(loss[0], loss[1], 1e-5, 0),
              "%s%s, %u factors: AVX2 is close to the baseline", names[optimizer],
              adversarial ? ", adversarial" : "", factors);
    if (top >= 2)
        CHECK(RigSameBytes(&at[1], &at[2]) && loss[1] == loss[2],
              "%s%s, %u factors, %u candidates: AVX2 and AVX-512 give the same bytes",
              names[optimizer], adversarial ? ", adversarial" : "", factors, candidates);
}

static void CheckDots(TestHost *t)
{
    Rig rig = RigCreate(t, 1, 50, 100, OPTIMIZER_SGD, 1, 402);
    float out[3][50];
    int top = VariantsVectorLevel();
    bool near = true;

    for (int level = 0; level <= top; level++)
        DotRowsVariants[level](rig.rule.users, rig.rule.items, 50, rig.rule.stride, out[level]);
    for (int level = 1; level <= top; level++)
        for (int i = 0; i < 50; i++)
            near &= fabs((double)out[0][i] - out[level][i]) < 1e-4;
    CHECK(near, "dot products of all instruction sets are close");
    if (top >= 2)
        CHECK(memcmp(out[1], out[2], sizeof(out[1])) == 0,
              "dot products of AVX2 and AVX-512 are the same bytes");
}

void TestVariants(void)
{
    static const uint32_t widths[] = {8, 32, 64, 100, 128};
    TestHost t;

    if (VariantsVectorLevel() < 2)
        Skip("no AVX-512 here", "AVX2 and AVX-512 give the same bytes");
    TestHostInit(&t);
    for (int optimizer = 0; optimizer < 3; optimizer++)
        for (int adversarial = 0; adversarial < 2; adversarial++)
            for (int w = 0; w < 5; w++)
                if (w == 2 || optimizer == OPTIMIZER_ADAGRAD_ROW)
                    CheckRule(&t, (Optimizer)optimizer, adversarial, w == 3 ? 4 : 1, widths[w]);
    CheckDots(&t);
    TestHostEnd(&t);
}
