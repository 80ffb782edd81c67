/* test_topk.c: the heap against a sort. */
#include "core/topk.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "support.h"
#include "tests.h"

#define MOST 400

static int Compare(const void *a, const void *b)
{
    const Scored *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* All but NaN, sorted; returns how many. */
static uint32_t Sorted(const Scored *in, uint32_t n, Scored *out)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++)
        if (!isnan(in[i].score))
            out[kept++] = in[i];
    qsort(out, kept, sizeof(Scored), Compare);
    return kept;
}

static bool Agrees(const Scored *in, uint32_t n, uint32_t k)
{
    Scored expected[MOST], entries[MOST];
    uint32_t valid = Sorted(in, n, expected);
    TopK top = {k == 0 ? NULL : entries, k, 0};

    for (uint32_t i = 0; i < n; i++)
        TopKAdd(&top, in[i].score, in[i].item);
    TopKFinish(&top);
    if (top.count != (valid < k ? valid : k))
        return false;
    for (uint32_t i = 0; i < top.count; i++)
        if (Compare(&entries[i], &expected[i]) != 0)
            return false;
    return true;
}

static bool AgreesForAll(const Scored *in, uint32_t n)
{
    static const uint32_t limits[] = {0, 1, 2, 3, 10, 63, 64, 199, 200, 201, MOST};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (!Agrees(in, n, limits[i]))
            return false;
    return true;
}

static float Ascending(Random *random, uint32_t i)
{
    (void)random;
    return (float)i;
}

static float Descending(Random *random, uint32_t i)
{
    (void)random;
    return -(float)i;
}

static float Equal(Random *random, uint32_t i)
{
    (void)random, (void)i;
    return 0.5f;
}

static float SignedZero(Random *random, uint32_t i)
{
    (void)i;
    return RandomBelow(random, 2) ? 0.0f : -0.0f;
}

static float Normal(Random *random, uint32_t i)
{
    (void)i;
    return (float)RandomNormal(random);
}

static float Tied(Random *random, uint32_t i)
{
    (void)i;
    return (float)RandomBelow(random, 5);
}

static float Wild(Random *random, uint32_t i)
{
    static const float values[] = {NAN, -NAN, INFINITY, -INFINITY, 0, 3e38f, -3e38f, 1e-45f};

    (void)i;
    return values[RandomBelow(random, 8)];
}

static float Undefined(Random *random, uint32_t i)
{
    (void)random, (void)i;
    return NAN;
}

void TestTopK(void)
{
    static const struct {
        const char *name;
        float (*score)(Random *, uint32_t);
    } kinds[] = {{"ascending", Ascending},     {"descending", Descending}, {"equal", Equal},
                 {"signed zeros", SignedZero}, {"random", Normal},         {"tied", Tied},
                 {"not finite", Wild},         {"only NaN", Undefined}};
    Random random = TestStream(31);

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        bool right = true;

        for (int repeat = 0; repeat < 20; repeat++) {
            Scored in[200];
            uint32_t items[200], n = repeat == 0 ? 0 : repeat == 1 ? 1 : 200;

            for (uint32_t i = 0; i < 200; i++)
                items[i] = i < 100 ? i : UINT32_MAX - i;
            RandomShuffle(&random, items, 200);
            for (uint32_t i = 0; i < n; i++)
                in[i] = (Scored){kinds[k].score(&random, i), items[i]};
            right &= AgreesForAll(in, n);
        }
        CHECK(right, "the k best of %s scores, as a sort finds them", kinds[k].name);
    }
}
