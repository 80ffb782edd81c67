/*
 * serve.c: the parts of a model, queries and scores.
 *
 * A query holds what depends on the user alone: what the tower's first layer makes of the user's
 * half of its input, with the bias, and the user's factors times h.  A score goes through the tower
 * for as many items at a time as a vector has lanes: all lanes are computed alike, so that a score
 * does not depend on the items beside it.
 */
#include <string.h>

#include "algo/net/matrix.h"
#include "algo/neumf/neumf.h"
#include "core/vector.h"

NeumfShape NeumfShapeOf(const NeumfOptions *o)
{
    return (NeumfShape){(uint32_t)o->factors, (uint32_t)o->width, (int)o->layers};
}

void NeumfLayout(Model *model)
{
    NeumfShape shape = NeumfShapeOf(model->options);
    NeumfNetwork network;

    NeumfNetworkOf(&shape, &network);
    FactorsLayout(model, (uint32_t)NeumfColumns(&shape));
    ModelAddPack(model, "network", &network.pack);
}

/* Floats of a query that the first layer begins with. */
static uint32_t FirstFloats(const NeumfNetwork *network)
{
    return VectorStride((uint32_t)network->tower.layer[0].out);
}

uint32_t NeumfQueryWidth(const Model *model)
{
    NeumfShape shape = NeumfShapeOf(model->options);

    return VectorStride(shape.width) + VectorStride(shape.factors);
}

static const float *MatrixOf(const NeumfNetwork *network, const Model *view, int matrix)
{
    return PackMatrix(&network->pack, matrix, view->part[NEUMF_NETWORK_PART].data);
}

void NeumfQueryOf(const Model *view, const float *row, float *query)
{
    NeumfShape shape = NeumfShapeOf(view->options);
    const MlpLayer *first;
    const float *h;
    NeumfNetwork network;
    uint32_t floats;

    NeumfNetworkOf(&shape, &network);
    first = &network.tower.layer[0];
    floats = FirstFloats(&network);
    h = MatrixOf(&network, view, network.product);
    memcpy(query, MatrixOf(&network, view, first->bias), floats * sizeof(float));
    MatrixProductPlain((Matrix){row, shape.width},
                       (Matrix){MatrixOf(&network, view, first->weight), floats}, 1, floats,
                       shape.width, PRODUCT_ADDS, query, floats);
    for (uint32_t k = 0; k < VectorStride(shape.factors); k++)
        query[floats + k] = k < shape.factors ? h[k] * row[shape.width + k] : 0;
}

void NeumfQuery(const Model *view, const QueryInput *input, float *query)
{
    NeumfQueryOf(view, PartRow(&view->part[NEUMF_USER_PART], input->row), query);
}

/* --- a block of items */

/* One layer's numbers: what is summed before its inputs, and its weights. */
typedef struct Layer {
    const float *start;
    const float *weight; /* in x out */
    size_t in, out, pitch;
} Layer;

/* A network as score() reads it. */
typedef struct Scoring {
    Layer layer[MAX_LAYERS];
    int layers;
    const float *products; /* of the query */
    uint32_t factors, width;
} Scoring;

#define VECTOR_KERNELS "algo/neumf/serve_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(Score, (const Scoring *s, const Part *item, uint32_t items, float *out));

static void TakeLayers(const NeumfNetwork *network, const Model *view, const float *query,
                       Scoring *s)
{
    s->layers = network->tower.layers;
    for (int l = 0; l < s->layers; l++) {
        const MlpLayer *layer = &network->tower.layer[l];
        const float *weight = MatrixOf(network, view, layer->weight);
        size_t pitch = Pitch(layer->out);

        s->layer[l] =
            (Layer){MatrixOf(network, view, layer->bias), weight, layer->in, layer->out, pitch};
    }
    s->layer[0].start = query;
    s->layer[0].in = network->shape.width;
    s->layer[0].weight += network->shape.width * s->layer[0].pitch; /* the item's half */
}

void NeumfScore(const Model *view, const float *query, float *out)
{
    NeumfShape shape = NeumfShapeOf(view->options);
    Scoring s = {.factors = shape.factors, .width = shape.width};
    NeumfNetwork network;

    NeumfNetworkOf(&shape, &network);
    TakeLayers(&network, view, query, &s);
    s.products = query + FirstFloats(&network);
    ScoreVariants[VectorLevel()](&s, &view->part[NEUMF_ITEM_PART], view->items, out);
}
