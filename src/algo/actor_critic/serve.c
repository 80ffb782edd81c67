/* serve.c: shape of the model, and the query of a visitor. */
#include <math.h>

#include "algo/actor_critic/actor_critic.h"

_Static_assert(sizeof(Real) == sizeof(float), "queries are floats");

/* Room for the tape of one state of MOST_FACTORS. */
#define TAPE_ROOM (16 * (MOST_FACTORS + VECTOR_LANES))

uint32_t AcSlate(const AcOptions *options, uint32_t items)
{
    return options->slate < items ? (uint32_t)options->slate : items;
}

void AcLayout(Model *model)
{
    uint32_t factors = (uint32_t)((const AcOptions *)model->options)->factors;
    Pack pack = {0};

    EncoderAdd(&pack, factors);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, factors);
    ModelAddPack(model, "network", &pack);
}

uint32_t AcQueryWidth(const Model *model)
{
    return model->part[AC_ITEM_PART].stride;
}

HistoryNeed AcHistory(const void *options)
{
    return (HistoryNeed){.ordered = true, .limit = (uint32_t)((const AcOptions *)options)->history};
}

static void MeanOfInput(const Model *view, const QueryInput *input, float *mean)
{
    uint32_t stride = view->part[AC_ITEM_PART].stride;

    RealClear(mean, stride);
    for (uint32_t h = 0; h < input->count; h++) {
        const float *row = InputRow(view, input, AC_ITEM_PART, h);

        for (uint32_t k = 0; k < stride; k++)
            mean[k] += row[k];
    }
    for (uint32_t k = 0; k < stride && input->count > 0; k++)
        mean[k] /= (float)input->count;
}

void AcQuery(const Model *view, const QueryInput *input, float *query)
{
    float mean[MOST_FACTORS] __attribute__((aligned(64)));
    float tape[TAPE_ROOM] __attribute__((aligned(64)));
    uint32_t factors = view->part[AC_ITEM_PART].columns;
    Pack pack = {0};
    Encoder encoder = EncoderAdd(&pack, factors);

    MeanOfInput(view, input, mean);
    EncoderFromMeans(&encoder, &pack, view->part[AC_NETWORK_PART].data, mean, 1, tape);
    RealCopy(tape, Pitch(factors), query);
}

static float Norm(const float *row, uint32_t columns)
{
    float sum = 0;

    for (uint32_t k = 0; k < columns; k++)
        sum += row[k] * row[k];
    return sqrtf(sum);
}

/* Cosine of the items' rows. */
void AcSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    const Part *part = &view->part[AC_ITEM_PART];
    const float *row = one->part[AC_ITEM_PART].data;
    float norm = Norm(row, part->columns);

    (void)axis;
    DotRows(row, part->data, part->rows, part->stride, out);
    for (uint32_t i = 0; i < part->rows; i++) {
        float product = norm * Norm(PartRow(part, i), part->columns);

        out[i] = product > 0 ? out[i] / product : 0;
    }
}
