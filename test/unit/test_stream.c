/* test_stream.c: ranking and learning event by event, with algorithms that stream and others. */
#include <math.h>

#include "algo/rank/prequential.h"
#include "check.h"
#include "core/metrics.h"
#include "support.h"
#include "tests.h"

#define USERS  60
#define ITEMS  80
#define GROUPS 4
#define EVENTS 2400
#define WARM   1200

typedef struct StreamRig {
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;
    History history;
    Stream stream;
} StreamRig;

/* Trains on the first events with users and items below the limits; rows are added later. */
static void Prepare(StreamRig *r, const char *algorithm, uint32_t users, uint32_t items)
{
    Pairs pairs;
    Events *events;
    Model *m = &r->run.model;

    TestHostInit(&r->t);
    r->events = TasteStreamCreate(&r->t.host, USERS, ITEMS, GROUPS, EVENTS, EVENTS, 800);
    pairs = PairsCreate(&r->t.host, WARM, true);
    events = HostAllocate(&r->t.host, 1, sizeof(Events));
    for (uint32_t n = 0; n < WARM; n++)
        if (r->events.user[n] < users && r->events.item[n] < items)
            PairsAdd(&pairs, r->events.user[n], r->events.item[n], n);
    EventsBuild(&r->t.host, &pairs, users, events);
    InteractionsBuild(&r->t.host, &pairs, users, items, &r->data);
    r->data.events = events;
    TrainingPrepare(&r->t, &r->data, algorithm, "", &r->run);
    if (AlgorithmFind(algorithm)->options->name != NULL)
        SetOptions(AlgorithmFind(algorithm), &r->run.options, "factors=16 epochs=3 holdout=none");
    ModelLayout(m, AlgorithmFind(algorithm), &r->run.options, users, items);
    ModelAllocateRoom(&r->t.host, m, USERS, ITEMS);
    ModelCountPopularity(&r->t.host, &r->data, m);
    TrainingRun(&r->run);
    HistoryInit(&r->t.host, USERS, 0, &r->history);
    for (uint32_t u = 0; u < users; u++)
        HistorySet(&r->history, u, r->data.item + r->data.offset[u],
                   (uint32_t)(r->data.offset[u + 1] - r->data.offset[u]));
    StreamOpen(&r->t.host, m, &r->history, WARM, 1, &r->stream);
}

static void End(StreamRig *r)
{
    StreamClose(&r->stream);
    TestHostEnd(&r->t);
}

/* --- positions that can be counted by hand */

static void CheckPositions(void)
{
    StreamRig r;
    float *popularity;

    Prepare(&r, "popularity", USERS, ITEMS);
    popularity = r.run.model.part[POPULARITY_PART].data;
    for (uint32_t i = 0; i < ITEMS; i++)
        popularity[i] = (float)(i < 10 ? 10 - i : 0);
    popularity[20] = 5; /* as item 5 */
    HistorySet(&r.history, 7, (const uint32_t[]){0, 2, 30}, 3);
    CHECK(StreamRank(&r.stream, 7, 1) == 0, "the most popular that the user has not");
    CHECK(StreamRank(&r.stream, 7, 4) == 2, "own items are no candidates");
    CHECK(StreamRank(&r.stream, 7, 5) == 3 && StreamRank(&r.stream, 7, 20) == 4,
          "ties go to the lower item");
    CHECK(StreamRank(&r.stream, 7, 9) == 8, "items that nobody has had are no candidates");
    CHECK(StreamRank(&r.stream, 7, 40) == NOT_RANKED, "an item that nobody has had is not found");
    StreamEvent(&r.stream, &(Event){7, 4, 0, 1}, true);
    StreamEvent(&r.stream, &(Event){7, 4, 0, 1}, true);
    StreamEvent(&r.stream, &(Event){7, 40, 0, 1}, true);
    CHECK(r.stream.total.events == 3 && r.stream.total.ranked == 2 && r.stream.total.repeats == 1 &&
              r.stream.total.new_items == 1 && r.stream.total.new_users == 0 &&
              r.stream.total.hr == 1 && Near(r.stream.total.mrr, 1.0 / 3, 1e-12, 0) &&
              Near(r.stream.total.ndcg, 0.5, 1e-12, 0),
          "counts and sums: a hit, a repeat, a new item");
    CHECK(popularity[4] == 7 && popularity[40] == 1 && r.history.users[7].count == 5,
          "popularity and history follow");
    End(&r);
}

/* --- new users and items */

static void AddRows(StreamRig *r, uint32_t user, uint32_t item)
{
    while (user >= r->run.model.users)
        ModelAddUser(&r->run.model, r->run.model.users);
    while (item >= r->run.model.items)
        ModelAddItem(&r->run.model, r->run.model.items);
}

static void Run(StreamRig *r, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n++) {
        AddRows(r, r->events.user[n], r->events.item[n]);
        StreamEvent(&r->stream, &(Event){r->events.user[n], r->events.item[n], n, 1}, true);
    }
}

static bool SameMetrics(const StreamMetrics *a, const StreamMetrics *b)
{
    return a->ranked == b->ranked && a->hr == b->hr && a->ndcg == b->ndcg && a->mrr == b->mrr &&
           a->new_users == b->new_users && a->new_items == b->new_items;
}

/* Nothing after an event may count: a shorter stream, and one that ends otherwise. */
static void CheckFuture(const char *algorithm)
{
    StreamRig a, b;
    StreamMetrics half;

    Prepare(&a, algorithm, USERS - 20, ITEMS - 20);
    Run(&a, WARM, WARM + 500);
    half = a.stream.total;
    Prepare(&b, algorithm, USERS - 20, ITEMS - 20);
    for (uint32_t n = WARM + 500; n < EVENTS; n++)
        b.events.item[n] = n % ITEMS;
    Run(&b, WARM, WARM + 500);
    CHECK(SameMetrics(&half, &b.stream.total) && half.new_users > 0 && half.new_items > 0,
          "%s: what comes later changes nothing", algorithm);
    Run(&b, WARM + 500, WARM + 600);
    CHECK(!SameMetrics(&half, &b.stream.total), "%s: more events, other sums", algorithm);
    End(&a);
    End(&b);
}

/* A user without events is ranked by popularity, whatever the row says. */
static void CheckNewUser(const char *algorithm)
{
    StreamRig r, p;
    bool same = true;

    Prepare(&r, algorithm, USERS - 5, ITEMS);
    Prepare(&p, "popularity", USERS - 5, ITEMS);
    AddRows(&r, USERS - 1, ITEMS - 1);
    AddRows(&p, USERS - 1, ITEMS - 1);
    for (uint32_t i = 0; i < ITEMS; i++)
        same &= StreamRank(&r.stream, USERS - 3, i) == StreamRank(&p.stream, USERS - 3, i);
    CHECK(same, "%s: a user's first event is ranked by popularity", algorithm);
    End(&r);
    End(&p);
}

static void CheckFrozen(void)
{
    StreamRig r;
    uint32_t last;

    Prepare(&r, "bpr", USERS, ITEMS - 20);
    AddRows(&r, 0, ITEMS - 1);
    StreamEvent(&r.stream, &(Event){1, ITEMS - 1, 0, 1}, false);
    last = StreamRank(&r.stream, 2, ITEMS - 1);
    CHECK(last != NOT_RANKED && last + 1 + r.history.users[2].count >= ITEMS - 20,
          "a frozen model puts items last that it does not know");
    End(&r);
}

static void RankOne(void *arg)
{
    StreamRank(arg, 3, 17);
}

static void CheckNan(void)
{
    StreamRig r;

    Prepare(&r, "bpr", USERS, ITEMS);
    r.run.model.part[MF_ITEM_PART].data[17 * r.run.model.part[MF_ITEM_PART].stride] = NAN;
    CHECK(Attempt(&r.t, RankOne, &r.stream) == OUTCOME_FAILED && r.t.kind == FAIL_NOT_FINITE,
          "scores that are not a number fail: %s", r.t.message);
    End(&r);
}

void TestStreaming(void)
{
    CheckPositions();
    CheckFuture("nmrn");
    CheckFuture("nmrn_gan");
    CheckFuture("popularity");
    CheckFuture("bpr");
    CheckNewUser("nmrn");
    CheckNewUser("bpr");
    CheckFrozen();
    CheckNan();
}
