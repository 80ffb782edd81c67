/*
 * generator_kernel.h: which of some candidates is drawn as the negative, and the policy gradient.
 *
 * Included after memory_kernel.h, for the same REAL.  d(u, c) = |x - y_c| with x = U e_u + c and
 * y_c = V f_c + f (or x = e_u, y_c = f_c without layers), p = softmax(-d / temperature).
 */

/* Shared parameters; S = factors padded to 16. */
typedef struct Policy {
    uint32_t factors;
    uint32_t stride;
    bool layers;
    REAL temperature;
    const REAL *user_layer; /* factors x S, then a row of biases */
    const REAL *item_layer;
} Policy;

/* One draw: what it was made of, and what it left for the way back. */
typedef struct Draw {
    const REAL *user;        /* S */
    const REAL *const *item; /* count rows of S */
    uint32_t count;
    REAL *query;    /* S: x */
    REAL *point;    /* count x S: y */
    REAL *distance; /* count */
    REAL *chance;   /* count */
    REAL *const *item_gradient;
    REAL *user_gradient;
    REAL *user_layer_gradient;
    REAL *item_layer_gradient;
    REAL *scratch; /* 2 S */
} Draw;

VECTOR_INLINE void PassLayer(const Policy *p, const REAL *layer, const REAL *in, REAL *out)
{
    size_t chunks = p->stride / VECTOR_LANES;

    if (!p->layers) {
        memcpy(out, in, p->stride * sizeof(REAL));
        return;
    }
    memcpy(out, layer + (size_t)p->factors * p->stride, p->stride * sizeof(REAL));
    for (uint32_t i = 0; i < p->factors; i++)
        out[i] += Dot(layer + (size_t)i * p->stride, in, chunks);
}

/* din += layer' dout; the layer's gradient grows. */
VECTOR_INLINE void PassLayerBack(const Policy *p, const REAL *layer, const REAL *in,
                                 const REAL *dout, REAL *din, REAL *dlayer)
{
    size_t chunks = p->stride / VECTOR_LANES;

    if (!p->layers) {
        AddScaled(din, 1, dout, chunks);
        return;
    }
    for (uint32_t i = 0; i < p->factors; i++) {
        AddScaled(din, dout[i], layer + (size_t)i * p->stride, chunks);
        AddScaled(dlayer + (size_t)i * p->stride, dout[i], in, chunks);
    }
    AddScaled(dlayer + (size_t)p->factors * p->stride, 1, dout, chunks);
}

VECTOR_INLINE void DrawChances(const Policy *p, const Draw *d)
{
    PassLayer(p, p->user_layer, d->user, d->query);
    for (uint32_t c = 0; c < d->count; c++) {
        REAL *point = d->point + (size_t)c * p->stride;

        PassLayer(p, p->item_layer, d->item[c], point);
        d->distance[c] = Distance(d->query, point, p->stride / VECTOR_LANES);
    }
    Softmax(d->distance, -1 / p->temperature, d->count, d->chance);
}

/* Gradients grow by those of advantage * ln(chance of `chosen`): the direction of ascent. */
VECTOR_INLINE void DrawBack(const Policy *p, const Draw *d, uint32_t chosen, REAL advantage)
{
    size_t chunks = p->stride / VECTOR_LANES;
    REAL *dquery = d->scratch, *dpoint = dquery + p->stride;

    memset(dquery, 0, p->stride * sizeof(REAL));
    for (uint32_t c = 0; c < d->count; c++) {
        const REAL *point = d->point + (size_t)c * p->stride;
        REAL pull =
            advantage * ((c == chosen ? 1 : 0) - d->chance[c]) / (p->temperature * d->distance[c]);

        memset(dpoint, 0, p->stride * sizeof(REAL));
        AddDifference(dpoint, pull, d->query, point, chunks);
        AddScaled(dquery, -1, dpoint, chunks);
        PassLayerBack(p, p->item_layer, d->item[c], dpoint, d->item_gradient[c],
                      d->item_layer_gradient);
    }
    PassLayerBack(p, p->user_layer, d->user, dquery, d->user_gradient, d->user_layer_gradient);
}
