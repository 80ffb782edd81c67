/* test_exploration.c: how often slates have which items, against their propensities. */
#include "algo/policy/exploration.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "tests.h"

#define DRAWS 200000
#define MOST  64

/* A greedy slate of items 0 .. places - 1, and the others after them. */
static void DrawSlate(const Exploration *e, Random *random, uint32_t *slate)
{
    uint32_t room[2 * MOST];

    ExplorePlaces(e, random, slate, room);
    for (uint32_t p = 0; p < e->places; p++)
        slate[p] = slate[p] == NO_ITEM ? p : e->places + slate[p];
}

static double PropensityOf(const Exploration *e, uint32_t item)
{
    return item < e->places ? ExplorationGreedy(e) : ExplorationOther(e);
}

/* Largest deviation of an item's frequency, in standard errors, and the sum of their squares. */
typedef struct Deviation {
    double largest;
    double squares;
    bool distinct;
} Deviation;

static bool AllDistinct(const Exploration *e, const uint32_t *slate)
{
    bool seen[4 * MOST] = {false};

    for (uint32_t p = 0; p < e->places; p++) {
        if (slate[p] >= e->places + e->others || seen[slate[p]])
            return false;
        seen[slate[p]] = true;
    }
    return true;
}

static Deviation Measure(const Exploration *e)
{
    uint32_t count[4 * MOST] = {0}, slate[MOST];
    Deviation d = {.distinct = true};
    Random random;

    RandomSeed(&random, 5, RANDOM_EXPLORE, e->places, e->others);
    for (int i = 0; i < DRAWS; i++) {
        DrawSlate(e, &random, slate);
        d.distinct &= AllDistinct(e, slate);
        for (uint32_t p = 0; p < e->places; p++)
            count[slate[p]]++;
    }
    for (uint32_t i = 0; i < e->places + e->others; i++) {
        double p = PropensityOf(e, i), spread = sqrt(DRAWS * p * (1 - p));
        double z =
            spread == 0 ? (count[i] == p * DRAWS ? 0 : INFINITY) : (count[i] - p * DRAWS) / spread;

        d.largest = fmax(d.largest, fabs(z));
        d.squares += z * z;
    }
    return d;
}

static void TestFrequencies(void)
{
    static const struct {
        double explore;
        uint32_t k, eligible;
    } cases[] = {{.2, 10, 100}, {.05, 10, 20}, {.5, 5, 10}, {.5, 10, 12}, {.3, 3, 5},
                 {.4, 1, 2},    {.5, 4, 4},    {.5, 9, 3},  {0, 3, 50},   {.25, 20, 21}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Exploration e = ExplorationOf(cases[i].explore, cases[i].k, cases[i].eligible);
        Deviation d = Measure(&e);
        double items = e.places + e.others;
        double sum = e.places * ExplorationGreedy(&e) + e.others * ExplorationOther(&e);

        CHECK(d.distinct, "%u of %u: all items of a slate are distinct", cases[i].k,
              cases[i].eligible);
        CHECK(fabs(sum - e.places) < 1e-9, "%u of %u: propensities sum to the places", cases[i].k,
              cases[i].eligible);
        CHECK(d.largest < 4.5 && d.squares < items + 4.5 * sqrt(2 * items),
              "%u of %u, explore %g: items are as frequent as their propensities (%.2f, %.1f)",
              cases[i].k, cases[i].eligible, cases[i].explore, d.largest, d.squares);
    }
}

static void TestClosedForm(void)
{
    Exploration e = ExplorationOf(.2, 10, 400);

    CHECK(ExplorationGreedy(&e) == .8 && fabs(ExplorationOther(&e) - 2.0 / 390) < 1e-15,
          "propensities are 1 - explore, and k explore / (eligible - k)");
}

/* Two places, two others: all slates, by number, and how likely each is. */
#define SLATES 16

static double Likelihood(double explore, uint32_t first, uint32_t second)
{
    double one = first < 2 ? (first == 0 ? 1 - explore : 0) : explore;
    double two = second < 2 ? (second == 1 ? 1 - explore : 0) : explore;

    if (first >= 2 && second >= 2)
        return first == second ? 0 : one * two / 2;
    return one * two / (first >= 2 || second >= 2 ? 2 : 1);
}

static void TestWholeSlates(void)
{
    Exploration e = ExplorationOf(.4, 2, 4);
    uint32_t count[SLATES] = {0}, slate[2];
    double chi = 0;
    bool possible = true;
    Random random;

    RandomSeed(&random, 6, RANDOM_EXPLORE, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        DrawSlate(&e, &random, slate);
        count[4 * slate[0] + slate[1]]++;
    }
    for (uint32_t i = 0; i < SLATES; i++) {
        double expected = DRAWS * Likelihood(.4, i / 4, i % 4);

        possible &= expected > 0 || count[i] == 0;
        if (expected > 0)
            chi += (count[i] - expected) * (count[i] - expected) / expected;
    }
    CHECK(possible && chi < 27.9, "whole slates are as frequent as they should (chi-square %.1f)",
          chi);
}

static void TestSeeds(void)
{
    Exploration e = ExplorationOf(.5, 20, 200);
    uint32_t slate[3][MOST];

    for (uint64_t i = 0; i < 3; i++) {
        Random random;

        RandomSeed(&random, i / 2, RANDOM_EXPLORE, 0, 0);
        DrawSlate(&e, &random, slate[i]);
    }
    CHECK(memcmp(slate[0], slate[1], e.places * sizeof(uint32_t)) == 0,
          "the same seed gives the same slate");
    CHECK(memcmp(slate[0], slate[2], e.places * sizeof(uint32_t)) != 0, "another gives another");
}

static void TestNumberOutside(void)
{
    static const uint32_t without[] = {0, 1, 5, 6, 9};
    static const uint32_t left[] = {2, 3, 4, 7, 8, 10, 11};
    bool right = NumberOutside(7, NULL, 0) == 7;

    for (uint32_t i = 0; i < 7; i++)
        right &= NumberOutside(i, without, 5) == left[i];
    CHECK(right, "the n-th of what is not left out");
}

void TestExploration(void)
{
    TestClosedForm();
    TestFrequencies();
    TestWholeSlates();
    TestSeeds();
    TestNumberOutside();
}
