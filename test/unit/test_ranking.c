/* test_ranking.c: positions in the full ranking, with an algorithm that scores from a table. */
#include "algo/rank/validation.h"
#include "algo/rank/collapse.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "core/counts.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define USERS 280
#define ITEMS 2500

static float table[USERS][ITEMS];

static uint32_t TableWidth(const Model *model)
{
    (void)model;
    return 16;
}

static volatile sig_atomic_t *cancel_in_query; /* NULL: no query is cancelled */
static uint32_t queries;

static void TableQuery(const Model *view, const QueryInput *input, float *query)
{
    (void)view;
    if (cancel_in_query != NULL) {
        queries++;
        *cancel_in_query = 1;
    }
    memset(query, 0, 16 * sizeof(float));
    query[0] = (float)input->row;
}

/* The item's number is its scalar; the score is looked up. */
static float zeros[ITEMS * 16] __attribute__((aligned(64)));

static void TableScalars(const Model *view, float *out)
{
    for (uint32_t i = 0; i < view->items; i++)
        out[i] = (float)((view->part[0].data - zeros) / 16 + i);
}

static void TableFinish(const Model *model, const float *query, const float *scalars, size_t pitch,
                        uint32_t count, float *products)
{
    (void)model, (void)pitch;
    for (uint32_t i = 0; i < count; i++)
        products[i] = table[(uint32_t)query[0]][(uint32_t)scalars[i]];
}

static const Algorithm table_algorithm = {.name = "table",
                                          .query_width = TableWidth,
                                          .query = TableQuery,
                                          .items = 0,
                                          .scalars = 1,
                                          .item_scalars = TableScalars,
                                          .finish = TableFinish};

static const Model table_model = {.algorithm = &table_algorithm,
                                  .users = USERS,
                                  .items = ITEMS,
                                  .parts = 1,
                                  .part = {{.name = "item",
                                            .axis = AXIS_ITEM,
                                            .rows = ITEMS,
                                            .columns = 16,
                                            .stride = 16,
                                            .data = zeros}}};

static void FillTable(uint64_t stream, uint32_t levels)
{
    Random random = TestStream(stream);

    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i < ITEMS; i++)
            table[u][i] =
                levels == 0 ? (float)RandomNormal(&random) : (float)RandomBelow(&random, levels);
}

/* Counts of ranges, and places in them, over lengths around whole vectors and blocks. */
static void CheckCounts(void)
{
    enum { RANGES = 9 };
    Random random = TestStream(64);
    bool right = true;

    for (uint32_t count = 0; count < 200; count++) {
        float *scores = table[0];
        ScoreRange ranges[RANGES];
        ScoreCounts counts[RANGES];

        for (uint32_t i = 0; i < count; i++)
            scores[i] = RandomBelow(&random, 9) == 0 ? NAN : (float)RandomBelow(&random, 20);
        for (uint32_t r = 0; r < RANGES; r++) {
            ranges[r].low = (float)RandomBelow(&random, 20);
            ranges[r].high = ranges[r].low + (float)RandomBelow(&random, 3);
        }
        ScoresCount(scores, count, ranges, count % (RANGES + 1), counts);
        for (uint32_t r = 0; r < count % (RANGES + 1); r++) {
            uint32_t places[200], found = ScoresBetween(scores, count, ranges[r], places);
            uint32_t at_least = 0, above = 0, within = 0;

            for (uint32_t i = 0; i < count; i++) {
                at_least += scores[i] >= ranges[r].low;
                above += scores[i] > ranges[r].high;
                if (scores[i] >= ranges[r].low && scores[i] <= ranges[r].high)
                    right &= within < found && places[within++] == i;
            }
            right &= within == found && counts[r].at_least == at_least && counts[r].above == above;
        }
    }
    CHECK(right, "scores are counted for all ranges");
}

typedef struct Ranking {
    TestHost *t;
    RankingCase *cases;
    size_t count;
} Ranking;

static void RunRanking(void *arg)
{
    Ranking *r = arg;

    RankCases(&r->t->host, &table_model, NO_HISTORIES, r->cases, r->count);
}

static bool In(const uint32_t *list, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == item)
            return true;
    return false;
}

typedef enum Role { ROLE_OTHER, ROLE_EXCLUDED, ROLE_RELEVANT } Role;

static void FindRoles(const RankingCase *c, Role *roles)
{
    memset(roles, 0, ITEMS * sizeof(Role));
    for (uint32_t e = 0; e < c->excluded_count; e++)
        roles[c->excluded[e]] = ROLE_EXCLUDED;
    for (uint32_t r = 0; r < c->relevant_count; r++)
        if (c->relevant[r] != NO_ITEM)
            roles[c->relevant[r]] = ROLE_RELEVANT;
}

/* Ties go to the lower item.  No branches: nobody foresees which of two scores is greater. */
static bool Before(const float *s, uint32_t i, uint32_t item)
{
    return (s[i] > s[item]) | ((s[i] == s[item]) & (i < item));
}

static uint32_t NaivePosition(const float *s, const Role *roles, uint32_t item)
{
    uint32_t position = 0;

    for (uint32_t i = 0; i < ITEMS; i++)
        position += roles[i] != ROLE_EXCLUDED && Before(s, i, item);
    return position;
}

static bool CaseIsRight(const RankingCase *c)
{
    Role roles[ITEMS];
    uint32_t others = 0, ranked = 0;

    FindRoles(c, roles);
    for (uint32_t i = 0; i < ITEMS; i++)
        others += roles[i] == ROLE_OTHER;
    for (uint32_t r = 0; r < c->relevant_count; r++) {
        if (c->relevant[r] == NO_ITEM)
            continue;
        ranked++;
        if (!In(c->positions, c->relevant_count,
                NaivePosition(table[c->user], roles, c->relevant[r])))
            return false;
    }
    for (uint32_t r = 0; r < c->relevant_count; r++)
        if ((r > 0 && c->positions[r] < c->positions[r - 1]) ||
            (c->positions[r] == NOT_RANKED) != (r >= ranked))
            return false;
    return c->others == others;
}

/* A case per user with some (below `most`) relevant and some excluded items; now and then an item
 * is new. */
static RankingCase *MakeCases(TestHost *t, Random *random, uint32_t most)
{
    RankingCase *cases = HostAllocate(&t->host, USERS, sizeof(RankingCase));

    for (uint32_t u = 0; u < USERS; u++) {
        uint32_t *items = HostAllocate(&t->host, ITEMS, sizeof(uint32_t));
        uint32_t relevant = RandomBelow(random, most), excluded = RandomBelow(random, 50);

        for (uint32_t i = 0; i < ITEMS; i++)
            items[i] = i;
        RandomShuffle(random, items, ITEMS);
        cases[u] = (RankingCase){.user = u,
                                 .relevant = items,
                                 .relevant_count = relevant,
                                 /* overlaps: a relevant item stays a candidate */
                                 .excluded = items + relevant / 2,
                                 .excluded_count = excluded,
                                 .positions = HostAllocate(&t->host, relevant, sizeof(uint32_t))};
        if (relevant > 3 && excluded < 2)
            items[0] = NO_ITEM;
    }
    return cases;
}

static uint32_t CountWrong(const RankingCase *cases)
{
    uint32_t wrong = 0;

    for (uint32_t u = 0; u < USERS; u++)
        wrong += !CaseIsRight(&cases[u]);
    return wrong;
}

static void CheckAgainstNaive(TestHost *t, uint32_t levels, int threads)
{
    Random random = TestStream(51);
    RankingCase *cases = MakeCases(t, &random, 6);

    if (threads > 1)
        TestHostUsePool(t, threads);
    FillTable(52, levels);
    RankCases(&t->host, &table_model, NO_HISTORIES, cases, USERS);
    CHECK(CountWrong(cases) == 0, "positions, ties of %u levels, %d threads", levels, threads);
    if (threads > 1)
        PoolDestroy(t->host.pool);
    t->host.pool = NULL;
}

static RankingCase OneCase(const uint32_t *relevant, uint32_t *positions)
{
    return (RankingCase){
        .user = 0, .relevant = relevant, .relevant_count = 1, .positions = positions};
}

static void CheckConstant(TestHost *t)
{
    static const uint32_t relevant = 7;
    uint32_t position;
    RankingCase c = OneCase(&relevant, &position);

    FillTable(53, 1);
    RankCases(&t->host, &table_model, NO_HISTORIES, &c, 1);
    CHECK(position == 7 && c.others == ITEMS - 1, "constant scores rank as the items do");
}

static void CheckUndefined(TestHost *t)
{
    static const uint32_t relevant = 7;
    uint32_t position = 0, positions[USERS];
    RankingCase c = OneCase(&relevant, &position), many[USERS];
    Ranking one = {t, &c, 1}, all = {t, many, USERS};

    FillTable(54, 0);
    table[0][7] = INFINITY;
    table[0][6] = table[0][8] = INFINITY;
    CHECK(Attempt(t, RunRanking, &one) == OUTCOME_DONE && position == 1,
          "infinite scores rank and tie as others do");
    table[0][7] = NAN;
    CHECK(Attempt(t, RunRanking, &one) == OUTCOME_FAILED && t->kind == FAIL_NOT_FINITE,
          "NaN for the relevant item is refused: %s", t->message);
    for (uint32_t u = 0; u < USERS; u++) {
        many[u] = OneCase(&relevant, &positions[u]);
        many[u].user = u;
    }
    table[0][7] = 0;
    table[USERS - 1][7] = NAN;
    TestHostUsePool(t, 3);
    CHECK(Attempt(t, RunRanking, &all) == OUTCOME_FAILED, "NaN in the last batch too");
    PoolDestroy(t->host.pool);
    t->host.pool = NULL;
}

static void CheckMemory(TestHost *t)
{
    Random random = TestStream(55);
    RankingCase *cases = MakeCases(t, &random, 6);
    size_t before;

    FillTable(56, 0);
    TestHostUsePool(t, 4);
    TestHostResetPeak(t);
    before = t->bytes;
    RankCases(&t->host, &table_model, NO_HISTORIES, cases, USERS);
    CHECK(t->peak - before <= RankingMemory(&table_model, 4) + 4 + TestHostSlack(t),
          "ranking needs no more memory than estimated");
    CHECK(t->bytes == before, "and releases it");
    PoolDestroy(t->host.pool);
    t->host.pool = NULL;
}

/* NDCG@100 and HR@100 of the held-out items, without batches, slices or an early end. */
static void ValidateNaively(const Interactions *data, double *ndcg, double *hr)
{
    *ndcg = *hr = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        uint32_t position = 0;

        if (data->held[u] == NO_ITEM)
            continue;
        for (uint32_t i = 0; i < ITEMS; i++)
            position += !InteractionsContain(data, u, i) && Before(table[u], i, data->held[u]);
        *hr += position < 100;
        *ndcg += position < 100 ? log(2) / log(position + 2.0) : 0;
    }
    *hr /= data->held_count;
    *ndcg /= data->held_count;
}

typedef struct ValidationAttempt {
    TestHost *t;
    Validation *validation;
} ValidationAttempt;

static void RunValidation(void *arg)
{
    ValidationAttempt *a = arg;

    ValidationRun(&a->t->host, &table_model, a->validation);
}

/* Held-out items against all but the user's own. */
static void CheckValidation(TestHost *t, uint32_t levels, int threads)
{
    Interactions data = RandomInteractions(&t->host, USERS, ITEMS, 6, 57);
    size_t before = t->bytes;
    Validation v;
    ValidationAttempt attempt = {t, &v};
    double ndcg, hr;

    FillTable(58, levels);
    ValidationPrepare(&t->host, &data, &v);
    CHECK(v.count == 0 && isnan(v.ndcg), "no validation without held-out items");
    InteractionsHoldOut(&t->host, &data, HOLDOUT_RANDOM, 0, 2);
    for (uint32_t u = 0; u < USERS; u += 2) /* a trained model: half of them are near the top */
        if (data.held[u] != NO_ITEM)
            table[u][data.held[u]] += levels == 0 ? 3 : (float)levels / 2;
    TestHostUsePool(t, threads);
    TestHostResetPeak(t);
    before = t->bytes;
    ValidationPrepare(&t->host, &data, &v);
    ValidationRun(&t->host, &table_model, &v);
    CHECK(t->peak - before <= ValidationMemory(&table_model, &data, threads) + TestHostSlack(t),
          "validation needs no more memory than estimated");
    ValidateNaively(&data, &ndcg, &hr);
    CHECK(v.count == data.held_count && v.count > 256 && hr > 0.1 && hr < 0.9,
          "a case per held-out item");
    CHECK(Near(v.ndcg, ndcg, 1e-12, 0) && Near(v.hr, hr, 1e-12, 0),
          "validation, %u levels, %d threads: NDCG@100 %.4f, HR@100 %.4f", levels, threads, v.ndcg,
          v.hr);
    table[v.cases[v.count - 1].user][0] = NAN;
    CHECK(Attempt(t, RunValidation, &attempt) == OUTCOME_FAILED && t->kind == FAIL_NOT_FINITE,
          "validation refuses scores that are not a number");
    table[v.cases[v.count - 1].user][0] = 0;
    table[v.cases[0].user][*v.cases[0].relevant] = NAN;
    CHECK(Attempt(t, RunValidation, &attempt) == OUTCOME_FAILED && t->kind == FAIL_NOT_FINITE,
          "also of a held-out item");
    ValidationRelease(&t->host, &v);
    PoolDestroy(t->host.pool);
    t->host.pool = NULL;
}

/* A model of products; items k, k + kinds, k + 2 kinds, ... have the same row. */
#define WIDTH 64

static float user_rows[USERS * WIDTH] __attribute__((aligned(64)));
static float item_rows[ITEMS * WIDTH] __attribute__((aligned(64)));

static uint32_t ProductWidth(const Model *model)
{
    return model->part[0].stride;
}

static void ProductQuery(const Model *view, const QueryInput *input, float *query)
{
    (void)view;
    memcpy(query, user_rows + (size_t)input->row * WIDTH, WIDTH * sizeof(float));
}

/* The product is the score, and scores are counted. */
static uint64_t finished;
static volatile sig_atomic_t *cancel_in_finish; /* NULL, or set where an item is scored alone */

static void ProductFinish(const Model *model, const float *query, const float *scalars,
                          size_t pitch, uint32_t count, float *products)
{
    (void)model, (void)query, (void)scalars, (void)pitch, (void)products;
    finished += count;
    if (cancel_in_finish != NULL && count == 1)
        *cancel_in_finish = 1;
}

static const Algorithm product_algorithm = {.name = "product",
                                            .query_width = ProductWidth,
                                            .query = ProductQuery,
                                            .items = 0,
                                            .finish = ProductFinish};

static const Model product_model = {.algorithm = &product_algorithm,
                                    .users = USERS,
                                    .items = ITEMS,
                                    .parts = 1,
                                    .part = {{.name = "item",
                                              .axis = AXIS_ITEM,
                                              .rows = ITEMS,
                                              .columns = WIDTH,
                                              .stride = WIDTH,
                                              .data = item_rows}}};

/* Where `cancel`, what the halves of a row contribute to a product is opposite: scores are near 0.
 */
static void FillItems(Random *random, uint32_t kinds, bool cancel)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        float *row = item_rows + i * WIDTH;

        for (uint32_t k = 0; k < WIDTH && i < kinds; k++)
            row[k] = (float)RandomNormal(random);
        for (uint32_t k = 0; k < WIDTH && i >= kinds; k++)
            row[k] = row[k - (size_t)kinds * WIDTH];
        for (uint32_t k = 0; k < WIDTH / 2 && cancel; k++)
            row[WIDTH - 1 - k] = -row[k];
    }
}

/* Users lean towards `liked`; the table gets each user's scores by itself. */
static void FillUser(Random *random, uint32_t user, uint32_t liked, bool cancel)
{
    float *row = user_rows + user * WIDTH;

    for (uint32_t k = 0; k < WIDTH; k++)
        row[k] = (float)RandomNormal(random) + 0.3f * item_rows[(size_t)liked * WIDTH + k];
    for (uint32_t k = 0; k < WIDTH / 2 && cancel; k++)
        row[WIDTH - 1 - k] = row[k];
    ModelScore(&product_model, row, 1, table[user]);
}

static void FillProducts(const Interactions *data, uint32_t kinds, bool cancel)
{
    Random random = TestStream(59);

    FillItems(&random, kinds, cancel);
    for (uint32_t u = 0; u < USERS; u++)
        FillUser(&random, u, data == NULL || data->held[u] == NO_ITEM ? 0 : data->held[u], cancel);
}

/* Ties of alike items, few and many of them relevant, and what finding them costs. */
static void CheckTies(TestHost *t, uint32_t most, uint32_t kinds, bool cancel, double cost)
{
    Random random = TestStream(62);
    RankingCase *cases = MakeCases(t, &random, most);
    uint64_t once = (uint64_t)USERS * ITEMS;
    uint32_t wrong;

    FillProducts(NULL, kinds, cancel);
    finished = 0;
    RankCases(&t->host, &product_model, NO_HISTORIES, cases, USERS);
    wrong = CountWrong(cases);
    CHECK(wrong == 0, "%u kinds of items%s, below %u relevant: %u of %d users ranked wrongly",
          kinds, cancel ? " with scores near 0" : "", most, wrong, USERS);
    CHECK((double)finished <= cost * (double)once, "%.3f scores per user and item",
          (double)finished / (double)once);
}

/* Scores so close that bounds of several relevant items overlap, yet few are in doubt. */
static void CheckCloseScores(TestHost *t, uint32_t most, float spread)
{
    Random random = TestStream(65);
    RankingCase *cases = MakeCases(t, &random, most);
    uint32_t wrong;

    for (uint32_t k = 0; k < ITEMS * WIDTH; k++)
        item_rows[k] = 1 + spread * (float)RandomNormal(&random);
    for (uint32_t k = 0; k < USERS * WIDTH; k++)
        user_rows[k] = 1 + spread * (float)RandomNormal(&random);
    for (uint32_t u = 0; u < USERS; u++)
        ModelScore(&product_model, user_rows + u * WIDTH, 1, table[u]);
    RankCases(&t->host, &product_model, NO_HISTORIES, cases, USERS);
    wrong = CountWrong(cases);
    CHECK(wrong == 0, "close scores, below %u relevant: %u of %d users ranked wrongly", most, wrong,
          USERS);
}

typedef struct ProductRanking {
    TestHost *t;
    RankingCase *cases;
} ProductRanking;

static void RunProducts(void *arg)
{
    ProductRanking *r = arg;

    RankCases(&r->t->host, &product_model, NO_HISTORIES, r->cases, USERS);
}

/* A user's items take long where there are many: no slice goes on with them. */
static void CheckTiesCancelled(TestHost *t)
{
    static const uint32_t relevant = 7;
    uint32_t positions[USERS];
    RankingCase cases[USERS];
    ProductRanking ranking = {t, cases};

    for (uint32_t u = 0; u < USERS; u++)
        cases[u] = (RankingCase){
            .user = u, .relevant = &relevant, .relevant_count = 1, .positions = &positions[u]};
    FillProducts(NULL, 1, false);
    finished = 0;
    cancel_in_finish = &t->cancel;
    CHECK(Attempt(t, RunProducts, &ranking) == OUTCOME_CANCELLED && finished <= 96 * ITEMS + 3,
          "a cancelled ranking leaves the user, after %" PRIu64 " scores", finished);
    cancel_in_finish = NULL;
    t->cancel = 0;
}

/* Products of many users at a time round otherwise, but ties stay ties. */
static void CheckValidationTies(TestHost *t, uint32_t kinds, bool cancel)
{
    Interactions data = RandomInteractions(&t->host, USERS, ITEMS, 6, 57);
    Validation v;
    double ndcg, hr;

    InteractionsHoldOut(&t->host, &data, HOLDOUT_RANDOM, 0, 2);
    FillProducts(&data, kinds, cancel);
    ValidationPrepare(&t->host, &data, &v);
    ValidationRun(&t->host, &product_model, &v);
    ValidateNaively(&data, &ndcg, &hr);
    CHECK(Near(v.ndcg, ndcg, 1e-12, 0) && Near(v.hr, hr, 1e-12, 0) &&
              (hr > 0.1) == (kinds > 1 && !cancel),
          "validation, %u kinds of items%s: NDCG@100 %.4f, found %.4f", kinds,
          cancel ? " with scores near 0" : "", ndcg, v.ndcg);
    ValidationRelease(&t->host, &v);
}

/* The NDCG of some of the users: that of a validation of them alone. */
static void CheckValidationOfSome(TestHost *t)
{
    Interactions data = RandomInteractions(&t->host, USERS, ITEMS, 6, 57);
    bool some[USERS];
    Validation v, alone;

    InteractionsHoldOut(&t->host, &data, HOLDOUT_RANDOM, 0, 2);
    FillTable(61, 0);
    ValidationPrepare(&t->host, &data, &v);
    ValidationRun(&t->host, &table_model, &v);
    CHECK(isnan(v.compared), "nobody is compared by");
    for (uint32_t u = 0; u < USERS; u++)
        some[u] = u % 3 == 0;
    data.compared = some;
    ValidationRun(&t->host, &table_model, &v);
    for (uint32_t u = 0; u < USERS; u++)
        if (!some[u] && data.held[u] != NO_ITEM) {
            data.held[u] = NO_ITEM;
            data.held_count--;
        }
    ValidationPrepare(&t->host, &data, &alone);
    ValidationRun(&t->host, &table_model, &alone);
    CHECK(alone.ndcg > 0 && alone.ndcg != v.ndcg && Near(v.compared, alone.ndcg, 1e-12, 0),
          "NDCG of some users %.4f, of them alone %.4f", v.compared, alone.ndcg);
    ValidationRelease(&t->host, &v);
    ValidationRelease(&t->host, &alone);
}

static void CheckCollapse(TestHost *t)
{
    Interactions data = RandomInteractions(&t->host, USERS, ITEMS, 6, 57);
    Model one = table_model;

    FillTable(62, 0);
    CHECK(!ModelIsCollapsed(&t->host, &table_model, &data), "random scores are no collapse");
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i < ITEMS; i++)
            table[u][i] = (float)u;
    CHECK(ModelIsCollapsed(&t->host, &table_model, &data), "one score for all items is");
    table[0][ITEMS - 1] += 1;
    CHECK(!ModelIsCollapsed(&t->host, &table_model, &data), "one user with an order is none");
    table[0][ITEMS - 1] -= 1;
    one.items = one.part[0].rows = 1;
    CHECK(!ModelIsCollapsed(&t->host, &one, &data), "nor is one item");
}

/* Infinite scores tie as others do. */
static void CheckValidationInfinite(TestHost *t)
{
    Interactions data = RandomInteractions(&t->host, USERS, ITEMS, 6, 57);
    Validation v;
    double ndcg, hr;

    InteractionsHoldOut(&t->host, &data, HOLDOUT_RANDOM, 0, 2);
    FillTable(60, 0);
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i < u && data.held[u] != NO_ITEM; i++)
            table[u][i] = table[u][data.held[u]] = INFINITY;
    ValidationPrepare(&t->host, &data, &v);
    ValidationRun(&t->host, &table_model, &v);
    ValidateNaively(&data, &ndcg, &hr);
    CHECK(Near(v.ndcg, ndcg, 1e-12, 0) && Near(v.hr, hr, 1e-12, 0) && hr < 0.5,
          "validation with infinite scores: HR@100 %.4f, found %.4f", hr, v.hr);
    ValidationRelease(&t->host, &v);
}

/* Queries take long where memories are large: no task goes on with them. */
static void CheckValidationCancelled(TestHost *t)
{
    Interactions data = RandomInteractions(&t->host, USERS, ITEMS, 6, 57);
    Validation v;
    ValidationAttempt attempt = {t, &v};

    InteractionsHoldOut(&t->host, &data, HOLDOUT_RANDOM, 0, 2);
    FillTable(58, 0);
    ValidationPrepare(&t->host, &data, &v);
    queries = 0;
    cancel_in_query = &t->cancel;
    CHECK(Attempt(t, RunValidation, &attempt) == OUTCOME_CANCELLED && queries == 1,
          "a cancelled validation leaves its task, after %u of %zu queries", queries, v.count);
    cancel_in_query = NULL;
    t->cancel = 0;
    ValidationRelease(&t->host, &v);
}

/* Every item gets the rows of one of the first. */
static void RepeatItems(Model *model, uint32_t kinds)
{
    for (int p = 0; p < model->parts; p++) {
        const Part *part = &model->part[p];

        for (uint32_t i = kinds; i < model->items && PartServes(part, AXIS_ITEM); i++)
            memcpy(part->data + (size_t)i * part->stride,
                   part->data + (size_t)(i - kinds) * part->stride, part->stride * sizeof(float));
    }
}

static void ScoreUsers(const Model *model)
{
    float query[32] __attribute__((aligned(64)));

    for (uint32_t u = 0; u < USERS; u++) {
        model->algorithm->query(model, &(QueryInput){.row = u}, query);
        ModelScore(model, query, 1, table[u]);
    }
}

static void CheckTiesOf(TestHost *t, Training *run, const char *settings, uint32_t kinds)
{
    Random random = TestStream(63);
    RankingCase *cases = MakeCases(t, &random, 20);
    uint32_t wrong;

    RepeatItems(&run->model, kinds);
    ScoreUsers(&run->model);
    RankCases(&t->host, &run->model, NO_HISTORIES, cases, USERS);
    wrong = CountWrong(cases);
    CHECK(wrong == 0, "%s %s, %u kinds of items: %u of %d users ranked wrongly",
          run->model.algorithm->name, settings, kinds, wrong, USERS);
}

/* Slices and queries of real models, of a width that is no whole vector. */
static void CheckModelsOf(const char *algorithm, const char *settings)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;
    Validation v;
    double ndcg, hr;

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, 50, 4000, 4000, 61);
    data = TasteStreamData(&t.host, &events, 4000);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 3);
    Train(&t, &data, algorithm, settings, &run);
    ScoreUsers(&run.model);
    TestHostUsePool(&t, 2);
    ValidationPrepare(&t.host, &data, &v);
    ValidationRun(&t.host, &run.model, &v);
    ValidateNaively(&data, &ndcg, &hr);
    CHECK(v.count > 256 && hr > 0.05 && hr < 0.95 && ndcg < 0.95 && Near(v.ndcg, ndcg, 1e-12, 0) &&
              Near(v.hr, hr, 1e-12, 0),
          "validation of %s %s: NDCG@100 %.4f, found %.4f; HR@100 %.4f", algorithm, settings, ndcg,
          v.ndcg, hr);
    CheckTiesOf(&t, &run, settings, ITEMS);
    CheckTiesOf(&t, &run, settings, 41);
    CheckTiesOf(&t, &run, settings, 1);
    TestHostEnd(&t);
}

void TestRanking(void)
{
    TestHost t;

    TestHostInit(&t);
    CheckCounts();
    for (int threads = 1; threads <= 3; threads += 2) {
        CheckAgainstNaive(&t, 0, threads);
        CheckAgainstNaive(&t, 4, threads);
        CheckAgainstNaive(&t, 1, threads);
    }
    RankCases(&t.host, &table_model, NO_HISTORIES, NULL, 0);
    CHECK(true, "ranking no cases is harmless");
    CheckConstant(&t);
    CheckUndefined(&t);
    CheckMemory(&t);
    for (int threads = 1; threads <= 3; threads += 2) {
        CheckValidation(&t, 0, threads);
        CheckValidation(&t, 40, threads);
    }
    for (uint32_t most = 6; most <= 60; most += 54) {
        CheckTies(&t, most, 1, false, 2.2);
        CheckTies(&t, most, 37, false, 2.2);
        CheckTies(&t, most, ITEMS, false, 1.2);
        CheckTies(&t, most, 37, true, 2.2);
        CheckTies(&t, most, ITEMS, true, 2.2);
    }
    CheckCloseScores(&t, 60, 2e-3f);
    CheckCloseScores(&t, 120, 2e-3f);
    CheckTiesCancelled(&t);
    CheckValidationTies(&t, 1, false);
    CheckValidationTies(&t, 100, false);
    CheckValidationTies(&t, ITEMS, false);
    CheckValidationTies(&t, 100, true);
    CheckValidationInfinite(&t);
    CheckValidationOfSome(&t);
    CheckCollapse(&t);
    CheckValidationCancelled(&t);
    CheckModelsOf("bpr", "factors=20 epochs=3");
    CheckModelsOf("nmrn", "factors=20 epochs=2 temperature=0.3 negatives=64 memory=shared slots=5");
    CheckModelsOf(
        "nmrn",
        "factors=20 epochs=1 temperature=0.3 negatives=64 addressing=content slots=5 hops=2");
    CheckModelsOf("nmrn",
                  "factors=20 epochs=1 temperature=0.3 negatives=64 addressing=ntm slots=3");
    TestHostEnd(&t);
}
