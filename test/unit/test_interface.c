/*
 * test_interface.c: what algorithm.h allows beyond the algorithms that there are: scores of any
 * form, queries from a history or a context, models without users, scores that are everybody's.
 *
 * The algorithms are toys of this file: what they compute is a formula that can be written down
 * once more.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/choice/trial.h"
#include "algo/rank/prequential.h"
#include "algo/rank/scan.h"
#include "algo/rank/validation.h"
#include "check.h"
#include "core/metrics.h"
#include "support.h"
#include "tests.h"

#define USERS        40
#define ITEMS        700
#define EVENTS       600
#define LAST         3 /* the ordered history */
#define TASTES       4
#define TOY          1 /* the toys' item part */
#define QUERY_FLOATS 16

/* ---- the toys ---- */

static void ItemRows(Model *model)
{
    ModelAddPart(model, "row", AXIS_ITEM, model->items, 5);
}

static void UserAndItemRows(Model *model)
{
    ItemRows(model);
    ModelAddPart(model, "user", AXIS_USER, model->users, 2);
}

static void ItemColumn(Model *model)
{
    ModelAddColumn(model, "own", AXIS_ITEM, model->items);
}

static uint32_t Tastes(const Model *model)
{
    (void)model;
    return TASTES;
}

static uint32_t RowWidth(const Model *model)
{
    return model->part[TOY].stride;
}

static uint32_t NoWidth(const Model *model)
{
    (void)model;
    return 0;
}

static HistoryNeed Unordered(const void *options)
{
    (void)options;
    return (HistoryNeed){false, 0};
}

static HistoryNeed Ordered(const void *options)
{
    (void)options;
    return (HistoryNeed){true, LAST};
}

/* How many items of each taste the user has. */
static void CountTastes(const Model *view, const QueryInput *input, float *query)
{
    (void)view;
    memset(query, 0, TASTES * sizeof(float));
    for (uint32_t h = 0; h < input->count; h++)
        query[input->items[h] % TASTES]++;
}

/* Ties are many: the taste, and one of five values of the item. */
static float TasteScore(const float *query, uint32_t item, const float *row)
{
    return -fabsf(query[item % TASTES] - 2) + floorf(row[0] * 3) / 3;
}

static void ScoreTastes(const Model *view, const float *query, float *out)
{
    for (uint32_t i = 0; i < view->items; i++)
        out[i] = TasteScore(query, ViewItem(view, i), PartRow(&view->part[TOY], i));
}

/* Rows of the last items, the newest counting most. */
static void SumLast(const Model *view, const QueryInput *input, float *query)
{
    memset(query, 0, RowWidth(view) * sizeof(float));
    for (uint32_t h = 0; h < input->count; h++)
        for (uint32_t k = 0; k < view->part[TOY].columns; k++)
            query[k] += (float)(h + 1) * InputRow(view, input, TOY, h)[k];
}

static uint32_t TwoNumbers(const Model *model)
{
    (void)model;
    return 2;
}

/* The context, and the user's own two numbers where there are some. */
static void TakeContext(const Model *view, const QueryInput *input, float *query)
{
    const float *own = input->row == NO_ROW ? NULL : PartRow(&view->part[TOY + 1], input->row);

    for (int k = 0; k < 2; k++) {
        query[k] = input->context == NULL ? 0 : input->context[k];
        query[2 + k] = own == NULL ? 0 : own[k];
    }
}

static float ContextScore(const float *query, uint32_t item, const float *row)
{
    float place = (float)(item % 17);

    return -fabsf(place - query[0]) + query[1] * row[1] + query[2] * row[2] - query[3] * place;
}

static void ScoreContext(const Model *view, const float *query, float *out)
{
    for (uint32_t i = 0; i < view->items; i++)
        out[i] = ContextScore(query, ViewItem(view, i), PartRow(&view->part[TOY], i));
}

static void NoQuery(const Model *view, const QueryInput *input, float *query)
{
    (void)view, (void)input, (void)query;
}

static void OwnScalars(const Model *view, float *out)
{
    for (uint32_t i = 0; i < view->items; i++)
        out[i] = *PartRow(&view->part[POPULARITY_PART], i);
}

static void DivideOwn(const Model *model, const float *query, const float *scalars, size_t pitch,
                      uint32_t count, float *products)
{
    (void)model, (void)query, (void)pitch;
    for (uint32_t i = 0; i < count; i++)
        products[i] = products[i] / (1 + scalars[i]);
}

static void ScoreOwn(const Model *view, const float *query, float *out)
{
    (void)query;
    for (uint32_t i = 0; i < view->items; i++)
        out[i] = -*PartRow(&view->part[TOY], i) * (float)(1 + ViewItem(view, i) % 3);
}

static void TooManyParts(Model *model)
{
    for (int i = 0; i < 2 * MAX_PARTS; i++)
        if (i % 2 == 0)
            ModelAddPart(model, "many", AXIS_ITEM, model->items, 3);
        else
            ModelAddColumn(model, "many", AXIS_USER, model->users);
}

static const Algorithm tastes = {.name = "tastes",
                                 .layout = ItemRows,
                                 .query_width = Tastes,
                                 .history = Unordered,
                                 .query = CountTastes,
                                 .score = ScoreTastes};
static const Algorithm sequence = {.name = "sequence",
                                   .layout = ItemRows,
                                   .query_width = RowWidth,
                                   .history = Ordered,
                                   .query = SumLast,
                                   .items = TOY};
static const Algorithm scene = {.name = "scene",
                                .layout = UserAndItemRows,
                                .query_width = Tastes,
                                .context_width = TwoNumbers,
                                .query = TakeContext,
                                .score = ScoreContext};
static const Algorithm own = {
    .name = "own", .layout = ItemColumn, .query_width = NoWidth, .query = NoQuery, .items = TOY};
static const Algorithm own_finished = {.name = "own, finished",
                                       .layout = ItemColumn,
                                       .query_width = NoWidth,
                                       .query = NoQuery,
                                       .items = TOY,
                                       .scalars = 1,
                                       .item_scalars = OwnScalars,
                                       .finish = DivideOwn};
static const Algorithm own_scored = {.name = "own, scored",
                                     .layout = ItemColumn,
                                     .query_width = NoWidth,
                                     .query = NoQuery,
                                     .score = ScoreOwn};
static const Algorithm greedy = {.name = "greedy", .layout = TooManyParts, .query_width = NoWidth};

static const Algorithm *const toys[] = {&tastes, &sequence,     &scene,
                                        &own,    &own_finished, &own_scored};

#define TOYS (sizeof(toys) / sizeof(toys[0]))

/* ---- a model of a toy, and data ---- */

typedef struct World {
    TestHost t;
    TrainOptions options;
    Model model;
    Interactions data;
    Events events;
    uint32_t held_users;
} World;

static void FillParts(Model *model)
{
    Random random = TestStream(901);

    for (int p = TOY; p < model->parts; p++)
        for (uint32_t r = 0; r < model->part[p].rows; r++)
            for (uint32_t k = 0; k < model->part[p].columns; k++)
                PartRow(&model->part[p], r)[k] = (float)RandomNormal(&random);
}

/* Events with repeats; `users` of the model may be 0 where the algorithm has no user parts. */
static void WorldCreate(World *w, const Algorithm *algorithm, int threads)
{
    Random random = TestStream(900);
    Pairs pairs;

    memset(w, 0, sizeof(*w));
    TestHostInit(&w->t);
    TestHostUsePool(&w->t, threads);
    pairs = PairsCreate(&w->t.host, EVENTS, true);
    for (uint32_t n = 0; n < EVENTS; n++) {
        uint32_t user = RandomBelow(&random, USERS);

        PairsAdd(&pairs, user, RandomBelow(&random, 5) == 0 ? user : RandomBelow(&random, ITEMS),
                 RandomBelow(&random, 1000));
    }
    EventsBuild(&w->t.host, &pairs, USERS, &w->events);
    InteractionsBuild(&w->t.host, &pairs, USERS, ITEMS, &w->data);
    w->data.events = &w->events;
    InteractionsHoldOut(&w->t.host, &w->data, HOLDOUT_RANDOM, 30, 5);
    ModelLayout(&w->model, algorithm, &w->options, algorithm == &scene ? USERS : 0, ITEMS);
    ModelAllocate(&w->t.host, &w->model);
    FillParts(&w->model);
    ModelCountPopularity(&w->t.host, &w->data, &w->model);
}

/* ---- what the toys should say ---- */

/* Indexes that a user's query is made of, from the plain lists. */
static uint32_t HistoryOf(const World *w, uint32_t user, bool held, uint32_t *items)
{
    bool ordered = w->model.algorithm == &sequence;
    const uint64_t *offset = ordered ? w->events.offset : w->data.offset;
    const uint32_t *item = ordered ? w->events.item : w->data.item;
    uint32_t count = 0, drop;

    for (uint64_t i = offset[user]; i < offset[user + 1]; i++)
        if (held || w->data.held[user] != item[i])
            items[count++] = item[i];
    drop = ordered && count > LAST ? count - LAST : 0;
    memmove(items, items + drop, (count - drop) * sizeof(*items));
    return count - drop;
}

static double Expected(const Model *m, const float *query, uint32_t item)
{
    const float *row = PartRow(&m->part[TOY], item);
    double sum = 0;

    if (m->algorithm == &tastes)
        return TasteScore(query, item, row);
    if (m->algorithm == &scene)
        return ContextScore(query, item, row);
    if (m->algorithm == &own)
        return *row;
    if (m->algorithm == &own_finished)
        return *row / (1 + *PartRow(&m->part[POPULARITY_PART], item));
    if (m->algorithm == &own_scored)
        return -*row * (float)(1 + item % 3);
    for (uint32_t k = 0; k < m->part[TOY].columns; k++)
        sum += (double)query[k] * row[k];
    return sum;
}

/* A query by a formula of its own. */
static void ExpectedQuery(const World *w, uint32_t user, bool held, float *query)
{
    uint32_t items[EVENTS], count = HistoryOf(w, user, held, items);
    const Algorithm *algorithm = w->model.algorithm;

    memset(query, 0, QUERY_FLOATS * sizeof(float));
    for (uint32_t h = 0; algorithm == &tastes && h < count; h++)
        query[items[h] % TASTES]++;
    for (uint32_t h = 0; algorithm == &sequence && h < count; h++)
        for (uint32_t k = 0; k < 5; k++)
            query[k] += (float)(h + 1) * PartRow(&w->model.part[TOY], items[h])[k];
    for (uint32_t k = 0; algorithm == &scene && k < 2; k++)
        query[2 + k] = PartRow(&w->model.part[TOY + 1], user)[k];
}

/* ---- scores ---- */

static float *QueryRoom(World *w)
{
    return HostAllocateZero(&w->t.host, QUERY_FLOATS, sizeof(float));
}

static bool SameFloats(const float *a, const float *b, size_t count)
{
    return memcmp(a, b, count * sizeof(float)) == 0;
}

/* A gathered view: some items, here and there. */
static Model Gather(World *w, const uint32_t *items, uint32_t count)
{
    Model view = w->model;

    view.items = count;
    view.item_rows = items;
    for (int p = 0; p < view.parts; p++) {
        Part *part = &view.part[p];

        if (part->axis != AXIS_ITEM)
            continue;
        part->rows = count;
        part->data = HostAllocateZero(&w->t.host, PartFloats(part), sizeof(float));
        for (uint32_t i = 0; i < count; i++)
            memcpy(PartRow(part, i), PartRow(&w->model.part[p], items[i]),
                   part->stride * sizeof(float));
    }
    return view;
}

static void CheckScores(World *w)
{
    static const uint32_t here[] = {3, 699, 17, 18, 3, 256, 400};
    static float all[ITEMS] __attribute__((aligned(64))), part[ITEMS] __attribute__((aligned(64)));
    const Model *m = &w->model;
    float *query = QueryRoom(w);
    Model gathered = Gather(w, here, 7), view;
    bool near = true, same = true;

    for (uint32_t user = 0; user < USERS; user += 7) {
        ExpectedQuery(w, user, true, query);
        ModelScore(m, query, 1, all);
        for (uint32_t i = 0; i < ITEMS; i++)
            near &= Near(all[i], Expected(m, query, i), 1e-5, 1e-6);
        for (uint32_t first = 0; first < ITEMS; first += 99) {
            ModelViewItems(m, first, first + 99 > ITEMS ? ITEMS - first : 99, &view);
            ModelScore(&view, query, 1, part);
            same &= SameFloats(part, all + first, view.items);
        }
        ModelScore(&gathered, query, 1, part);
        for (int i = 0; i < 7; i++)
            same &= part[i] == all[here[i]];
        ModelViewItems(&gathered, 2, 3, &view);
        ModelScore(&view, query, 1, part);
        for (int i = 0; i < 3; i++)
            same &= part[i] == all[here[2 + i]];
    }
    CHECK(near, "%s: scores are the formula's", m->algorithm->name);
    CHECK(same, "%s: and the same through any view, bit for bit", m->algorithm->name);
}

static void CheckManyQueries(World *w)
{
    uint32_t width = w->model.algorithm->query_width(&w->model);
    float *queries = HostAllocateZero(&w->t.host, USERS * QUERY_FLOATS, sizeof(float));
    float *one = QueryRoom(w), *scores = HostAllocate(&w->t.host, USERS * ITEMS, sizeof(float));
    static float alone[ITEMS] __attribute__((aligned(64)));
    bool near = true;

    for (uint32_t user = 0; user < USERS; user++) {
        ExpectedQuery(w, user, true, one);
        memcpy(queries + (size_t)user * width, one, width * sizeof(float));
    }
    ModelScore(&w->model, queries, USERS, scores);
    for (uint32_t user = 0; user < USERS; user++) {
        ExpectedQuery(w, user, true, one);
        ModelScore(&w->model, one, 1, alone);
        for (uint32_t i = 0; i < ITEMS; i++)
            near &= Near(scores[user * ITEMS + i], alone[i], 1e-5, 1e-5);
    }
    CHECK(near, "%s: many queries at once", w->model.algorithm->name);
}

/* ---- queries ---- */

static void CheckQueries(World *w)
{
    const Model *m = &w->model;
    float *query = QueryRoom(w), *expected = QueryRoom(w);
    bool right = true;
    size_t room = 0;

    for (int held = 0; held < 2; held++) {
        Histories histories = HistoriesOf(m, &w->data, held);
        uint32_t *scratch = HostAllocate(&w->t.host, histories.room, sizeof(uint32_t));

        for (uint32_t user = 0; user < USERS; user++) {
            memset(query, 0, QUERY_FLOATS * sizeof(float));
            HistoriesQuery(&histories, m, user, scratch, query);
            ExpectedQuery(w, user, held, expected);
            right &= SameFloats(query, expected, QUERY_FLOATS);
        }
        room = histories.room;
        HostRelease(&w->t.host, scratch);
    }
    CHECK(right, "%s: queries of users, with the held-out item and without", m->algorithm->name);
    CHECK(room * sizeof(uint32_t) <= HistoriesMemory(m, 1) &&
              (m->algorithm->history == NULL) == (room == 0),
          "%s: a history has room, and no more than estimated", m->algorithm->name);
}

static void CheckContext(void)
{
    static float scores[ITEMS] __attribute__((aligned(64)));
    const float context[] = {5, 0.5f};
    World w;
    float *query;
    bool right = true;

    WorldCreate(&w, &scene, 1);
    query = QueryRoom(&w);
    w.model.algorithm->query(&w.model, &(QueryInput){.row = NO_ROW, .context = context}, query);
    ModelScore(&w.model, query, 1, scores);
    for (uint32_t i = 0; i < ITEMS; i++)
        right &=
            Near(scores[i], -fabs((double)(i % 17) - 5) + 0.5 * PartRow(&w.model.part[TOY], i)[1],
                 1e-5, 1e-6);
    CHECK(right, "a context, of a user without a row");
    w.model.algorithm->query(&w.model, &(QueryInput){.row = 7, .context = context}, query);
    CHECK(query[0] == 5 && query[1] == 0.5f && query[3] == PartRow(&w.model.part[TOY + 1], 7)[1],
          "and of one with a row");
    TestHostEnd(&w.t);
}

/* ---- rankings ---- */

static bool IsAmong(const uint32_t *items, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (items[i] == item)
            return true;
    return false;
}

/* Ties go to the lower item. */
static bool RanksAhead(const float *scores, uint32_t i, uint32_t item)
{
    return scores[i] > scores[item] || (scores[i] == scores[item] && i < item);
}

/* Items that rank before the one relevant item, by all scores. */
static uint32_t PlainPosition(World *w, const RankingCase *c, bool held)
{
    static float scores[ITEMS] __attribute__((aligned(64)));
    float *query = QueryRoom(w);
    uint32_t before = 0;

    ExpectedQuery(w, c->user, held, query);
    ModelScore(&w->model, query, 1, scores);
    for (uint32_t i = 0; i < ITEMS; i++)
        before +=
            !IsAmong(c->excluded, c->excluded_count, i) && RanksAhead(scores, i, c->relevant[0]);
    HostRelease(&w->t.host, query);
    return before;
}

static void CheckRanking(World *w)
{
    const Model *m = &w->model;
    Validation v;
    bool right[2] = {true, true}, memory = true;
    int threads = 3;

    ValidationPrepare(&w->t.host, &w->data, &v);
    for (int held = 0; held < 2; held++) {
        size_t before = w->t.bytes;

        TestHostResetPeak(&w->t);
        RankCases(&w->t.host, m, HistoriesOf(m, &w->data, held), v.cases, v.count);
        memory &= w->t.peak - before <= RankingMemory(m, threads) + threads + TestHostSlack(&w->t);
        for (size_t c = 0; c < v.count; c++)
            right[held] &= v.cases[c].positions[0] == PlainPosition(w, &v.cases[c], held);
    }
    CHECK(right[0] && v.count == 30, "%s: positions without the held-out item in the history",
          m->algorithm->name);
    CHECK(right[1], "%s: and with it", m->algorithm->name);
    CHECK(memory, "%s: within the estimate", m->algorithm->name);
    ValidationRelease(&w->t.host, &v);
}

static void CheckValidation(World *w)
{
    const Model *m = &w->model;
    Validation v;
    double ndcg = 0, hr = 0;
    size_t before = w->t.bytes;

    TestHostResetPeak(&w->t);
    ValidationPrepare(&w->t.host, &w->data, &v);
    ValidationRun(&w->t.host, m, &v);
    CHECK(w->t.peak - before <= ValidationMemory(m, &w->data, 3) + 3 + TestHostSlack(&w->t),
          "%s: validation is within its estimate", m->algorithm->name);
    for (size_t c = 0; c < v.count; c++) {
        uint32_t place = PlainPosition(w, &v.cases[c], false);

        hr += place < VALIDATION_CUTOFF;
        ndcg += place < VALIDATION_CUTOFF ? 1 / log2(place + 2.0) : 0;
    }
    CHECK(Near(v.ndcg, ndcg / 30, 1e-12, 0) && Near(v.hr, hr / 30, 1e-12, 0),
          "%s: validation is that of the plain ranking (%.4f, %.4f)", m->algorithm->name, v.ndcg,
          v.hr);
    ValidationRelease(&w->t.host, &v);
}

/* ---- the best items ---- */

typedef struct Question {
    const Model *view;
    uint32_t first;
    const float *query;
    const uint32_t *without;
    uint32_t without_count;
    const uint64_t *among;
} Question;

static void ScanBest(World *w, const Question *q, TopK *top)
{
    Scan scan;
    ScanRun run;
    ScanTask task = {.query = q->query,
                     .without = q->without,
                     .without_count = q->without_count,
                     .among = q->among,
                     .top = top};

    ScanPlace(&scan, q->view, HostAllocate(&w->t.host, ScanSize(q->view) + 64, 1));
    ScanBuild(&w->t.host, &scan);
    ScanStart(&run, &scan, q->first, &task, 1, HostAllocate(&w->t.host, ScanTaskSize(q->view), 1));
    while (ScanStep(&run))
        ;
    TopKFinish(top);
}

static int BestFirst(const void *a, const void *b)
{
    return ScoredBetter(*(const Scored *)a, *(const Scored *)b) ? -1 : 1;
}

static bool May(const Question *q, uint32_t item)
{
    return !IsAmong(q->without, q->without_count, item) &&
           (q->among == NULL || (q->among[item / 64] >> item % 64 & 1) != 0);
}

static uint32_t SortAll(const Question *q, Scored *sorted)
{
    static float scores[ITEMS] __attribute__((aligned(64)));
    uint32_t count = 0;

    ModelScore(q->view, q->query, 1, scores);
    for (uint32_t i = 0; i < q->view->items; i++)
        if (May(q, q->first + i))
            sorted[count++] = (Scored){scores[i], q->first + i};
    qsort(sorted, count, sizeof(Scored), BestFirst);
    return count;
}

static bool ScanIsSort(World *w, const Question *q)
{
    static const uint32_t limits[] = {0, 1, 10, ITEMS + 5};
    static Scored sorted[ITEMS], found[ITEMS + 5];
    uint32_t count = SortAll(q, sorted);
    bool right = true;

    for (int l = 0; l < 4; l++) {
        TopK top = {.entries = found, .limit = limits[l]};
        uint32_t wanted = count < limits[l] ? count : limits[l];

        ScanBest(w, q, &top);
        right &= top.count == wanted && memcmp(found, sorted, wanted * sizeof(Scored)) == 0;
    }
    return right;
}

static void CheckScan(World *w)
{
    static const uint32_t without[] = {0, 5, 6, 7, 300, 301, 699}, here[] = {3, 699, 17, 18, 256};
    uint64_t among[ITEMS / 64 + 1];
    const Model *m = &w->model;
    float *query = QueryRoom(w);
    Model view, gathered = Gather(w, here, 5);
    bool whole = true, block = true, rows = true;

    for (uint32_t i = 0; i < ITEMS / 64 + 1; i++)
        among[i] = 0x5D5D000FF0F5A5A5u;
    ModelViewItems(m, 290, 300, &view);
    for (uint32_t user = 0; user < USERS; user += 9) {
        ExpectedQuery(w, user, true, query);
        whole &= ScanIsSort(w, &(Question){m, 0, query, without, 7, among});
        whole &= ScanIsSort(w, &(Question){m, 0, query, NULL, 0, NULL});
        block &= ScanIsSort(w, &(Question){&view, 290, query, without, 7, among});
        block &= ScanIsSort(w, &(Question){&view, 290, query, without, 7, NULL});
        rows &= ScanIsSort(w, &(Question){&gathered, 0, query, without, 7, NULL});
        rows &= ScanIsSort(w, &(Question){&gathered, 100, query, NULL, 0, among});
    }
    CHECK(whole, "%s: the best items are those of a sort of all scores", m->algorithm->name);
    CHECK(block, "%s: likewise of a block", m->algorithm->name);
    CHECK(rows, "%s: and of items here and there", m->algorithm->name);
}

static void CheckToy(const Algorithm *algorithm)
{
    World w;

    WorldCreate(&w, algorithm, 3);
    CheckScores(&w);
    CheckManyQueries(&w);
    CheckQueries(&w);
    CheckRanking(&w);
    CheckValidation(&w);
    CheckScan(&w);
    TestHostEnd(&w.t);
}

/* What is everybody's is not the popularity. */
static void CheckOwnScores(void)
{
    static float scores[ITEMS] __attribute__((aligned(64)));
    World w;
    bool differs = false;

    WorldCreate(&w, &own, 1);
    ModelScore(&w.model, NULL, 1, scores);
    for (uint32_t i = 0; i < ITEMS; i++)
        differs |= scores[i] != *PartRow(&w.model.part[POPULARITY_PART], i);
    CHECK(differs && !IsPersonal(&w.model) && !HasProducts(&w.model),
          "a model that is nobody's has scores of its own");
    TestHostEnd(&w.t);
}

/* ---- events in order ---- */

#define KNOWN_USERS 30
#define KNOWN_ITEMS 400

typedef struct Live {
    World w;
    Model model; /* of fewer users and items, with room for all */
    History history;
    Stream stream;
    uint32_t recent[USERS][EVENTS]; /* items of each user's events, as they come */
    uint32_t count[USERS];
} Live;

static void LiveCreate(Live *l, const Algorithm *algorithm)
{
    Model *m = &l->model;

    memset(l, 0, sizeof(*l));
    WorldCreate(&l->w, algorithm, 1);
    ModelLayout(m, algorithm, &l->w.options, algorithm == &scene ? KNOWN_USERS : 0, KNOWN_ITEMS);
    ModelAllocateRoom(&l->w.t.host, m, USERS, ITEMS);
    FillParts(m);
    HistoryInit(&l->w.t.host, USERS, StreamRecent(m), &l->history);
    StreamOpen(&l->w.t.host, m, &l->history, 0, 1, &l->stream);
}

static bool Knows(const Live *l, uint32_t user)
{
    const Algorithm *algorithm = l->model.algorithm;

    if (!IsPersonal(&l->model))
        return true;
    return l->count[user] > 0 && (algorithm->history != NULL || user < KNOWN_USERS);
}

/* The query of a user by the list of the user's events. */
static void LiveQuery(const Live *l, uint32_t user, float *query)
{
    uint32_t count = l->count[user], items[EVENTS], kept = 0;
    QueryInput input = {.row = user, .items = items};

    if (l->model.algorithm == &sequence) {
        kept = count < LAST ? count : LAST;
        memcpy(items, l->recent[user] + count - kept, kept * sizeof(uint32_t));
    } else {
        for (uint32_t i = 0; i < count; i++)
            if (!IsAmong(items, kept, l->recent[user][i]))
                items[kept++] = l->recent[user][i];
    }
    input.count = kept;
    l->model.algorithm->query(&l->model, &input, query);
}

static uint32_t LivePosition(Live *l, uint32_t user, uint32_t item)
{
    static float scores[ITEMS] __attribute__((aligned(64)));
    static float query[QUERY_FLOATS] __attribute__((aligned(64)));
    const float *popularity = l->model.part[POPULARITY_PART].data;
    uint32_t before = 0;

    if (popularity[item] == 0)
        return NOT_RANKED;
    memcpy(scores, popularity, l->model.items * sizeof(float));
    if (Knows(l, user)) {
        LiveQuery(l, user, query);
        ModelScore(&l->model, query, 1, scores);
        for (uint32_t i = KNOWN_ITEMS; i < l->model.items; i++)
            scores[i] = -INFINITY;
    }
    for (uint32_t i = 0; i < l->model.items; i++)
        before += popularity[i] > 0 && RanksAhead(scores, i, item) &&
                  !IsAmong(l->recent[user], l->count[user], i);
    return before;
}

static void LiveEvent(Live *l, const Event *event)
{
    uint32_t user = event->user, item = event->item;

    if (l->model.algorithm == &scene)
        while (user >= l->model.users)
            ModelAddUser(&l->model, 0);
    while (item >= l->model.items)
        ModelAddItem(&l->model, 0);
    StreamEvent(&l->stream, event, true);
    l->recent[user][l->count[user]++] = item;
}

static void CheckLive(const Algorithm *algorithm)
{
    static Live l;
    Random random = TestStream(903);
    uint32_t ranked = 0, repeats = 0, strangers = 0, fresh = 0;
    double mrr = 0;
    bool right = true;

    LiveCreate(&l, algorithm);
    for (uint32_t n = 0; n < EVENTS; n++) {
        uint32_t room = n < 300 ? KNOWN_ITEMS : ITEMS;
        Event e = {RandomBelow(&random, n < 200 ? KNOWN_USERS : USERS),
                   RandomBelow(&random, 3) == 0 ? room - 1 - RandomBelow(&random, 30)
                                                : RandomBelow(&random, 60),
                   n, 1};
        uint32_t position = NOT_RANKED;
        bool repeat = IsAmong(l.recent[e.user], l.count[e.user], e.item);

        strangers += l.count[e.user] == 0;
        fresh += e.item >= l.model.items || l.model.part[POPULARITY_PART].data[e.item] == 0;
        if (!repeat && e.item < l.model.items && e.user < USERS) {
            position = LivePosition(&l, e.user, e.item);
            right &= algorithm == &scene && e.user >= l.model.users
                         ? true
                         : StreamRank(&l.stream, e.user, e.item) == position;
        }
        mrr += position == NOT_RANKED ? 0 : 1 / (position + 1.0);
        ranked += !repeat;
        repeats += repeat;
        LiveEvent(&l, &e);
    }
    CHECK(right, "%s: each event ranks as a plain count says", algorithm->name);
    CHECK(l.stream.total.events == EVENTS && l.stream.total.ranked == ranked &&
              l.stream.total.repeats == repeats && repeats > 10 &&
              l.stream.total.new_users == strangers && l.stream.total.new_items == fresh &&
              Near(l.stream.total.mrr, mrr, 1e-9, 0),
          "%s: sums over the stream", algorithm->name);
    StreamClose(&l.stream);
    TestHostEnd(&l.w.t);
}

/* ---- nothing ---- */

typedef struct Nothing {
    World *w;
    Model model;
    Interactions data;
} Nothing;

static void UseNothing(void *arg)
{
    Nothing *n = arg;
    TestHost *t = &n->w->t;
    Model *m = &n->model;
    RankingCase c = {.relevant = (const uint32_t[]){NO_ITEM},
                     .relevant_count = 1,
                     .positions = (uint32_t[1]){0}};
    float *query = HostAllocateZero(&t->host, 65536, sizeof(float));
    float score[1];
    TopK top = {.entries = (Scored[1]){{0, 0}}, .limit = 1};
    Validation v;

    ValidationPrepare(&t->host, &n->data, &v);
    ValidationRun(&t->host, m, &v);
    CHECK(v.count == 0 && isnan(v.ndcg) && isnan(v.hr), "%s: validation of nothing is no number",
          m->algorithm->name);
    ValidationRelease(&t->host, &v);
    RankCases(&t->host, m, NO_HISTORIES, NULL, 0);
    if (m->items > 0)
        return;
    ModelScore(m, query, 2, score);
    ScanBest(n->w, &(Question){m, 0, query, NULL, 0, NULL}, &top);
    CHECK(top.count == 0, "%s: no items, no best ones", m->algorithm->name);
    if (m->algorithm->history == NULL && m->users > 0) {
        RankCases(&t->host, m, NO_HISTORIES, &c, 1);
        CHECK(c.positions[0] == NOT_RANKED && c.others == 0, "%s: nothing is ranked among none",
              m->algorithm->name);
    }
}

static void CheckNothing(const Algorithm *algorithm, uint32_t users, uint32_t items)
{
    union {
        TrainOptions train;
        MfOptions mf;
        NmrnOptions nmrn;
    } options;
    Pairs none = {0};
    Nothing n;
    World w;

    memset(&options, 0, sizeof(options));
    OptionsDefault(train_options, &options);
    if (algorithm->options != NULL)
        OptionsDefault(algorithm->options, &options);
    WorldCreate(&w, &own, 2);
    n.w = &w;
    InteractionsBuild(&w.t.host, &none, users, items, &n.data);
    ModelLayout(&n.model, algorithm, &options, users, items);
    ModelAllocate(&w.t.host, &n.model);
    ModelCountPopularity(&w.t.host, &n.data, &n.model);
    CHECK(ModelMemory(&n.model) < SIZE_MAX && Attempt(&w.t, UseNothing, &n) == OUTCOME_DONE,
          "%s: %u users and %u items do no harm", algorithm->name, users, items);
    TestHostEnd(&w.t);
}

static void CheckGrowth(void)
{
    World w;
    Model m;

    WorldCreate(&w, &tastes, 1);
    ModelLayout(&m, &tastes, &w.options, 0, 0);
    ModelAllocate(&w.t.host, &m);
    CHECK(ModelMemory(&m) == 0, "a model of nothing takes no bytes");
    ModelMakeRoom(&w.t.host, &m, 0, 3);
    CHECK(ModelAddItem(&m, 1) == 0 && ModelAddItem(&m, 2) == 1 && m.items == 2 &&
              m.part[TOY].rows == 2 && PartRow(&m.part[TOY], 1)[4] == 0 && ModelAddUser(&m, 1) == 0,
          "it grows, row by row");
    TestHostEnd(&w.t);
}

/* ---- too much ---- */

static void CheckParts(void)
{
    struct {
        Model model;
        char behind[256];
    } guarded;
    TrainOptions options = {0};
    bool intact = true;

    memset(guarded.behind, 0x5A, sizeof(guarded.behind));
    ModelLayout(&guarded.model, &greedy, &options, 10, 20);
    for (size_t i = 0; i < sizeof(guarded.behind); i++)
        intact &= guarded.behind[i] == 0x5A;
    CHECK(intact && guarded.model.parts == MAX_PARTS, "a layout of too many parts stays in bounds");
    CHECK(guarded.model.part[MAX_PARTS - 3].rows == 20 &&
              guarded.model.part[MAX_PARTS - 3].stride == 16,
          "and leaves those before as they are");
}

/* Trials lay out options of any algorithm in a struct of this size. */
static void CheckOptionsSize(void)
{
    size_t greatest = 0;

    for (int i = 0; algorithms[i] != NULL && !IsPolicy(algorithms[i]); i++)
        greatest = algorithms[i]->options_size > greatest ? algorithms[i]->options_size : greatest;
    CHECK(greatest > sizeof(TrainOptions) && greatest <= MOST_OPTIONS,
          "options of %zu bytes fit into %d", greatest, MOST_OPTIONS);
}

/* Sums of weights stay finite. */
static void CheckHugePopularity(void)
{
    uint32_t items[] = {0, 1, 0};
    uint64_t offsets[] = {0, 2, 3};
    float weights[] = {FLT_MAX, 2, FLT_MAX};
    Interactions data = {.users = 2,
                         .items = 2,
                         .count = 3,
                         .columns = COLUMN_WEIGHT,
                         .offset = offsets,
                         .item = items,
                         .weight = weights};
    World w;
    Model m;

    WorldCreate(&w, &own, 1);
    ModelLayout(&m, &own, &w.options, 2, 2);
    ModelAllocate(&w.t.host, &m);
    ModelCountPopularity(&w.t.host, &data, &m);
    CHECK(m.part[POPULARITY_PART].data[0] == FLT_MAX && m.part[POPULARITY_PART].data[1] == 2,
          "the popularity sums weights, to the greatest float at most");
    TestHostEnd(&w.t);
}

void TestInterface(void)
{
    for (size_t i = 0; i < TOYS; i++)
        CheckToy(toys[i]);
    CheckContext();
    CheckOwnScores();
    for (size_t i = 0; i < TOYS; i++)
        CheckLive(toys[i]);
    for (size_t i = 0; i < TOYS; i++) {
        CheckNothing(toys[i], 0, 0);
        CheckNothing(toys[i], 5, 0);
        CheckNothing(toys[i], 0, 7);
    }
    for (int i = 0; algorithms[i] != NULL && !IsPolicy(algorithms[i]); i++) {
        CheckNothing(algorithms[i], 0, 0);
        CheckNothing(algorithms[i], 5, 0);
        CheckNothing(algorithms[i], 0, 7);
    }
    CheckGrowth();
    CheckParts();
    CheckOptionsSize();
    CheckHugePopularity();
}
