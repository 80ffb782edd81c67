/* serve.c: the parts of a model, and its queries. */
#include <math.h>
#include <string.h>

#include "algo/cdae/cdae.h"
#include "algo/net/loss.h"
#include "core/vector.h"

void CdaeLayout(Model *model)
{
    uint32_t factors = (uint32_t)((const CdaeOptions *)model->options)->factors;

    ModelAddPart(model, "user", AXIS_USER, model->users, factors);
    ModelAddPart(model, "input", AXIS_ITEM, model->items, factors);
    ModelAddPart(model, "output", AXIS_ITEM, model->items, factors + 1);
    ModelAddPart(model, "bias", AXIS_SHARED, 1, factors);
}

uint32_t CdaeQueryWidth(const Model *model)
{
    return model->part[CDAE_OUTPUT_PART].stride;
}

HistoryNeed CdaeHistory(const void *options)
{
    (void)options;
    return (HistoryNeed){.ordered = false};
}

float CdaeScale(const CdaeOptions *options, uint32_t count)
{
    return options->normalize && count > 0 ? 1 / sqrtf((float)count) : 1;
}

void CdaeHidden(const CdaeOptions *options, const float *sum, uint32_t stride, float *query)
{
    uint32_t factors = (uint32_t)options->factors;

    for (uint32_t k = 0; k < factors; k++)
        query[k] = RealSigmoid(sum[k]);
    query[factors] = 1;
    for (uint32_t k = factors + 1; k < stride; k++)
        query[k] = 0;
}

/* What all users begin with. */
static void StartSum(const Model *view, uint32_t user, float *sum)
{
    const CdaeOptions *o = view->options;
    const Part *bias = &view->part[CDAE_BIAS_PART];
    const float *own = NULL;

    if (o->user_node && user != NO_ROW)
        own = PartRow(&view->part[CDAE_USER_PART], user);
    for (uint32_t k = 0; k < bias->columns; k++)
        sum[k] = bias->data[k] + (own == NULL ? 0 : own[k]);
}

void CdaeQuery(const Model *view, const QueryInput *input, float *query)
{
    const CdaeOptions *o = view->options;
    uint32_t factors = (uint32_t)o->factors;
    float sum[CDAE_MOST_FACTORS + 1], scale = CdaeScale(o, input->count);

    StartSum(view, input->row, sum);
    for (uint32_t h = 0; h < input->count; h++) {
        const float *row = InputRow(view, input, CDAE_INPUT_PART, h);

        for (uint32_t k = 0; k < factors; k++)
            sum[k] += scale * row[k];
    }
    CdaeHidden(o, sum, CdaeQueryWidth(view), query);
}
