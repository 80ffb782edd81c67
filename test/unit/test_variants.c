/*
 * test_variants.c: the same kernel for several instruction sets.
 *
 * The variants are private to their files, so these are compiled in here once more, under other
 * names.
 */
#define LearnCell    VariantsLearnCell
#define DotRows      VariantsDotRows
#define DotRowsAt    VariantsDotRowsAt
#define AddScaledRow VariantsAddScaledRow
#define VectorLevel  VariantsVectorLevel

#define MemoryRead      VariantsMemoryRead
#define MemoryWrite     VariantsMemoryWrite
#define MemoryBack      VariantsMemoryBack
#define MemoryScore     VariantsMemoryScore
#define MemoryDistances VariantsMemoryDistances
#define MemoryDistance  VariantsMemoryDistance
#define MemorySquares   VariantsMemorySquares
#define RowStep         VariantsRowStep
#define StepState       VariantsStepState
#define AdamStep        VariantsAdamStep

#include "algo/learn/optimizer.c"
#include "algo/nmrn/memory.c"
#include "algo/mf/triple.c"
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
                      .ordered = n,
                      .random = random};
}

static Rig LearnAt(TestHost *t, const Rig *start, int level, double *loss)
{
    Rig rig = RigCopy(start);
    CellWork work = PrepareCell();

    (void)t;
    LearnAnyVariants[level](&rig.rule, &work);
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
        DotEachVariants[level](rig.rule.users, rig.rule.items, 50, rig.rule.stride, out[level]);
    for (int level = 1; level <= top; level++)
        for (int i = 0; i < 50; i++)
            near &= fabs((double)out[0][i] - out[level][i]) < 1e-4;
    CHECK(near, "dot products of all instruction sets are close");
    if (top >= 2)
        CHECK(memcmp(out[1], out[2], sizeof(out[1])) == 0,
              "dot products of AVX2 and AVX-512 are the same bytes");
}

static void CheckScaledRows(TestHost *t)
{
    Rig rig = RigCreate(t, 1, 1, 100, OPTIMIZER_SGD, 1, 403);
    uint32_t stride = rig.rule.stride;
    float *sum[3];
    int top = VariantsVectorLevel();
    bool near = true;

    for (int level = 0; level <= top; level++) {
        sum[level] = HostAllocate(&t->host, stride, sizeof(float));
        memcpy(sum[level], rig.rule.users, stride * sizeof(float));
        AddScaledOneVariants[level](sum[level], rig.rule.items, -0.7f, stride);
        for (uint32_t k = 0; k < stride; k++)
            near &=
                Near((double)sum[level][k],
                     (double)rig.rule.users[k] - (double)0.7f * (double)rig.rule.items[k], 0, 1e-6);
    }
    CHECK(near, "a scaled row is added in all instruction sets");
    if (top >= 2)
        CHECK(memcmp(sum[1], sum[2], stride * sizeof(float)) == 0,
              "to the same bytes with AVX2 and AVX-512");
}

/* --- the memory: all that one event changes, in one block of floats */

#define SLOTS   5
#define RECENT  2
#define ROWS    (SLOTS + RECENT)
#define FACTORS 40
#define STRIDE  48

typedef struct Workings {
    float memory[ROWS * STRIDE], G[ROWS * STRIDE], previous[16], recent[RECENT * STRIDE];
    float user[STRIDE], item[STRIDE], negative[STRIDE], key[SLOTS * STRIDE];
    float gate[(2 * FACTORS + 2) * STRIDE], head[HEAD_ROWS * STRIDE];
    float user_gradient[STRIDE], item_gradient[STRIDE + 16], negative_gradient[STRIDE + 16];
    float key_gradient[SLOTS * STRIDE], gate_gradient[(2 * FACTORS + 2) * STRIDE];
    float recent_gradient[RECENT * STRIDE];
    float head_gradient[HEAD_ROWS * STRIDE], scores[SLOTS],
        state[2 * STRIDE] __attribute__((aligned(64)));
    float tape[3072] __attribute__((aligned(64))), scratch[1024]; /* not results */
} __attribute__((aligned(64))) Workings;

static void FillRows(float *rows, size_t count, Random *random)
{
    for (size_t r = 0; r < count; r++)
        for (size_t k = 0; k < FACTORS; k++)
            rows[r * STRIDE + k] = (float)(0.3 * RandomNormal(random));
}

static void FillEvent(Workings *e)
{
    Random random = TestStream(410);

    memset(e, 0, sizeof(*e));
    FillRows(e->memory, ROWS, &random);
    FillRows(e->G, ROWS, &random);
    FillRows(e->recent, RECENT, &random);
    FillRows(e->user, 1, &random);
    FillRows(e->item, 1, &random);
    FillRows(e->negative, 1, &random);
    FillRows(e->key, SLOTS, &random);
    FillRows(e->gate, 2 * FACTORS + 2, &random);
    FillRows(e->head, HEAD_ROWS, &random);
    for (int i = 0; i < SLOTS; i++)
        e->previous[i] = 0.2f;
}

static void RunEvent(Workings *e, int level, Addressing addressing, WriteForm write)
{
    MemoryShape shape = {FACTORS, STRIDE, SLOTS, 2, addressing, write, 5, 0.5, RECENT};
    Net net = {shape, e->key, e->gate, e->head, e->recent, e->scratch};
    NetGradient gradient = {e->key_gradient, e->gate_gradient, e->head_gradient,
                            e->recent_gradient};
    StepRule rule = {.kind = STEP_ADAGRAD_ROW,
                     .learning_rate = 0.1f,
                     .accumulator = 0.1f,
                     .decay = 0.9f,
                     .regularization = 0.01f,
                     .scale = 1};
    Step step = {.user = e->user,
                 .item = e->item,
                 .negative = e->negative,
                 .previous = e->previous,
                 .weight = 1,
                 .tape = e->tape,
                 .user_gradient = e->user_gradient,
                 .item_gradient = e->item_gradient,
                 .negative_gradient = e->negative_gradient};

    FillEvent(e);
    ReadVariants[level](&net, &step, e->memory);
    WriteVariants[level](&net, &step, e->memory, true);
    BackVariants[level](&net, &step, e->G, true, &gradient);
    ScoreVariants[level](e->user, e->key, NULL, SLOTS, STRIDE, e->scores);
    StepByRuleVariants[level](&rule, e->user, e->user_gradient, e->state, FACTORS, STRIDE);
    rule.kind = STEP_ADAGRAD;
    StepByRuleVariants[level](&rule, e->gate, e->gate_gradient, e->state + STRIDE, FACTORS, STRIDE);
}

static void CheckEvent(Addressing addressing, WriteForm write)
{
    static Workings event[3];
    const float *base = (const float *)&event[0];
    int top = VariantsVectorLevel();
    bool near = true;

    for (int level = 0; level <= top; level++)
        RunEvent(&event[level], level, addressing, write);
    for (int level = 1; level <= top; level++)
        for (size_t k = 0; k < offsetof(Workings, tape) / sizeof(float); k++)
            near &= Near(base[k], ((const float *)&event[level])[k], 1e-3, 1e-4);
    CHECK(near, "memory, addressing %d, write %d: all instruction sets are close", addressing,
          write);
    if (top >= 2)
        CHECK(memcmp(&event[1], &event[2], sizeof(Workings)) == 0,
              "memory, addressing %d, write %d: AVX2 and AVX-512 give the same bytes", addressing,
              write);
}

/* ---- steps */

typedef struct Stepped {
    float row[STRIDE], gradient[STRIDE], state[STRIDE];
} __attribute__((aligned(64))) Stepped;

static void RunSteps(Stepped *s, int level, const StepRule *rule)
{
    Random random = TestStream(420);

    memset(s, 0, sizeof(*s));
    FillRows(s->row, 1, &random);
    for (int step = 0; step < 20; step++) {
        FillRows(s->gradient, 1, &random);
        StepByRuleVariants[level](rule, s->row, s->gradient, s->state, FACTORS, STRIDE);
    }
}

static void CheckSteps(StepKind kind, float maximum_norm)
{
    static const char *const names[] = {"SGD", "Adagrad by row", "Adagrad", "RMSProp"};
    static Stepped at[VECTOR_LEVELS];
    StepRule rule = {.kind = kind,
                     .learning_rate = 0.1f,
                     .accumulator = 0.1f,
                     .decay = 0.9f,
                     .regularization = 0.01f,
                     .maximum_norm = maximum_norm,
                     .scale = 0.5f};
    int top = VariantsVectorLevel();
    bool near = true;

    for (int level = 0; level <= top; level++)
        RunSteps(&at[level], level, &rule);
    for (int level = 1; level <= top; level++)
        for (int k = 0; k < STRIDE; k++)
            near &= Near(at[0].row[k], at[level].row[k], 1e-5, 1e-6) &&
                    Near(at[0].state[k], at[level].state[k], 1e-5, 1e-6);
    CHECK(near, "%s, norm %.1f: steps of all instruction sets are close", names[kind],
          maximum_norm);
    if (top >= 2)
        CHECK(memcmp(&at[1], &at[2], sizeof(Stepped)) == 0,
              "%s, norm %.1f: AVX2 and AVX-512 give the same bytes", names[kind], maximum_norm);
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
    CheckScaledRows(&t);
    for (int addressing = 0; addressing < 3; addressing++)
        for (int write = 0; write < 2; write++)
            CheckEvent((Addressing)addressing, (WriteForm)write);
    for (int kind = 0; kind < 4; kind++) {
        CheckSteps((StepKind)kind, 0);
        CheckSteps((StepKind)kind, 1);
    }
    TestHostEnd(&t);
}
