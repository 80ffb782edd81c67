/* test_click_world.c: worlds of which everything is known: their numbers, answers by chance, and
 * those who show what is best. */
#include <math.h>
#include <string.h>

#include "algo/policy/click_policy.h"
#include "algo/policy/model_policy.h"
#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define K     10
#define DRAWS 40000

/* Is a share of `draws` within four and a half standard errors of a probability? */
static bool IsShare(uint64_t count, uint64_t draws, double probability)
{
    double error = sqrt(probability * (1 - probability) / (double)draws);

    return fabs((double)count / (double)draws - probability) <= 4.5 * error + 1e-12;
}

static bool IsBetween(const double *numbers, size_t count)
{
    bool good = true;

    for (size_t i = 0; i < count; i++)
        good &= numbers[i] > 0 && numbers[i] < 1;
    return good;
}

static double Sum(const double *numbers, uint32_t count)
{
    double sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += numbers[i];
    return sum;
}

static void TestNumbers(void)
{
    static ClickWorld success, bait, other;
    double most = 0, least = 1;
    bool sums = true, falls = true;

    ClickWorldMake(&success, WORLD_SUCCESS, 1);
    ClickWorldMake(&bait, WORLD_CLICK_BAIT, 1);
    ClickWorldMake(&other, WORLD_SUCCESS, 2);
    for (uint32_t s = 0; s < WORLD_STATES; s++)
        for (uint32_t i = 0; i < WORLD_ITEMS; i++) {
            const double *next = success.next[s][i], *satisfaction = success.satisfaction[s];

            sums &= fabs(Sum(next, WORLD_STATES) - 1) < 1e-12;
            for (uint32_t n = 0; n < WORLD_STATES; n++) {
                most = fmax(most, next[n]);
                least = fmin(least, next[n]);
            }
            falls &=
                i == 0 || satisfaction[success.best[s][i - 1]] >= satisfaction[success.best[s][i]];
        }
    CHECK(IsBetween(&bait.satisfaction[0][0], WORLD_STATES * WORLD_ITEMS) &&
              IsBetween(&bait.attraction[0][0], WORLD_STATES * WORLD_ITEMS),
          "attraction and satisfaction lie between 0 and 1");
    CHECK(sums, "the states that may come next sum to 1, for each state and item");
    CHECK(least > 0.04 && most < 0.22 && most > 0.15 && least < 0.06,
          "a softmax of uniform numbers: from %.3f to %.3f", least, most);
    CHECK(falls, "the best come first");
    CHECK(memcmp(success.attraction, success.satisfaction, sizeof(success.attraction)) == 0,
          "success: what attracts is what satisfies");
    CHECK(memcmp(success.satisfaction, bait.satisfaction, sizeof(bait.satisfaction)) == 0 &&
              memcmp(success.next, bait.next, sizeof(bait.next)) == 0 &&
              memcmp(success.attraction, bait.attraction, sizeof(bait.attraction)) != 0,
          "click_bait: the same world but for what attracts");
    CHECK(memcmp(success.satisfaction, other.satisfaction, sizeof(other.satisfaction)) != 0,
          "another seed has another world");
    CHECK(fabs(Sum(&bait.attraction[0][0], 500) / 500 - 0.5) < 0.06 &&
              fabs(Sum(&bait.satisfaction[0][0], 500) / 500 - 0.5) < 0.06,
          "uniform numbers");
}

/* Items 3, 4, ... */
static void MakeSlate(uint32_t *shown)
{
    for (uint32_t i = 0; i < K; i++)
        shown[i] = 3 + i;
}

static void TestAnswers(ClickWorldKind kind, uint32_t state)
{
    static ClickWorld world;
    uint64_t picked[K] = {0}, stays[K] = {0}, next[WORLD_STATES] = {0}, clicks = 0, all = 0;
    uint32_t shown[K];
    bool good = true;
    const char *name = click_world_names[kind];

    ClickWorldMake(&world, kind, 7);
    MakeSlate(shown);
    for (uint64_t s = 1; s <= DRAWS; s++) {
        ClickAnswer a = ClickWorldAnswer(&world, 1, s, 5, state, shown, K);

        picked[a.place]++;
        stays[a.place] += a.stays;
        all += a.stays;
        clicks += a.clicked;
        next[a.state] += a.place == 2;
    }
    for (uint32_t i = 0; i < K; i++)
        good &= IsShare(picked[i], DRAWS,
                        world.attraction[state][shown[i]] / Sum(&world.attraction[state][3], K));
    CHECK(good, "%s: items are picked by attraction", name);
    good = true;
    for (uint32_t i = 0; i < K; i++)
        good &= IsShare(stays[i], picked[i], world.satisfaction[state][shown[i]]);
    CHECK(good, "%s: who is satisfied stays", name);
    CHECK(IsShare(all, DRAWS, ClickWorldStays(&world, state, shown, K)),
          "%s: so often there is a next slate", name);
    CHECK(clicks == (kind == WORLD_SUCCESS ? all : DRAWS), "%s: clicks", name);
    good = true;
    for (uint32_t s = 0; s < WORLD_STATES; s++)
        good &= IsShare(next[s], picked[2], world.next[state][shown[2]][s]);
    CHECK(good, "%s: the next state depends on state and item", name);
}

static void TestPlaces(void)
{
    static ClickWorld world;
    uint32_t shown[K], turned[K], fewer[K];
    bool same = true, kept = true, differ = false;

    ClickWorldMake(&world, WORLD_CLICK_BAIT, 7);
    MakeSlate(shown);
    for (uint32_t i = 0; i < K; i++)
        turned[i] = shown[K - 1 - i];
    for (uint64_t s = 1; s <= 500; s++) {
        ClickAnswer a = ClickWorldAnswer(&world, 1, s, 0, 0, shown, K), b;

        b = ClickWorldAnswer(&world, 1, s, 0, 0, turned, K);
        same &= shown[a.place] == turned[b.place] && a.stays == b.stays && a.state == b.state;
        fewer[0] = shown[a.place];
        fewer[1] = shown[(a.place + 1) % K];
        kept &= ClickWorldAnswer(&world, 1, s, 0, 0, fewer, 2).place == 0;
        differ |= ClickWorldAnswer(&world, 2, s, 0, 0, shown, K).place != a.place;
    }
    CHECK(same, "places do not matter");
    CHECK(kept, "whatever is picked is picked from any slate of fewer that has it");
    CHECK(differ, "another seed has other luck");
}

/* The published environment's check: under max a session goes on with sum r^2 / sum r. */
static void TestMeasures(void)
{
    static ClickWorld world;
    uint32_t worst[K], mixed[K];
    double sum = 0, square = 0;
    bool exact = true;

    ClickWorldMake(&world, WORLD_SUCCESS, 3);
    for (uint32_t s = 0; s < WORLD_STATES; s++) {
        sum = square = 0;
        for (uint32_t i = 0; i < K; i++) {
            double r = world.satisfaction[s][world.best[s][i]];

            sum += r;
            square += r * r;
        }
        exact &= Near(ClickWorldStays(&world, s, world.best[s], K), square / sum, 1e-12, 0);
    }
    CHECK(exact, "under max a session goes on with the sum of squares by the sum");
    for (uint32_t i = 0; i < K; i++) {
        worst[i] = world.best[4][WORLD_ITEMS - 1 - i];
        mixed[i] = i < 3 ? world.best[4][i] : worst[i];
    }
    CHECK(ClickWorldCoverage(&world, 4, world.best[4], K, K) == 1 &&
              ClickWorldCoverage(&world, 4, worst, K, K) == 0 &&
              Near(ClickWorldCoverage(&world, 4, mixed, K, K), 0.3, 1e-12, 0) &&
              Near(ClickWorldCoverage(&world, 4, mixed, 3, K), 0.3, 1e-12, 0),
          "coverage: the share of the best that is shown");
}

/* ---- sessions ---- */

#define SESSIONS 6000
#define MOST     8
#define LUCK     4 /* seed of the visitors */

typedef struct Played {
    const ClickWorld *world;
    uint32_t state;                         /* of the visitor, followed apart */
    uint64_t steps, cut, seen[WORLD_ITEMS]; /* in first slates */
    double lengths;
    uint64_t digest;
    float propensity[WORLD_ITEMS]; /* likewise, of what was seen */
    bool good;
} Played;

/* What the world would answer to a visitor who has gone from state to state. */
static ClickAnswer Follow(Played *p, const RolloutStep *step)
{
    ClickAnswer answer;

    if (step->step == 1)
        p->state = 0;
    answer = ClickWorldAnswer(p->world, LUCK, step->session, step->step - 1, p->state, step->shown,
                              step->count);
    p->state = answer.state;
    return answer;
}

static void KeepStep(void *arg, const RolloutStep *step)
{
    Played *p = arg;
    ClickAnswer answer = Follow(p, step);
    uint32_t clicks = 0;

    p->steps++;
    for (uint32_t i = 0; i < step->count; i++) {
        clicks += step->clicked[i];
        p->digest = p->digest * 31 + step->shown[i] * 2 + step->clicked[i];
        if (step->step == 1) {
            p->seen[step->shown[i]]++;
            p->propensity[step->shown[i]] = step->propensity[i];
        }
    }
    p->good &= step->count == K && clicks <= 1 && step->reward == (float)clicks &&
               step->clicked[answer.place] == answer.clicked &&
               step->ended == (!answer.stays || step->step == MOST);
    p->cut += step->step == MOST && clicks == 1;
    p->lengths += clicks;
}

static Played Play(const ClickWorld *world, int which, int threads)
{
    TestHost t;
    Played played = {.world = world, .good = true};
    Environment *environment;
    ClickPolicy knows = {world, which == 2, 4};
    ModelPolicy chance = {.seed = 4};
    Policy policy;
    Rollout rollout = {.policy = &policy,
                       .first = 1,
                       .sessions = SESSIONS,
                       .k = K,
                       .arg = &played,
                       .step = KeepStep};

    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    environment = EnvironmentOfWorld(&t.host, world, MOST, LUCK);
    chance.environment = rollout.environment = environment;
    policy = which == 0 ? ModelPolicyOpen(&t.host, &chance, K) : ClickPolicyOpen(&knows);
    RolloutRun(&t.host, &rollout);
    TestHostEnd(&t);
    return played;
}

static void TestPolicies(void)
{
    static ClickWorld world;
    Played chance, best, mix;
    bool good = true;
    double sum = 0;

    ClickWorldMake(&world, WORLD_CLICK_BAIT, 5);
    chance = Play(&world, 0, 1);
    best = Play(&world, 1, 1);
    mix = Play(&world, 2, 1);
    CHECK(chance.good && best.good && mix.good,
          "sessions are what the world answers, state by state; none has more than %d clicks",
          MOST);
    CHECK(best.cut > SESSIONS / 4 && best.lengths > 2 * chance.lengths,
          "who knows what is best keeps visitors: %.2f clicks, by chance %.2f",
          best.lengths / SESSIONS, chance.lengths / SESSIONS);
    for (uint32_t i = 0; i < WORLD_ITEMS; i++)
        good &= IsShare(chance.seen[i], SESSIONS, 0.2) && chance.propensity[i] == 0.2f;
    CHECK(good, "by chance each item is in one of five slates");
    good = true;
    for (uint32_t i = 0; i < WORLD_ITEMS; i++) {
        uint32_t item = world.best[0][i];
        double expected = i < K ? 0.5 : i < K + 15 ? 0.5 * 10 / 15 : 0;

        good &= IsShare(mix.seen[item], SESSIONS, expected) &&
                Near(mix.propensity[item], expected, 1e-6, 0) &&
                best.seen[item] == (i < K ? SESSIONS : 0) && best.propensity[item] == (i < K);
        sum += expected;
    }
    CHECK(good && Near(sum, K, 1e-6, 0), "max: the best; mix: those, or ten of the next fifteen");
    CHECK(Play(&world, 0, 2).digest == chance.digest && Play(&world, 1, 2).digest == best.digest &&
              Play(&world, 2, 2).digest == mix.digest,
          "two threads: the same sessions");
    CHECK(mix.digest != best.digest && chance.digest != best.digest, "policies differ");
}

void TestClickWorld(void)
{
    TestNumbers();
    for (int kind = 0; kind < CLICK_WORLDS; kind++)
        TestAnswers((ClickWorldKind)kind, 4);
    TestPlaces();
    TestMeasures();
    TestPolicies();
}
