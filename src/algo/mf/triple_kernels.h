/* triple_kernels.h: kernels of triple.c, for one instruction set; `width`: of rows, in floats. */
#define Prefetch        VECTOR(Prefetch)
#define ScoreCandidates VECTOR(ScoreCandidates)
#define DrawCandidates  VECTOR(DrawCandidates)
#define StartCandidates VECTOR(StartCandidates)
#define DrawHardest     VECTOR(DrawHardest)
#define ExpectTriple    VECTOR(ExpectTriple)
#define DrawTriple      VECTOR(DrawTriple)
#define TripleProducts  VECTOR(TripleProducts)
#define UpdateElements  VECTOR(UpdateElements)
#define UpdateRows      VECTOR(UpdateRows)
#define Update          VECTOR(Update)
#define LearnTriple     VECTOR(LearnTriple)
#define LearnOrdered    VECTOR(LearnOrdered)
#define LearnAny        VECTOR(LearnAny)

VECTOR_INLINE void Prefetch(const float *row, size_t width)
{
    for (size_t k = 0; k < width; k += VECTOR_LANES)
        __builtin_prefetch(row + k, 1);
}

/* Scores four candidates at a time: the user's row is loaded once for all four. */
VECTOR_INLINE void ScoreCandidates(const TripleRule *rule, const float *p, const uint32_t *items,
                                   uint32_t count, float *scores, size_t width)
{
    uint32_t n = 0;

    for (; n + 4 <= count; n += 4)
        VectorDotFour(p, rule->items, rule->stride, items + n, width, scores + n);
    for (; n < count; n++)
        scores[n] = VectorDot(p, rule->items + (size_t)items[n] * rule->stride, width);
}

VECTOR_INLINE void DrawCandidates(const TripleRule *rule, CellWork *work, Candidates *c,
                                  uint32_t count, size_t width)
{
    if (c->end + count > sizeof(c->item) / sizeof(c->item[0])) {
        c->end -= c->first;
        memmove(c->item, c->item + c->first, c->end * sizeof(c->item[0]));
        c->first = 0;
    }
    for (uint32_t n = 0; n < count; n++) {
        uint32_t item = work->block[RandomBelow(&work->random, work->block_size)];

        c->item[c->end++] = item;
        Prefetch(rule->items + (size_t)item * rule->stride, width);
    }
}

/* The first triple, too, shares candidates: draws what triples before it would have drawn. */
VECTOR_INLINE void StartCandidates(const TripleRule *rule, CellWork *work, Candidates *c,
                                   size_t width)
{
    uint32_t n = rule->candidates;

    c->fresh = FreshCandidates(n);
    c->first = c->end = 0;
    if (n > 1)
        DrawCandidates(rule, work, c, (n - 1) / c->fresh * c->fresh * SPACING, width);
}

/* Of the candidates the one that the model scores highest now; positives drop out. */
VECTOR_INLINE uint32_t DrawHardest(const TripleRule *rule, CellWork *work, Candidates *c,
                                   uint32_t at, size_t width)
{
    const float *p = rule->users + (size_t)work->entries[at].user * rule->stride;
    uint32_t items[MAX_CANDIDATES];
    float scores[MAX_CANDIDATES];

    TakeCandidates(c, rule->candidates, items);
    ScoreCandidates(rule, p, items, rule->candidates, scores, width);
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
                                size_t width)
{
    CellEntry entry = work->entries[at];

    Prefetch(rule->users + (size_t)entry.user * rule->stride, width);
    Prefetch(rule->items + (size_t)entry.item * rule->stride, width);
    if (rule->candidates > 1)
        DrawCandidates(rule, work, c, c->fresh, width);
}

VECTOR_INLINE Triple DrawTriple(const TripleRule *rule, CellWork *work, Candidates *c, uint32_t at,
                                size_t width)
{
    Triple t = {work->entries[at].user, work->entries[at].item, NO_ITEM};

    t.negative =
        rule->candidates > 1 ? DrawHardest(rule, work, c, at, width) : DrawUniform(work, at);
    if (t.negative != NO_ITEM)
        Prefetch(rule->items + (size_t)t.negative * rule->stride, width);
    return t;
}

VECTOR_INLINE Products TripleProducts(const float *p, const float *qi, const float *qj,
                                      size_t width)
{
    Vector x[VECTOR_PARTS], pp[VECTOR_PARTS], dd[VECTOR_PARTS];
    Vector pi[VECTOR_PARTS], ii[VECTOR_PARTS], jj[VECTOR_PARTS];

    for (size_t part = 0; part < VECTOR_PARTS; part++) {
        Vector sx = {0}, spp = {0}, sdd = {0}, spi = {0}, sii = {0}, sjj = {0};

        for (size_t k = part * VECTOR_WIDTH; k < width; k += VECTOR_LANES) {
            Vector vp = *(const Vector *)(p + k), vi = *(const Vector *)(qi + k);
            Vector vj = *(const Vector *)(qj + k), d = vi - vj;

            sx += vp * d;
            spp += vp * vp;
            sdd += d * d;
            spi += vp * vi;
            sii += vi * vi;
            sjj += vj * vj;
        }
        x[part] = sx;
        pp[part] = spp;
        dd[part] = sdd;
        pi[part] = spi;
        ii[part] = sii;
        jj[part] = sjj;
    }
    return (Products){VectorSum(x),  VectorSum(pp), VectorSum(dd),
                      VectorSum(pi), VectorSum(ii), VectorSum(jj)};
}

/* Per-element Adagrad. */
VECTOR_INLINE void UpdateElements(const TripleRule *rule, Triple t, Directions v, size_t width)
{
    size_t stride = rule->stride;
    float *restrict p = rule->users + t.user * stride, *restrict sp =
                                                           rule->user_state + t.user * stride;
    float *restrict qi = rule->items + t.positive * stride;
    float *restrict qj = rule->items + t.negative * stride;
    float *restrict si = rule->item_state + t.positive * stride;
    float *restrict sj = rule->item_state + t.negative * stride;
    float rate = rule->learning_rate, item_rate = ItemRate(rule);

    for (size_t k = 0; k < width; k++) {
        float d = qi[k] - qj[k], shared = v.s * p[k] - v.w * d;
        float gp = v.s * d - v.t * p[k], gi = shared - v.r * qi[k], gj = -shared - v.r * qj[k];

        p[k] += AdagradStep(rate, gp, &sp[k], 0);
        qi[k] += AdagradStep(item_rate, gi, &si[k], 0);
        qj[k] += AdagradStep(item_rate, gj, &sj[k], 0);
    }
}

/* One step size per row. */
VECTOR_INLINE void UpdateRows(const TripleRule *rule, Triple t, Directions v, float rate_p,
                              float rate_i, float rate_j, size_t width)
{
    size_t stride = rule->stride;
    float *p = rule->users + t.user * stride;
    float *qi = rule->items + t.positive * stride, *qj = rule->items + t.negative * stride;

    for (size_t k = 0; k < width; k += VECTOR_WIDTH) {
        Vector *up = (Vector *)(p + k), *ui = (Vector *)(qi + k), *uj = (Vector *)(qj + k);
        Vector vp = *up, vi = *ui, vj = *uj, d = vi - vj, shared = v.s * vp - v.w * d;

        *up = vp + rate_p * (v.s * d - v.t * vp);
        *ui = vi + rate_i * (shared - v.r * vi);
        *uj = vj + rate_j * (-shared - v.r * vj);
    }
}

/* The squared norms of the directions follow from the products: no pass over the rows. */
VECTOR_INLINE void Update(const TripleRule *rule, Triple t, Products m, Directions v, size_t width)
{
    float ij = 0.5f * (m.ii + m.jj - m.dd), pj = m.pi - m.x;
    float shared = v.s * v.s * m.pp - 2.0f * v.s * v.w * m.x + v.w * v.w * m.dd;
    float shared_i = v.s * m.pi - v.w * (m.ii - ij), shared_j = v.s * pj - v.w * (ij - m.jj);
    float square_p = v.s * v.s * m.dd - 2.0f * v.s * v.t * m.x + v.t * v.t * m.pp;
    float square_i = shared - 2.0f * v.r * shared_i + v.r * v.r * m.ii;
    float square_j = shared + 2.0f * v.r * shared_j + v.r * v.r * m.jj;
    float rate = rule->learning_rate, item_rate = ItemRate(rule);

    if (rule->optimizer == OPTIMIZER_SGD)
        UpdateRows(rule, t, v, rate, item_rate, item_rate, width);
    else
        UpdateRows(rule, t, v, RowRate(rule, rate, &rule->user_state[t.user], square_p),
                   RowRate(rule, item_rate, &rule->item_state[t.positive], square_i),
                   RowRate(rule, item_rate, &rule->item_state[t.negative], square_j), width);
}

VECTOR_INLINE void LearnTriple(const TripleRule *rule, Triple t, size_t width, double *likelihood)
{
    const float *p = rule->users + (size_t)t.user * rule->stride;
    const float *qi = rule->items + (size_t)t.positive * rule->stride;
    const float *qj = rule->items + (size_t)t.negative * rule->stride;
    Products m = TripleProducts(p, qi, qj, width);
    Directions v = Direct(rule, m, likelihood);

    if (rule->optimizer == OPTIMIZER_ADAGRAD)
        UpdateElements(rule, t, v, width);
    else
        Update(rule, t, m, v, width);
}

VECTOR_INLINE void LearnOrdered(const TripleRule *rule, CellWork *work, size_t width)
{
    Triple ahead[AHEAD];
    Candidates candidates;
    double likelihood = 1.0;
    uint32_t cancel_every = CANCEL_EVERY / (rule->stride * rule->candidates) + 1;

    StartCandidates(rule, work, &candidates, width);
    for (uint32_t n = 0; n < work->ordered + EARLIER + AHEAD; n++) {
        Triple *slot = &ahead[n % AHEAD];

        if (n >= EARLIER + AHEAD && slot->negative != NO_ITEM) {
            LearnTriple(rule, *slot, width, &likelihood);
            work->triples++;
            if (!(likelihood < 1e200))
                SettleLoss(&likelihood, &work->loss);
        }
        if (n % cancel_every == 0 && HostCancelled(rule->host)) {
            work->abandoned = true;
            return;
        }
        if (n >= EARLIER && n < work->ordered + EARLIER)
            *slot = DrawTriple(rule, work, &candidates, work->order[n - EARLIER], width);
        if (n < work->ordered)
            ExpectTriple(rule, work, &candidates, work->order[n], width);
    }
    SettleLoss(&likelihood, &work->loss);
}

/* The common widths get loops of a fixed length. */
VECTOR_KERNEL void LearnAny(const TripleRule *rule, CellWork *work)
{
    switch (rule->stride) {
    case 32:
        LearnOrdered(rule, work, 32);
        break;
    case 64:
        LearnOrdered(rule, work, 64);
        break;
    case 128:
        LearnOrdered(rule, work, 128);
        break;
    default:
        LearnOrdered(rule, work, rule->stride);
        break;
    }
}
