/* test_random.c: streams, and the distributions drawn from them. */
#include "core/random.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "core/shares.h"
#include "support.h"
#include "testhost.h"
#include "tests.h"

#define DRAWS 200000

static bool SameStream(Random a, Random b)
{
    for (int i = 0; i < 16; i++)
        if (RandomNext(&a) != RandomNext(&b))
            return false;
    return true;
}

static Random Named(uint64_t seed, RandomPurpose purpose, uint64_t a, uint64_t b)
{
    Random random;

    RandomSeed(&random, seed, purpose, a, b);
    return random;
}

static void CheckStreams(void)
{
    Random base = Named(1, RANDOM_CELL, 2, 3);

    CHECK(SameStream(base, Named(1, RANDOM_CELL, 2, 3)), "a stream is reproducible");
    CHECK(!SameStream(base, Named(2, RANDOM_CELL, 2, 3)), "the seed makes another stream");
    CHECK(!SameStream(base, Named(1, RANDOM_BATCH, 2, 3)), "the purpose makes another stream");
    CHECK(!SameStream(base, Named(1, RANDOM_CELL, 3, 2)), "exchanged numbers make another stream");
    CHECK(!SameStream(base, Named(1, RANDOM_CELL, 2, 4)), "the last number makes another stream");
    CHECK(!SameStream(Named(0, 0, 0, 1), Named(0, 0, 1, 0)) &&
              !SameStream(Named(0, 0, 0, 0), Named(0, 0, 0, 1)),
          "zeros in a name do not merge streams");
}

/* First outputs of the authors' generator from the state 1, 2, 3, 4. */
static void CheckReference(void)
{
    static const uint64_t expected[] = {41943041, 58720359, 3588806011781223, 3591011842654386,
                                        9228616714210784205u};
    Random random = {{1, 2, 3, 4}};
    bool same = true;

    for (int i = 0; i < 5; i++)
        same &= RandomNext(&random) == expected[i];
    CHECK(same, "xoshiro256++ gives its reference numbers");
}

static void CheckBelow(uint32_t n, uint32_t bins)
{
    uint64_t counts[1000] = {0};
    Random random = TestStream(n);
    bool inside = true;

    for (int i = 0; i < DRAWS; i++) {
        uint32_t value = RandomBelow(&random, n);

        inside &= value < n;
        counts[(uint64_t)value * bins / n]++;
    }
    CHECK(inside, "draws below %u are below it", n);
    CHECK(LooksUniform(counts, bins), "draws below %u are uniform over %u bins", n, bins);
}

static void CheckEdges(void)
{
    Random random = TestStream(5);
    bool zero = true, unit = true;

    for (int i = 0; i < 1000; i++) {
        double u = RandomUniform(&random);

        zero &= RandomBelow(&random, 1) == 0;
        unit &= u >= 0 && u < 1;
    }
    CHECK(zero, "below 1 there is only 0");
    CHECK(unit, "uniform numbers are in [0, 1)");
}

typedef struct Moments {
    double mean, variance, fourth, largest, lag; /* lag: correlation of neighbours */
} Moments;

static Moments MomentsOf(double (*draw)(Random *))
{
    Random random = TestStream(6);
    Moments m = {0};
    double before = 0;

    for (int i = 0; i < DRAWS; i++) {
        double x = draw(&random);

        m.mean += x / DRAWS;
        m.variance += x * x / DRAWS;
        m.fourth += x * x * x * x / DRAWS;
        m.largest = fmax(m.largest, fabs(x));
        m.lag += x * before / DRAWS;
        before = x;
    }
    m.variance -= m.mean * m.mean;
    return m;
}

/* Of the normal distribution cut at 2: variance 1 - 4 phi(2) / (2 Phi(2) - 1). */
static void CheckNormals(void)
{
    Moments cut = MomentsOf(RandomTruncatedNormal), full = MomentsOf(RandomNormal);
    double inside = erf(2 / sqrt(2)), density = exp(-2) / sqrt(2 * 3.14159265358979);

    CHECK(cut.largest <= 2 && cut.largest > 1.99, "truncated normal stays within 2, %.4f",
          cut.largest);
    CHECK(fabs(cut.mean) < 0.01 && fabs(cut.variance - (1 - 4 * density / inside)) < 0.01,
          "truncated normal: mean %.4f, variance %.4f", cut.mean, cut.variance);
    CHECK(fabs(full.mean) < 0.012 && fabs(full.variance - 1) < 0.016 &&
              fabs(full.fourth - 3) < 0.12,
          "normal: mean %.4f, variance %.4f, fourth moment %.4f", full.mean, full.variance,
          full.fourth);
    CHECK(fabs(full.lag) < 0.012 && fabs(cut.lag) < 0.012, "neighbours do not correlate");
    CHECK(full.largest > 3.5 && full.largest < 7, "normal has tails, %.2f", full.largest);
}

static void CheckShuffle(void)
{
    Random random = TestStream(7);
    uint64_t counts[6] = {0};
    uint32_t many[1000];
    bool seen[1000] = {false}, permutation = true, moved = false;

    for (int i = 0; i < 60000; i++) {
        uint32_t v[] = {0, 1, 2};

        RandomShuffle(&random, v, 3);
        counts[v[0] * 2 + (v[1] > v[2])]++;
    }
    CHECK(LooksUniform(counts, 6), "the six orders of three are equally likely");
    for (uint32_t i = 0; i < 1000; i++)
        many[i] = i;
    RandomShuffle(&random, many, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        permutation &= many[i] < 1000 && !seen[many[i]];
        moved |= many[i] != i;
        seen[many[i]] = true;
    }
    CHECK(permutation && moved, "a shuffle is a permutation");
    RandomShuffle(&random, many, 0);
    RandomShuffle(NULL, NULL, 1);
    CHECK(true, "shuffles of nothing and of one are harmless");
}

static void CheckShuffleParts(void)
{
    Random whole = TestStream(8), parts = TestStream(8);
    uint32_t a[100], b[100];

    for (uint32_t i = 0; i < 100; i++)
        a[i] = b[i] = i;
    RandomShuffle(&whole, a, 100);
    RandomShufflePart(&parts, b, 100, 63);
    CHECK(memcmp(a + 63, b + 63, 37 * sizeof(uint32_t)) == 0, "a part of a shuffle is settled");
    RandomShufflePart(&parts, b, 63, 1);
    RandomShufflePart(&parts, b, 1, 0);
    CHECK(memcmp(a, b, sizeof(a)) == 0 && RandomNext(&whole) == RandomNext(&parts),
          "parts of a shuffle make the whole");
}

static void CheckShufflePolling(void)
{
    enum { MANY = 200000 };
    static uint32_t a[MANY], b[MANY];
    Random whole = TestStream(9), polling = TestStream(9);
    TestHost t;

    TestHostInit(&t);
    for (uint32_t i = 0; i < MANY; i++)
        a[i] = b[i] = i;
    RandomShuffle(&whole, a, MANY);
    RandomShufflePolling(&t.host, &polling, b, MANY);
    CHECK(memcmp(a, b, sizeof(a)) == 0 && RandomNext(&whole) == RandomNext(&polling),
          "looks at interrupts change nothing");
    CHECK(t.calls == 4, "there are some: %d", t.calls);
    TestHostEnd(&t);
}

/* Shares of 0 stand at both ends and between. */
static void CheckShares(void)
{
    static const double share[] = {0, .25, 0, .5, .25, 0, 0}, none[] = {0, 0, 0};
    static const double at[] = {0, .2, .25, .5, .75, .9, 1, 2};
    static const uint32_t right[] = {1, 1, 3, 3, 4, 4, 4, 4};
    double sums[7], sum = 0;

    for (int i = 0; i < 7; i++)
        sums[i] = sum += share[i];
    for (int i = 0; i < 8; i++) {
        CHECK(ShareAt(share, 7, at[i]) == right[i], "%g falls on share %u", at[i], right[i]);
        CHECK(SumAt(sums, 7, at[i]) == right[i], "and so by the sums");
    }
    CHECK(ShareAt(none, 3, 0) == 0 && SumAt(none, 3, 0) == 0, "of no shares it is the first");
    CHECK(SumAt(sums, 1, 0) == 0, "and so of one");
}

/* Shares of which the sum, rounded, is less than they are together. */
static void CheckRoundedShares(void)
{
    static double share[1000], sums[1000];
    uint64_t counts[10] = {0};
    Random random = TestStream(10);
    double sum = 0;

    for (int i = 0; i < 1000; i++)
        sums[i] = sum += share[i] = i < 990 ? 1. / 990 : 1e-20;
    CHECK(SumAt(sums, 1000, 1 - 0x1p-53) == 989 && SumAt(sums, 1000, sum) == 989,
          "what is lost in rounding is not drawn by sums");
    CHECK(ShareAt(share, 1000, 1) < 1000, "the end is the end");
    for (int i = 0; i < 99000; i++)
        counts[DrawBySums(sums, 1000, &random) / 99]++;
    CHECK(LooksUniform(counts, 10), "draws are as frequent as their shares");
}

void TestRandom(void)
{
    static const uint32_t limits[] = {2, 3, 10, 1000, 0xC0000000u, UINT32_MAX};

    CheckStreams();
    CheckReference();
    for (int i = 0; i < 6; i++)
        CheckBelow(limits[i], limits[i] < 1000 ? limits[i] : 250);
    CheckEdges();
    CheckNormals();
    CheckShuffle();
    CheckShuffleParts();
    CheckShufflePolling();
    CheckShares();
    CheckRoundedShares();
}
