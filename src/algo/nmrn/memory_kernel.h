/*
 * memory_kernel.h: reading, writing and differentiating a key-value memory, for one type of number.
 *
 * The includer defines REAL: float in the product, double where gradients are compared with finite
 * differences.  Everything is always_inline, so that it takes the instruction set of its caller;
 * rows are padded with zeros to whole vectors of 16, and sums have a fixed order.
 *
 * Shapes: L slots, r factors, R = r padded to 16.  A memory is L x R.  Equations:
 * doc/algorithms.md.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "algo/nmrn/memory_shape.h"
#include "core/vector.h"

typedef REAL Lanes __attribute__((vector_size(VECTOR_LANES * sizeof(REAL)), aligned(64)));

/* Keeps distances differentiable where two rows meet. */
#define DISTANCE_FLOOR 1e-12

/* What all users share. */
typedef struct Net {
    MemoryShape shape;
    const REAL *key; /* L x R */
    const REAL
        *gate; /* GateRows(r) x R: erase weights by input, erase bias, add weights, add bias */
    const REAL *head;   /* HEAD_ROWS x R: see memory_shape.h */
    const REAL *recent; /* recent x R: by how much the last items move the point, newest first */
    REAL *scratch;      /* ScratchReals(shape) */
} Net;

/* Gradients of the same, summed. */
typedef struct NetGradient {
    REAL *key;
    REAL *gate;
    REAL *head;
    REAL *recent;
} NetGradient;

/* One hop of reading, as it was. */
typedef struct Hop {
    REAL *query;   /* R */
    REAL *content; /* L: distances, or cosines */
    REAL *focus;   /* L: softmax */
    REAL *gated;   /* L: after the interpolation (ntm) */
    REAL *shifted; /* L: after the shift (ntm) */
    REAL *weight;  /* L: what reads */
    REAL *read;    /* R */
    REAL *scalar;  /* HOP_SCALARS */
} Hop;

enum {
    SCALAR_BETA,
    SCALAR_GATE,
    SCALAR_SHIFT,
    SCALAR_SHARPEN = SCALAR_SHIFT + 3,
    HOP_SCALARS = 16
};

/* One event: what it was made of, and what it left for the way back. */
typedef struct Step {
    const REAL *user;     /* R */
    const REAL *item;     /* R: what is written, and what should be near */
    const REAL *negative; /* R: what should be far */
    const REAL *previous; /* L: weights of the user's last event (ntm), a constant */
    REAL weight;          /* of the loss; 0: no loss */
    REAL *tape;           /* TapeReals(shape) */
    REAL *user_gradient;  /* R */
    REAL *item_gradient;  /* R + 16: the last 16 begin with the bias */
    REAL *negative_gradient;
    const REAL *point_gradient; /* R: of the loss; NULL: the hinge loss against `negative` */
} Step;

VECTOR_INLINE REAL Root(REAL x)
{
    return sizeof(REAL) == sizeof(double) ? (REAL)sqrt((double)x) : (REAL)sqrtf((float)x);
}

VECTOR_INLINE REAL Exponential(REAL x)
{
    return sizeof(REAL) == sizeof(double) ? (REAL)exp((double)x) : (REAL)expf((float)x);
}

VECTOR_INLINE REAL Logarithm(REAL x)
{
    return sizeof(REAL) == sizeof(double) ? (REAL)log((double)x) : (REAL)logf((float)x);
}

VECTOR_INLINE REAL Sigmoid(REAL x)
{
    REAL e = Exponential(x < 0 ? x : -x);

    return (x < 0 ? e : 1) / (1 + e);
}

VECTOR_INLINE REAL HyperbolicTangent(REAL x)
{
    REAL e = Exponential(x < 0 ? 2 * x : -2 * x), t = (1 - e) / (1 + e);

    return x < 0 ? -t : t;
}

VECTOR_INLINE REAL SoftPlus(REAL x)
{
    REAL tail = Logarithm(1 + Exponential(x < 0 ? x : -x));

    return x < 0 ? tail : x + tail;
}

VECTOR_INLINE REAL LaneSum(const Lanes *v)
{
    const REAL *x = (const REAL *)v;
    REAL q[4];

    for (int i = 0; i < 4; i++)
        q[i] = (x[i] + x[i + 8]) + (x[i + 4] + x[i + 12]);
    return (q[0] + q[2]) + (q[1] + q[3]);
}

VECTOR_INLINE REAL Dot(const REAL *a, const REAL *b, size_t chunks)
{
    const Lanes *va = (const Lanes *)a, *vb = (const Lanes *)b;
    Lanes sum = {0};

    for (size_t c = 0; c < chunks; c++)
        sum += va[c] * vb[c];
    return LaneSum(&sum);
}

VECTOR_INLINE REAL Distance(const REAL *a, const REAL *b, size_t chunks)
{
    const Lanes *va = (const Lanes *)a, *vb = (const Lanes *)b;
    Lanes sum = {0};

    for (size_t c = 0; c < chunks; c++) {
        Lanes difference = va[c] - vb[c];

        sum += difference * difference;
    }
    return Root(LaneSum(&sum) + (REAL)DISTANCE_FLOOR);
}

/* out += scale * a */
VECTOR_INLINE void AddScaled(REAL *out, REAL scale, const REAL *a, size_t chunks)
{
    Lanes *vo = (Lanes *)out;
    const Lanes *va = (const Lanes *)a;

    for (size_t c = 0; c < chunks; c++)
        vo[c] += scale * va[c];
}

/* out += scale * (a - b) */
VECTOR_INLINE void AddDifference(REAL *out, REAL scale, const REAL *a, const REAL *b, size_t chunks)
{
    Lanes *vo = (Lanes *)out;
    const Lanes *va = (const Lanes *)a, *vb = (const Lanes *)b;

    for (size_t c = 0; c < chunks; c++)
        vo[c] += scale * (va[c] - vb[c]);
}

VECTOR_INLINE size_t Chunks(const MemoryShape *shape)
{
    return shape->stride / VECTOR_LANES;
}

/* --- the tape: hops, then the memory before the write, erase, add and the point that is compared
 */

VECTOR_INLINE Hop HopAt(const MemoryShape *shape, REAL *tape, uint32_t hop)
{
    size_t slots = SlotStride(shape);
    Hop h;

    tape += hop * HopReals(shape);
    h.query = tape;
    h.read = h.query + shape->stride;
    h.scalar = h.read + shape->stride;
    h.content = h.scalar + HOP_SCALARS;
    h.focus = h.content + slots;
    h.gated = h.focus + slots;
    h.shifted = h.gated + slots;
    h.weight = h.shifted + slots;
    return h;
}

VECTOR_INLINE REAL *TapeErase(const MemoryShape *shape, REAL *tape)
{
    return tape + shape->hops * HopReals(shape);
}

VECTOR_INLINE REAL *TapeAdd(const MemoryShape *shape, REAL *tape)
{
    return TapeErase(shape, tape) + shape->stride;
}

VECTOR_INLINE REAL *TapePoint(const MemoryShape *shape, REAL *tape)
{
    return TapeAdd(shape, tape) + shape->stride;
}

VECTOR_INLINE REAL *TapeMemory(const MemoryShape *shape, REAL *tape)
{
    return TapePoint(shape, tape) + shape->stride;
}

/* --- addressing */

/* out = softmax(scale * x), n numbers */
VECTOR_INLINE void Softmax(const REAL *x, REAL scale, uint32_t n, REAL *out)
{
    REAL top = scale * x[0], sum = 0;

    for (uint32_t i = 1; i < n; i++)
        top = scale * x[i] > top ? scale * x[i] : top;
    for (uint32_t i = 0; i < n; i++)
        sum += out[i] = Exponential(scale * x[i] - top);
    for (uint32_t i = 0; i < n; i++)
        out[i] /= sum;
}

/* out_i = sum over l of shift[l] x_(i - first - l), counted around. */
VECTOR_INLINE void CircularShift(const REAL *x, uint32_t n, const REAL *shift, int first, int count,
                                 REAL *out)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = 0;
        for (int l = 0; l < count; l++) {
            int64_t from = ((int64_t)i - first - l) % (int64_t)n;

            out[i] += shift[l] * x[from < 0 ? from + n : from];
        }
    }
}

/* out = x^power / sum */
VECTOR_INLINE void Sharpen(const REAL *x, uint32_t n, REAL power, REAL *out)
{
    REAL sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += out[i] = x[i] > 0 ? Exponential(power * Logarithm(x[i])) : 0;
    for (uint32_t i = 0; i < n; i++)
        out[i] /= sum;
}

/* What the heads say about a query: strength, interpolation, shift, sharpening. */
VECTOR_INLINE void ReadHeads(const Net *net, const Hop *h)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    const REAL *bias = net->head + HEAD_BIAS * stride;
    REAL raw[HEAD_BIAS];

    for (int i = 0; i < HEAD_BIAS; i++)
        raw[i] = bias[i] + Dot(net->head + i * stride, h->query, chunks);
    h->scalar[SCALAR_BETA] = SoftPlus(raw[HEAD_BETA]);
    h->scalar[SCALAR_GATE] = Sigmoid(raw[HEAD_GATE]);
    Softmax(raw + HEAD_SHIFT, 1, 3, h->scalar + SCALAR_SHIFT);
    h->scalar[SCALAR_SHARPEN] = 1 + SoftPlus(raw[HEAD_SHARPEN]);
}

VECTOR_INLINE void Cosines(const Net *net, const Hop *h)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    REAL own = Root(Dot(h->query, h->query, chunks) + (REAL)DISTANCE_FLOOR);

    for (uint32_t i = 0; i < net->shape.slots; i++) {
        const REAL *key = net->key + i * stride;

        h->content[i] =
            Dot(h->query, key, chunks) / (own * Root(Dot(key, key, chunks) + (REAL)DISTANCE_FLOOR));
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
                -Distance(h->query, net->key + i * net->shape.stride, Chunks(&net->shape));
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

/* d(x) += gradient of softmax(scale * x) = p, d(p) in; returns the gradient of scale. */
VECTOR_INLINE REAL SoftmaxBack(const REAL *p, const REAL *x, REAL scale, uint32_t n, const REAL *dp,
                               REAL *dx)
{
    REAL mean = 0, dscale = 0;

    for (uint32_t i = 0; i < n; i++)
        mean += p[i] * dp[i];
    for (uint32_t i = 0; i < n; i++) {
        REAL dz = p[i] * (dp[i] - mean);

        dx[i] = scale * dz;
        dscale += dz * x[i];
    }
    return dscale;
}

VECTOR_INLINE void EuclideanBack(const Net *net, const Hop *h, const REAL *dcontent, REAL *dquery,
                                 const NetGradient *g)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;

    for (uint32_t i = 0; i < net->shape.slots; i++) {
        REAL scale = dcontent[i] / h->content[i]; /* content is minus the distance */

        AddDifference(dquery, scale, h->query, net->key + i * stride, chunks);
        AddDifference(g->key + i * stride, scale, net->key + i * stride, h->query, chunks);
    }
}

VECTOR_INLINE void CosineBack(const Net *net, const Hop *h, const REAL *dcontent, REAL *dquery,
                              const NetGradient *g)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    REAL own = Root(Dot(h->query, h->query, chunks) + (REAL)DISTANCE_FLOOR);

    for (uint32_t i = 0; i < net->shape.slots; i++) {
        const REAL *key = net->key + i * stride;
        REAL other = Root(Dot(key, key, chunks) + (REAL)DISTANCE_FLOOR);
        REAL both = dcontent[i] / (own * other), cosine = dcontent[i] * h->content[i];

        AddScaled(dquery, both, key, chunks);
        AddScaled(dquery, -cosine / (own * own), h->query, chunks);
        AddScaled(g->key + i * stride, both, h->query, chunks);
        AddScaled(g->key + i * stride, -cosine / (other * other), key, chunks);
    }
}

/* d(shifted) from d(weight); returns the gradient of the power. */
VECTOR_INLINE REAL SharpenBack(const REAL *x, const REAL *w, uint32_t n, REAL power, const REAL *dw,
                               REAL *dx)
{
    REAL mean = 0, dpower = 0;

    for (uint32_t i = 0; i < n; i++)
        mean += w[i] * dw[i];
    for (uint32_t i = 0; i < n; i++) {
        dx[i] = x[i] > 0 ? power * w[i] / x[i] * (dw[i] - mean) : 0;
        if (x[i] > 0)
            dpower += w[i] * Logarithm(x[i]) * (dw[i] - mean);
    }
    return dpower;
}

/* d(x) and d(shift) += from d(out); see CircularShift. */
VECTOR_INLINE void ShiftBack(const REAL *x, uint32_t n, const REAL *shift, int first, int count,
                             const REAL *dout, REAL *dx, REAL *dshift)
{
    memset(dx, 0, n * sizeof(REAL));
    memset(dshift, 0, (size_t)count * sizeof(REAL));
    for (uint32_t i = 0; i < n; i++)
        for (int l = 0; l < count; l++) {
            int64_t from = ((int64_t)i - first - l) % (int64_t)n;

            from = from < 0 ? from + n : from;
            dx[from] += shift[l] * dout[i];
            dshift[l] += dout[i] * x[from];
        }
}

VECTOR_INLINE void HeadBack(const Net *net, const Hop *h, const REAL *draw, REAL *dquery,
                            const NetGradient *g)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;

    for (int i = 0; i < HEAD_BIAS; i++) {
        AddScaled(dquery, draw[i], net->head + i * stride, chunks);
        AddScaled(g->head + i * stride, draw[i], h->query, chunks);
        g->head[HEAD_BIAS * stride + i] += draw[i];
    }
}

/* Derivative of softplus where its value is y. */
VECTOR_INLINE REAL SoftPlusSlope(REAL y)
{
    return 1 - Exponential(-y);
}

/* From d(weight) to d(focus) in `dfocus` and the raw heads but the strength; ends at `previous`. */
VECTOR_INLINE void ChainBack(const Net *net, const Hop *h, const REAL *previous, const REAL *dw,
                             REAL *dfocus, REAL *draw)
{
    uint32_t n = net->shape.slots;
    REAL *dshifted = net->scratch + SlotStride(&net->shape);
    REAL *dgated = dshifted + SlotStride(&net->shape);
    REAL gate = h->scalar[SCALAR_GATE], sharpen = h->scalar[SCALAR_SHARPEN], dgate = 0, dshift[3];

    draw[HEAD_SHARPEN] =
        SharpenBack(h->shifted, h->weight, n, sharpen, dw, dshifted) * SoftPlusSlope(sharpen - 1);
    ShiftBack(h->gated, n, h->scalar + SCALAR_SHIFT, -1, 3, dshifted, dgated, dshift);
    SoftmaxBack(h->scalar + SCALAR_SHIFT, h->scalar + SCALAR_SHIFT, 1, 3, dshift,
                draw + HEAD_SHIFT);
    for (uint32_t i = 0; i < n; i++) {
        dgate += dgated[i] * (h->focus[i] - previous[i]);
        dfocus[i] = gate * dgated[i];
    }
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
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;

    Address(net, previous, h);
    memset(h->read, 0, stride * sizeof(REAL));
    for (uint32_t i = 0; i < net->shape.slots; i++)
        AddScaled(h->read, h->weight[i], memory + i * stride, chunks);
}

/* out += a * b, by element */
VECTOR_INLINE void AddProduct(REAL *out, const REAL *a, const REAL *b, size_t chunks)
{
    Lanes *vo = (Lanes *)out;
    const Lanes *va = (const Lanes *)a, *vb = (const Lanes *)b;

    for (size_t c = 0; c < chunks; c++)
        vo[c] += va[c] * vb[c];
}

/* Where a memory keeps the rows of the last items. */
VECTOR_INLINE size_t RecentAt(const MemoryShape *shape, uint32_t k)
{
    return ((size_t)shape->slots + k) * shape->stride;
}

/* Fills the tape's hops and the point that items are compared with. */
VECTOR_INLINE void StepRead(const Net *net, const Step *s, const REAL *memory)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    REAL *point = TapePoint(&net->shape, s->tape);
    Hop h = HopAt(&net->shape, s->tape, 0);

    memcpy(h.query, s->user, stride * sizeof(REAL));
    ReadHop(net, s->previous, memory, &h);
    for (uint32_t i = 1; i < net->shape.hops; i++) {
        Hop before = h;

        h = HopAt(&net->shape, s->tape, i);
        memcpy(h.query, before.query, stride * sizeof(REAL));
        AddScaled(h.query, 1, before.read, chunks);
        ReadHop(net, s->previous, memory, &h);
    }
    memcpy(point, h.read, stride * sizeof(REAL));
    AddScaled(point, (REAL)net->shape.query_weight, s->user, chunks);
    for (uint32_t k = 0; k < net->shape.recent; k++)
        AddProduct(point, net->recent + k * stride, memory + RecentAt(&net->shape, k), chunks);
}

/* --- writing */

/* Fills the tape's erase and add for the item. */
VECTOR_INLINE void StepGates(const Net *net, const Step *s)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    uint32_t r = net->shape.factors;
    const Lanes *weight = (const Lanes *)net->gate, *more = weight + (r + 1) * chunks;
    REAL *erase = TapeErase(&net->shape, s->tape), *add = TapeAdd(&net->shape, s->tape);
    Lanes *e = (Lanes *)erase, *a = (Lanes *)add;

    for (size_t c = 0; c < chunks; c++) {
        Lanes se = weight[r * chunks + c], sa = more[r * chunks + c];

        for (uint32_t k = 0; k < r; k++) {
            se += s->item[k] * weight[k * chunks + c];
            sa += s->item[k] * more[k * chunks + c];
        }
        e[c] = se;
        a[c] = sa;
    }
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

/* memory changes; its old content goes to the tape if that is wanted. */
VECTOR_INLINE void StepWrite(const Net *net, const Step *s, REAL *memory, bool keep)
{
    size_t chunks = Chunks(&net->shape);
    const Lanes *e = (const Lanes *)TapeErase(&net->shape, s->tape);
    const Lanes *a = (const Lanes *)TapeAdd(&net->shape, s->tape);
    Hop h = HopAt(&net->shape, s->tape, 0);
    Lanes *m = (Lanes *)memory, *old = (Lanes *)TapeMemory(&net->shape, s->tape);

    for (uint32_t i = 0; i < net->shape.slots; i++)
        for (size_t c = 0; c < chunks; c++) {
            Lanes was = m[i * chunks + c];

            if (keep)
                old[i * chunks + c] = was;
            if (net->shape.write == WRITE_CONVEX)
                m[i * chunks + c] = was + h.weight[i] * (e[c] * (a[c] - was));
            else
                m[i * chunks + c] = was + h.weight[i] * (a[c] - e[c] * was);
        }
    KeepRecent(&net->shape, s->item, memory, keep ? TapeMemory(&net->shape, s->tape) : NULL);
}

/*
 * One slot of the write: G, the gradient of the memory after it, becomes that of the memory before
 * it; d(erase) and d(add) grow; returns d(weight).
 */
VECTOR_INLINE REAL SlotBack(const Net *net, const Lanes *m, const Lanes *e, const Lanes *a, REAL w,
                            Lanes *G, Lanes *de, Lanes *da)
{
    bool convex = net->shape.write == WRITE_CONVEX;
    Lanes sum = {0};

    for (size_t c = 0; c < Chunks(&net->shape); c++) {
        Lanes g = G[c], wg = w * g;

        if (convex) {
            Lanes step = a[c] - m[c];

            sum += g * (e[c] * step);
            de[c] += wg * step;
            da[c] += wg * e[c];
        } else {
            sum += g * (a[c] - m[c] * e[c]);
            de[c] -= wg * m[c];
            da[c] += wg;
        }
        G[c] = g - wg * e[c];
    }
    return LaneSum(&sum);
}

/* Gradients of the gates and of the item from d(erase), d(add), which become those before the
 * squashing. */
VECTOR_INLINE void GatesBack(const Net *net, const Step *s, REAL *de, REAL *da,
                             const NetGradient *g)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    uint32_t r = net->shape.factors;
    const REAL *more = net->gate + (r + 1) * stride;
    const Lanes *erase = (const Lanes *)TapeErase(&net->shape, s->tape);
    const Lanes *add = (const Lanes *)TapeAdd(&net->shape, s->tape);
    Lanes *ve = (Lanes *)de, *va = (Lanes *)da;

    for (size_t c = 0; c < chunks; c++) {
        ve[c] = ve[c] * erase[c] * (1 - erase[c]);
        va[c] = va[c] * (1 - add[c] * add[c]);
    }
    for (uint32_t k = 0; k < r; k++) {
        REAL *ge = g->gate + k * stride, *ga = ge + (r + 1) * stride;

        s->item_gradient[k] +=
            Dot(net->gate + k * stride, de, chunks) + Dot(more + k * stride, da, chunks);
        AddScaled(ge, s->item[k], de, chunks);
        AddScaled(ga, s->item[k], da, chunks);
    }
    AddScaled(g->gate + r * stride, 1, de, chunks);
    AddScaled(g->gate + (2 * r + 1) * stride, 1, da, chunks);
}

/* The newest row was the item's; the others were one place before. */
VECTOR_INLINE void KeepRecentBack(const Net *net, const Step *s, REAL *G)
{
    const MemoryShape *shape = &net->shape;
    size_t bytes = shape->stride * sizeof(REAL);

    if (shape->recent == 0)
        return;
    AddScaled(s->item_gradient, 1, G + RecentAt(shape, 0), Chunks(shape));
    memmove(G + RecentAt(shape, 0), G + RecentAt(shape, 1), (shape->recent - 1) * bytes);
    memset(G + RecentAt(shape, shape->recent - 1), 0, bytes);
}

VECTOR_INLINE void WriteBack(const Net *net, const Step *s, REAL *G, REAL *dweight,
                             const NetGradient *g)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    const REAL *memory = TapeMemory(&net->shape, s->tape);
    Hop h = HopAt(&net->shape, s->tape, 0);
    REAL *de = net->scratch + 5 * SlotStride(&net->shape), *da = de + stride;

    memset(de, 0, 2 * stride * sizeof(REAL));
    for (uint32_t i = 0; i < net->shape.slots; i++)
        dweight[i] = SlotBack(net, (const Lanes *)memory + i * chunks,
                              (const Lanes *)TapeErase(&net->shape, s->tape),
                              (const Lanes *)TapeAdd(&net->shape, s->tape), h.weight[i],
                              (Lanes *)G + i * chunks, (Lanes *)de, (Lanes *)da);
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

        AddProduct(G + at, net->recent + k * shape->stride, dpoint, Chunks(shape));
        AddProduct(g->recent + k * shape->stride, memory + at, dpoint, Chunks(shape));
    }
}

/* --- the loss: weight * max(0, margin + d(point, item) - bias - d(point, negative) + bias') */

/* d(point) = the gradient; the rows' gradients grow. */
VECTOR_INLINE void LossBack(const Net *net, const Step *s, REAL *dpoint)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    const REAL *point = TapePoint(&net->shape, s->tape);
    REAL near, far;

    if (s->point_gradient != NULL) {
        memcpy(dpoint, s->point_gradient, stride * sizeof(REAL));
        AddScaled(s->user_gradient, (REAL)net->shape.query_weight, dpoint, chunks);
        return;
    }
    near = s->weight / Distance(point, s->item, chunks);
    far = s->weight / Distance(point, s->negative, chunks);

    memset(dpoint, 0, stride * sizeof(REAL));
    AddDifference(dpoint, near, point, s->item, chunks);
    AddDifference(dpoint, far, s->negative, point, chunks);
    AddDifference(s->item_gradient, near, s->item, point, chunks);
    AddDifference(s->negative_gradient, far, point, s->negative, chunks);
    s->item_gradient[stride] -= s->weight;
    s->negative_gradient[stride] += s->weight;
    AddScaled(s->user_gradient, (REAL)net->shape.query_weight, dpoint, chunks);
}

/* One hop back: dread in; dquery carries on; G grows. */
VECTOR_INLINE void HopBack(const Net *net, const Step *s, const Hop *h, const REAL *dread,
                           REAL *dweight, REAL *dquery, REAL *G, const NetGradient *g)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
    const REAL *memory = TapeMemory(&net->shape, s->tape);

    for (uint32_t i = 0; i < net->shape.slots; i++) {
        dweight[i] += Dot(memory + i * stride, dread, chunks);
        AddScaled(G + i * stride, h->weight[i], dread, chunks);
    }
    AddressBack(net, h, s->previous, dweight, dquery, g);
}

/*
 * One event back.  G (L x R) is the gradient of the memory after the event, and becomes that of
 * the memory before it; `future` tells whether it can be other than zero.
 */
VECTOR_INLINE void StepBack(const Net *net, const Step *s, REAL *G, bool future,
                            const NetGradient *g)
{
    size_t chunks = Chunks(&net->shape), stride = net->shape.stride;
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
            AddScaled(dread, 1, dpoint, chunks);
        if (i == 0)
            memcpy(dweight, dwrite, slots * sizeof(REAL));
        else
            memset(dweight, 0, slots * sizeof(REAL));
        if (loss || i == 0)
            HopBack(net, s, &h, dread, dweight, dquery, G, g);
    }
    AddScaled(s->user_gradient, 1, dquery, chunks);
}
