/*
 * triple.c: learns the triples of a cell: draws negatives ahead, so that their rows can be
 * prefetched, and updates the three rows of a triple in one pass.
 *
 * This is where a training of bpr or amf spends its time; one variant for each instruction set.
 */
#include "algo/mf/triple.h"

#include <math.h>

#include "algo/learn/optimizer.h"
#include "algo/learn/visits.h"
#include "core/vector.h"

/*
 * A triple's rows are asked for EARLIER triples before its negative is chosen, which reads them,
 * and the negative is chosen AHEAD triples before the update: all are in cache by then.
 */
#define EARLIER 4
#define AHEAD   8

/*
 * A triple draws at least FRESH candidates; of more, each is looked at by up to SHARED triples,
 * SPACING triples apart, each for its own user: the next ones find its row in the first-level
 * cache.  Apart, so that most of them see what the ones before have made of it.
 */
#define FRESH   4
#define SHARED  4
#define SPACING 4

/* Candidate scores between two looks at the cancel flag: milliseconds. */
#define CANCEL_EVERY (1u << 22)

/* Random draws before a negative is looked for exhaustively. */
#define MAX_DRAWS 16

/* exp(80) is finite in single precision; sigma is 1 there, and the reported loss stops at 80. */
#define MAX_MARGIN 80.0f

/* fmaxf without its call: it treats NaN specially, which here must come through. */
static inline float Larger(float a, float b)
{
    return b > a ? b : a;
}

typedef struct Triple {
    uint32_t user;
    uint32_t positive;
    uint32_t negative; /* NO_ITEM: the user has every item of the block */
} Triple;

/*
 * Position of the first entry of the user's run that is not below the item, from `at` forward; the
 * run's end if there is none.  Steps double, then halve.
 */
static uint32_t SearchForward(const CellWork *work, uint32_t at, uint32_t item)
{
    const CellEntry *e = work->entries;
    uint32_t user = e[at].user, step = 1;
    uint64_t low = at, high; /* e[low] is below the item, e[high] is not */

    while ((high = low + step) < work->count && e[high].user == user && e[high].item < item) {
        low = high;
        step *= 2;
    }
    if (high > work->count)
        high = work->count;
    while (low + 1 < high) {
        uint64_t middle = (low + high) / 2;

        if (e[middle].user == user && e[middle].item < item)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)high;
}

/* The same backward: first entry of the run that is not below the item; e[at] is not below it. */
static uint32_t SearchBackward(const CellWork *work, uint32_t at, uint32_t item)
{
    const CellEntry *e = work->entries;
    uint32_t user = e[at].user, step = 1;
    int64_t high = at, low; /* e[high] is not below the item; e[low] is, or of another user */

    while ((low = high - step) >= 0 && e[low].user == user && e[low].item >= item) {
        high = low;
        step *= 2;
    }
    if (low < -1)
        low = -1;
    while (low + 1 < high) {
        int64_t middle = (low + high) / 2;

        if (e[middle].user == user && e[middle].item >= item)
            high = middle;
        else
            low = middle;
    }
    return (uint32_t)high;
}

/* The user's entries are neighbours, ascending by item. */
static inline bool IsPositive(const CellWork *work, uint32_t at, uint32_t item)
{
    const CellEntry *e = work->entries;
    uint32_t user = e[at].user, found;

    if (item == e[at].item)
        return true;
    found = item > e[at].item ? SearchForward(work, at, item) : SearchBackward(work, at, item);
    return found < work->count && e[found].user == user && e[found].item == item;
}

/* Items of the block below the given one. */
static uint32_t RankInBlock(const CellWork *work, uint32_t item)
{
    uint32_t low = 0, high = work->block_size;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (work->block[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/*
 * Uniform over the block's items that are not the user's; NO_ITEM if there are none.  Of the run's
 * items, k lie below the t-th free one, where k is the first with rank(item k) - k > t.
 */
static uint32_t FindNegative(CellWork *work, uint32_t at)
{
    uint32_t first = SearchBackward(work, at, 0), last = SearchForward(work, at, NO_ITEM);
    uint32_t run = last - first, t, low = 0, high = run;

    if (run >= work->block_size)
        return NO_ITEM;
    t = RandomBelow(&work->random, work->block_size - run);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (RankInBlock(work, work->entries[first + middle].item) - middle > t)
            high = middle;
        else
            low = middle + 1;
    }
    return work->block[t + low];
}

static inline uint32_t DrawUniform(CellWork *work, uint32_t at)
{
    for (int i = 0; i < MAX_DRAWS; i++) {
        uint32_t item = work->block[RandomBelow(&work->random, work->block_size)];

        if (!IsPositive(work, at, item))
            return item;
    }
    return FindNegative(work, at);
}

/*
 * A stream of uniform draws.  Each triple looks at `fresh` new ones and at those that were new
 * SPACING, 2 SPACING, ... triples ago.
 */
typedef struct Candidates {
    uint32_t fresh;
    uint32_t first; /* the oldest candidate that the next triple looks at */
    uint32_t end;   /* of the candidates drawn so far */
    uint32_t item[(SPACING + EARLIER) * MAX_CANDIDATES];
} Candidates;

static inline uint32_t FreshCandidates(uint32_t count)
{
    uint32_t share = (count + SHARED - 1) / SHARED, least = count < FRESH ? count : FRESH;

    return share > least ? share : least;
}

/* The candidates of the next triple: fresh ones, and those that triples before it drew. */
static inline void TakeCandidates(Candidates *c, uint32_t count, uint32_t *items)
{
    for (uint32_t n = 0; n < count; n += c->fresh)
        for (uint32_t k = 0; k < c->fresh && n + k < count; k++)
            items[n + k] = c->item[c->first + n * SPACING + k];
    c->first += c->fresh;
}

/* The first of the highest: compared without branches, which could not be predicted. */
static inline uint32_t Highest(const float *scores, uint32_t count)
{
    float highest = scores[0];
    uint32_t at = 0;

    for (uint32_t n = 1; n < count; n++)
        highest = Larger(highest, scores[n]);
    while (scores[at] < highest)
        at++;
    return at;
}

/*
 * The dot products of a triple: x = p.d, pp = p.p, dd = d.d with d = q_i - q_j, and those that the
 * decay adds: pi = p.q_i, ii = q_i.q_i, jj = q_j.q_j.
 */
typedef struct Products {
    float x, pp, dd, pi, ii, jj;
} Products;

/*
 * The ascent directions of the three rows, all in the span of p, d and the row itself:
 *   p:   s d - t p        q_i:  s p - w d - r q_i        q_j:  -s p + w d - r q_j
 * (t includes the decay r of p).
 */
typedef struct Directions {
    float s, t, w, r;
} Directions;

/*
 * epsilon g / |g d| for a row d with the given square, the norm not below its floor.  Above it g
 * cancels: the root then need not wait for the exponential that g comes from.
 */
static inline float PerturbationScale(float epsilon, float g, float square)
{
    float scale = epsilon / sqrtf(square);

    return g * g * square > NORM_FLOOR ? scale : epsilon * g * (1.0f / NORM_FLOOR_ROOT);
}

/* The norm that a row of the given square is moved by. */
static inline float MovedBy(const TripleRule *rule, float square)
{
    return rule->relative ? rule->epsilon * sqrtf(square) : rule->epsilon;
}

/*
 * With g = sigma(-x), Delta_u = -e_u d, Delta_i = -e_i p, Delta_j = e_j p; e is the sum of the last
 * two.  The perturbed margin is x' = (p - e_u d) . (d - e p), and g' = lambda sigma(-x').
 */
static inline Directions Direct(const TripleRule *rule, Products m, double *likelihood)
{
    float decay = 2.0f * rule->regularization;
    float e = expf(m.x < -MAX_MARGIN ? MAX_MARGIN : -m.x);
    float g = e / (1.0f + e);
    float e_u, e_items, x, ee, g_adversarial;

    *likelihood *= 1.0 + (double)e;
    if (!rule->adversarial)
        return (Directions){g, decay, 0.0f, decay};
    e_u = PerturbationScale(MovedBy(rule, m.pp), g, m.dd);
    e_items = PerturbationScale(MovedBy(rule, m.ii) + MovedBy(rule, m.jj), g, m.pp);
    x = m.x - e_items * m.pp - e_u * m.dd + e_u * e_items * m.x;
    ee = expf(x < -MAX_MARGIN ? MAX_MARGIN : -x);
    g_adversarial = rule->lambda * (ee / (1.0f + ee));
    return (Directions){g + g_adversarial, g_adversarial * e_items + decay, g_adversarial * e_u,
                        decay};
}

/* A step of size 0 leaves a row as it is, bit for bit. */
static inline float ItemRate(const TripleRule *rule)
{
    return rule->items_fixed ? 0.0f : rule->learning_rate;
}

/* The squares come from products that cancel: they may be below 0. */
static inline float RowRate(const TripleRule *rule, float rate, float *state, float square)
{
    return AdagradRowRate(rate, state, 0, Larger(square, 0.0f), rule->factors);
}

/* Collects -ln sigma(x) as a product of 1 + e^-x, with a logarithm now and then. */
static inline void SettleLoss(double *likelihood, double *loss)
{
    *loss += log(*likelihood);
    *likelihood = 1.0;
}

#define VECTOR_KERNELS "algo/mf/triple_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(LearnAny, (const TripleRule *rule, CellWork *work));

/* Where a walk through the entries of a cell stands. */
typedef struct Walk {
    uint32_t next; /* entry */
    uint64_t due;  /* visits of the entry before it */
    Visits visits; /* with weights */
} Walk;

static void TakeEach(CellWork *work, Walk *walk)
{
    uint32_t left = work->count - walk->next;

    work->ordered = left < STRETCH ? left : STRETCH;
    for (uint32_t i = 0; i < work->ordered; i++)
        work->order[i] = walk->next++;
}

static void TakeByWeight(CellWork *work, Walk *walk)
{
    work->ordered = 0;
    while (work->ordered < STRETCH && (walk->due > 0 || walk->next < work->count)) {
        if (walk->due > 0) {
            work->order[work->ordered++] = walk->next - 1;
            walk->due--;
        } else {
            walk->due = (uint64_t)VisitsNext(&walk->visits, work->weights[walk->next++]);
        }
    }
}

/* Takes the next visits of the cell, shuffled; false: there are none left. */
static bool TakeStretch(CellWork *work, Walk *walk)
{
    if (work->weights == NULL)
        TakeEach(work, walk);
    else
        TakeByWeight(work, walk);
    RandomShuffle(&work->random, work->order, work->ordered);
    return work->ordered > 0;
}

/* Works on a copy: neighbours in the array of cells belong to other threads. */
void LearnCell(const TripleRule *rule, CellWork *work)
{
    CellWork mine = *work;
    Walk walk = {0};

    mine.loss = 0;
    mine.triples = 0;
    mine.abandoned = false;
    if (mine.weights != NULL)
        walk.visits = VisitsStart(mine.mean_weight, &mine.random);
    while (!mine.abandoned && TakeStretch(&mine, &walk))
        LearnAnyVariants[VectorLevel()](rule, &mine);
    *work = mine;
}
