/* test_target.c: what models would have shown in a log, against a plain ranking. */
#include "algo/policy/target.h"

#include <math.h>
#include <string.h>

#include "algo/policy/environment.h"
#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define ITEMS    40 /* of the model; the log has some that the model does not know */
#define UNKNOWN  5
#define SESSIONS 60
#define MOST_K   6

typedef struct World {
    TestHost t;
    Interactions data;
    Training run;
    Slates log;
    Past past;
    uint32_t policy_item[ITEMS + UNKNOWN];
    uint32_t *greedy;
    bool told; /* does the log tell the past? */
    size_t peak;
} World;

static void AddStep(World *w, Random *random, uint32_t k)
{
    for (uint32_t i = 0; i < k; i++) {
        uint64_t at = w->log.shown_count++;

        w->log.shown[at] =
            (RandomBelow(random, ITEMS + UNKNOWN) / MOST_K * MOST_K + i) % (ITEMS + UNKNOWN);
        w->log.clicked[at] = RandomUniform(random) < 0.5;
    }
    w->log.step[++w->log.steps] = w->log.shown_count;
}

/* Sessions of up to 20 steps of 1 to 6 items, with pasts of up to 69. */
static void MakeLog(World *w)
{
    const Host *host = &w->t.host;
    Random random = TestStream(8800);
    uint64_t *first = HostAllocateZero(host, SESSIONS * 20 + 1, sizeof(uint64_t));
    uint32_t *items = HostAllocate(host, SESSIONS * 20 * 70, sizeof(uint32_t));

    w->log.items = ITEMS + UNKNOWN;
    w->log.session = HostAllocateZero(host, SESSIONS + 1, sizeof(uint64_t));
    w->log.step = HostAllocateZero(host, SESSIONS * 20 + 1, sizeof(uint64_t));
    w->log.shown = HostAllocate(host, SESSIONS * 20 * MOST_K, sizeof(uint32_t));
    w->log.clicked = HostAllocate(host, SESSIONS * 20 * MOST_K, sizeof(bool));
    for (uint32_t s = 0; s < SESSIONS; s++) {
        for (uint32_t t = 0; t < 1 + s % 20; t++)
            AddStep(w, &random, 1 + RandomBelow(&random, MOST_K));
        w->log.session[++w->log.sessions] = w->log.steps;
    }
    for (uint64_t t = 0; t < w->log.steps; t++) {
        first[t + 1] = first[t];
        for (uint32_t p = 0; p < t % 70; p++)
            items[first[t + 1]++] = RandomBelow(&random, ITEMS + UNKNOWN);
    }
    w->past = (Past){first, items};
    w->greedy = HostAllocate(host, w->log.shown_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < ITEMS + UNKNOWN; i++) /* the log counts from the other end */
        w->policy_item[i] = i < UNKNOWN ? NO_ITEM : ITEMS + UNKNOWN - 1 - i;
}

static void WorldOpen(World *w, const char *algorithm, const char *settings, int threads)
{
    memset(w, 0, sizeof(*w));
    TestHostInit(&w->t);
    TestHostUsePool(&w->t, threads);
    w->data = TasteInteractions(&w->t.host, 60, ITEMS, 4, 8, 77);
    Train(&w->t, &w->data, algorithm, settings, &w->run);
    MakeLog(w);
}

static void Run(void *arg)
{
    World *w = arg;
    size_t before = w->t.bytes;

    TestHostResetPeak(&w->t);
    TargetSlates(&w->t.host, &w->run.model, &w->log, w->told ? &w->past : NULL, w->policy_item,
                 w->greedy);
    w->peak = w->t.peak - before;
    CHECK(w->t.bytes == before, "nothing is left behind");
}

/* ---- a plain ranking ---- */

typedef struct Clicks {
    uint32_t items[1000]; /* known to the model, oldest first */
    uint32_t count;
} Clicks;

static void AddClick(const World *w, Clicks *clicks, uint32_t item)
{
    if (w->policy_item[item] != NO_ITEM)
        clicks->items[clicks->count++] = w->policy_item[item];
}

/* Popularity where nothing is known; itemknn otherwise, of a history that ascends. */
static void PlainScores(const World *w, const Clicks *clicks, float *scores)
{
    const Model *m = &w->run.model;
    uint32_t first = clicks->count > VISITOR_HISTORY ? clicks->count - VISITOR_HISTORY : 0;
    uint32_t history[ITEMS], count = 0;
    float query[1024] __attribute__((aligned(64))) = {0};

    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint32_t h = first; h < clicks->count; h++)
            if (clicks->items[h] == i) {
                history[count++] = i;
                break;
            }
    if (count == 0 || m->algorithm->history == NULL) {
        memcpy(scores, m->part[POPULARITY_PART].data, ITEMS * sizeof(float));
        return;
    }
    m->algorithm->query(m, &(QueryInput){.row = NO_ROW, .items = history, .count = count}, query);
    ModelScore(m, query, 1, scores);
}

static bool IsGreedy(const World *w, uint64_t step, const Clicks *clicks)
{
    float scores[ITEMS] __attribute__((aligned(64)));
    bool taken[ITEMS] = {false}, right = true;

    PlainScores(w, clicks, scores);
    for (uint64_t i = w->log.step[step]; i < w->log.step[step + 1]; i++) {
        uint32_t best = NO_ITEM;

        for (uint32_t j = 0; j < ITEMS; j++)
            if (!taken[j] && (best == NO_ITEM || scores[j] > scores[best]))
                best = j;
        taken[best] = true;
        right &= w->greedy[i] == best;
    }
    return right;
}

static void AddPast(const World *w, uint64_t step, Clicks *clicks)
{
    clicks->count = 0;
    for (uint64_t p = w->past.first[step]; p < w->past.first[step + 1]; p++)
        AddClick(w, clicks, w->past.items[p]);
}

static bool AllAreGreedy(const World *w)
{
    bool right = true;

    for (uint32_t s = 0; s < w->log.sessions; s++) {
        Clicks clicks = {.count = 0};

        for (uint64_t t = w->log.session[s]; t < w->log.session[s + 1]; t++) {
            if (w->told)
                AddPast(w, t, &clicks);
            right &= IsGreedy(w, t, &clicks);
            for (uint64_t i = w->log.step[t]; i < w->log.step[t + 1]; i++)
                if (w->log.clicked[i])
                    AddClick(w, &clicks, w->log.shown[i]);
        }
    }
    return right;
}

static void CheckModel(const char *algorithm, const char *settings, bool told)
{
    World one, two;

    WorldOpen(&one, algorithm, settings, 1);
    one.told = told;
    Run(&one);
    CHECK(AllAreGreedy(&one), "%s: the greatest scores for what was clicked before%s", algorithm,
          told ? ", as the log tells it" : "");
    CHECK(one.peak <= TargetMemory(&one.run.model, &one.log, 1) + TestHostSlack(&one.t),
          "no more memory than estimated");
    WorldOpen(&two, algorithm, settings, 2);
    two.told = told;
    Run(&two);
    CHECK(memcmp(one.greedy, two.greedy, one.log.shown_count * sizeof(uint32_t)) == 0,
          "the same with two threads");
    TestHostEnd(&one.t);
    TestHostEnd(&two.t);
}

/* More places than items. */
static void CheckFewItems(void)
{
    World w;
    bool right = true;

    WorldOpen(&w, "popularity", "", 1);
    w.run.model.items = 2;
    for (int i = 0; i < w.run.model.parts; i++)
        w.run.model.part[i].rows = 2;
    for (uint32_t i = 0; i < ITEMS + UNKNOWN; i++)
        w.policy_item[i] = i < 2 ? i : NO_ITEM;
    Run(&w);
    for (uint64_t t = 0; t < w.log.steps; t++)
        for (uint64_t i = w.log.step[t]; i < w.log.step[t + 1]; i++)
            right &= (w.greedy[i] == NO_ITEM) == (i - w.log.step[t] >= 2);
    CHECK(right, "places beyond the model's items stay empty");
    TestHostEnd(&w.t);
}

static void CheckUndefined(void)
{
    World w;

    WorldOpen(&w, "popularity", "", 2);
    for (uint32_t i = 0; i < ITEMS; i++)
        for (int p = 0; p < w.run.model.parts; p++)
            *PartRow(&w.run.model.part[p], i) = NAN;
    CHECK(Attempt(&w.t, Run, &w) == OUTCOME_FAILED && w.t.kind == FAIL_NOT_FINITE,
          "scores that are no number are an error");
    TestHostEnd(&w.t);
}

void TestTarget(void)
{
    CheckModel("popularity", "", true);
    CheckModel("itemknn", "", true);
    CheckModel("itemknn", "", false);
    CheckFewItems();
    CheckUndefined();
}
