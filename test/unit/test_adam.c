/* test_adam.c: steps of whole packs, clipping, slow copies, and the ring of records. */
#include "algo/learn/adam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/policy/replay.h"
#include "check.h"
#include "core/topk.h"
#include "support.h"
#include "tests.h"

#define COUNT 48
#define STEPS 6

typedef struct Values {
    float value[COUNT] __attribute__((aligned(64)));
    float gradient[COUNT] __attribute__((aligned(64)));
    float state[2 * COUNT] __attribute__((aligned(64)));
    double plain[COUNT], m[COUNT], v[COUNT];
} Values;

static Values Start(Random *random)
{
    Values values = {0};

    for (int k = 0; k < COUNT; k++)
        values.plain[k] = values.value[k] = (float)RandomNormal(random);
    return values;
}

static void Gradients(Values *values, Random *random)
{
    for (int k = 0; k < COUNT; k++)
        values->gradient[k] = (float)RandomNormal(random);
}

static bool ArePlain(const Values *values)
{
    bool near = true;

    for (int k = 0; k < COUNT; k++)
        near &= Near((double)values->value[k], values->plain[k], 1e-5, 1e-6);
    return near;
}

/* As torch.optim.Adam: weight decay is added to the gradient. */
static void CheckAdamMany(void)
{
    Random random = TestStream(31);
    Values values = Start(&random);
    AdamRule rule = {0.01f, 0.1f, 0.5f};

    for (int s = 1; s <= STEPS; s++) {
        Gradients(&values, &random);
        for (int k = 0; k < COUNT; k++) {
            double g = 0.5 * (double)values.gradient[k] + (double)0.1f * values.plain[k];

            values.m[k] = .9 * values.m[k] + .1 * g;
            values.v[k] = .999 * values.v[k] + .001 * g * g;
            values.plain[k] -= (double)0.01f * (values.m[k] / (1 - pow(.9, s))) /
                               (sqrt(values.v[k] / (1 - pow(.999, s))) + 1e-8);
        }
        AdamMany(&rule, (uint64_t)s, values.value, values.gradient, values.state, COUNT);
    }
    CHECK(ArePlain(&values), "Adam with weight decay, as the formula");
}

static void CheckRmsPropMany(void)
{
    Random random = TestStream(32);
    Values values = Start(&random);
    RmsPropRule rule = {0.01f, 0.9f, 2};

    for (int s = 1; s <= STEPS; s++) {
        Gradients(&values, &random);
        for (int k = 0; k < COUNT; k++) {
            double g = 2 * (double)values.gradient[k];

            values.v[k] = .9 * values.v[k] + .1 * g * g;
            values.plain[k] -= (double)0.01f * g / (sqrt(values.v[k]) + 1e-8);
        }
        RmsPropMany(&rule, values.value, values.gradient, values.state, COUNT);
    }
    CHECK(ArePlain(&values), "RMSProp, as the formula");
}

static void CheckClip(void)
{
    float gradient[16] = {3, 4}, source[16] = {1}, target[16] = {0};
    double squares = SquareSum(gradient, 16);

    CHECK(squares == 25 && Near((double)ClipScale(squares, 2), 0.4, 1e-7, 0) &&
              ClipScale(squares, 6) == 1 && ClipScale(0, 6) == 1,
          "the norm of all gradients is cut off");
    for (int i = 0; i < 100; i++)
        FollowSlowly(0.01f, source, target, 16);
    CHECK(Near((double)target[0], 1 - pow(.99, 100), 1e-5, 0) && target[1] == 0,
          "a copy that follows: %.4f of the way", (double)target[0]);
}

static void CheckReplay(void)
{
    static char data[7 * 64] __attribute__((aligned(64)));
    Replay replay = {.data = data, .size = 64, .room = 7};
    bool right = true;

    for (uint32_t i = 0; i < 100; i++) {
        *(uint32_t *)ReplayAdd(&replay) = i;
        for (uint32_t age = 0; age < ReplayCount(&replay); age++)
            right &= *(const uint32_t *)ReplayAt(&replay, age) == i - age;
        right &= ReplayCount(&replay) == (i < 7 ? i + 1 : 7);
    }
    CHECK(right, "the newest records, newest first");
}

/* Of three items two are drawn in turn: the chance of each pair by the formula. */
static void CheckGumbel(void)
{
    static const double logit[] = {1, 0, -1};
    double weight[3], all = 0, chi = 0;
    uint64_t seen[3][3] = {{0}};
    Random random = TestStream(34);
    int draws = 60000;

    for (int i = 0; i < 3; i++)
        all += weight[i] = exp(logit[i]);
    for (int d = 0; d < draws; d++) {
        Scored entries[2];
        TopK top = {entries, 2, 0};

        for (uint32_t i = 0; i < 3; i++)
            TopKAdd(&top, (float)(logit[i] + RandomGumbel(&random)), i);
        TopKFinish(&top);
        seen[entries[0].item][entries[1].item]++;
    }
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            double expected = a == b ? 0 : draws * weight[a] / all * weight[b] / (all - weight[a]);

            if (a != b)
                chi += pow((double)seen[a][b] - expected, 2) / expected;
        }
    CHECK(chi < 20.5, "Gumbel keys draw without replacement from the softmax: chi-square %.1f",
          chi);
}

void TestAdam(void)
{
    CheckAdamMany();
    CheckRmsPropMany();
    CheckClip();
    CheckReplay();
    CheckGumbel();
}
