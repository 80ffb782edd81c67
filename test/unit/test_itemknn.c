/* test_itemknn.c: nearest neighbours against a plain computation over all pairs of items. */
#include "algo/itemknn/itemknn.h"
#include "algo/rank/validation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "core/pool.h"
#include "core/vector.h"
#include "support.h"
#include "tests.h"

#define USERS 90
#define ITEMS 60

/* ---- data ---- */

/* Users of four tastes; every third user has all of a taste; weights from a tenth to a hundred. */
static Interactions MakeData(const Host *host, bool weights)
{
    Pairs pairs = PairsCreate(host, (uint64_t)USERS * ITEMS, false);
    Random random = TestStream(900);
    Interactions data;

    if (weights)
        pairs.weight = HostAllocate(host, (uint64_t)USERS * ITEMS, sizeof(float));
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i + 1 < ITEMS; i++) { /* the last item has nobody */
            bool likes = u % 4 == i % 4;

            if (RandomUniform(&random) > (likes ? (u % 3 == 0 ? 1 : 0.4) : 0.1))
                continue;
            if (weights)
                pairs.weight[pairs.count] = (float)pow(10, 3 * RandomUniform(&random) - 1);
            PairsAdd(&pairs, u, i, 0);
        }
    InteractionsBuild(host, &pairs, USERS, ITEMS, &data);
    return data;
}

/* The same without what is held out. */
static Interactions WithoutHeld(const Host *host, const Interactions *data)
{
    Pairs pairs = PairsCreate(host, data->count, false);
    Interactions rest;

    for (uint32_t u = 0; u < data->users; u++)
        for (uint64_t i = data->offset[u]; i < data->offset[u + 1]; i++)
            if (!IsHeldOut(data, u, data->item[i]))
                PairsAdd(&pairs, u, data->item[i], 0);
    InteractionsBuild(host, &pairs, data->users, data->items, &rest);
    return rest;
}

/* ---- the plain computation: doc/algorithms.md as it stands ---- */

typedef struct Plain {
    double value[USERS][ITEMS];
    double similarity[ITEMS][ITEMS];
} Plain;

static void FillValues(const Interactions *data, int weighting, Plain *p)
{
    double amount[USERS][ITEMS] = {{0}}, of_item[ITEMS] = {0}, total = 0, mean = 0;

    for (uint64_t i = 0; data->weight != NULL && i < data->count; i++)
        mean += data->weight[i] / (double)data->count;
    for (uint32_t u = 0; u < USERS; u++)
        for (uint64_t i = data->offset[u]; i < data->offset[u + 1]; i++) {
            double w = data->weight == NULL ? 1 : data->weight[i] / mean;

            amount[u][data->item[i]] = w;
            of_item[data->item[i]] += w;
            total += w;
        }
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i < ITEMS; i++) {
            double count = (double)(data->offset[u + 1] - data->offset[u]);
            double rarity = log(ITEMS / (1 + count)), x = amount[u][i];
            double length = 0.25 + 0.75 * of_item[i] / (total / ITEMS);

            p->value[u][i] = weighting == WEIGH_NONE    ? x
                             : weighting == WEIGH_TFIDF ? sqrt(x) * rarity
                             : x > 0                    ? x * 2.2 / (1.2 * length + x) * rarity
                                                        : 0;
        }
}

static double MeanSquare(const Interactions *data, const Plain *p)
{
    double sum = 0;

    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i < ITEMS; i++)
            sum += p->value[u][i] * p->value[u][i];
    return sum / (double)data->count;
}

static void FillSimilarities(const Interactions *data, int weighting, double shrink, Plain *p)
{
    double square = MeanSquare(data, p);

    for (uint32_t a = 0; a < ITEMS; a++)
        for (uint32_t b = 0; b < ITEMS; b++) {
            double ab = 0, aa = 0, bb = 0, common = 0;

            for (uint32_t u = 0; u < USERS; u++) {
                ab += p->value[u][a] * p->value[u][b];
                aa += p->value[u][a] * p->value[u][a];
                bb += p->value[u][b] * p->value[u][b];
                common += InteractionsContain(data, u, a) && InteractionsContain(data, u, b);
            }
            if (a == b || ab == 0)
                p->similarity[a][b] = 0;
            else if (weighting == WEIGH_BM25)
                p->similarity[a][b] = ab * common / (common + shrink);
            else
                p->similarity[a][b] = ab / (sqrt(aa) * sqrt(bb) + shrink * square);
        }
}

/* Are the neighbours of an item the most alike, best first, and as many as there can be? */
static bool RightRow(const Model *model, const Plain *p, uint32_t item)
{
    const KnnOptions *o = model->options;
    const float *neighbor = PartRow(&model->part[KNN_NEIGHBOR_PART], item);
    const float *similarity = PartRow(&model->part[KNN_SIMILARITY_PART], item);
    bool kept[ITEMS] = {false}, right = true;
    uint32_t count = 0, positive = 0;

    while (count < (uint32_t)o->neighbors && similarity[count] > 0) {
        uint32_t other = (uint32_t)neighbor[count];

        right &= other < ITEMS && !kept[other] &&
                 Near(similarity[count], p->similarity[item][other], 1e-5, 0);
        right &= count == 0 || similarity[count] < similarity[count - 1] ||
                 (similarity[count] == similarity[count - 1] && other > neighbor[count - 1]);
        kept[other] = true;
        count++;
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        positive += p->similarity[item][i] > 0;
        right &=
            kept[i] || count == 0 || p->similarity[item][i] < similarity[count - 1] * (1 + 1e-5);
    }
    return right && count == (positive < o->neighbors ? positive : (uint32_t)o->neighbors);
}

static void CheckNeighbors(bool weights, const char *settings)
{
    static Plain plain;
    TestHost t;
    Interactions data;
    Training run;
    const KnnOptions *o;
    bool right = true;

    TestHostInit(&t);
    data = MakeData(&t.host, weights);
    Train(&t, &data, "itemknn", settings, &run);
    o = run.model.options;
    FillValues(&data, o->weighting, &plain);
    FillSimilarities(&data, o->weighting, o->shrink, &plain);
    for (uint32_t i = 0; i < ITEMS; i++)
        right &= RightRow(&run.model, &plain, i);
    CHECK(right, "%s%s: the neighbours of a plain computation", settings,
          weights ? ", weights" : "");
    TestHostEnd(&t);
}

static void CheckAllNeighbors(void)
{
    static const char *const weightings[] = {"none", "tfidf", "bm25"};

    for (int w = 0; w < 3; w++)
        for (int shrink = 0; shrink <= 25; shrink += 25)
            for (int weights = 0; weights < 2; weights++) {
                char settings[128];

                snprintf(settings, sizeof(settings), "neighbors=7 shrink=%d weighting=%s", shrink,
                         weightings[w]);
                CheckNeighbors(weights == 1, settings);
            }
    CheckNeighbors(false, "neighbors=1000 shrink=3.5 weighting=none");
    CheckNeighbors(true, "neighbors=1 shrink=0 weighting=none");
}

/* ---- the same bytes, whatever the threads and what stood there before ---- */

static void CheckThreads(const char *settings)
{
    TestHost t[3];
    Training run[3];
    Interactions data[3];

    for (int n = 0; n < 3; n++) {
        TestHostInit(&t[n]);
        if (n > 0)
            TestHostUsePool(&t[n], 2 * n - 1);
        data[n] = TasteInteractions(&t[n].host, 500, 333, 5, 20, 910);
        InteractionsHoldOut(&t[n].host, &data[n], HOLDOUT_RANDOM, 0, 1);
        TrainingPrepare(&t[n], &data[n], "itemknn", settings, &run[n]);
        for (int p = KNN_NEIGHBOR_PART; n == 2 && p <= KNN_SIMILARITY_PART; p++)
            for (size_t i = 0; i < PartFloats(&run[n].model.part[p]); i++)
                run[n].model.part[p].data[i] = 3; /* a warm start */
        TrainingRun(&run[n]);
    }
    CHECK(SameModel(&run[0].model, &run[1].model) && SameModel(&run[0].model, &run[2].model),
          "%s: the same bytes without a pool, on one thread, on three and over old rows", settings);
    CHECK(run[0].report.history[run[0].report.best].metric[0] ==
              run[2].report.history[run[2].report.best].metric[0],
          "%s: and the same NDCG", settings);
    for (int n = 0; n < 3; n++)
        TestHostEnd(&t[n]);
}

/* ---- validation ---- */

/* Nothing is left to choose. */
#define NAMED "weighting=none shrink=10 neighbors=100"

static void CheckLearnsHeld(void)
{
    TestHost t;
    Interactions data, rest;
    Training run, all, part, popularity;
    const TrainReport *r = &run.report;
    Validation v;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 600, 400, 8, 20, 570);
    Train(&t, &data, "itemknn", NAMED, &all);
    CHECK(isnan(all.report.history[0].metric[0]) && all.report.best == 0,
          "nothing held out: no validation");
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "itemknn", NAMED, &run);
    CHECK(r->epochs == 1 && r->best == 0 && strcmp(r->stop_reason, "counted") == 0 &&
              strcmp(r->history[0].stage, "neighbors") == 0 && isnan(r->history[0].loss),
          "the report has one epoch and no loss");
    CHECK(t.epochs == 2 && t.last.value == r->history[0].metric[0], "progress tells of it");
    CHECK(SameModel(&all.model, &run.model), "what serves has learnt what was held out");
    rest = WithoutHeld(&t.host, &data);
    Train(&t, &rest, "itemknn", NAMED, &part);
    ValidationPrepare(&t.host, &data, &v);
    ValidationRun(&t.host, &part.model, &v);
    CHECK(v.hr == r->history[0].metric[1] && !SameModel(&part.model, &run.model),
          "what was validated has not: HR@100 %.4f", v.hr);
    CHECK(Near(v.ndcg, r->history[0].metric[0], 1e-3, 0), "NDCG@100 %.4f", v.ndcg);
    Train(&t, &data, "popularity", "", &popularity);
    ValidationRun(&t.host, &popularity.model, &v);
    CHECK(r->history[0].metric[0] > 1.5 * v.ndcg,
          "NDCG@100 %.4f, half as much again as popularity %.4f", r->history[0].metric[0], v.ndcg);
    TestHostEnd(&t);
}

/* ---- what is held out chooses ---- */

/* NDCG@100 of each held-out interaction by a model that has not learnt it. */
static double MeasureNamed(TestHost *t, const Interactions *data, const char *settings, float *each)
{
    Training run;
    Validation v;

    TrainingPrepare(t, data, "itemknn", settings, &run);
    run.model.trial = true;
    TrainingRun(&run);
    ValidationPrepare(&t->host, data, &v);
    ValidationRun(&t->host, &run.model, &v);
    ValidationEach(&v, each);
    return v.ndcg;
}

typedef struct Contest {
    char best[64];
    double value;
    float each[2000];
    int won;    /* by those after the first */
    int chance; /* better, but by less than the error */
    int many;   /* of these contests, those that 200 neighbours won */
} Contest;

static void Enter(Contest *c, TestHost *t, const Interactions *data, const char *settings)
{
    float each[2000];
    double value = MeasureNamed(t, data, settings, each);
    bool first = c->best[0] == '\0', more = strstr(settings, "neighbors=200") != NULL;
    double error = first ? 0 : DifferenceError(each, c->each, (size_t)data->held_count);
    bool wins = first || (more ? IsGain(value, c->value) : value > c->value + error);

    c->won += !first && wins;
    c->chance += !wins && value > c->value;
    if (!wins)
        return;
    snprintf(c->best, sizeof(c->best), "%s", settings);
    memcpy(c->each, each, sizeof(each));
    c->value = value;
}

/* Of a weighting, with less and more shrinkage; of 100 neighbours. */
static void EnterShrinks(Contest *c, TestHost *t, const Interactions *data)
{
    static const char *const shrinks[] = {"0", "50"};
    char weighting[64];

    snprintf(weighting, strcspn(c->best, " ") + 1, "%s", c->best);
    for (int i = 0; i < 2; i++) {
        char settings[96];

        snprintf(settings, sizeof(settings), "%s shrink=%s neighbors=100", weighting, shrinks[i]);
        Enter(c, t, data, settings);
    }
}

/* The best so far, with twice the neighbours. */
static void EnterMany(Contest *c, TestHost *t, const Interactions *data)
{
    char settings[64];

    snprintf(settings, sizeof(settings), "%s", c->best);
    strstr(settings, "=100")[1] = '2';
    Enter(c, t, data, settings);
}

/* Has a part with room for more columns the same numbers, and zeros after them? */
static bool SameColumns(const Part *some, const Part *more)
{
    bool same = some->rows == more->rows && some->columns <= more->columns;

    for (uint32_t r = 0; r < some->rows && same; r++) {
        const float *a = PartRow(some, r), *b = PartRow(more, r);

        same = memcmp(a, b, some->columns * sizeof(float)) == 0;
        for (uint32_t i = some->columns; i < more->columns; i++)
            same &= b[i] == 0;
    }
    return same;
}

static bool SameNeighbors(const Model *some, const Model *more)
{
    bool same = some->parts == more->parts;

    for (int p = 0; p < some->parts && same; p++)
        same = SameColumns(&some->part[p], &more->part[p]);
    return same;
}

/* Where nothing is held out: a hundred, and more would be another model. */
static void CheckUnchosen(void)
{
    TestHost t;
    Interactions data;
    Training open, hundred, more;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 600, 400, 8, 20, 570);
    Train(&t, &data, "itemknn", "weighting=none shrink=10", &open);
    Train(&t, &data, "itemknn", NAMED, &hundred);
    Train(&t, &data, "itemknn", "weighting=none shrink=10 neighbors=200", &more);
    CHECK(SameNeighbors(&hundred.model, &open.model) && !SameNeighbors(&more.model, &open.model),
          "nothing held out: a hundred neighbours");
    TestHostEnd(&t);
}

/* `settings` leave so many trials, of these stages, and the model is that of the contest. */
static void CheckChosen(TestHost *t, const Interactions *data, const char *settings,
                        const Contest *c, int trials, const char *const *stages)
{
    Training run, same;
    const TrainReport *r = &run.report;
    float each[2000];
    bool right;

    Train(t, data, "itemknn", settings, &run);
    right = r->epochs == trials + 1 && r->best == trials &&
            KnnTrials(run.model.options, data) == trials;
    for (int e = 0; e < trials && right; e++)
        right = strcmp(r->history[e].stage, stages[e]) == 0 && r->history[e].epoch == e + 1;
    CHECK(right && r->history[trials].epoch == trials + 1, "%s: %d trials, found %d rows", settings,
          trials, r->epochs);
    Train(t, data, "itemknn", c->best, &same);
    CHECK(SameNeighbors(&same.model, &run.model) && same.report.epochs == 1 &&
              r->history[trials].metric[0] == c->value &&
              r->history[trials].metric[1] == same.report.history[0].metric[1] &&
              r->history[trials].compared == same.report.history[0].compared &&
              r->history[trials].compared != c->value && r->evaluate_seconds > 0,
          "%s: the model is that of %s", settings, c->best);
    CHECK(MeasureNamed(t, data, settings, each) == c->value &&
              memcmp(each, c->each, data->held_count * sizeof(float)) == 0,
          "%s: so is a trial, which has not learnt what is held out", settings);
}

static Contest CheckChoicesOf(uint32_t users, uint32_t items, uint32_t fewest, uint32_t most,
                              uint64_t seed)
{
    static const char *const all[] = {"weighting tfidf", "weighting none", "shrink 0", "shrink 50",
                                      "neighbors 200"};
    static const char *const shrinks[] = {"shrink 10", "shrink 0", "shrink 50", "neighbors 200"};
    static const char *const weightings[] = {"weighting tfidf", "weighting none", "neighbors 200"};
    static const char *const numbers[] = {"neighbors 100", "neighbors 200"};
    bool some[2000] = {false};
    Contest c = {.best = ""}, bm25 = {.best = ""}, named = {.best = ""}, more = {.best = ""};
    TestHost t;
    Interactions data;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, users, items, fewest, most, seed);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    for (uint32_t u = 0; u < users; u += 2)
        some[u] = true;
    data.compared = some;
    Enter(&named, &t, &data, "weighting=tfidf shrink=3 neighbors=100");
    Enter(&named, &t, &data, "weighting=none shrink=3 neighbors=100");
    CheckChosen(&t, &data, "weighting=auto shrink=3 neighbors=100", &named, 2, weightings);
    EnterMany(&named, &t, &data);
    CheckChosen(&t, &data, "weighting=auto shrink=3", &named, 3, weightings);
    Enter(&more, &t, &data, "weighting=none shrink=3 neighbors=100");
    EnterMany(&more, &t, &data);
    CheckChosen(&t, &data, "weighting=none shrink=3", &more, 2, numbers);
    Enter(&bm25, &t, &data, "weighting=bm25 shrink=10 neighbors=100");
    EnterShrinks(&bm25, &t, &data);
    EnterMany(&bm25, &t, &data);
    CheckChosen(&t, &data, "weighting=bm25", &bm25, 4, shrinks);
    Enter(&c, &t, &data, "weighting=tfidf shrink=10 neighbors=100");
    Enter(&c, &t, &data, "weighting=none shrink=10 neighbors=100");
    EnterShrinks(&c, &t, &data);
    EnterMany(&c, &t, &data);
    CheckChosen(&t, &data, "", &c, 5, all);
    TestHostEnd(&t);
    c.won += named.won + bm25.won + more.won;
    c.chance += named.chance + bm25.chance + more.chance;
    c.many = (strstr(c.best, "=200") != NULL) + (strstr(named.best, "=200") != NULL) +
             (strstr(bm25.best, "=200") != NULL) + (strstr(more.best, "=200") != NULL);
    return c;
}

static void CheckChoices(void)
{
    Contest dense = CheckChoicesOf(600, 400, 8, 20, 570);
    Contest sparse = CheckChoicesOf(500, 333, 5, 20, 910);

    CHECK(dense.won + sparse.won > 0 && dense.chance + sparse.chance > 0,
          "%d and %d of later trials win, %d and %d are better by less than the error", dense.won,
          sparse.won, dense.chance, sparse.chance);
    CHECK(dense.many + sparse.many > 0 && dense.many + sparse.many < 8,
          "%d and %d of four choices take 200 neighbours", dense.many, sparse.many);
}

/* What is 0 and 1 by turns, against zeros. */
static void CheckError(void)
{
    float each[100], zero[100] = {0};

    for (int i = 0; i < 100; i++)
        each[i] = (float)(i % 2);
    CHECK(Near(DifferenceError(each, zero, 100), sqrt(25.0 / 9900), 1e-12, 0) &&
              DifferenceError(each, each, 100) == 0 && DifferenceError(each, zero, 49) == 0,
          "the standard error of a difference");
}

/* A trial ranks two thousand of what is held out, the model all of it. */
static void CheckThinnedTraining(void)
{
    TestHost t;
    Interactions data;
    Training run, trial;
    Validation v;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 2500, 200, 5, 10, 920);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "itemknn", "weighting=auto shrink=10 neighbors=100", &run);
    TrainingPrepare(&t, &data, "itemknn", "weighting=none shrink=10 neighbors=100", &trial);
    trial.model.trial = true;
    TrainingRun(&trial);
    ValidationPrepare(&t.host, &data, &v);
    ValidationThin(&v, 2000);
    ValidationRun(&t.host, &trial.model, &v);
    CHECK(data.held_count > 2000 && v.count == 2000 && v.ndcg == run.report.history[1].metric[0] &&
              v.ndcg != trial.report.history[0].metric[0],
          "a trial ranks 2000 of %llu", (unsigned long long)data.held_count);
    TestHostEnd(&t);
}

/* Trials of large data rank a part of what is held out. */
static void CheckThinned(void)
{
    TestHost t;
    Interactions data;
    Validation v;

    CHECK(KnnTrialCases(&(Interactions){.held_count = 30000}) == 2000 &&
              KnnTrialCases(&(Interactions){.held_count = 300}) == 300,
          "two thousand interactions at most");
    CheckError();
    TestHostInit(&t);
    data = TasteInteractions(&t.host, 600, 400, 8, 20, 570);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    ValidationPrepare(&t.host, &data, &v);
    ValidationThin(&v, 1000000);
    CHECK(v.count == data.held_count, "all are left of fewer");
    ValidationThin(&v, 100);
    CHECK(v.count == 100 && v.cases[99].user >= 590 && v.cases[50].user > v.cases[49].user &&
              v.cases[50].relevant[0] == data.held[v.cases[50].user] &&
              v.cases[99].positions == v.cases[0].positions + 99,
          "a hundred, evenly spread, with what is theirs");
    ValidationRelease(&t.host, &v);
    TestHostEnd(&t);
}

/* ---- serving ---- */

static float *QueryOf(TestHost *t, const Model *model, const uint32_t *items, uint32_t count)
{
    float *query = HostAllocate(&t->host, model->algorithm->query_width(model), sizeof(float));

    model->algorithm->query(model, &(QueryInput){.row = NO_ROW, .items = items, .count = count},
                            query);
    return query;
}

/* What a row says, by its stored values. */
static double Said(const Model *model, uint32_t item, uint32_t by)
{
    const float *neighbor = PartRow(&model->part[KNN_NEIGHBOR_PART], item);

    for (uint32_t k = 0; k < model->part[KNN_NEIGHBOR_PART].columns; k++)
        if (neighbor[k] == (float)by)
            return PartRow(&model->part[KNN_SIMILARITY_PART], item)[k];
    return 0;
}

static bool RightScore(const Model *model, const uint32_t *items, uint32_t count, uint32_t item,
                       float score)
{
    double sum = 0;

    for (uint32_t h = 0; h < count; h++)
        sum += Said(model, item, items[h]);
    if (sum > 0)
        return Near(sum, score, 1e-5, 0);
    return score == -1 / (1 + model->part[POPULARITY_PART].data[item]);
}

static void CheckScores(const char *settings)
{
    TestHost t;
    Interactions data;
    Training run;
    float scores[ITEMS], of_view[ITEMS];
    const uint32_t visitor[] = {3, 8, 3};
    bool right = true, same = true;
    uint32_t far = 0;

    TestHostInit(&t);
    data = MakeData(&t.host, true);
    Train(&t, &data, "itemknn", settings, &run);
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t *items = data.item + data.offset[u];
        uint32_t count = (uint32_t)(data.offset[u + 1] - data.offset[u]);
        float *query = QueryOf(&t, &run.model, items, count);
        Model view;

        ModelScore(&run.model, query, 1, scores);
        ModelViewItems(&run.model, 17, 20, &view);
        ModelScore(&view, query, 1, of_view);
        same &= memcmp(scores + 17, of_view, 20 * sizeof(float)) == 0;
        for (uint32_t i = 0; i < ITEMS; i++) {
            right &= RightScore(&run.model, items, count, i, scores[i]);
            far += scores[i] < 0;
        }
    }
    CHECK(right && far > 0 && far < USERS * ITEMS,
          "%s: scores add up similarities; items that nothing speaks for (%u) follow by popularity",
          settings, far);
    CHECK(same, "the same bytes through a view");
    ModelScore(&run.model, QueryOf(&t, &run.model, visitor, 3), 1, scores);
    right = true;
    for (uint32_t i = 0; i < ITEMS; i++)
        right &= RightScore(&run.model, visitor, 3, i, scores[i]);
    CHECK(right, "an item that comes twice counts twice");
    ModelScore(&run.model, QueryOf(&t, &run.model, NULL, 0), 1, scores);
    CHECK(scores[ITEMS - 1] == -1, "of no item at all: popularity, and -1 for what nobody has");
    TestHostEnd(&t);
}

/* More items than a slice of the validation has, and all users at a time. */
static void CheckSlices(void)
{
    TestHost t;
    Interactions data;
    Training run;
    Validation v;
    double ndcg = 0;
    float scores[1500], three[3 * 200], *queries;
    uint32_t width;
    Model view;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 300, 1500, 8, 20, 950);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    Train(&t, &data, "itemknn", "", &run);
    width = run.model.algorithm->query_width(&run.model);
    queries = HostAllocate(&t.host, (size_t)3 * width, sizeof(float));
    for (uint32_t u = 0; u < 3; u++)
        memcpy(queries + u * width,
               QueryOf(&t, &run.model, data.item + data.offset[u],
                       (uint32_t)(data.offset[u + 1] - data.offset[u])),
               width * sizeof(float));
    ModelScore(&run.model, queries + 2 * width, 1, scores);
    ModelViewItems(&run.model, 1100, 200, &view);
    ModelScore(&view, queries, 3, three);
    CHECK(memcmp(scores + 1100, three + 400, 200 * sizeof(float)) == 0,
          "many queries for a slice of the items give what one for all gives");
    ValidationPrepare(&t.host, &data, &v);
    ValidationRun(&t.host, &run.model, &v);
    for (uint32_t u = 0; u < data.users; u++) {
        uint32_t items[64], count = 0, above = 0;

        for (uint64_t i = data.offset[u]; i < data.offset[u + 1]; i++)
            if (!IsHeldOut(&data, u, data.item[i]))
                items[count++] = data.item[i];
        ModelScore(&run.model, QueryOf(&t, &run.model, items, count), 1, scores);
        for (uint32_t i = 0; i < data.items; i++)
            above += !InteractionsContain(&data, u, i) && scores[i] >= scores[data.held[u]];
        ndcg += above < VALIDATION_CUTOFF ? 1 / log2(above + 2.0) : 0;
    }
    CHECK(Near(ndcg / (double)data.held_count, v.ndcg, 1e-9, 0),
          "validation ranks as single queries do");
    TestHostEnd(&t);
}

static void CheckSimilarity(const char *settings)
{
    static const uint32_t rows[] = {50, 2, 31, 3, 7, 11};
    TestHost t;
    Interactions data;
    Training run;
    Model one, view;
    float all[ITEMS], some[ITEMS], here[6];
    bool right = true, same = true;

    TestHostInit(&t);
    data = MakeData(&t.host, false);
    Train(&t, &data, "itemknn", settings, &run);
    for (uint32_t item = 0; item < ITEMS; item++) {
        ModelViewItems(&run.model, item, 1, &one);
        run.model.algorithm->similarity(&one, &run.model, AXIS_ITEM, all);
        ModelViewItems(&run.model, 20, 30, &view);
        run.model.algorithm->similarity(&one, &view, AXIS_ITEM, some);
        view = run.model;
        view.items = 6;
        view.item_rows = rows;
        run.model.algorithm->similarity(&one, &view, AXIS_ITEM, here);
        for (uint32_t i = 0; i < ITEMS; i++)
            right &= Said(&run.model, item, i) > 0 ? all[i] == (float)Said(&run.model, item, i)
                                                   : isnan(all[i]);
        same &= memcmp(all + 20, some, 30 * sizeof(float)) == 0;
        for (uint32_t i = 0; i < 6; i++)
            same &= memcmp(&all[rows[i]], &here[i], sizeof(float)) == 0;
    }
    CHECK(right, "%s: neighbours are alike as much as is stored, others not at all", settings);
    CHECK(same, "the same through views");
    TestHostEnd(&t);
}

static void CheckExplain(const char *settings)
{
    TestHost t;
    Interactions data;
    Training run;
    float scores[ITEMS], says[ITEMS];
    bool right = true;

    TestHostInit(&t);
    data = MakeData(&t.host, false);
    Train(&t, &data, "itemknn", settings, &run);
    for (uint32_t u = 0; u < USERS; u++) {
        Model history = run.model, one;
        float *query;

        history.items = (uint32_t)(data.offset[u + 1] - data.offset[u]);
        history.item_rows = data.item + data.offset[u];
        query = QueryOf(&t, &run.model, history.item_rows, history.items);
        ModelScore(&run.model, query, 1, scores);
        for (uint32_t i = 0; i < ITEMS; i++) {
            double sum = 0;

            ModelViewItems(&run.model, i, 1, &one);
            run.model.algorithm->explain(&t.host, &history, query, &one, says);
            for (uint32_t h = 0; h < history.items; h++)
                sum += says[h];
            right &= scores[i] < 0 ? sum == 0 : Near(sum, scores[i], 1e-5, 0);
        }
    }
    CHECK(right, "%s: what a user's items say adds up to the score", settings);
    TestHostEnd(&t);
}

static void CheckRecent(void)
{
    TestHost t;
    TasteStream stream;
    Interactions data;
    Training run, all;
    Histories histories;
    uint32_t scratch[3], width;
    bool right = true;
    float *query;

    TestHostInit(&t);
    stream = TasteStreamCreate(&t.host, 50, 40, 4, 900, 900, 920);
    data = TasteStreamData(&t.host, &stream, 900);
    Train(&t, &data, "itemknn", "recent=3", &run);
    Train(&t, &data, "itemknn", "", &all);
    CHECK(SameModel(&run.model, &all.model), "recent: the same neighbours");
    CHECK(WantsOrder(run.model.algorithm, run.model.options) &&
              !WantsOrder(all.model.algorithm, all.model.options),
          "queries come from the order of events, or not");
    width = run.model.algorithm->query_width(&run.model);
    query = HostAllocate(&t.host, width, sizeof(float));
    histories = HistoriesOf(&run.model, &data, true);
    for (uint32_t u = 0; u < 50; u++) {
        const uint32_t *last = data.events->item + data.events->offset[u + 1] - 3;

        HistoriesQuery(&histories, &run.model, u, scratch, query);
        right &= memcmp(query, QueryOf(&t, &run.model, last, 3), width * sizeof(float)) == 0;
    }
    CHECK(right, "a query is made of the last three events");
    data.events = NULL;
    CHECK(TrainingRun(&run) == OUTCOME_FAILED && t.kind == FAIL_INVALID &&
              strstr(t.hint, "time column") != NULL,
          "without events that is refused: %s", t.message);
    TestHostEnd(&t);
}

/* ---- what a forger may have written ---- */

static void CheckForged(void)
{
    static const float bad[] = {-1, ITEMS, 1e30f, INFINITY, -INFINITY, NAN, -0.5f, 16777216};
    TestHost t;
    Interactions data;
    Training run;
    Model one;
    float before[ITEMS], after[ITEMS], *query, *neighbor, *similarity;

    TestHostInit(&t);
    data = MakeData(&t.host, false);
    Train(&t, &data, "itemknn", "neighbors=8", &run);
    query = QueryOf(&t, &run.model, data.item, (uint32_t)data.offset[1]);
    neighbor = PartRow(&run.model.part[KNN_NEIGHBOR_PART], 5);
    similarity = PartRow(&run.model.part[KNN_SIMILARITY_PART], 5);
    ModelScore(&run.model, query, 1, before);
    memcpy(neighbor, bad, sizeof(bad));
    ModelScore(&run.model, query, 1, after);
    CHECK(before[5] > 0 && after[5] < 0, "neighbours that are no items say nothing");
    before[5] = after[5];
    CHECK(memcmp(before, after, sizeof(before)) == 0, "other items keep their scores");
    ModelViewItems(&run.model, 5, 1, &one);
    run.model.algorithm->similarity(&one, &run.model, AXIS_ITEM, after);
    for (uint32_t i = 0; i < ITEMS; i++)
        before[i] = NOT_ALIKE;
    CHECK(memcmp(before, after, sizeof(before)) == 0, "and are like nothing");
    neighbor[0] = 7;
    similarity[0] = -1;
    run.model.algorithm->similarity(&one, &run.model, AXIS_ITEM, after);
    CHECK(isnan(after[7]), "nor is one with a negative similarity");
    TestHostEnd(&t);
}

/* What stands behind a block of 16 that begins with nothing is nothing to any question. */
static void CheckGap(void)
{
    const uint32_t items[] = {3, 20};
    TestHost t;
    Interactions data;
    Training run;
    Model one, history;
    float scores[ITEMS], alike[ITEMS], says[2], *query;

    TestHostInit(&t);
    data = MakeData(&t.host, false);
    Train(&t, &data, "itemknn", "neighbors=40", &run);
    for (uint32_t k = 0; k < 40; k++) {
        PartRow(&run.model.part[KNN_NEIGHBOR_PART], 5)[k] = (float)k;
        PartRow(&run.model.part[KNN_SIMILARITY_PART], 5)[k] = k == 8 || k == 16 ? 0 : 0.25f;
    }
    query = QueryOf(&t, &run.model, items, 2);
    ModelScore(&run.model, query, 1, scores);
    ModelViewItems(&run.model, 5, 1, &one);
    run.model.algorithm->similarity(&one, &run.model, AXIS_ITEM, alike);
    history = run.model;
    history.items = 2;
    history.item_rows = items;
    run.model.algorithm->explain(&t.host, &history, query, &one, says);
    CHECK(scores[5] == 0.25f && says[0] == 0.25f && says[1] == 0 && alike[3] == 0.25f &&
              alike[12] == 0.25f && isnan(alike[20]),
          "a gap ends a row for scores, reasons and similar items");
    TestHostEnd(&t);
}

/* ---- limits ---- */

static void TrainNothing(void *arg)
{
    Training *training = arg;

    training->model.algorithm->train(&training->t->host, training->data, &training->model,
                                     &training->report);
}

static void CheckTooManyItems(void)
{
    TestHost t;
    Interactions data = {.users = 1, .items = KNN_MOST_ITEMS + 1};
    Training run = {.t = &t, .data = &data};

    TestHostInit(&t);
    OptionsDefault(AlgorithmFind("itemknn")->options, &run.options);
    ModelLayout(&run.model, AlgorithmFind("itemknn"), &run.options, 1, data.items);
    CHECK(Attempt(&t, TrainNothing, &run) == OUTCOME_FAILED && t.kind == FAIL_INVALID &&
              strstr(t.message, "16777216") != NULL,
          "more items than a float can count are refused: %s", t.message);
    TestHostEnd(&t);
}

/* Weights at both ends of what a float can hold. */
static void CheckExtremeWeights(const char *settings)
{
    TestHost t;
    Interactions data;
    Training run;
    bool right = true;

    TestHostInit(&t);
    data = MakeData(&t.host, true);
    for (uint64_t i = 0; i < data.count; i++)
        data.weight[i] = i % 3 == 0 ? 3e38f : i % 3 == 1 ? 1e-38f : 1;
    Train(&t, &data, "itemknn", settings, &run);
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint32_t k = 0; k < 10; k++) {
            float similarity = PartRow(&run.model.part[KNN_SIMILARITY_PART], i)[k];

            right &= isfinite(similarity) && (similarity > 0 || i == ITEMS - 1);
        }
    CHECK(right, "%s: weights from 1e-38 to 3e38 give numbers", settings);
    TestHostEnd(&t);
}

static void CheckOdd(uint32_t users, uint32_t items, const char *what)
{
    TestHost t;
    Interactions data;
    Training run;
    bool finite = true;

    TestHostInit(&t);
    data = BlockInteractions(&t.host, users, items, 1);
    for (int w = 0; w < 3; w++) {
        static const char *const settings[] = {"", "weighting=tfidf shrink=0", "weighting=bm25"};

        Train(&t, &data, "itemknn", settings[w], &run);
        finite &= PartIsFinite(&run.model.part[KNN_SIMILARITY_PART]);
    }
    CHECK(finite, "training on %s", what);
    TestHostEnd(&t);
}

static void CheckMemory(const char *settings, int threads)
{
    TestHost t;
    Interactions data;
    Training run;
    size_t before, need, live;

    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    data = TasteInteractions(&t.host, 3000, 2000, 5, 30, 930);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 100, 1);
    TrainingPrepare(&t, &data, "itemknn", settings, &run);
    need = run.model.algorithm->memory(&run.model, &data, threads);
    TestHostResetPeak(&t);
    before = t.bytes;
    live = t.live;
    TrainingRun(&run);
    CHECK(t.peak - before <= need + TestHostSlack(&t), "%s: %zu bytes, estimated %zu", settings,
          t.peak - before, need);
    CHECK(t.peak - before > need / 4, "%s: the estimate is not wild", settings);
    CHECK(t.live == live + 1, "%s: only the history stays", settings);
    TestHostEnd(&t);
}

static void CheckCancel(int threads, int at, bool silently)
{
    TestHost t;
    Interactions data;
    Training run;
    Outcome outcome;

    TestHostInit(&t);
    if (threads > 0)
        TestHostUsePool(&t, threads);
    data = TasteInteractions(&t.host, 900, 700, 5, 12, 940);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&t, &data, "itemknn", "", &run);
    t.calls = 0;
    t.cancel_at = at;
    t.cancel_silently = silently;
    outcome = TrainingRun(&run);
    CHECK(outcome == OUTCOME_CANCELLED && t.epochs == 0, "%d threads: cancelled %s call %d",
          threads, silently ? "inside a task, after" : "between tasks, at", at);
    TestHostEnd(&t);
    CHECK(t.live == 0 && t.host.pool == NULL, "threads are joined, memory is freed");
}

/* What is left open for a version with so many columns. */
static int64_t Settled(TestHost *t, const Interactions *data, const char *version,
                       int64_t neighbors)
{
    Training run;
    KnnOptions options;

    TrainingPrepare(t, data, "itemknn", version, &run);
    options = *(const KnnOptions *)run.model.options;
    options.neighbors = neighbors;
    ModelSettle(&run.model, &options);
    return options.neighbors;
}

/* Only other columns than the usual ones bind those who name nothing. */
static void CheckSettled(void)
{
    TestHost t;
    Interactions data;

    TestHostInit(&t);
    data = TasteInteractions(&t.host, 100, 60, 5, 10, 920);
    CHECK(KNN_MANY_NEIGHBORS == 200 && Settled(&t, &data, "", 0) == 0 &&
              Settled(&t, &data, "neighbors=200", 0) == 0,
          "in 200 columns each training chooses");
    CHECK(Settled(&t, &data, "neighbors=100", 0) == 100 &&
              Settled(&t, &data, "neighbors=300", 0) == 300,
          "other columns are kept");
    CHECK(Settled(&t, &data, "neighbors=100", 200) == 200 && Settled(&t, &data, "", 50) == 50,
          "what is named stays");
    TestHostEnd(&t);
}

void TestItemKnn(void)
{
    CheckAllNeighbors();
    CheckThreads("neighbors=20");
    CheckThreads("neighbors=50 weighting=tfidf shrink=0");
    CheckThreads("neighbors=50 weighting=bm25");
    CheckThreads("");
    CheckSettled();
    CheckLearnsHeld();
    CheckUnchosen();
    CheckChoices();
    CheckThinned();
    CheckThinnedTraining();
    CheckScores("neighbors=5");
    CheckScores("neighbors=40");
    CheckScores("");
    CheckSlices();
    CheckSimilarity("neighbors=9");
    CheckSimilarity("neighbors=40");
    CheckSimilarity("");
    CheckExplain("neighbors=9");
    CheckExplain("neighbors=40");
    CheckExplain("");
    CheckRecent();
    CheckForged();
    CheckGap();
    CheckTooManyItems();
    CheckExtremeWeights("neighbors=10");
    CheckExtremeWeights("neighbors=10 weighting=tfidf");
    CheckOdd(1, 1, "one user and one item");
    CheckOdd(30, 20, "users who have everything");
    CheckOdd(50, 1, "one item");
    CheckMemory("neighbors=100", 3);
    CheckMemory("", 2);
    CheckMemory("neighbors=1000 weighting=bm25", 1);
    for (int threads = 0; threads <= 2; threads += 2) {
        CheckCancel(threads, 6, false);
        CheckCancel(threads, 8, true);
        CheckCancel(threads, 30, false);
    }
}
