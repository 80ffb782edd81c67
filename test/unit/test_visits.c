/* test_visits.c: how often weights make an epoch visit an interaction. */
#include "algo/learn/visits.h"

#include <math.h>

#include "algo/learn/positives.h"
#include "algo/softmax/softmax.h"
#include "check.h"
#include "support.h"
#include "tests.h"

#define ROWS  2000
#define WALKS 4000

static float weights[ROWS];

static double Mean(uint32_t count)
{
    double sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += weights[i];
    return sum / count;
}

/* Each once, whatever the weight. */
static void CheckEqual(float weight)
{
    Random random = TestStream(950);
    bool once = true;

    for (uint32_t i = 0; i < ROWS; i++)
        weights[i] = weight;
    for (int walk = 0; walk < 200; walk++) {
        Visits v = VisitsStart(Mean(ROWS), &random);

        for (uint32_t i = 0; i < ROWS; i++)
            once &= VisitsNext(&v, weights[i]) == 1;
    }
    CHECK(once, "equal weights of %g: each is visited once", weight);
}

/* Floor or ceiling of the share, in the mean the share, as many in all as there are. */
static void CheckShares(const char *name)
{
    static double sum[ROWS];
    Random random = TestStream(951);
    double mean = Mean(ROWS), worst = 0;
    bool near = true, total_right = true;

    for (uint32_t i = 0; i < ROWS; i++)
        sum[i] = 0;
    for (int walk = 0; walk < WALKS; walk++) {
        Visits v = VisitsStart(mean, &random);
        double total = 0;

        for (uint32_t i = 0; i < ROWS; i++) {
            double share = weights[i] / mean, visits = VisitsNext(&v, weights[i]);

            near &=
                visits == rint(visits) && visits > share - 1 - 1e-9 && visits < share + 1 + 1e-9;
            sum[i] += visits;
            total += visits;
        }
        total_right &= fabs(total - ROWS) <= 1;
    }
    for (uint32_t i = 0; i < ROWS; i++)
        worst = fmax(worst, fabs(sum[i] / WALKS - weights[i] / mean));
    CHECK(near, "%s: each count is one of the two next to its share", name);
    CHECK(total_right, "%s: as many visits as interactions, within one", name);
    /* The variance of a count is at most 1/4. */
    CHECK(worst < 5.5 * sqrt(0.25 / WALKS), "%s: in the mean, the share (off by %.4f)", name,
          worst);
}

static void CheckUnequal(void)
{
    Random random = TestStream(952);

    for (uint32_t i = 0; i < ROWS; i++)
        weights[i] = 1 + (float)(i % 2);
    CheckShares("1 and 2");
    for (uint32_t i = 0; i < ROWS; i++)
        weights[i] = (float)exp(2 * RandomNormal(&random));
    CheckShares("log-normal");
    for (uint32_t i = 0; i < ROWS; i++)
        weights[i] = i == 77 ? 1e30f : 1;
    CheckShares("1e30 beside 1");
    for (uint32_t i = 0; i < ROWS; i++)
        weights[i] = i % 3 == 0 ? 1e-30f : 1;
    CheckShares("1e-30 beside 1");
    for (uint32_t i = 0; i < ROWS; i++)
        weights[i] = i % 2 == 0 ? 3e38f : 1e38f;
    CheckShares("near the greatest float");
}

/* ---- epochs that learn what was held out, too ---- */

#define HELD_USERS 200

/* What is held out has fifty times the weight of the rest. */
static Interactions HeavyHeld(const Host *host)
{
    Interactions data = RandomInteractions(host, HELD_USERS, 100, 10, 953);

    InteractionsHoldOut(host, &data, HOLDOUT_RANDOM, 0, 1);
    data.columns |= COLUMN_WEIGHT;
    data.weight = HostAllocate(host, data.count, sizeof(float));
    for (uint32_t u = 0; u < HELD_USERS; u++)
        for (uint64_t i = data.offset[u]; i < data.offset[u + 1]; i++)
            data.weight[i] = IsHeldOut(&data, u, data.item[i]) ? 50 : 1;
    return data;
}

/* As many in all as there are, so that none is left for want of room; 8 for each user's heaviest.
 */
static void CheckHeldVisits(const char *name, const Interactions *data, const uint32_t *visits,
                            uint32_t count)
{
    uint32_t fewest = UINT32_MAX;

    for (uint32_t u = 0; u < HELD_USERS; u++)
        fewest = visits[u] < fewest ? visits[u] : fewest;
    CHECK(count + 1 >= data->count && count <= data->count + 1 && fewest >= 7,
          "%s: %u visits of %u, at least %u of a user's held-out one", name, count,
          (unsigned)data->count, fewest);
}

static void CheckHeldLearnt(void)
{
    TestHost t;
    Interactions data;
    Positives positives;
    SoftmaxList list;
    Random random = TestStream(954);
    uint32_t visits[2][HELD_USERS] = {{0}};

    TestHostInit(&t);
    data = HeavyHeld(&t.host);
    PositivesCreate(&t.host, &data, &positives);
    SoftmaxListCreate(&t.host, &data, &list);
    SoftmaxListFill(&t.host, &data, true, 1, &random, &list);
    for (uint32_t i = 0; i < list.count; i++)
        visits[0][list.pairs[i].user] += IsHeldOut(&data, list.pairs[i].user, list.pairs[i].item);
    CheckHeldVisits("softmax", &data, visits[0], list.count);
    data.held_learnt = true;
    PositivesDraw(&t.host, &data, &random, &positives);
    data.held_learnt = false;
    for (uint32_t i = 0; i < positives.count; i++)
        visits[1][positives.pair[i].user] +=
            IsHeldOut(&data, positives.pair[i].user, positives.pair[i].item);
    CheckHeldVisits("positives", &data, visits[1], positives.count);
    TestHostEnd(&t);
}

void TestVisits(void)
{
    static const float equal[] = {1, 0.1f, 7, 1e30f, 1e-30f, 3.4e38f, 1e-45f};

    for (int i = 0; i < 7; i++)
        CheckEqual(equal[i]);
    CheckUnequal();
    CheckHeldLearnt();
}
