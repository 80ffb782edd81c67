/* test_scan.c: the best items as a naive ranking of all scores finds them, bit for bit. */
#include "algo/rank/scan.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "support.h"
#include "tests.h"

#define MOST_ITEMS 3000
#define QUERIES    CODES_QUERIES

typedef struct Case {
    TestHost t;
    Model model;
    MfOptions options;
    float *queries;
    uint32_t width;
    Random random;
} Case;

/* ---- algorithms ---- */

static uint32_t Width(const Model *model)
{
    return model->part[1].stride;
}

/* Minus the distance to the item, and a term of the item's own, as metric models have it. */
static void DistanceScalars(const Model *view, float *out)
{
    const Part *item = &view->part[1];

    for (uint32_t i = 0; i < view->items; i++) {
        float sum = 0;

        for (uint32_t c = 0; c < item->stride; c++)
            sum +=
                item->data[(size_t)i * item->stride + c] * item->data[(size_t)i * item->stride + c];
        out[i] = sum;
        out[view->items + i] = view->part[0].data[i] / 10;
    }
}

static void DistanceFinish(const Model *model, const float *query, const float *scalars,
                           size_t pitch, uint32_t count, float *products)
{
    float size = 0;

    for (uint32_t c = 0; c < Width(model); c++)
        size += query[c] * query[c];
    for (uint32_t i = 0; i < count; i++)
        products[i] =
            -sqrtf(fmaxf(size + scalars[i] - 2 * products[i], 0) + 1e-12f) + scalars[pitch + i];
}

static const Algorithm product = {.name = "product", .query_width = Width, .items = 1};
static const Algorithm distance = {.name = "distance",
                                   .query_width = Width,
                                   .items = 1,
                                   .scalars = 2,
                                   .item_scalars = DistanceScalars,
                                   .finish = DistanceFinish};

/* ---- data ---- */

typedef float (*Element)(Random *random, uint32_t row, uint32_t column);

static float Normal(Random *random, uint32_t row, uint32_t column)
{
    (void)row, (void)column;
    return (float)RandomNormal(random);
}

static float Uneven(Random *random, uint32_t row, uint32_t column)
{
    (void)column;
    return (float)(RandomNormal(random) * exp2((double)(row * 7919 % 41) - 20));
}

static float Huge(Random *random, uint32_t row, uint32_t column)
{
    (void)row, (void)column;
    return (float)((RandomUniform(random) - 0.5) * 2 * FLT_MAX);
}

/* Products near the greatest float: some overflow, some do not. */
static float Edge(Random *random, uint32_t row, uint32_t column)
{
    (void)row, (void)column;
    return (float)((RandomUniform(random) - 0.5) * 2e19);
}

static float Denormal(Random *random, uint32_t row, uint32_t column)
{
    (void)row, (void)column;
    return (float)((RandomUniform(random) - 0.5) * 1e-40);
}

/* Products underflow to a few distinct values. */
static float Tiny(Random *random, uint32_t row, uint32_t column)
{
    (void)row, (void)column;
    return (float)((RandomUniform(random) - 0.5) * 1e-22);
}

static float Equal(Random *random, uint32_t row, uint32_t column)
{
    (void)random, (void)row;
    return 0.1f * (float)(column % 3);
}

static float Zero(Random *random, uint32_t row, uint32_t column)
{
    (void)random, (void)row;
    return column % 2 ? 0.0f : -0.0f;
}

static float Signs(Random *random, uint32_t row, uint32_t column)
{
    (void)row, (void)column;
    return RandomBelow(random, 2) ? 1 : -1;
}

static float Sparse(Random *random, uint32_t row, uint32_t column)
{
    (void)column;
    return RandomBelow(random, 16) ? 0 : (float)(row % 5);
}

/* Scores that differ in the last bit only. */
static float Close(Random *random, uint32_t row, uint32_t column)
{
    (void)random;
    return column == 0 ? nextafterf(1, row % 3 == 0 ? 0 : row % 3 == 1 ? 1 : 2) : 0.125f;
}

/* One element outweighs all others, a different one in each row. */
static float Spikes(Random *random, uint32_t row, uint32_t column)
{
    return column == row % 16 ? 1e6f : (float)RandomNormal(random) * 1e-3f;
}

static void Prepare(Case *c, const Algorithm *algorithm, uint32_t items, uint32_t columns,
                    Element element)
{
    TestHostInit(&c->t);
    c->random = TestStream(800 + columns);
    c->model = (Model){.algorithm = algorithm, .items = items, .users = 1};
    ModelAddPart(&c->model, "popularity", AXIS_ITEM, items, 1);
    c->model.part[0].stride = 1;
    ModelAddPart(&c->model, "item", AXIS_ITEM, items, columns);
    ModelAllocate(&c->t.host, &c->model);
    c->width = c->model.part[1].stride;
    c->queries = HostAllocateZero(&c->t.host, (size_t)QUERIES * c->width, sizeof(float));
    for (uint32_t i = 0; i < items; i++) {
        c->model.part[0].data[i] = (float)RandomBelow(&c->random, 9);
        for (uint32_t k = 0; k < columns; k++)
            c->model.part[1].data[(size_t)i * c->width + k] = element(&c->random, i, k);
    }
    for (uint32_t q = 0; q < QUERIES; q++)
        for (uint32_t k = 0; k < columns; k++)
            c->queries[q * c->width + k] = element(&c->random, q * 31, k);
}

/* ---- the naive ranking ---- */

static int Compare(const void *a, const void *b)
{
    const Scored *x = a, *y = b;

    return ScoredBetter(*x, *y) ? -1 : ScoredBetter(*y, *x) ? 1 : 0;
}

static bool Listed(const uint32_t *list, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == item)
            return true;
    return false;
}

static uint32_t Naive(const Case *c, const ScanTask *task, Scored *out)
{
    static float scores[MOST_ITEMS] __attribute__((aligned(64)));
    uint32_t kept = 0;

    if (task->query == NULL)
        memcpy(scores, c->model.part[0].data, c->model.items * sizeof(float));
    else
        ModelScore(&c->model, task->query, 1, scores);
    for (uint32_t i = 0; i < c->model.items; i++)
        scores[i] -= task->weight * (float)log(fmaxf(c->model.part[0].data[i], 1));
    for (uint32_t i = 0; i < c->model.items; i++)
        if (!isnan(scores[i]) && !Listed(task->without, task->without_count, i) &&
            (task->among == NULL || task->among[i / 64] >> i % 64 & 1))
            out[kept++] = (Scored){scores[i], i};
    qsort(out, kept, sizeof(Scored), Compare);
    return kept < task->top->limit ? kept : task->top->limit;
}

static bool SameAsNaive(const Case *c, const ScanTask *task)
{
    static Scored expected[MOST_ITEMS];
    uint32_t count = Naive(c, task, expected);

    if (task->top->count != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (expected[i].item != task->top->entries[i].item ||
            memcmp(&expected[i].score, &task->top->entries[i].score, sizeof(float)) != 0)
            return false;
    return true;
}

/* ---- runs ---- */

/* All items at once, or in pieces of `piece` items with codes of their own. */
static void RunScan(Case *c, ScanTask *tasks, uint32_t count, uint32_t piece)
{
    const Host *host = &c->t.host;
    void *scratch = HostAllocate(host, QUERIES * ScanTaskSize(&c->model), 1);

    for (uint32_t first = 0; first < c->model.items; first += piece) {
        uint32_t left = c->model.items - first;
        Model view;
        Scan scan;
        ScanRun run;
        void *memory;

        ModelViewItems(&c->model, first, left < piece ? left : piece, &view);
        memory = HostAllocate(host, ScanSize(&view), 1);
        ScanPlace(&scan, &view, memory);
        ScanBuild(host, &scan);
        ScanStart(&run, &scan, first, tasks, count, scratch);
        while (ScanStep(&run))
            ;
        HostRelease(host, memory);
    }
    HostRelease(host, scratch);
}

/* With `weighted`, each query has another weight against popularity, the first none. */
static bool Agrees(Case *c, uint32_t k, uint32_t count, uint32_t piece, bool filter, bool known,
                   bool weighted)
{
    static const float weights[QUERIES] = {0, 1e-6f, 0.01f, 0.3f, 1, 7, 1e3f, 1e6f};
    static Scored entries[QUERIES][MOST_ITEMS];
    ScanTask tasks[QUERIES];
    TopK tops[QUERIES];
    uint32_t without[40];
    uint64_t among[MOST_ITEMS / 64 + 1];
    bool right = true;

    for (uint32_t i = 0; i < 40; i++)
        without[i] = i * (c->model.items / 40 + 1) + i % 2;
    for (uint32_t i = 0; i <= MOST_ITEMS / 64; i++)
        among[i] = RandomNext(&c->random) & RandomNext(&c->random);
    for (uint32_t q = 0; q < count; q++) {
        tops[q] = (TopK){entries[q], k, 0};
        tasks[q] = (ScanTask){.query = known ? c->queries + q * c->width : NULL, .top = &tops[q]};
        if (weighted)
            tasks[q].weight = weights[count == 1 ? 4 : q];
        if (filter) {
            tasks[q].without = without;
            tasks[q].without_count = 40 - q;
            tasks[q].among = q % 2 ? among : NULL;
        }
    }
    RunScan(c, tasks, count, piece);
    for (uint32_t q = 0; q < count; q++) {
        TopKFinish(&tops[q]);
        right &= SameAsNaive(c, &tasks[q]);
    }
    return right;
}

static void CheckCase(const Algorithm *algorithm, const char *name, Element element, uint32_t items,
                      uint32_t columns)
{
    static const uint32_t limits[] = {0, 1, 10, 257, MOST_ITEMS};
    Case c;
    bool right = true;

    Prepare(&c, algorithm, items, columns, element);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        for (int filter = 0; filter < 2; filter++) {
            right &= Agrees(&c, limits[i], 1, items, filter, true, filter);
            right &= Agrees(&c, limits[i], QUERIES, items, filter, true, !filter);
            right &= Agrees(&c, limits[i], 3, 777, filter, true, false);
            right &= Agrees(&c, limits[i], QUERIES, 777, filter, true, true);
        }
    right &= Agrees(&c, 20, 2, items, true, false, false);
    right &= Agrees(&c, 20, QUERIES, items, true, false, true);
    CHECK(right, "%s, %s, %u items x %u: as the naive ranking", algorithm->name, name, items,
          columns);
    TestHostEnd(&c.t);
}

/* Queries with NaN or infinities: what scores NaN never ranks, all else as always. */
static void CheckNotFinite(void)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    bool right = true;
    Case c;

    Prepare(&c, &product, 1000, 16, Sparse);
    for (uint32_t q = 0; q < 3; q++)
        c.queries[q * c.width + q] = bad[q];
    right &= Agrees(&c, 10, 1, 1000, false, true, false) &&
             Agrees(&c, 2000, 4, 1000, true, true, false) &&
             Agrees(&c, 2000, QUERIES, 1000, true, true, true);
    CHECK(right, "queries that are not finite: as the naive ranking");
    TestHostEnd(&c.t);
}

/* Most of the items are never scored in full. */
static void CheckSkips(void)
{
    Case c;
    Scored entries[10];
    TopK top = {entries, 10, 0};
    ScanTask task = {.top = &top};
    uint32_t touched = 0;
    int32_t limit, products[CODES_QUERIES][CODES_BLOCK];
    Scan scan;
    void *memory;

    Prepare(&c, &product, MOST_ITEMS, 64, Normal);
    task.query = c.queries;
    RunScan(&c, &task, 1, MOST_ITEMS);
    memory = HostAllocate(&c.t.host, ScanSize(&c.model), 1);
    ScanPlace(&scan, &c.model, memory);
    ScanBuild(&c.t.host, &scan);
    task.coded.values = HostAllocate(&c.t.host, 64, 1);
    CodesQueryBuild(&task.coded, task.query, 64);
    for (uint32_t b = 0; b < CodesBlocks(&scan.codes); b++) {
        const int8_t *values[] = {task.coded.values};

        limit = CodesLimit(&scan.codes, &scan.codes.blocks[b], &task.coded, TopKThreshold(&top));
        CodesProducts(&scan.codes, b, values, 1, products);
        for (uint32_t i = 0; i < CodesBlockRows(&scan.codes, b); i++)
            touched += products[0][i] >= limit;
    }
    CHECK(touched >= 10 && touched < MOST_ITEMS / 5, "%u of %u items need their floats", touched,
          MOST_ITEMS);
    TestHostEnd(&c.t);
}

void TestScan(void)
{
    static const struct {
        const char *name;
        Element element;
    } kinds[] = {{"random", Normal},      {"uneven norms", Uneven}, {"huge", Huge},
                 {"near overflow", Edge}, {"denormal", Denormal},   {"underflow", Tiny},
                 {"all equal", Equal},    {"signed zeros", Zero},   {"signs", Signs},
                 {"sparse", Sparse},      {"last bits", Close},     {"spikes", Spikes}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        CheckCase(&product, kinds[i].name, kinds[i].element, MOST_ITEMS, 64);
        CheckCase(&product, kinds[i].name, kinds[i].element, 1000, 5);
        CheckCase(&distance, kinds[i].name, kinds[i].element, 1500, 20);
    }
    CheckCase(&product, "random", Normal, 1, 1);
    CheckCase(&product, "random", Normal, 255, 300);
    CheckNotFinite();
    CheckSkips();
}
