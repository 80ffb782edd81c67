/*
 * environment.c: answers by chance, patience, and what visitors remember of a session.
 *
 * Clusters of items and the bait among them are settled when the environment is opened; from then
 * on it is only read.
 */
#include "algo/policy/environment.h"

#include <math.h>
#include <string.h>

#include "algo/policy/clusters.h"
#include "core/random.h"
#include "core/vector.h"

/* Clicks that boredom looks at. */
#define BOREDOM_CLICKS 10

/* Items whose probabilities are computed at a time, on the stack. */
#define ANSWERS 128

/* Records by which items are judged to be bait. */
#define BAIT_RECORDS 64

#define MARKS 32 /* in a word of the set of shown items */

struct Environment {
    const ClickWorld *world; /* NULL: visitors are those of a simulator */
    const Model *simulator;
    const SimulatorMethods *methods;
    VisitorRules rules;
    uint64_t seed;
    uint32_t items;
    uint32_t depth; /* slates of the longest session */
    uint32_t records;
    uint32_t state;    /* floats of a visitor: the simulator's, in whole vectors */
    size_t size;       /* bytes of a visitor */
    uint32_t *cluster; /* of each item, for boredom; NULL: nobody gets bored */
    bool *bait;        /* of each item; NULL: there is no bait */
};

VisitorRules SimulatorRules(const Algorithm *simulator, const void *options)
{
    const SimulatorMethods *methods = simulator->policy->simulator;

    return methods->rules == NULL ? (VisitorRules){0} : methods->rules(options);
}

static VisitorRules Completed(const VisitorRules *rules)
{
    VisitorRules full = *rules;

    full.boredom_clusters = full.boredom_clusters == 0 ? 20 : full.boredom_clusters;
    full.bait_clusters = full.bait_clusters == 0 ? 8 : full.bait_clusters;
    full.patience = full.patience == 0 ? VISITOR_PATIENCE : full.patience;
    return full;
}

/* --- clusters */

static const Part *ItemEmbedding(const Model *simulator)
{
    return &simulator->part[simulator->algorithm->embedding[AXIS_ITEM]];
}

static void CheckClusters(const Host *host, const Model *simulator)
{
    if (simulator->algorithm->embedding[AXIS_ITEM] == 0)
        HostFail(host, FAIL_INVALID, "Leave boredom and bait at 0.",
                 "simulator \"%s\" has no embeddings by which items are alike",
                 simulator->algorithm->name);
}

static uint32_t *ClusterItems(const Host *host, const Model *simulator, int64_t clusters)
{
    uint32_t *cluster = HostAllocate(host, simulator->items, sizeof(uint32_t));

    ClusterRows(host, ItemEmbedding(simulator), (uint32_t)clusters, cluster);
    return cluster;
}

static float Sigmoid(float x)
{
    return x >= 0 ? 1 / (1 + expf(-x)) : expf(x) / (1 + expf(x));
}

/* What one record says of all items. */
static void AddProbabilities(const Host *host, const Environment *e, const float *state,
                             const uint32_t *cluster, double *sum)
{
    uint32_t items[ANSWERS];
    float odds[ANSWERS];

    for (uint32_t first = 0; first < e->simulator->items; first += ANSWERS) {
        uint32_t left = e->simulator->items - first, count = left < ANSWERS ? left : ANSWERS;

        for (uint32_t i = 0; i < count; i++)
            items[i] = first + i;
        e->methods->respond(e->simulator, state, items, count, odds);
        for (uint32_t i = 0; i < count; i++)
            sum[cluster[first + i]] += Sigmoid(odds[i]);
        HostPoll(host);
    }
}

/* Sum over the items of a cluster and some records, spread evenly. */
static double *ClusterSums(const Host *host, const Environment *e, const uint32_t *cluster)
{
    double *sum = HostAllocateZero(host, (size_t)e->rules.bait_clusters, sizeof(double));
    float *state = HostAllocate(host, e->state, sizeof(float));
    uint32_t records = e->records < BAIT_RECORDS ? e->records : BAIT_RECORDS;
    uint32_t history[VISITOR_HISTORY];

    for (uint32_t r = 0; r < records; r++) {
        uint32_t record = (uint32_t)((uint64_t)r * e->records / records);

        e->methods->start(e->simulator, record, state, history, VISITOR_HISTORY);
        AddProbabilities(host, e, state, cluster, sum);
    }
    HostRelease(host, state);
    return sum;
}

/* Sums become means; of an empty cluster -1. */
static void DivideSums(const Host *host, const Environment *e, const uint32_t *cluster, double *sum)
{
    uint32_t clusters = (uint32_t)e->rules.bait_clusters;
    uint64_t *count = HostAllocateZero(host, clusters, sizeof(uint64_t));

    for (uint32_t i = 0; i < e->simulator->items; i++)
        count[cluster[i]]++;
    for (uint32_t k = 0; k < clusters; k++)
        sum[k] = count[k] > 0 ? sum[k] / (double)count[k] : -1;
    HostRelease(host, count);
}

/* Is the cluster the first, third, fifth ... by its mean? */
static bool IsEverySecond(const double *mean, uint32_t clusters, uint32_t cluster)
{
    uint32_t before = 0;

    for (uint32_t k = 0; k < clusters; k++)
        before += mean[k] > mean[cluster] || (mean[k] == mean[cluster] && k < cluster);
    return before % 2 == 0;
}

static bool *FindBait(const Host *host, const Environment *e)
{
    uint32_t clusters = (uint32_t)e->rules.bait_clusters;
    uint32_t *cluster = ClusterItems(host, e->simulator, clusters);
    double *mean = ClusterSums(host, e, cluster);
    bool *bait = HostAllocate(host, e->simulator->items, sizeof(bool));
    bool *of_cluster = HostAllocate(host, clusters, sizeof(bool));

    DivideSums(host, e, cluster, mean);
    for (uint32_t k = 0; k < clusters; k++)
        of_cluster[k] = IsEverySecond(mean, clusters, k);
    for (uint32_t i = 0; i < e->simulator->items; i++)
        bait[i] = of_cluster[cluster[i]];
    HostRelease(host, of_cluster);
    HostRelease(host, mean);
    HostRelease(host, cluster);
    return bait;
}

/* --- the environment */

/* Floats of a visitor that are the simulator's, in whole vectors. */
static uint32_t StateFloats(const Model *simulator)
{
    return VectorStride(simulator->algorithm->policy->simulator->state(simulator));
}

size_t VisitorSizeOf(const Model *simulator, const VisitorRules *rules)
{
    size_t marks = rules->no_repeat ? ((size_t)simulator->items + MARKS - 1) / MARKS : 0;
    size_t floats = StateFloats(simulator) + marks;

    return sizeof(Visitor) + VectorStride((uint32_t)floats) * sizeof(float);
}

Environment *EnvironmentOpen(const Host *host, const Model *simulator, const VisitorRules *rules,
                             uint64_t seed)
{
    Environment *e = HostAllocateZero(host, 1, sizeof(Environment));

    e->simulator = simulator;
    e->methods = simulator->algorithm->policy->simulator;
    e->rules = Completed(rules);
    e->seed = seed;
    e->items = simulator->items;
    e->depth = (uint32_t)ceil(e->rules.patience);
    e->records = e->methods->records(simulator);
    e->state = StateFloats(simulator);
    e->size = VisitorSizeOf(simulator, rules);
    if (e->rules.boredom > 0 || e->rules.bait > 0)
        CheckClusters(host, simulator);
    if (e->rules.boredom > 0)
        e->cluster = ClusterItems(host, simulator, e->rules.boredom_clusters);
    if (e->rules.bait > 0)
        e->bait = FindBait(host, e);
    return e;
}

Environment *EnvironmentOfWorld(const Host *host, const ClickWorld *world, uint32_t most_clicks,
                                uint64_t seed)
{
    Environment *e = HostAllocateZero(host, 1, sizeof(Environment));

    e->world = world;
    e->seed = seed;
    e->items = WORLD_ITEMS;
    e->depth = most_clicks;
    e->state = VectorStride(1);
    e->size = sizeof(Visitor) + e->state * sizeof(float);
    return e;
}

void EnvironmentClose(const Host *host, Environment *environment)
{
    if (environment->cluster != NULL)
        HostRelease(host, environment->cluster);
    if (environment->bait != NULL)
        HostRelease(host, environment->bait);
    HostRelease(host, environment);
}

/* Both kinds of clusters at their largest, and what finding bait takes. */
size_t EnvironmentMemory(const Model *simulator, const VisitorRules *rules)
{
    VisitorRules full = Completed(rules);
    int64_t clusters =
        full.bait_clusters > full.boredom_clusters ? full.bait_clusters : full.boredom_clusters;
    size_t total = sizeof(Environment), of_items = 2 * sizeof(uint32_t) + sizeof(bool);

    if (full.boredom == 0 && full.bait == 0)
        return total;
    total = SizeAdd(total, SizeMultiply(simulator->items, of_items));
    total = SizeAdd(total, ClusterMemory(ItemEmbedding(simulator), (uint32_t)clusters));
    return SizeAdd(total, (size_t)clusters * (2 * sizeof(double) + 1) +
                              StateFloats(simulator) * sizeof(float));
}

size_t VisitorSize(const Environment *environment)
{
    return environment->size;
}

uint32_t EnvironmentItems(const Environment *environment)
{
    return environment->items;
}

uint32_t EnvironmentDepth(const Environment *environment)
{
    return environment->depth;
}

uint32_t EnvironmentCluster(const Environment *environment, uint32_t item)
{
    return environment->cluster[item];
}

bool EnvironmentIsBait(const Environment *environment, uint32_t item)
{
    return environment->bait != NULL && item != NO_ITEM && environment->bait[item];
}

/* --- visitors */

/* The set of shown items, a bit each, behind the state. */
static uint32_t *Marks(const Environment *e, const Visitor *visitor)
{
    return (uint32_t *)(visitor->state + e->state);
}

static void Mark(const Environment *e, Visitor *visitor, uint32_t item)
{
    if (e->rules.no_repeat && item != NO_ITEM)
        Marks(e, visitor)[item / MARKS] |= 1u << item % MARKS;
}

bool VisitorMaySee(const Environment *environment, const Visitor *visitor, uint32_t item)
{
    return !environment->rules.no_repeat || item == NO_ITEM ||
           (Marks(environment, visitor)[item / MARKS] >> item % MARKS & 1) == 0;
}

void VisitorStart(const Environment *environment, uint64_t session, Visitor *visitor)
{
    const Environment *e = environment;
    Random random;

    memset(visitor, 0, e->size);
    visitor->session = session;
    if (e->world != NULL)
        return;
    RandomSeed(&random, e->seed, RANDOM_VISITOR, session, 0);
    visitor->clicks = e->methods->start(e->simulator, RandomBelow(&random, e->records),
                                        visitor->state, visitor->history, VISITOR_HISTORY);
}

/* Do visitors click one item of a slate at most, and leave by chance? */
static bool Choose(const Environment *e)
{
    return e->methods->answered != NULL;
}

/* Every item without a click costs 1 + NO_CLICK, unless visitors choose, every slate 1; counted in
 * tenths. */
double VisitorPatience(const Environment *environment, const Visitor *visitor)
{
    uint64_t misses = Choose(environment) ? 0 : visitor->misses;
    uint64_t tenths = 11 * misses + 10 * (uint64_t)visitor->step;

    return environment->rules.patience - (double)tenths / 10 -
           environment->rules.bait * (double)visitor->baited;
}

/* Clicks among the last ten that are of the item's cluster. */
static uint32_t OfCluster(const Environment *e, const Visitor *visitor, uint32_t item)
{
    uint32_t first = visitor->clicks > BOREDOM_CLICKS ? visitor->clicks - BOREDOM_CLICKS : 0;
    uint32_t count = 0;

    for (uint32_t h = first; h < visitor->clicks; h++)
        count += e->cluster[visitor->history[h]] == e->cluster[item];
    return count;
}

static float Weariness(const Environment *e, const Visitor *visitor, uint32_t item)
{
    if (e->cluster == NULL || item == NO_ITEM)
        return 0;
    return (float)(e->rules.boredom * OfCluster(e, visitor, item) / BOREDOM_CLICKS);
}

static void Odds(const Environment *e, const Visitor *visitor, const uint32_t *shown,
                 uint32_t count, float *out)
{
    e->methods->respond(e->simulator, visitor->state, shown, count, out);
    for (uint32_t i = 0; i < count; i++)
        out[i] -= Weariness(e, visitor, shown[i]);
}

/* Of all of a slate, and of nothing, whose log odds are 0. */
static void ChoiceProbabilities(uint32_t count, float *odds)
{
    float greatest = 0, sum;

    for (uint32_t i = 0; i < count; i++)
        greatest = fmaxf(greatest, odds[i]);
    sum = expf(-greatest);
    for (uint32_t i = 0; i < count; i++)
        sum += odds[i] = expf(odds[i] - greatest);
    for (uint32_t i = 0; i < count; i++)
        odds[i] /= sum;
}

void VisitorProbabilities(const Environment *environment, const Visitor *visitor,
                          const uint32_t *shown, uint32_t count, float *out)
{
    const Environment *e = environment;

    Odds(e, visitor, shown, count, out);
    if (Choose(e))
        ChoiceProbabilities(count, out);
    for (uint32_t i = 0; i < count && !Choose(e); i++)
        out[i] = Sigmoid(out[i]);
}

/* Items that the simulator does not know have the luck of their place. */
static double Luck(uint64_t key, uint32_t item, uint32_t place)
{
    Random random;

    RandomSeed(&random, key, RANDOM_ANSWER, item, item == NO_ITEM ? place : 0);
    return RandomUniform(&random);
}

/* Names the luck of this step. */
static uint64_t StepKey(const Environment *e, const Visitor *visitor)
{
    Random random;

    RandomSeed(&random, e->seed, RANDOM_VISITOR, visitor->session, (uint64_t)visitor->step + 1);
    return RandomNext(&random);
}

static uint32_t Decide(const Environment *e, const Visitor *visitor, const uint32_t *shown,
                       uint32_t count, bool *clicked)
{
    uint64_t key = StepKey(e, visitor);
    float probability[ANSWERS];
    uint32_t clicks = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (i % ANSWERS == 0)
            VisitorProbabilities(e, visitor, shown + i, count - i < ANSWERS ? count - i : ANSWERS,
                                 probability);
        clicked[i] = Luck(key, shown[i], i) < probability[i % ANSWERS];
        clicks += clicked[i];
    }
    return clicks;
}

/* The luck of choosing nothing, and of leaving: behind those of unknown items. */
#define LUCK_OF_NOTHING (UINT32_MAX - 1)
#define LUCK_OF_LEAVING UINT32_MAX

static double Gumbel(uint64_t key, uint32_t item, uint32_t place)
{
    return -log(-log(Luck(key, item, place) + 0x1p-54));
}

/* The greatest of odds and luck, which every item has for itself; `count`: nothing is. */
static uint32_t Chosen(const Environment *e, const Visitor *visitor, const uint32_t *shown,
                       uint32_t count)
{
    uint64_t key = StepKey(e, visitor);
    double greatest = Gumbel(key, NO_ITEM, LUCK_OF_NOTHING);
    uint32_t chosen = count;
    float odds[ANSWERS];

    for (uint32_t i = 0; i < count; i++) {
        double own;

        if (i % ANSWERS == 0)
            Odds(e, visitor, shown + i, count - i < ANSWERS ? count - i : ANSWERS, odds);
        own = (double)odds[i % ANSWERS] + Gumbel(key, shown[i], i);
        if (own <= greatest)
            continue;
        greatest = own;
        chosen = i;
    }
    return chosen;
}

/* Clicks at most one item; true: and then leaves. */
static bool ChooseOne(const Environment *e, Visitor *visitor, const uint32_t *shown, uint32_t count,
                      bool *clicked)
{
    uint32_t chosen = Chosen(e, visitor, shown, count);
    float leaves = e->methods->answered(e->simulator, visitor->state,
                                        chosen < count ? shown[chosen] : NO_ITEM);

    for (uint32_t i = 0; i < count; i++)
        clicked[i] = i == chosen;
    return Luck(StepKey(e, visitor), NO_ITEM, LUCK_OF_LEAVING) < (double)leaves;
}

static uint32_t CountClicks(const bool *clicked, uint32_t count)
{
    uint32_t clicks = 0;

    for (uint32_t i = 0; i < count; i++)
        clicks += clicked[i];
    return clicks;
}

/* The oldest makes room. */
void VisitorRemember(Visitor *visitor, uint32_t item)
{
    if (item == NO_ITEM)
        return;
    if (visitor->clicks == VISITOR_HISTORY)
        memmove(visitor->history, visitor->history + 1,
                --visitor->clicks * sizeof(*visitor->history));
    visitor->history[visitor->clicks++] = item;
}

/* Every slate but the last has a click, so that clicks are steps. */
static float AnswerInWorld(const Environment *e, Visitor *visitor, const uint32_t *shown,
                           uint32_t count, bool *clicked)
{
    ClickAnswer answer = ClickWorldAnswer(e->world, e->seed, visitor->session, visitor->step,
                                          VisitorWorldState(visitor), shown, count);

    memset(clicked, 0, count * sizeof(*clicked));
    clicked[answer.place] = answer.clicked;
    if (answer.clicked)
        VisitorRemember(visitor, shown[answer.place]);
    visitor->state[0] = (float)answer.state;
    visitor->step++;
    visitor->reward += answer.clicked;
    visitor->ended = !answer.stays || visitor->step == e->depth;
    return answer.clicked;
}

static float AnswerOfSimulator(const Environment *e, Visitor *visitor, const uint32_t *shown,
                               uint32_t count, bool *clicked)
{
    bool leaves = Choose(e) && ChooseOne(e, visitor, shown, count, clicked);
    uint32_t clicks =
        Choose(e) ? CountClicks(clicked, count) : Decide(e, visitor, shown, count, clicked);
    float reward = ClickReward(clicks, count);

    for (uint32_t i = 0; i < count; i++) {
        Mark(e, visitor, shown[i]);
        if (!clicked[i])
            continue;
        VisitorRemember(visitor, shown[i]);
        visitor->baited += EnvironmentIsBait(e, shown[i]);
    }
    if (clicks > 0 && !Choose(e))
        e->methods->advance(e->simulator, visitor->state, visitor->history, visitor->clicks);
    visitor->misses += count - clicks;
    visitor->step++;
    visitor->reward += reward;
    visitor->ended = leaves || VisitorPatience(e, visitor) < LEAST_PATIENCE;
    return reward;
}

float VisitorAnswer(const Environment *environment, Visitor *visitor, const uint32_t *shown,
                    uint32_t count, bool *clicked)
{
    return environment->world != NULL
               ? AnswerInWorld(environment, visitor, shown, count, clicked)
               : AnswerOfSimulator(environment, visitor, shown, count, clicked);
}
