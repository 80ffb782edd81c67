/* serve.c: the parts of a model, and scores: of the generator. */
#include <string.h>

#include "algo/irgan/irgan.h"

void IrganLayout(Model *model)
{
    uint32_t factors = (uint32_t)((const IrganOptions *)model->options)->factors;

    FactorsLayout(model, factors);
    ModelAddColumn(model, "bias", AXIS_ITEM, model->items);
    ModelAddPart(model, "judge_user", AXIS_USER, model->users, factors);
    ModelAddPart(model, "judge_item", AXIS_ITEM, model->items, factors);
    ModelAddColumn(model, "judge_bias", AXIS_ITEM, model->items);
    for (int p = IRGAN_JUDGE_USER_PART; p <= IRGAN_JUDGE_BIAS_PART; p++)
        model->part[p].learning = true;
}

Player IrganGenerator(Model *model)
{
    return (Player){&model->part[IRGAN_USER_PART], &model->part[IRGAN_ITEM_PART],
                    &model->part[IRGAN_BIAS_PART]};
}

Player IrganDiscriminator(Model *model)
{
    return (Player){&model->part[IRGAN_JUDGE_USER_PART], &model->part[IRGAN_JUDGE_ITEM_PART],
                    &model->part[IRGAN_JUDGE_BIAS_PART]};
}

void IrganItemScalars(const Model *view, float *out)
{
    memcpy(out, view->part[IRGAN_BIAS_PART].data, view->items * sizeof(float));
}

void IrganFinish(const Model *model, const float *query, const float *scalars, size_t pitch,
                 uint32_t count, float *products)
{
    (void)model, (void)query, (void)pitch;
    for (uint32_t i = 0; i < count; i++)
        products[i] += scalars[i];
}
