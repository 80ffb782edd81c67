/* serve.c: the parts of a model, and its queries. */
#include <math.h>
#include <string.h>

#include "algo/sasrec/sasrec.h"

/* At most 620 kB, as the options are limited: serving allocates nothing. */
#define STACK_FLOATS(count) __builtin_alloca_with_align((count) * sizeof(float), 512)

Transformer SasrecEncoder(const SasrecOptions *o, Pack *pack)
{
    uint32_t d = (uint32_t)o->factors, heads = (uint32_t)o->heads;
    Transformer encoder;

    TransformerAdd(pack,
                   &(TransformerShape){.form = TRANSFORMER_PRE,
                                       .columns = d,
                                       .heads = d % heads == 0 ? heads : 1,
                                       .hidden = d,
                                       .layers = (uint32_t)o->blocks,
                                       .places = (uint32_t)o->length},
                   &encoder);
    return encoder;
}

void SasrecLayout(Model *model)
{
    const SasrecOptions *o = model->options;
    Pack pack = {0};

    SasrecEncoder(o, &pack);
    ModelAddPack(model, "network", &pack);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, (uint32_t)o->factors);
}

uint32_t SasrecQueryWidth(const Model *model)
{
    return model->part[SASREC_ITEM_PART].stride;
}

HistoryNeed SasrecHistory(const void *options)
{
    const SasrecOptions *o = options;

    return (HistoryNeed){.ordered = true, .limit = (uint32_t)o->length};
}

/* What the last normalisation gives where nothing is known. */
static void QueryOfNothing(const Transformer *e, const float *network, float *query)
{
    memcpy(query, network + e->edge.bias, Pitch(e->shape.columns) * sizeof(float));
}

void SasrecQuery(const Model *view, const QueryInput *input, float *query)
{
    const SasrecOptions *o = view->options;
    const float *network = view->part[SASREC_NETWORK_PART].data;
    uint32_t length = (uint32_t)o->length, first, rows, stride = SasrecQueryWidth(view);
    Pack pack = {0};
    Transformer encoder = SasrecEncoder(o, &pack);
    float scale = sqrtf((float)o->factors), *x, *scratch;

    first = input->count > length ? input->count - length : 0;
    rows = input->count - first;
    if (rows == 0) {
        QueryOfNothing(&encoder, network, query);
        return;
    }
    x = STACK_FLOATS((size_t)rows * stride);
    scratch = STACK_FLOATS(TransformerLastReals(&encoder.shape, rows));
    for (uint32_t h = 0; h < rows; h++) {
        const float *row = InputRow(view, input, SASREC_ITEM_PART, first + h);

        for (uint32_t k = 0; k < stride; k++)
            x[(size_t)h * stride + k] = scale * row[k];
    }
    TransformerLast(&encoder, network, x, rows, scratch, query);
}
