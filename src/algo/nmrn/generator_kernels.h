/*
 * generator_kernels.h: kernels of generator.c, for one instruction set and numbers of the type
 * REAL: which of some candidates is drawn as the negative, and the policy gradient.
 */
#include "algo/nmrn/row_kernels.h"

#define PassLayer     VECTOR(PassLayer)
#define PassLayerBack VECTOR(PassLayerBack)
#define Chances       VECTOR(Chances)
#define ChancesBack   VECTOR(ChancesBack)

VECTOR_INLINE void PassLayer(const Policy *p, const REAL *layer, const REAL *in, REAL *out)
{
    size_t stride = p->stride;

    if (!p->layers) {
        memcpy(out, in, stride * sizeof(REAL));
        return;
    }
    memcpy(out, layer + p->factors * stride, stride * sizeof(REAL));
    for (uint32_t i = 0; i < p->factors; i++)
        out[i] += Dot(layer + i * stride, in, stride);
}

/* din += layer' dout; the layer's gradient grows. */
VECTOR_INLINE void PassLayerBack(const Policy *p, const REAL *layer, const REAL *in,
                                 const REAL *dout, REAL *din, REAL *dlayer)
{
    size_t stride = p->stride;

    if (!p->layers) {
        AddScaled(din, 1, dout, stride);
        return;
    }
    AddRows(din, dout, layer, p->factors, stride);
    for (uint32_t i = 0; i < p->factors; i++)
        AddScaled(dlayer + i * stride, dout[i], in, stride);
    AddScaled(dlayer + p->factors * stride, 1, dout, stride);
}

VECTOR_KERNEL void Chances(const Policy *p, const Draw *d)
{
    size_t stride = p->stride;

    PassLayer(p, p->user_layer, d->user, d->query);
    for (uint32_t c = 0; c < d->count; c++) {
        REAL *point = d->point + c * stride;

        PassLayer(p, p->item_layer, d->item[c], point);
        d->distance[c] = Distance(d->query, point, stride);
    }
    Softmax(d->distance, -1 / p->temperature, d->count, d->chance);
}

/* Gradients grow by those of advantage * ln(chance of `chosen`): the direction of ascent. */
VECTOR_KERNEL void ChancesBack(const Policy *p, const Draw *d, uint32_t chosen, REAL advantage)
{
    size_t stride = p->stride;
    REAL *dquery = d->scratch, *dpoint = dquery + stride;

    memset(dquery, 0, stride * sizeof(REAL));
    for (uint32_t c = 0; c < d->count; c++) {
        const REAL *point = d->point + c * stride;
        REAL pull =
            advantage * ((c == chosen ? 1 : 0) - d->chance[c]) / (p->temperature * d->distance[c]);

        memset(dpoint, 0, stride * sizeof(REAL));
        AddDifference(dpoint, pull, d->query, point, stride);
        AddScaled(dquery, -1, dpoint, stride);
        PassLayerBack(p, p->item_layer, d->item[c], dpoint, d->item_gradient[c],
                      d->item_layer_gradient);
    }
    PassLayerBack(p, p->user_layer, d->user, dquery, d->user_gradient, d->user_layer_gradient);
}
