/*
 * test_lists.c: what lists are made of, and rankings that popularity takes something from, against
 * sorting all scores.
 */
#include "algo/rank/lists.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/rank/penalty.h"
#include "check.h"
#include "core/pool.h"
#include "core/topk.h"
#include "support.h"
#include "tests.h"

#define USERS  700
#define ITEMS  613
#define WIDTH  32
#define MOST_K 5

static float user_rows[USERS * WIDTH] __attribute__((aligned(64)));

static uint32_t Width(const Model *model)
{
    return model->part[1].stride;
}

static void Query(const Model *view, const QueryInput *input, float *query)
{
    (void)view;
    memcpy(query, user_rows + (size_t)input->row * WIDTH, WIDTH * sizeof(float));
}

static const Algorithm product = {
    .name = "product", .query_width = Width, .query = Query, .items = 1};

typedef struct Case {
    TestHost t;
    Model model;
    Interactions data;
    RankingCase *cases;
    size_t count;
} Case;

static const uint32_t cutoffs[MOST_K] = {10, 1, 100, UINT32_MAX, 1};

/* Many scores tie; every third user is asked for, with one item that is not in training. */
static void Prepare(Case *c)
{
    Random random = TestStream(950);

    TestHostInit(&c->t);
    c->data = RandomInteractions(&c->t.host, USERS, ITEMS, 20, 951);
    c->model = (Model){.algorithm = &product, .users = USERS, .items = ITEMS};
    ModelAddPart(&c->model, "popularity", AXIS_ITEM, ITEMS, 1);
    c->model.part[0].stride = 1;
    ModelAddPart(&c->model, "item", AXIS_ITEM, ITEMS, WIDTH);
    ModelAllocate(&c->t.host, &c->model);
    ModelCountPopularity(&c->t.host, &c->data, &c->model);
    for (uint32_t i = 0; i < ITEMS * WIDTH; i++)
        c->model.part[1].data[i] = (float)RandomBelow(&random, 3) - 1;
    for (uint32_t i = 0; i < USERS * WIDTH; i++)
        user_rows[i] = (float)RandomBelow(&random, 3) - 1;
    c->cases = HostAllocate(&c->t.host, USERS, sizeof(RankingCase));
    c->count = 0;
    for (uint32_t u = 0; u < USERS; u += 3) {
        uint32_t *item = HostAllocate(&c->t.host, 1, sizeof(uint32_t));

        *item = RandomBelow(&random, ITEMS);
        c->cases[c->count++] =
            (RankingCase){.user = u,
                          .relevant = item,
                          .relevant_count = !InteractionsContain(&c->data, u, *item),
                          .excluded = c->data.item + c->data.offset[u],
                          .excluded_count = (uint32_t)(c->data.offset[u + 1] - c->data.offset[u]),
                          .positions = HostAllocate(&c->t.host, 1, sizeof(uint32_t))};
    }
}

static int Compare(const void *a, const void *b)
{
    const Scored *x = a, *y = b;

    return ScoredBetter(*x, *y) ? -1 : ScoredBetter(*y, *x) ? 1 : 0;
}

/* What the user has not, best first; returns how many. */
static uint32_t NaiveList(const Case *c, uint32_t user, float weight, Scored *list)
{
    float scores[ITEMS] __attribute__((aligned(64)));
    uint32_t count = 0;

    ModelScore(&c->model, user_rows + (size_t)user * WIDTH, 1, scores);
    for (uint32_t i = 0; i < ITEMS; i++) {
        float popularity = c->model.part[0].data[i];

        if (!InteractionsContain(&c->data, user, i))
            list[count++] =
                (Scored){scores[i] - weight * (popularity > 1 ? (float)log(popularity) : 0), i};
    }
    qsort(list, count, sizeof(Scored), Compare);
    return count;
}

static ListMetrics Naive(const Case *c, uint32_t k, float weight)
{
    static Scored list[ITEMS];
    bool listed[ITEMS] = {false};
    ListMetrics m = {.k = k};

    for (size_t n = 0; n < c->count; n++) {
        uint32_t count = NaiveList(c, c->cases[n].user, weight, list);
        double popularity = 0, novelty = 0;

        count = count < k ? count : k;
        for (uint32_t i = 0; i < count; i++) {
            double users = c->model.part[0].data[list[i].item];

            listed[list[i].item] = true;
            popularity += users;
            novelty -= log2(fmax(users, 1) / USERS);
        }
        m.lists += count > 0;
        m.popularity += count > 0 ? popularity / count : 0;
        m.novelty += count > 0 ? novelty / count : 0;
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        m.coverage += listed[i];
    m.coverage /= ITEMS;
    m.popularity /= (double)m.lists;
    m.novelty /= (double)m.lists;
    return m;
}

static void Measure(Case *c, float weight, ListMetrics *metrics)
{
    for (uint32_t m = 0; m < MOST_K; m++)
        metrics[m] = (ListMetrics){.k = cutoffs[m]};
    MeasureLists(&c->t.host, &c->model, NO_HISTORIES, &c->data, weight, c->cases, c->count, metrics,
                 MOST_K);
}

static void CheckLists(Case *c, float weight)
{
    ListMetrics metrics[MOST_K];

    Measure(c, weight, metrics);
    for (uint32_t m = 0; m < MOST_K; m++) {
        ListMetrics naive = Naive(c, cutoffs[m], weight);

        CHECK(metrics[m].coverage == naive.coverage && metrics[m].lists == naive.lists &&
                  Near(metrics[m].popularity, naive.popularity, 1e-12, 0) &&
                  Near(metrics[m].novelty, naive.novelty, 1e-12, 0),
              "weight %g, first %u: coverage %.4f of %.4f, popularity %.4f of %.4f", weight,
              cutoffs[m], metrics[m].coverage, naive.coverage, metrics[m].popularity,
              naive.popularity);
    }
}

static void CheckThreads(Case *c)
{
    ListMetrics one[MOST_K], three[MOST_K];
    size_t before;

    Measure(c, 0.5f, one);
    TestHostUsePool(&c->t, 3);
    TestHostResetPeak(&c->t);
    before = c->t.bytes;
    Measure(c, 0.5f, three);
    CHECK(memcmp(one, three, sizeof(one)) == 0, "three threads: the same bytes");
    CHECK(c->t.peak - before <=
              ListsMemory(&c->model, 3, c->count, three, MOST_K) + 3 + TestHostSlack(&c->t),
          "no more memory than estimated");
    CHECK(c->t.bytes == before, "and none is kept");
    PoolDestroy(c->t.host.pool);
    c->t.host.pool = NULL;
}

static int CallsFor(Case *c, uint64_t interactions)
{
    int before = c->t.calls;
    Interactions few = c->data;
    ListMetrics m = {.k = 3};

    few.count = interactions;
    MeasureLists(&c->t.host, &c->model, NO_HISTORIES, &few, 0, c->cases, 1, &m, 1);
    return c->t.calls - before;
}

static int CallsOfRanking(Case *c, float weight)
{
    int before = c->t.calls;

    RankCasesPenalised(&c->t.host, &c->model, NO_HISTORIES, weight, c->cases, 1);
    return c->t.calls - before;
}

/* Counting the owners of items goes through all interactions, logarithms through all items. */
static void CheckInterrupts(Case *c)
{
    CHECK(c->data.count > 3 * 4096 && CallsFor(c, c->data.count) >= CallsFor(c, 1) + 3,
          "%d looks at interrupts with %llu interactions, %d with one", CallsFor(c, c->data.count),
          (unsigned long long)c->data.count, CallsFor(c, 1));
    CHECK(CallsOfRanking(c, 0.5f) > CallsOfRanking(c, 0), "and %d with a weight, %d without",
          CallsOfRanking(c, 0.5f), CallsOfRanking(c, 0));
}

/* Without a weight there are no logarithms to keep. */
static void CheckLogs(Case *c)
{
    size_t before = c->t.bytes, plain;

    TestHostResetPeak(&c->t);
    RankCases(&c->t.host, &c->model, NO_HISTORIES, c->cases, 1);
    plain = c->t.peak;
    TestHostResetPeak(&c->t);
    RankCasesPenalised(&c->t.host, &c->model, NO_HISTORIES, 0.5f, c->cases, 1);
    CHECK(c->t.peak >= plain + ITEMS * sizeof(float) &&
              c->t.peak < plain + ITEMS * sizeof(float) + 128 && c->t.bytes == before,
          "logarithms of popularity take %zu bytes", c->t.peak - plain);
}

/* Users who have everything have no list. */
static void CheckEmpty(Case *c)
{
    uint32_t all[ITEMS];
    RankingCase full = {.user = 0, .excluded = all, .excluded_count = ITEMS};
    ListMetrics m = {.k = 3};

    for (uint32_t i = 0; i < ITEMS; i++)
        all[i] = i;
    MeasureLists(&c->t.host, &c->model, NO_HISTORIES, &c->data, 0, &full, 1, &m, 1);
    CHECK(m.lists == 0 && m.coverage == 0 && isnan(m.popularity) && isnan(m.novelty),
          "nothing is left to list");
}

/* Positions are those in the list that is served. */
static void CheckPositions(Case *c, float weight)
{
    static Scored list[ITEMS];
    uint32_t wrong = 0, ranked = 0;

    RankCasesPenalised(&c->t.host, &c->model, NO_HISTORIES, weight, c->cases, c->count);
    for (size_t n = 0; n < c->count; n++) {
        const RankingCase *one = &c->cases[n];

        if (one->relevant_count == 0)
            continue;
        NaiveList(c, one->user, weight, list);
        wrong += list[one->positions[0]].item != one->relevant[0];
        ranked++;
    }
    CHECK(wrong == 0 && ranked > 100, "weight %g: %u of %u positions are not those in the list",
          weight, wrong, ranked);
}

void TestLists(void)
{
    static const float weights[] = {0, 1e-3f, 0.5f, 3, 1e6f};
    static Case c;

    Prepare(&c);
    for (size_t w = 0; w < sizeof(weights) / sizeof(weights[0]); w++) {
        CheckLists(&c, weights[w]);
        CheckPositions(&c, weights[w]);
    }
    CheckThreads(&c);
    CheckInterrupts(&c);
    CheckLogs(&c);
    CheckEmpty(&c);
    TestHostEnd(&c.t);
}
