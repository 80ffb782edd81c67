/*
 * test_levels.c: whole trainings and their answers with each instruction set of the machine.
 *
 * Programs of unit tests are linked with --wrap=VectorLevel: what asks for the level from another
 * file than core/vector.c gets no higher one than the test allows.
 */
#include <math.h>
#include <string.h>

#include "algo/itemknn/itemknn.h"
#include "check.h"
#include "core/vector.h"
#include "support.h"
#include "tests.h"

#define USERS  9
#define ITEMS  40
#define EVENTS 200
#define MOST   (1u << 20) /* numbers of a model and its answers */

static int most_level = VECTOR_LEVELS;

extern int __real_VectorLevel(void);
extern int __wrap_VectorLevel(void);

int __wrap_VectorLevel(void)
{
    int level = __real_VectorLevel();

    return level < most_level ? level : most_level;
}

/* All parts, then each user's query and scores. */
typedef struct Result {
    float *number;
    size_t count;
} Result;

static void Add(Result *r, const float *numbers, size_t count)
{
    if (r->count + count <= MOST)
        memcpy(r->number + r->count, numbers, count * sizeof(float));
    r->count += count;
}

static void AddAnswers(const Host *host, const Interactions *data, const Model *m, Result *r)
{
    Histories histories = HistoriesOf(m, data, true);
    size_t width = m->algorithm->query_width(m);
    uint32_t *items = HostAllocate(host, histories.room + 1, sizeof(uint32_t));
    float *query = HostAllocateZero(host, width + 1, sizeof(float));
    float *scores = HostAllocateZero(host, m->items, sizeof(float));

    for (uint32_t u = 0; u < m->users; u++) {
        HistoriesQuery(&histories, m, u, items, query);
        ModelScore(m, query, 1, scores);
        Add(r, query, width);
        Add(r, scores, m->items);
    }
}

/* Wide enough for several vectors of each width. */
static void RunAt(TestHost *t, int level, uint32_t number, Result *r)
{
    const Algorithm *algorithm = SmallAlgorithm(number);
    TasteStream stream;
    Interactions data;
    Training run;

    most_level = level;
    stream = TasteStreamCreate(&t->host, USERS, ITEMS, 4, EVENTS, EVENTS, 993);
    data = TasteStreamData(&t->host, &stream, EVENTS);
    InteractionsHoldOut(&t->host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(t, &data, algorithm->name, "", &run);
    SetSmall(algorithm, &run.options,
             OptionFind(algorithm->options, "factors") != NULL ? "factors=40" : "");
    SetOptions(algorithm, &run.options, SmallSettings(number));
    ModelLayout(&run.model, algorithm, &run.options, USERS, ITEMS);
    ModelAllocate(&t->host, &run.model);
    ModelCountPopularity(&t->host, &data, &run.model);
    algorithm->train(&t->host, &data, &run.model, &run.report);
    *r = (Result){HostAllocateZero(&t->host, MOST, sizeof(float)), 0};
    for (int p = 0; p < run.model.parts; p++)
        Add(r, run.model.part[p].data, PartFloats(&run.model.part[p]));
    AddAnswers(&t->host, &data, &run.model, r);
    most_level = VECTOR_LEVELS;
}

/* Share of the numbers that differ by more than rounding. */
static double Apart(const Result *a, const Result *b)
{
    size_t apart = 0;

    for (size_t i = 0; i < a->count; i++)
        apart += !Near(a->number[i], b->number[i], 1e-2, 1e-3);
    return (double)apart / (double)a->count;
}

/* Returns whether fused products show: in most trainings; with little optimisation in a quarter. */
static bool CheckSmall(uint32_t number, int top)
{
    const char *name = SmallAlgorithm(number)->name, *settings = SmallSettings(number);
    Result at[VECTOR_LEVELS] = {{NULL, 0}};
    bool differs;
    TestHost t;

    TestHostInit(&t);
    for (int level = 0; level <= top; level++)
        RunAt(&t, level, number, &at[level]);
    for (int level = 1; level <= top; level++)
        CHECK(at[0].count == at[level].count && at[0].count <= MOST &&
                  Apart(&at[0], &at[level]) < 0.001,
              "%s %s, level %d: as without it but for rounding, %.4f of %zu numbers", name,
              settings, level, Apart(&at[0], &at[level]), at[0].count);
    if (top >= 2)
        CHECK(memcmp(at[1].number, at[2].number, at[1].count * sizeof(float)) == 0,
              "%s %s: AVX2 and AVX-512 give the same bytes", name, settings);
    differs = memcmp(at[0].number, at[1].number, at[0].count * sizeof(float)) != 0;
    TestHostEnd(&t);
    return differs;
}

/* A forged model of neighbours, with a gap where vectors of 8 begin, and those of 16 do not. */
static void CheckGaps(int top)
{
    float score[VECTOR_LEVELS + 1][ITEMS];
    TestHost t;
    TasteStream stream;
    Interactions data;
    Training run;
    float *query;

    TestHostInit(&t);
    stream = TasteStreamCreate(&t.host, USERS, ITEMS, 4, EVENTS, EVENTS, 993);
    data = TasteStreamData(&t.host, &stream, EVENTS);
    Train(&t, &data, "itemknn", "neighbors=60", &run);
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint32_t k = 0; k < 60; k++) {
            PartRow(&run.model.part[KNN_NEIGHBOR_PART], i)[k] = (float)(k % ITEMS);
            PartRow(&run.model.part[KNN_SIMILARITY_PART], i)[k] = k % 16 == 8 ? 0 : 0.25f;
        }
    query = HostAllocate(&t.host, run.model.algorithm->query_width(&run.model), sizeof(float));
    run.model.algorithm->query(&run.model,
                               &(QueryInput){.row = NO_ROW,
                                             .items = data.item,
                                             .count = (uint32_t)(data.offset[1] - data.offset[0])},
                               query);
    for (int level = 0; level <= top; level++) {
        most_level = level;
        ModelScore(&run.model, query, 1, score[level]);
        CHECK(memcmp(score[0], score[level], sizeof(score[0])) == 0,
              "level %d: gaps in a row are the same to all", level);
    }
    most_level = VECTOR_LEVELS;
    TestHostEnd(&t);
}

void TestLevels(void)
{
    int top = __real_VectorLevel();
    uint32_t differ = 0;

    if (top < 1)
        Skip("no AVX2 here", "instruction sets give the same but for rounding");
    if (top < 2)
        Skip("no AVX-512 here", "AVX2 and AVX-512 give the same bytes");
    CheckGaps(top);
    for (uint32_t i = 0; i < SmallModels() && top > 0; i++)
        differ += CheckSmall(i, top);
    if (top > 0)
        CHECK(differ > SmallModels() / 8, "the levels are at work: %u of %u models differ", differ,
              SmallModels());
}
