/*
 * memory_kernels.h: kernels of memory.c, for one instruction set and numbers of the type REAL:
 * reading, writing and differentiating a key-value memory.
 */
#include "algo/nmrn/row_kernels.h"

#define ReadHeads      VECTOR(ReadHeads)
#define Cosines        VECTOR(Cosines)
#define Address        VECTOR(Address)
#define EuclideanBack  VECTOR(EuclideanBack)
#define CosineBack     VECTOR(CosineBack)
#define HeadBack       VECTOR(HeadBack)
#define ChainBack      VECTOR(ChainBack)
#define AddressBack    VECTOR(AddressBack)
#define ReadHop        VECTOR(ReadHop)
#define Read           VECTOR(Read)
#define StepGates      VECTOR(StepGates)
#define KeepRecent     VECTOR(KeepRecent)
#define WriteSlot      VECTOR(WriteSlot)
#define StepWrite      VECTOR(StepWrite)
#define Write          VECTOR(Write)
#define SlotBack       VECTOR(SlotBack)
#define SquashBack     VECTOR(SquashBack)
#define GatesBack      VECTOR(GatesBack)
#define KeepRecentBack VECTOR(KeepRecentBack)
#define WriteBack      VECTOR(WriteBack)
#define RecentBack     VECTOR(RecentBack)
#define LossBack       VECTOR(LossBack)
#define HopBack        VECTOR(HopBack)
#define Back           VECTOR(Back)
#define Score          VECTOR(Score)
#define Distances      VECTOR(Distances)
#define Squares        VECTOR(Squares)

/* --- addressing */

/* What the heads say about a query: strength, interpolation, shift, sharpening. */
VECTOR_INLINE void ReadHeads(const Net *net, const Hop *h)
{
    size_t stride = net->shape.stride;
    const REAL *bias = net->head + HEAD_BIAS * stride;
    REAL raw[HEAD_BIAS];

    for (int i = 0; i < HEAD_BIAS; i++)
        raw[i] = bias[i] + Dot(net->head + i * stride, h->query, stride);
    h->scalar[SCALAR_BETA] = SoftPlus(raw[HEAD_BETA]);
    h->scalar[SCALAR_GATE] = Sigmoid(raw[HEAD_GATE]);
    Softmax(raw + HEAD_SHIFT, 1, 3, h->scalar + SCALAR_SHIFT);
    h->scalar[SCALAR_SHARPEN] = 1 + SoftPlus(raw[HEAD_SHARPEN]);
}

VECTOR_INLINE void Cosines(const Net *net, const Hop *h)
{
    size_t stride = net->shape.stride;
    REAL own = Root(Dot(h->query, h->query, stride) + (REAL)DISTANCE_FLOOR);

    for (uint32_t i = 0; i < net->shape.slots; i++) {
        const REAL *key = net->key + i * stride;

        h->content[i] =
            Dot(h->query, key, stride) / (own * Root(Dot(key, key, stride) + (REAL)DISTANCE_FLOOR));
    }
}

/* Fills the hop's weights; its query is there. */
VECTOR_INLINE void Address(const Net *net, const REAL *previous, const Hop *h)
{
    uint32_t n = net->shape.slots;

    if (n == 1) {
        h->weight[0] = 1;
        return;
    }
    if (net->shape.addressing == ADDRESS_EUCLIDEAN) {
        for (uint32_t i = 0; i < n; i++)
            h->content[i] =
                -Distance(h->query, net->key + i * net->shape.stride, net->shape.stride);
        Softmax(h->content, (REAL)net->shape.beta, n, h->weight);
        return;
    }
    Cosines(net, h);
    if (net->shape.addressing == ADDRESS_CONTENT) {
        h->scalar[SCALAR_BETA] = SoftPlus(net->head[HEAD_BIAS * net->shape.stride + HEAD_BETA]);
        Softmax(h->content, h->scalar[SCALAR_BETA], n, h->weight);
        return;
    }
    ReadHeads(net, h);
    Softmax(h->content, h->scalar[SCALAR_BETA], n, h->focus);
    for (uint32_t i = 0; i < n; i++)
        h->gated[i] =
            h->scalar[SCALAR_GATE] * h->focus[i] + (1 - h->scalar[SCALAR_GATE]) * previous[i];
    CircularShift(h->gated, n, h->scalar + SCALAR_SHIFT, -1, 3, h->shifted);
    Sharpen(h->shifted, n, h->scalar[SCALAR_SHARPEN], h->weight);
}

VECTOR_INLINE void EuclideanBack(const Net *net, const Hop *h, const REAL *dcontent, REAL *dquery,
                                 const NetGradient *g)
{
    size_t stride = net->shape.stride;

    for (uint32_t i = 0; i < net->shape.slots; i++) {
        REAL scale = dcontent[i] / h->content[i]; /* content is minus the distance */

        AddDifference(dquery, scale, h->query, net->key + i * stride, stride);
        AddDifference(g->key + i * stride, scale, net->key + i * stride, h->query, stride);
    }
}

VECTOR_INLINE void CosineBack(const Net *net, const Hop *h, const REAL *dcontent, REAL *dquery,
                              const NetGradient *g)
{
    size_t stride = net->shape.stride;
    REAL own = Root(Dot(h->query, h->query, stride) + (REAL)DISTANCE_FLOOR);

    for (uint32_t i = 0; i < net->shape.slots; i++) {
        const REAL *key = net->key + i * stride;
        REAL other = Root(Dot(key, key, stride) + (REAL)DISTANCE_FLOOR);
        REAL both = dcontent[i] / (own * other), cosine = dcontent[i] * h->content[i];

        AddScaled(dquery, both, key, stride);
        AddScaled(dquery, -cosine / (own * own), h->query, stride);
        AddScaled(g->key + i * stride, both, h->query, stride);
        AddScaled(g->key + i * stride, -cosine / (other * other), key, stride);
    }
}

VECTOR_INLINE void HeadBack(const Net *net, const Hop *h, const REAL *draw, REAL *dquery,
                            const NetGradient *g)
{
    size_t stride = net->shape.stride;

    for (int i = 0; i < HEAD_BIAS; i++) {
        AddScaled(dquery, draw[i], net->head + i * stride, stride);
        AddScaled(g->head + i * stride, draw[i], h->query, stride);
        g->head[HEAD_BIAS * stride + i] += draw[i];
    }
}

/* From d(weight) to d(focus) in `dfocus` and the raw heads but the strength; ends at `previous`. */
VECTOR_INLINE void ChainBack(const Net *net, const Hop *h, const REAL *previous, const REAL *dw,
                             REAL *dfocus, REAL *draw)
{
    uint32_t n = net->shape.slots;
    REAL *dshifted = net->scratch + SlotStride(&net->shape);
    REAL *dgated = dshifted + SlotStride(&net->shape);
    REAL gate = h->scalar[SCALAR_GATE], sharpen = h->scalar[SCALAR_SHARPEN], dgate, dshift[3];

    draw[HEAD_SHARPEN] =
        SharpenBack(h->shifted, h->weight, n, sharpen, dw, dshifted) * SoftPlusSlope(sharpen - 1);
    ShiftBack(h->gated, n, h->scalar + SCALAR_SHIFT, -1, 3, dshifted, dgated, dshift);
    SoftmaxBack(h->scalar + SCALAR_SHIFT, h->scalar + SCALAR_SHIFT, 1, 3, dshift,
                draw + HEAD_SHIFT);
    dgate = MixBack(h->focus, previous, gate, n, dgated, dfocus);
    draw[HEAD_GATE] = dgate * gate * (1 - gate);
}

/* dquery += what d(weight) says; the shared parameters' gradients too. */
VECTOR_INLINE void AddressBack(const Net *net, const Hop *h, const REAL *previous, const REAL *dw,
                               REAL *dquery, const NetGradient *g)
{
    uint32_t n = net->shape.slots;
    REAL *dcontent = net->scratch, beta, draw[HEAD_BIAS];

    if (n == 1)
        return;
    if (net->shape.addressing == ADDRESS_EUCLIDEAN) {
        beta = (REAL)net->shape.beta;
        SoftmaxBack(h->weight, h->content, beta, n, dw, dcontent);
        EuclideanBack(net, h, dcontent, dquery, g);
        return;
    }
    beta = h->scalar[SCALAR_BETA];
    if (net->shape.addressing == ADDRESS_CONTENT) {
        REAL dbeta = SoftmaxBack(h->weight, h->content, beta, n, dw, dcontent);

        g->head[HEAD_BIAS * net->shape.stride + HEAD_BETA] += dbeta * SoftPlusSlope(beta);
    } else {
        REAL *dfocus = net->scratch + 3 * SlotStride(&net->shape);

        ChainBack(net, h, previous, dw, dfocus, draw);
        draw[HEAD_BETA] =
            SoftmaxBack(h->focus, h->content, beta, n, dfocus, dcontent) * SoftPlusSlope(beta);
        HeadBack(net, h, draw, dquery, g);
    }
    CosineBack(net, h, dcontent, dquery, g);
}

/* --- reading */

VECTOR_INLINE void ReadHop(const Net *net, const REAL *previous, const REAL *memory, const Hop *h)
{
    size_t stride = net->shape.stride;

    Address(net, previous, h);
    memset(h->read, 0, stride * sizeof(REAL));
    AddRows(h->read, h->weight, memory, net->shape.slots, stride);
}

/* Fills the tape's hops and the point that items are compared with. */
VECTOR_KERNEL void Read(const Net *net, const Step *s, const REAL *memory)
{
    size_t stride = net->shape.stride;
    REAL *point = TapePoint(&net->shape, s->tape);
    Hop h = HopAt(&net->shape, s->tape, 0);

    memcpy(h.query, s->user, stride * sizeof(REAL));
    ReadHop(net, s->previous, memory, &h);
    for (uint32_t i = 1; i < net->shape.hops; i++) {
        Hop before = h;

        h = HopAt(&net->shape, s->tape, i);
        memcpy(h.query, before.query, stride * sizeof(REAL));
        AddScaled(h.query, 1, before.read, stride);
        ReadHop(net, s->previous, memory, &h);
    }
    memcpy(point, h.read, stride * sizeof(REAL));
    AddScaled(point, (REAL)net->shape.query_weight, s->user, stride);
    for (uint32_t k = 0; k < net->shape.recent; k++)
        AddProduct(point, net->recent + k * stride, memory + RecentAt(&net->shape, k), stride);
}

/* --- writing */

/* Fills the tape's erase and add for the item. */
VECTOR_INLINE void StepGates(const Net *net, const Step *s)
{
    size_t stride = net->shape.stride;
    uint32_t r = net->shape.factors;
    const REAL *more = net->gate + (r + 1) * stride;
    REAL *erase = TapeErase(&net->shape, s->tape), *add = TapeAdd(&net->shape, s->tape);

    memcpy(erase, net->gate + r * stride, stride * sizeof(REAL));
    memcpy(add, more + r * stride, stride * sizeof(REAL));
    AddRows(erase, s->item, net->gate, r, stride);
    AddRows(add, s->item, more, r, stride);
    for (uint32_t k = 0; k < r; k++) {
        erase[k] = Sigmoid(erase[k]);
        add[k] = HyperbolicTangent(add[k]);
    }
    memset(erase + r, 0, (stride - r) * sizeof(REAL));
    memset(add + r, 0, (stride - r) * sizeof(REAL));
}

/* The item's row becomes the newest of the last ones; the oldest goes. */
VECTOR_INLINE void KeepRecent(const MemoryShape *shape, const REAL *item, REAL *memory, REAL *old)
{
    size_t bytes = shape->stride * sizeof(REAL);

    if (shape->recent == 0 || item == NULL) /* who keeps none need not name one */
        return;
    if (old != NULL)
        memcpy(old + RecentAt(shape, 0), memory + RecentAt(shape, 0), shape->recent * bytes);
    memmove(memory + RecentAt(shape, 1), memory + RecentAt(shape, 0), (shape->recent - 1) * bytes);
    memcpy(memory + RecentAt(shape, 0), item, bytes);
}

VECTOR_INLINE void WriteSlot(const Net *net, const REAL *erase, const REAL *add, REAL w, REAL *slot)
{
    bool convex = net->shape.write == WRITE_CONVEX;
    size_t stride = net->shape.stride;

    for (size_t k = 0; k < stride; k += VECTOR_WIDTH) {
        Lanes e = *(const Lanes *)(erase + k), a = *(const Lanes *)(add + k);
        Lanes *m = (Lanes *)(slot + k), was = *m;

        *m = convex ? was + w * (e * (a - was)) : was + w * (a - e * was);
    }
}

/* memory changes; its old content goes to the tape if that is wanted. */
VECTOR_INLINE void StepWrite(const Net *net, const Step *s, REAL *memory, bool keep)
{
    size_t stride = net->shape.stride;
    const REAL *erase = TapeErase(&net->shape, s->tape), *add = TapeAdd(&net->shape, s->tape);
    REAL *old = TapeMemory(&net->shape, s->tape);
    Hop h = HopAt(&net->shape, s->tape, 0);

    if (keep)
        memcpy(old, memory, net->shape.slots * stride * sizeof(REAL));
    for (uint32_t i = 0; i < net->shape.slots; i++)
        WriteSlot(net, erase, add, h.weight[i], memory + i * stride);
    KeepRecent(&net->shape, s->item, memory, keep ? old : NULL);
}

VECTOR_KERNEL void Write(const Net *net, const Step *s, REAL *memory, bool keep)
{
    StepGates(net, s);
    StepWrite(net, s, memory, keep);
}

/*
 * One slot of the write: G, the gradient of the memory after it, becomes that of the memory before
 * it; d(erase) and d(add) grow; returns d(weight).
 */
VECTOR_INLINE REAL SlotBack(const Net *net, const REAL *memory, const REAL *erase, const REAL *add,
                            REAL w, REAL *G, REAL *de, REAL *da)
{
    bool convex = net->shape.write == WRITE_CONVEX;
    size_t stride = net->shape.stride;
    Lanes part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Lanes sum = {0};

        for (size_t k = p * VECTOR_WIDTH; k < stride; k += VECTOR_LANES) {
            Lanes m = *(const Lanes *)(memory + k), e = *(const Lanes *)(erase + k);
            Lanes a = *(const Lanes *)(add + k), g = *(Lanes *)(G + k), wg = w * g;

            if (convex) {
                Lanes step = a - m;

                sum += g * (e * step);
                *(Lanes *)(de + k) += wg * step;
                *(Lanes *)(da + k) += wg * e;
            } else {
                sum += g * (a - m * e);
                *(Lanes *)(de + k) -= wg * m;
                *(Lanes *)(da + k) += wg;
            }
            *(Lanes *)(G + k) = g - wg * e;
        }
        part[p] = sum;
    }
    return LaneSum(part);
}

/* Gradients of what is squashed, from those of what comes out. */
VECTOR_INLINE void SquashBack(const REAL *erase, const REAL *add, size_t stride, REAL *de, REAL *da)
{
    for (size_t k = 0; k < stride; k += VECTOR_WIDTH) {
        Lanes e = *(const Lanes *)(erase + k), a = *(const Lanes *)(add + k);

        *(Lanes *)(de + k) = *(Lanes *)(de + k) * e * (1 - e);
        *(Lanes *)(da + k) = *(Lanes *)(da + k) * (1 - a * a);
    }
}

/* Gradients of the gates and of the item from d(erase), d(add), which become those before the
 * squashing. */
VECTOR_INLINE void GatesBack(const Net *net, const Step *s, REAL *de, REAL *da,
                             const NetGradient *g)
{
    size_t stride = net->shape.stride;
    uint32_t r = net->shape.factors;
    const REAL *more = net->gate + (r + 1) * stride;

    SquashBack(TapeErase(&net->shape, s->tape), TapeAdd(&net->shape, s->tape), stride, de, da);
    for (uint32_t k = 0; k < r; k++) {
        REAL *ge = g->gate + k * stride, *ga = ge + (r + 1) * stride;

        s->item_gradient[k] +=
            Dot(net->gate + k * stride, de, stride) + Dot(more + k * stride, da, stride);
        AddScaled(ge, s->item[k], de, stride);
        AddScaled(ga, s->item[k], da, stride);
    }
    AddScaled(g->gate + r * stride, 1, de, stride);
    AddScaled(g->gate + (2 * r + 1) * stride, 1, da, stride);
}

/* The newest row was the item's; the others were one place before. */
VECTOR_INLINE void KeepRecentBack(const Net *net, const Step *s, REAL *G)
{
    const MemoryShape *shape = &net->shape;
    size_t bytes = shape->stride * sizeof(REAL);

    if (shape->recent == 0)
        return;
    AddScaled(s->item_gradient, 1, G + RecentAt(shape, 0), shape->stride);
    memmove(G + RecentAt(shape, 0), G + RecentAt(shape, 1), (shape->recent - 1) * bytes);
    memset(G + RecentAt(shape, shape->recent - 1), 0, bytes);
}

VECTOR_INLINE void WriteBack(const Net *net, const Step *s, REAL *G, REAL *dweight,
                             const NetGradient *g)
{
    size_t stride = net->shape.stride;
    const REAL *memory = TapeMemory(&net->shape, s->tape);
    Hop h = HopAt(&net->shape, s->tape, 0);
    REAL *de = net->scratch + 5 * SlotStride(&net->shape), *da = de + stride;

    memset(de, 0, 2 * stride * sizeof(REAL));
    for (uint32_t i = 0; i < net->shape.slots; i++)
        dweight[i] = SlotBack(net, memory + i * stride, TapeErase(&net->shape, s->tape),
                              TapeAdd(&net->shape, s->tape), h.weight[i], G + i * stride, de, da);
    GatesBack(net, s, de, da, g);
    KeepRecentBack(net, s, G);
}

/* What the point's gradient says about the last items' rows and their weights. */
VECTOR_INLINE void RecentBack(const Net *net, const Step *s, const REAL *dpoint, REAL *G,
                              const NetGradient *g)
{
    const MemoryShape *shape = &net->shape;
    const REAL *memory = TapeMemory(shape, s->tape);

    for (uint32_t k = 0; k < shape->recent; k++) {
        size_t at = RecentAt(shape, k);

        AddProduct(G + at, net->recent + k * shape->stride, dpoint, shape->stride);
        AddProduct(g->recent + k * shape->stride, memory + at, dpoint, shape->stride);
    }
}

/* --- the loss: weight * max(0, margin + d(point, item) - bias - d(point, negative) + bias') */

/* d(point) = the gradient; the rows' gradients grow. */
VECTOR_INLINE void LossBack(const Net *net, const Step *s, REAL *dpoint)
{
    size_t stride = net->shape.stride;
    const REAL *point = TapePoint(&net->shape, s->tape);
    REAL near, far;

    if (s->point_gradient != NULL) {
        memcpy(dpoint, s->point_gradient, stride * sizeof(REAL));
        AddScaled(s->user_gradient, (REAL)net->shape.query_weight, dpoint, stride);
        return;
    }
    near = s->weight / Distance(point, s->item, stride);
    far = s->weight / Distance(point, s->negative, stride);

    memset(dpoint, 0, stride * sizeof(REAL));
    AddDifference(dpoint, near, point, s->item, stride);
    AddDifference(dpoint, far, s->negative, point, stride);
    AddDifference(s->item_gradient, near, s->item, point, stride);
    AddDifference(s->negative_gradient, far, point, s->negative, stride);
    s->item_gradient[stride] -= s->weight;
    s->negative_gradient[stride] += s->weight;
    AddScaled(s->user_gradient, (REAL)net->shape.query_weight, dpoint, stride);
}

/* One hop back: dread in; dquery carries on; G grows. */
VECTOR_INLINE void HopBack(const Net *net, const Step *s, const Hop *h, const REAL *dread,
                           REAL *dweight, REAL *dquery, REAL *G, const NetGradient *g)
{
    size_t stride = net->shape.stride;
    const REAL *memory = TapeMemory(&net->shape, s->tape);

    for (uint32_t i = 0; i < net->shape.slots; i++) {
        dweight[i] += Dot(memory + i * stride, dread, stride);
        AddScaled(G + i * stride, h->weight[i], dread, stride);
    }
    AddressBack(net, h, s->previous, dweight, dquery, g);
}

/*
 * One event back.  G (L x R) is the gradient of the memory after the event, and becomes that of
 * the memory before it; `future` tells whether it can be other than zero.
 */
VECTOR_KERNEL void Back(const Net *net, const Step *s, REAL *G, bool future, const NetGradient *g)
{
    size_t stride = net->shape.stride;
    size_t slots = SlotStride(&net->shape);
    REAL *dwrite = net->scratch + 4 * slots, *dpoint = net->scratch + 5 * slots + 2 * stride;
    REAL *dquery = dpoint + stride, *dread = dquery + stride, *dweight = dread + stride;
    bool loss = s->weight > 0;

    if (!loss && !future)
        return;
    memset(dwrite, 0, slots * sizeof(REAL));
    memset(dquery, 0, stride * sizeof(REAL));
    if (future)
        WriteBack(net, s, G, dwrite, g);
    if (loss) {
        LossBack(net, s, dpoint);
        RecentBack(net, s, dpoint, G, g);
    }
    for (uint32_t i = net->shape.hops; i-- > 0;) {
        Hop h = HopAt(&net->shape, s->tape, i);

        memcpy(dread, dquery, stride * sizeof(REAL));
        if (loss && i + 1 == net->shape.hops)
            AddScaled(dread, 1, dpoint, stride);
        if (i == 0)
            memcpy(dweight, dwrite, slots * sizeof(REAL));
        else
            memset(dweight, 0, slots * sizeof(REAL));
        if (loss || i == 0)
            HopBack(net, s, &h, dread, dweight, dquery, G, g);
    }
    AddScaled(s->user_gradient, 1, dquery, stride);
}

/* --- many rows */

VECTOR_KERNEL void Score(const REAL *point, const REAL *rows, const REAL *bias, size_t count,
                         size_t stride, REAL *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = -Distance(point, rows + i * stride, stride);
    for (size_t i = 0; i < count && bias != NULL; i++)
        out[i] += bias[i];
}

VECTOR_KERNEL void Distances(const REAL *point, const REAL *rows, const uint32_t *items,
                             size_t count, size_t stride, REAL *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = Distance(point, rows + items[i] * stride, stride);
}

VECTOR_KERNEL void Squares(const REAL *rows, size_t count, size_t stride, REAL *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = Dot(rows + i * stride, rows + i * stride, stride);
}
