/* mlp.c: a stack of linear layers. */
#include "algo/net/mlp.h"

#include "algo/net/dropout.h"
#include "algo/net/layer_norm.h"
#include "algo/net/linear.h"

/* What a layer leaves, in this order on its tape. */
typedef struct LayerTape {
    Real *rectified; /* rows x out: after ReLU; of the last layer what comes out */
    Real *mask;      /* rows x out; NULL: no dropout */
    Real *dropped;   /* rows x out: after dropout; `rectified` without */
    Real *normed;    /* rows x out: after the norm; `dropped` without */
    Real *inverse;   /* rows */
} LayerTape;

Mlp MlpAdd(Pack *pack, int layers, const uint32_t *width, bool norm, Real dropout)
{
    Mlp mlp = {.layers = layers, .norm = norm, .dropout = dropout};

    for (int i = 0; i < layers; i++) {
        bool normed = norm && i < layers - 1;
        MlpLayer *layer = &mlp.layer[i];

        layer->in = width[i];
        layer->out = width[i + 1];
        layer->weight = PackAdd(pack, width[i], width[i + 1]);
        layer->bias = PackAdd(pack, 1, width[i + 1]);
        layer->gain = normed ? PackAdd(pack, 1, width[i + 1]) : -1;
        layer->shift = normed ? PackAdd(pack, 1, width[i + 1]) : -1;
    }
    return mlp;
}

static void StartMatrix(const Pack *pack, int matrix, Random *random, double bound, Real *data)
{
    const PackedMatrix *m = &pack->matrix[matrix];

    for (uint32_t r = 0; r < m->rows; r++)
        for (uint32_t c = 0; c < m->columns; c++)
            data[m->first + (size_t)r * m->stride + c] =
                (Real)(bound * (2 * RandomUniform(random) - 1));
}

void MlpStart(const Mlp *mlp, const Pack *pack, Random *random, Real *parameters)
{
    for (int i = 0; i < mlp->layers; i++) {
        const MlpLayer *layer = &mlp->layer[i];
        double bound = 1 / sqrt((double)layer->in);

        StartMatrix(pack, layer->weight, random, bound, parameters);
        StartMatrix(pack, layer->bias, random, bound, parameters);
        for (size_t c = 0; c < layer->out && layer->gain >= 0; c++)
            parameters[pack->matrix[layer->gain].first + c] = 1;
    }
}

static size_t LayerReals(const Mlp *mlp, int i, size_t rows)
{
    size_t all = rows * Pitch(mlp->layer[i].out);

    if (i == mlp->layers - 1)
        return all;
    return all * (1 + (mlp->dropout > 0 ? 2 : 0) + (mlp->norm ? 1 : 0)) +
           (mlp->norm ? Pitch(rows) : 0);
}

/* Of a gradient between layers. */
static size_t Widest(const Mlp *mlp, size_t rows)
{
    size_t widest = 0;

    for (int i = 0; i < mlp->layers; i++)
        widest = mlp->layer[i].out > widest ? mlp->layer[i].out : widest;
    return rows * Pitch(widest);
}

size_t MlpTape(const Mlp *mlp, size_t rows)
{
    size_t total = 2 * Widest(mlp, rows);

    for (int i = 0; i < mlp->layers; i++)
        total += LayerReals(mlp, i, rows);
    return total;
}

/* The last layer stands first. */
static LayerTape TapeOf(const Mlp *mlp, int i, size_t rows, Real *tape)
{
    bool last = i == mlp->layers - 1, drops = mlp->dropout > 0 && !last;
    size_t all = rows * Pitch(mlp->layer[i].out);
    LayerTape t = {0};

    for (int l = mlp->layers - 1; l > i; l--)
        tape += LayerReals(mlp, l, rows);
    t.rectified = tape;
    t.mask = drops ? tape + all : NULL;
    t.dropped = drops ? tape + 2 * all : tape;
    t.normed = mlp->norm && !last ? t.dropped + all : t.dropped;
    t.inverse = t.normed + all;
    return t;
}

static const Real *Of(const Pack *pack, int matrix, const Real *parameters)
{
    return parameters + pack->matrix[matrix].first;
}

/* What follows the linear part of a hidden layer. */
static void HideForward(const Mlp *mlp, const MlpLayer *layer, const Pack *pack,
                        const Real *parameters, size_t rows, Random *random, LayerTape *t)
{
    size_t all = rows * Pitch(layer->out);

    ReluForward(t->rectified, all, t->rectified);
    if (t->mask != NULL) {
        DropoutMask(random, mlp->dropout, all, t->mask);
        DropoutApply(t->rectified, t->mask, all, t->dropped);
    }
    if (layer->gain >= 0)
        LayerNormForward(t->dropped, Of(pack, layer->gain, parameters),
                         Of(pack, layer->shift, parameters), rows, layer->out, t->normed,
                         t->inverse);
}

void MlpForward(const Mlp *mlp, const Pack *pack, const Real *parameters, const Real *x,
                size_t rows, Random *random, Real *tape)
{
    for (int i = 0; i < mlp->layers; i++) {
        const MlpLayer *layer = &mlp->layer[i];
        LayerTape t = TapeOf(mlp, i, rows, tape);

        LinearForward(x, Of(pack, layer->weight, parameters), Of(pack, layer->bias, parameters),
                      rows, layer->in, layer->out, t.rectified);
        if (i < mlp->layers - 1)
            HideForward(mlp, layer, pack, parameters, rows, random, &t);
        x = t.normed;
    }
}

static Real *GradientOf(const Pack *pack, int matrix, Real *gradient)
{
    return gradient == NULL ? NULL : gradient + pack->matrix[matrix].first;
}

/* From the gradient of what a hidden layer gives to that of its linear part, in place. */
static void HideBackward(const MlpLayer *layer, const Pack *pack, const Real *parameters,
                         size_t rows, const LayerTape *t, Real *g, Real *gradient)
{
    size_t all = rows * Pitch(layer->out);

    if (layer->gain >= 0)
        LayerNormBackward(t->dropped, Of(pack, layer->gain, parameters), t->inverse, g, rows,
                          layer->out, g, GradientOf(pack, layer->gain, gradient),
                          GradientOf(pack, layer->shift, gradient));
    if (t->mask != NULL)
        DropoutApply(g, t->mask, all, g);
    ReluBackward(t->rectified, g, all, g);
}

void MlpBackward(const Mlp *mlp, const Pack *pack, const Real *parameters, const Real *x,
                 size_t rows, Real *tape, Real *g, Real *dx, Real *gradient)
{
    Real *scratch[2];

    scratch[0] = tape + MlpTape(mlp, rows) - Widest(mlp, rows);
    scratch[1] = scratch[0] - Widest(mlp, rows);
    for (int i = mlp->layers - 1; i >= 0; i--) {
        const MlpLayer *layer = &mlp->layer[i];
        LayerTape t = TapeOf(mlp, i, rows, tape);
        Real *below = i > 0 ? scratch[i % 2] : dx;

        if (i < mlp->layers - 1)
            HideBackward(layer, pack, parameters, rows, &t, g, gradient);
        LinearBackward(i > 0 ? TapeOf(mlp, i - 1, rows, tape).normed : x,
                       Of(pack, layer->weight, parameters), g, rows, layer->in, layer->out, below,
                       GradientOf(pack, layer->weight, gradient),
                       GradientOf(pack, layer->bias, gradient));
        g = below;
    }
}
