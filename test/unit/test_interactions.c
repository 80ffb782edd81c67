/* test_interactions.c: sorting, duplicates, holding out. */
#include "core/interactions.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "support.h"
#include "tests.h"

typedef struct Raw {
    uint32_t user, item;
    double time;
} Raw;

static Interactions Build(TestHost *t, const Raw *raw, size_t n, uint32_t users, uint32_t items,
                          bool times)
{
    Pairs pairs = PairsCreate(&t->host, n, times);
    Interactions data;

    for (size_t i = 0; i < n; i++)
        PairsAdd(&pairs, raw[i].user, raw[i].item, raw[i].time);
    InteractionsBuild(&t->host, &pairs, users, items, &data);
    return data;
}

static bool Same(const Interactions *a, const Interactions *b)
{
    return a->users == b->users && a->items == b->items && a->count == b->count &&
           memcmp(a->offset, b->offset, (a->users + 1) * sizeof(uint64_t)) == 0 &&
           memcmp(a->item, b->item, a->count * sizeof(uint32_t)) == 0 &&
           (a->time == NULL || memcmp(a->time, b->time, a->count * sizeof(double)) == 0);
}

static void CheckSmall(TestHost *t)
{
    static const Raw raw[] = {{2, 1, 7}, {0, 3, 5}, {2, 0, 9}, {0, 3, -4},
                              {2, 1, 8}, {0, 1, 1}, {0, 3, 6}};
    static const uint64_t offsets[] = {0, 2, 2, 4};
    static const uint32_t items[] = {1, 3, 0, 1};
    static const double times[] = {1, -4, 9, 7};
    Interactions x = Build(t, raw, 7, 3, 4, true), bare = Build(t, raw, 7, 3, 4, false);

    CHECK(x.count == 4 && memcmp(x.offset, offsets, sizeof(offsets)) == 0 &&
              memcmp(x.item, items, sizeof(items)) == 0,
          "pairs come out by user and item, each once");
    CHECK(memcmp(x.time, times, sizeof(times)) == 0, "a duplicate counts at its earliest time");
    CHECK(bare.time == NULL && bare.count == 4 && memcmp(bare.item, items, sizeof(items)) == 0,
          "the same without times");
    CHECK(InteractionsContain(&x, 0, 3) && !InteractionsContain(&x, 0, 2) &&
              !InteractionsContain(&x, 1, 3) && InteractionsContain(&x, 2, 0) &&
              !InteractionsContain(&x, 2, 3),
          "membership");
}

static void CheckEmpty(TestHost *t)
{
    Interactions none = Build(t, NULL, 0, 3, 2, true);

    CHECK(none.count == 0 && none.offset[3] == 0 && !InteractionsContain(&none, 1, 0),
          "no pairs at all");
    InteractionsHoldOut(&t->host, &none, HOLDOUT_LAST, 0, 1);
    CHECK(none.held_count == 0 && TrainingCount(&none) == 0, "nothing to hold out of nothing");
}

static size_t RandomRaw(Raw *raw, size_t n, uint32_t users, uint32_t items)
{
    Random random = TestStream(11);

    for (size_t i = 0; i < n; i++)
        raw[i] = (Raw){RandomBelow(&random, users), RandomBelow(&random, items),
                       (int64_t)RandomBelow(&random, 50) - 25};
    return n;
}

/* Against a table of earliest times. */
static bool MatchesTable(const Interactions *x, const Raw *raw, size_t n)
{
    static int64_t earliest[40][60];
    uint64_t found = 0;
    bool right = true;

    memset(earliest, 0x7F, sizeof(earliest));
    for (size_t i = 0; i < n; i++)
        if (raw[i].time < earliest[raw[i].user][raw[i].item])
            earliest[raw[i].user][raw[i].item] = raw[i].time;
    for (uint32_t u = 0; u < 40; u++) {
        uint64_t at = x->offset[u];

        for (uint32_t i = 0; i < 60; i++) {
            bool there = earliest[u][i] < 100;

            right &= there == InteractionsContain(x, u, i);
            if (there) {
                right &= x->item[at] == i && x->time[at] == earliest[u][i];
                at++;
                found++;
            }
        }
        right &= at == x->offset[u + 1];
    }
    return right && found == x->count;
}

static void CheckOrder(TestHost *t)
{
    enum { N = 3000 };
    static Raw raw[N], shuffled[N];
    uint32_t order[N];
    Random random = TestStream(12);
    Interactions a, b;

    RandomRaw(raw, N, 40, 60);
    for (uint32_t i = 0; i < N; i++)
        order[i] = i;
    RandomShuffle(&random, order, N);
    for (uint32_t i = 0; i < N; i++)
        shuffled[i] = raw[order[i]];
    a = Build(t, raw, N, 40, 60, true);
    b = Build(t, shuffled, N, 40, 60, true);
    CHECK(MatchesTable(&a, raw, N), "random pairs against a table");
    CHECK(Same(&a, &b), "the order of the pairs does not matter");
    for (int holdout = HOLDOUT_LAST; holdout <= HOLDOUT_RANDOM; holdout++) {
        InteractionsHoldOut(&t->host, &a, (Holdout)holdout, 0, 3);
        InteractionsHoldOut(&t->host, &b, (Holdout)holdout, 0, 3);
        CHECK(a.held_count == b.held_count && memcmp(a.held, b.held, 40 * sizeof(uint32_t)) == 0,
              "nor for what is held out (%s)", holdout == HOLDOUT_LAST ? "last" : "random");
    }
}

static int CompareRaw(const void *a, const void *b)
{
    const Raw *x = a, *y = b;

    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->time > y->time) - (x->time < y->time);
}

/* Sorts `raw`; the first of equal pairs is the earliest. */
static bool MatchesSorted(const Interactions *x, Raw *raw, size_t n)
{
    uint64_t at = 0;
    uint32_t user = 0;
    bool right = x->offset[0] == 0;

    qsort(raw, n, sizeof(Raw), CompareRaw);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && raw[i].user == raw[i - 1].user && raw[i].item == raw[i - 1].item)
            continue;
        while (user < raw[i].user)
            right &= x->offset[++user] == at;
        right &= x->item[at] == raw[i].item && (x->time == NULL || x->time[at] == raw[i].time);
        at++;
    }
    while (user < x->users)
        right &= x->offset[++user] == at;
    return right && x->count == at;
}

/* Sizes around those of buckets and digits; the highest user and item occur. */
static void CheckShapes(TestHost *t)
{
    static const struct {
        uint32_t n, users, items;
    } shapes[] = {{1, 1, 1},          {5, 1 << 20, 1U << 31}, {40000, 1, 1},
                  {40000, 1, 100000}, {40000, 39000, 1},      {70000, 3, 2048},
                  {70000, 100, 2049}, {200000, 513, 300},     {200000, 150000, 5000}};
    Raw *raw = HostAllocate(&t->host, 200000, sizeof(Raw));

    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
        uint32_t n = shapes[s].n, users = shapes[s].users, items = shapes[s].items;

        RandomRaw(raw, n, users, items);
        raw[n / 2] = (Raw){users - 1, items - 1, 0};
        for (int times = 0; times < 2; times++) {
            Interactions x = Build(t, raw, n, users, items, times == 1);

            CHECK(MatchesSorted(&x, raw, n), "%u pairs of %u users and %u items %s times", n, users,
                  items, times ? "with" : "without");
        }
    }
    HostRelease(&t->host, raw);
}

/* User u has u items at times that make `last` the latest, except for ties. */
static void CheckLast(TestHost *t)
{
    Raw raw[64];
    size_t n = 0;
    Interactions x;

    for (uint32_t u = 4; u <= 7; u++)
        for (uint32_t i = 0; i < u; i++)
            raw[n++] = (Raw){u - 4, i, u == 7 ? (i == 2 || i == 5 ? 9 : 1) : 100 - (int64_t)i};
    x = Build(t, raw, n, 4, 8, true);
    InteractionsHoldOut(&t->host, &x, HOLDOUT_LAST, 0, 1);
    CHECK(x.held[0] == NO_ITEM, "a user with four keeps them all");
    CHECK(x.held[1] == 0 && x.held[2] == 0, "a user with five or more gives the latest");
    CHECK(x.held[3] == 5, "of two latest the higher item");
    CHECK(x.held_count == 3 && TrainingCount(&x) == n - 3, "the rest trains");
    CHECK(IsHeldOut(&x, 1, 0) && !IsHeldOut(&x, 1, 1) && !IsHeldOut(&x, 0, 0), "who is held out");
}

static void CheckRandomHoldout(TestHost *t)
{
    enum { USERS = 3000 };
    Pairs pairs = PairsCreate(&t->host, USERS * 6, false);
    uint64_t position[6] = {0}, chosen[10] = {0};
    uint32_t before[USERS], held = 0;
    Interactions x;

    for (uint32_t n = 0; n < USERS * 6; n++)
        PairsAdd(&pairs, n / 6, n % 6 * 3, 0);
    InteractionsBuild(&t->host, &pairs, USERS, 20, &x);
    InteractionsHoldOut(&t->host, &x, HOLDOUT_RANDOM, 0, 5);
    memcpy(before, x.held, sizeof(before));
    for (uint32_t u = 0; u < USERS; u++)
        position[x.held[u] / 3]++;
    CHECK(x.held_count == USERS && LooksUniform(position, 6), "a random one is uniform");
    InteractionsHoldOut(&t->host, &x, HOLDOUT_RANDOM, 0, 6);
    CHECK(memcmp(before, x.held, sizeof(before)) != 0, "another seed holds out others");
    InteractionsHoldOut(&t->host, &x, HOLDOUT_RANDOM, 1000, 5);
    for (uint32_t u = 0; u < USERS; u++) {
        bool is = x.held[u] != NO_ITEM;

        held += is && x.held[u] == before[u];
        chosen[u * 10 / USERS] += is;
    }
    CHECK(x.held_count == 1000 && held == 1000, "a limit holds out for that many users");
    CHECK(LooksUniform(chosen, 10), "spread over all users");
    InteractionsHoldOut(&t->host, &x, HOLDOUT_RANDOM, USERS, 5);
    CHECK(x.held_count == USERS && memcmp(before, x.held, sizeof(before)) == 0,
          "a limit that is not reached changes nothing");
}

/* As many users of one item as of two, and so on to five; who holds out, by that number. */
static void CountHolders(TestHost *t, Holdout holdout, uint64_t limit, uint32_t holders[6])
{
    enum { USERS = 10000 };
    Pairs pairs = PairsCreate(&t->host, USERS * 3, true);
    uint32_t wrong = 0;
    Interactions x;

    for (uint32_t u = 0, n = 0; u < USERS; u++)
        for (uint32_t i = 0; i <= u % 5; i++)
            PairsAdd(&pairs, u, i, (int64_t)(n++ * 7919 % 101));
    InteractionsBuild(&t->host, &pairs, USERS, 5, &x);
    InteractionsHoldOut(&t->host, &x, holdout, limit, 3);
    memset(holders, 0, 6 * sizeof(uint32_t));
    for (uint32_t u = 0; u < USERS; u++) {
        holders[u % 5 + 1] += x.held[u] != NO_ITEM;
        wrong += x.held[u] != NO_ITEM && !InteractionsContain(&x, u, x.held[u]);
    }
    CHECK(wrong == 0, "what short histories hold out is theirs (%u are not)", wrong);
}

static void CheckShortHistories(TestHost *t, Holdout holdout)
{
    uint32_t all[6], few[6];

    CountHolders(t, holdout, 0, all);
    CHECK(all[1] == 0, "of one interaction none is held out (%u)", all[1]);
    for (uint32_t n = 2; n < 5; n++)
        CHECK(abs((int)all[n] - 400 * (int)n) < 90,
              "of users with %u interactions %u in five hold one out (%u of 2,000)", n, n, all[n]);
    CHECK(all[5] == 2000, "of those with five all (%u)", all[5]);
    CountHolders(t, holdout, 1000, few);
    for (uint32_t n = 2; n <= 5; n++)
        CHECK(abs((int)few[n] - 250) < 60,
              "with a limit users with %u interactions are as many as others (%u of 1,000)", n,
              few[n]);
}

static Interactions EachWith(TestHost *t, uint32_t users, uint32_t items)
{
    Pairs pairs = PairsCreate(&t->host, (uint64_t)users * items, false);
    Interactions x;

    for (uint32_t n = 0; n < users * items; n++)
        PairsAdd(&pairs, n / items, n % items, 0);
    InteractionsBuild(&t->host, &pairs, users, items, &x);
    InteractionsHoldOut(&t->host, &x, HOLDOUT_RANDOM, 0, 3);
    return x;
}

/* Who holds out goes on with more interactions; where few would, none of these does. */
static void CheckGrowingHistories(TestHost *t)
{
    enum { USERS = 1000, FEW = 60 };
    Interactions before = EachWith(t, USERS, 2);

    for (uint32_t n = 3; n <= 5; n++) {
        Interactions x = EachWith(t, USERS, n);
        uint32_t left = 0;

        for (uint32_t u = 0; u < USERS; u++)
            left += before.held[u] != NO_ITEM && x.held[u] == NO_ITEM;
        CHECK(left == 0, "who held out of %u interactions does of %u (%u do not)", n - 1, n, left);
        before = x;
    }
    before = EachWith(t, FEW, 2);
    CHECK(before.held_count == 0 && before.held == NULL,
          "%u users of two interactions are too few to hold out", FEW);
    before = EachWith(t, FEW, 5);
    CHECK(before.held_count == FEW, "%u with five are not", FEW);
}

/* Twenty users of five interactions, and so many of four. */
static uint64_t CountHeldBeside(TestHost *t, uint32_t others)
{
    Pairs pairs = PairsCreate(&t->host, 100 + 4 * (uint64_t)others, false);
    Interactions x;

    for (uint32_t n = 0; n < 100; n++)
        PairsAdd(&pairs, n / 5, n % 5, 0);
    for (uint32_t n = 0; n < 4 * others; n++)
        PairsAdd(&pairs, 20 + n / 4, n % 4, 0);
    InteractionsBuild(&t->host, &pairs, 20 + others, 5, &x);
    InteractionsHoldOut(&t->host, &x, HOLDOUT_RANDOM, 0, 3);
    return x.held_count;
}

/* Short histories join once 50 users would hold out in all, with one of them more or less. */
static void CheckFewest(TestHost *t)
{
    uint32_t others = 0;
    uint64_t held;

    do
        held = CountHeldBeside(t, ++others);
    while (held == 20 && others < 80);
    CHECK(held == HOLDOUT_FEWEST, "beside %u short histories %u hold out, one fewer 20", others,
          (uint32_t)held);
}

static void CheckNone(TestHost *t)
{
    Interactions x = RandomInteractions(&t->host, 10, 30, 9, 13);

    InteractionsHoldOut(&t->host, &x, HOLDOUT_NONE, 0, 1);
    CHECK(x.held == NULL && x.held_count == 0 && TrainingCount(&x) == x.count &&
              !IsHeldOut(&x, 0, x.item[0]),
          "holding out none");
}

static int releases;

static void CountRelease(Pairs *pairs)
{
    releases += pairs->user != NULL;
}

static void CheckMemory(bool times)
{
    TestHost t;
    Pairs pairs;
    Interactions x;
    size_t before, live;

    TestHostInit(&t);
    pairs = PairsCreate(&t.host, 20000, times);
    for (uint32_t n = 0; n < 20000; n++)
        PairsAdd(&pairs, n * 7919 % 300, n * 104729 % 500, n);
    pairs.release = CountRelease;
    releases = 0;
    TestHostResetPeak(&t);
    before = t.bytes;
    live = t.live;
    InteractionsBuild(&t.host, &pairs, 300, 500, &x);
    CHECK(t.peak - before <=
              InteractionsMemory(20000, 300, times ? COLUMN_TIME : 0) + TestHostSlack(&t),
          "building needs no more memory than estimated %s times", times ? "with" : "without");
    CHECK(t.live - live == (times ? 3 : 2), "and keeps only the result, %zu arrays", t.live - live);
    CHECK(releases == 1, "the pairs are given back once");
    CHECK(InteractionsMemory(UINT64_MAX / 4, 1, COLUMN_TIME) == SIZE_MAX,
          "an estimate that overflows says so");
    TestHostEnd(&t);
}

/* One user more before all others: indexes move, keys do not. */
static uint64_t ShiftedUser(void *arg, uint32_t user)
{
    (void)arg;
    return user == 0 ? 1000000 : user - 1;
}

static uint64_t SameItem(void *arg, uint32_t item)
{
    (void)arg;
    return item;
}

static void CheckStableKeys(TestHost *t, uint64_t limit)
{
    const StableKeys keys = {NULL, ShiftedUser, SameItem};
    Interactions plain = TasteInteractions(&t->host, 60, 50, 3, 8, 77), more;
    Pairs pairs = {.count = 0};
    uint32_t same = 0, held = 0;

    pairs.user = HostAllocate(&t->host, plain.count + 10, sizeof(uint32_t));
    pairs.item = HostAllocate(&t->host, plain.count + 10, sizeof(uint32_t));
    for (uint32_t i = 0; i < 10; i++) {
        pairs.user[pairs.count] = 0;
        pairs.item[pairs.count++] = i;
    }
    for (uint32_t u = 0; u < plain.users; u++)
        for (uint64_t i = plain.offset[u]; i < plain.offset[u + 1]; i++) {
            pairs.user[pairs.count] = u + 1;
            pairs.item[pairs.count++] = plain.item[i];
        }
    InteractionsBuild(&t->host, &pairs, plain.users + 1, plain.items, &more);
    more.keys = &keys;
    InteractionsHoldOut(&t->host, &plain, HOLDOUT_RANDOM, limit, 5);
    InteractionsHoldOut(&t->host, &more, HOLDOUT_RANDOM, limit == 0 ? 0 : limit + 1, 5);
    for (uint32_t u = 0; u < plain.users; u++) {
        held += plain.held[u] != NO_ITEM;
        same += plain.held[u] != NO_ITEM && plain.held[u] == more.held[u + 1];
    }
    CHECK(held > 0 && same >= held - 1,
          "limit %d: a new user moves no other user's held-out item (%u of %u stay)", (int)limit,
          same, held);
}

static uint64_t HalfUser(void *arg, uint32_t user)
{
    (void)arg;
    return user / 2;
}

/* How many users are chosen before this one: smaller draws, of equal ones the lower user. */
static uint32_t ChosenBefore(uint32_t user, uint32_t users, uint64_t seed)
{
    uint64_t own = 0;
    uint32_t before = 0;

    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t u = 0; u < users; u++) {
            Random random;
            uint64_t draw;

            RandomSeed(&random, seed, RANDOM_HOLDOUT, u / 2, 0);
            draw = RandomNext(&random);
            if (pass == 0)
                own = u == user ? draw : own;
            else
                before += draw < own || (draw == own && u < user);
        }
    return before;
}

/* Users in pairs have the same key, and so the same draw. */
static void CheckLimits(TestHost *t)
{
    enum { USERS = 151 };
    const StableKeys keys = {NULL, HalfUser, SameItem};
    Pairs pairs = PairsCreate(&t->host, USERS * 5, false);
    uint32_t before[USERS], wrong = 0;
    Interactions x;

    for (uint32_t n = 0; n < USERS * 5; n++)
        PairsAdd(&pairs, n / 5, n % 5, 0);
    InteractionsBuild(&t->host, &pairs, USERS, 5, &x);
    x.keys = &keys;
    for (uint32_t u = 0; u < USERS; u++)
        before[u] = ChosenBefore(u, USERS, 9);
    for (uint32_t limit = 1; limit <= USERS; limit++) {
        InteractionsHoldOut(&t->host, &x, HOLDOUT_RANDOM, limit, 9);
        wrong += x.held_count != limit;
        for (uint32_t u = 0; u < USERS; u++)
            wrong += (x.held[u] != NO_ITEM) != (before[u] < limit);
    }
    CHECK(wrong == 0, "with any limit those with the smallest draws hold out (%u do not)", wrong);
}

/* One user with a few events and one with a burst of them, in no order and with equal times. */
static void CheckBurst(TestHost *t)
{
    const uint32_t few = 5, burst = 200001;
    Pairs pairs = PairsCreate(&t->host, few + burst, true);
    uint64_t items = 0;
    bool ascend = true;
    Events events;
    Random random;

    RandomSeed(&random, 1, 2, 3, 4);
    for (uint32_t n = 0; n < few + burst; n++)
        PairsAdd(&pairs, n < burst, n, (int64_t)RandomBelow(&random, 1000) - 500);
    EventsBuild(&t->host, &pairs, 2, &events);
    CHECK(events.offset[0] == 0 && events.offset[1] == few && events.offset[2] == few + burst,
          "events of two users");
    for (uint64_t n = few; n < few + burst; n++) {
        items += events.item[n];
        if (n > few)
            ascend &= events.time[n - 1] < events.time[n] ||
                      (events.time[n - 1] == events.time[n] && events.item[n - 1] < events.item[n]);
    }
    CHECK(ascend, "a burst is in order of time, then of the items");
    CHECK(items == (uint64_t)burst * (burst - 1) / 2, "and each of its events is there once");
}

void TestInteractions(void)
{
    TestHost t;

    TestHostInit(&t);
    CheckSmall(&t);
    CheckEmpty(&t);
    CheckOrder(&t);
    CheckShapes(&t);
    CheckLast(&t);
    CheckRandomHoldout(&t);
    CheckShortHistories(&t, HOLDOUT_LAST);
    CheckShortHistories(&t, HOLDOUT_RANDOM);
    CheckGrowingHistories(&t);
    CheckFewest(&t);
    CheckNone(&t);
    CheckStableKeys(&t, 0);
    CheckStableKeys(&t, 20);
    CheckLimits(&t);
    CheckBurst(&t);
    TestHostEnd(&t);
    CheckMemory(true);
    CheckMemory(false);
}
