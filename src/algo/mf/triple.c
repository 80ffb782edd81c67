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

VECTOR_INLINE void Prefetch(const float *row, size_t chunks)
{
    for (size_t c = 0; c < chunks; c++)
        __builtin_prefetch(row + c * VECTOR_LANES, 1);
}

/* Scores four candidates at a time: the user's row is loaded once for all four. */
VECTOR_INLINE void ScoreCandidates(const TripleRule *rule, const float *p, const uint32_t *items,
                                   uint32_t count, float *scores, size_t chunks)
{
    uint32_t n = 0;

    for (; n + 4 <= count; n += 4)
        VectorDotFour(p, rule->items, rule->stride, items + n, chunks, scores + n);
    for (; n < count; n++)
        scores[n] = VectorDot(p, rule->items + (size_t)items[n] * rule->stride, chunks);
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

VECTOR_INLINE void DrawCandidates(const TripleRule *rule, CellWork *work, Candidates *c,
                                  uint32_t count, size_t chunks)
{
    if (c->end + count > sizeof(c->item) / sizeof(c->item[0])) {
        c->end -= c->first;
        memmove(c->item, c->item + c->first, c->end * sizeof(c->item[0]));
        c->first = 0;
    }
    for (uint32_t n = 0; n < count; n++) {
        uint32_t item = work->block[RandomBelow(&work->random, work->block_size)];

        c->item[c->end++] = item;
        Prefetch(rule->items + (size_t)item * rule->stride, chunks);
    }
}

static inline uint32_t FreshCandidates(uint32_t count)
{
    uint32_t share = (count + SHARED - 1) / SHARED, least = count < FRESH ? count : FRESH;

    return share > least ? share : least;
}

/* The first triple, too, shares candidates: draws what triples before it would have drawn. */
VECTOR_INLINE void StartCandidates(const TripleRule *rule, CellWork *work, Candidates *c,
                                   size_t chunks)
{
    uint32_t n = rule->candidates;

    c->fresh = FreshCandidates(n);
    c->first = c->end = 0;
    if (n > 1)
        DrawCandidates(rule, work, c, (n - 1) / c->fresh * c->fresh * SPACING, chunks);
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

/* Of the candidates the one that the model scores highest now; positives drop out. */
VECTOR_INLINE uint32_t DrawHardest(const TripleRule *rule, CellWork *work, Candidates *c,
                                   uint32_t at, size_t chunks)
{
    const float *p = rule->users + (size_t)work->entries[at].user * rule->stride;
    uint32_t items[MAX_CANDIDATES];
    float scores[MAX_CANDIDATES];

    TakeCandidates(c, rule->candidates, items);
    ScoreCandidates(rule, p, items, rule->candidates, scores, chunks);
    for (uint32_t tries = 0; tries < MAX_DRAWS; tries++) {
        uint32_t item = items[Highest(scores, rule->candidates)];

        if (!IsPositive(work, at, item))
            return item;
        for (uint32_t n = 0; n < rule->candidates; n++) /* it may have been drawn repeatedly */
            if (items[n] == item)
                scores[n] = -INFINITY;
    }
    return DrawUniform(work, at);
}

/* Asks for the rows that the choice of the negative and the update will read. */
VECTOR_INLINE void ExpectTriple(const TripleRule *rule, CellWork *work, Candidates *c, uint32_t at,
                                size_t chunks)
{
    CellEntry entry = work->entries[at];

    Prefetch(rule->users + (size_t)entry.user * rule->stride, chunks);
    Prefetch(rule->items + (size_t)entry.item * rule->stride, chunks);
    if (rule->candidates > 1)
        DrawCandidates(rule, work, c, c->fresh, chunks);
}

VECTOR_INLINE Triple DrawTriple(const TripleRule *rule, CellWork *work, Candidates *c, uint32_t at,
                                size_t chunks)
{
    Triple t = {work->entries[at].user, work->entries[at].item, NO_ITEM};

    t.negative =
        rule->candidates > 1 ? DrawHardest(rule, work, c, at, chunks) : DrawUniform(work, at);
    if (t.negative != NO_ITEM)
        Prefetch(rule->items + (size_t)t.negative * rule->stride, chunks);
    return t;
}

/*
 * The dot products of a triple: x = p.d, pp = p.p, dd = d.d with d = q_i - q_j, and those that the
 * decay adds: pi = p.q_i, ii = q_i.q_i, jj = q_j.q_j.
 */
typedef struct Products {
    float x, pp, dd, pi, ii, jj;
} Products;

VECTOR_INLINE Products TripleProducts(const float *p, const float *qi, const float *qj,
                                      size_t chunks)
{
    const Vector *vp = (const Vector *)p, *vi = (const Vector *)qi, *vj = (const Vector *)qj;
    Vector x = {0}, pp = {0}, dd = {0}, pi = {0}, ii = {0}, jj = {0};

    for (size_t c = 0; c < chunks; c++) {
        Vector d = vi[c] - vj[c];

        x += vp[c] * d;
        pp += vp[c] * vp[c];
        dd += d * d;
        pi += vp[c] * vi[c];
        ii += vi[c] * vi[c];
        jj += vj[c] * vj[c];
    }
    return (Products){VectorSum(&x),  VectorSum(&pp), VectorSum(&dd),
                      VectorSum(&pi), VectorSum(&ii), VectorSum(&jj)};
}

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

/* Per-element Adagrad. */
VECTOR_INLINE void UpdateElements(const TripleRule *rule, Triple t, Directions v, size_t chunks)
{
    size_t n = chunks * VECTOR_LANES, stride = rule->stride;
    float *restrict p = rule->users + t.user * stride, *restrict sp =
                                                           rule->user_state + t.user * stride;
    float *restrict qi = rule->items + t.positive * stride;
    float *restrict qj = rule->items + t.negative * stride;
    float *restrict si = rule->item_state + t.positive * stride;
    float *restrict sj = rule->item_state + t.negative * stride;
    float rate = rule->learning_rate, item_rate = ItemRate(rule);

    for (size_t k = 0; k < n; k++) {
        float d = qi[k] - qj[k], shared = v.s * p[k] - v.w * d;
        float gp = v.s * d - v.t * p[k], gi = shared - v.r * qi[k], gj = -shared - v.r * qj[k];

        p[k] += AdagradStep(rate, gp, &sp[k], 0);
        qi[k] += AdagradStep(item_rate, gi, &si[k], 0);
        qj[k] += AdagradStep(item_rate, gj, &sj[k], 0);
    }
}

/* One step size per row. */
VECTOR_INLINE void UpdateRows(const TripleRule *rule, Triple t, Directions v, float rate_p,
                              float rate_i, float rate_j, size_t chunks)
{
    size_t stride = rule->stride;
    Vector *p = (Vector *)(rule->users + t.user * stride);
    Vector *qi = (Vector *)(rule->items + t.positive * stride);
    Vector *qj = (Vector *)(rule->items + t.negative * stride);

    for (size_t c = 0; c < chunks; c++) {
        Vector vp = p[c], vi = qi[c], vj = qj[c], d = vi - vj;
        Vector shared = v.s * vp - v.w * d;

        p[c] = vp + rate_p * (v.s * d - v.t * vp);
        qi[c] = vi + rate_i * (shared - v.r * vi);
        qj[c] = vj + rate_j * (-shared - v.r * vj);
    }
}

/* The squares come from products that cancel: they may be below 0. */
static inline float RowRate(const TripleRule *rule, float rate, float *state, float square)
{
    return AdagradRowRate(rate, state, 0, Larger(square, 0.0f), rule->factors);
}

/* The squared norms of the directions follow from the products: no pass over the rows. */
VECTOR_INLINE void Update(const TripleRule *rule, Triple t, Products m, Directions v, size_t chunks)
{
    float ij = 0.5f * (m.ii + m.jj - m.dd), pj = m.pi - m.x;
    float shared = v.s * v.s * m.pp - 2.0f * v.s * v.w * m.x + v.w * v.w * m.dd;
    float shared_i = v.s * m.pi - v.w * (m.ii - ij), shared_j = v.s * pj - v.w * (ij - m.jj);
    float square_p = v.s * v.s * m.dd - 2.0f * v.s * v.t * m.x + v.t * v.t * m.pp;
    float square_i = shared - 2.0f * v.r * shared_i + v.r * v.r * m.ii;
    float square_j = shared + 2.0f * v.r * shared_j + v.r * v.r * m.jj;
    float rate = rule->learning_rate, item_rate = ItemRate(rule);

    if (rule->optimizer == OPTIMIZER_SGD)
        UpdateRows(rule, t, v, rate, item_rate, item_rate, chunks);
    else
        UpdateRows(rule, t, v, RowRate(rule, rate, &rule->user_state[t.user], square_p),
                   RowRate(rule, item_rate, &rule->item_state[t.positive], square_i),
                   RowRate(rule, item_rate, &rule->item_state[t.negative], square_j), chunks);
}

/* Collects -ln sigma(x) as a product of 1 + e^-x, with a logarithm now and then. */
static inline void SettleLoss(double *likelihood, double *loss)
{
    *loss += log(*likelihood);
    *likelihood = 1.0;
}

VECTOR_INLINE void LearnTriple(const TripleRule *rule, Triple t, size_t chunks, double *likelihood)
{
    const float *p = rule->users + (size_t)t.user * rule->stride;
    const float *qi = rule->items + (size_t)t.positive * rule->stride;
    const float *qj = rule->items + (size_t)t.negative * rule->stride;
    Products m = TripleProducts(p, qi, qj, chunks);
    Directions v = Direct(rule, m, likelihood);

    if (rule->optimizer == OPTIMIZER_ADAGRAD)
        UpdateElements(rule, t, v, chunks);
    else
        Update(rule, t, m, v, chunks);
}

VECTOR_INLINE void LearnOrdered(const TripleRule *rule, CellWork *work, size_t chunks)
{
    Triple ahead[AHEAD];
    Candidates candidates;
    double likelihood = 1.0;
    uint32_t cancel_every = CANCEL_EVERY / (rule->stride * rule->candidates) + 1;

    StartCandidates(rule, work, &candidates, chunks);
    for (uint32_t n = 0; n < work->ordered + EARLIER + AHEAD; n++) {
        Triple *slot = &ahead[n % AHEAD];

        if (n >= EARLIER + AHEAD && slot->negative != NO_ITEM) {
            LearnTriple(rule, *slot, chunks, &likelihood);
            work->triples++;
            if (!(likelihood < 1e200))
                SettleLoss(&likelihood, &work->loss);
        }
        if (n % cancel_every == 0 && HostCancelled(rule->host)) {
            work->abandoned = true;
            return;
        }
        if (n >= EARLIER && n < work->ordered + EARLIER)
            *slot = DrawTriple(rule, work, &candidates, work->order[n - EARLIER], chunks);
        if (n < work->ordered)
            ExpectTriple(rule, work, &candidates, work->order[n], chunks);
    }
    SettleLoss(&likelihood, &work->loss);
}

/* The common widths get loops of a fixed length. */
VECTOR_INLINE void LearnCellBody(const TripleRule *rule, CellWork *work)
{
    switch (rule->stride / VECTOR_LANES) {
    case 2:
        LearnOrdered(rule, work, 2);
        break;
    case 4:
        LearnOrdered(rule, work, 4);
        break;
    case 8:
        LearnOrdered(rule, work, 8);
        break;
    default:
        LearnOrdered(rule, work, rule->stride / VECTOR_LANES);
        break;
    }
}

VECTOR_VARIANTS(LearnCell, (const TripleRule *rule, CellWork *work), LearnCellBody(rule, work))

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
        LearnCellVariants[VectorLevel()](rule, &mine);
    *work = mine;
}
