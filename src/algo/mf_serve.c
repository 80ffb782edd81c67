/* mf_serve.c: shape and scores of a factor model. */
#include "algo/mf.h"

#include <string.h>

const char *const mf_optimizers[] = {"adagrad_row", "adagrad", "sgd", NULL};

void MfLayout(Model *model)
{
    uint32_t factors = (uint32_t)((const MfOptions *)model->options)->factors;

    ModelAddPart(model, "user", AXIS_USER, model->users, factors);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, factors);
}

uint32_t MfQueryWidth(const Model *model)
{
    return model->part[MF_USER_PART].stride;
}

void MfQuery(const Model *view, uint32_t row, float *query)
{
    const Part *user = &view->part[MF_USER_PART];

    memcpy(query, user->data + (size_t)row * user->stride, user->stride * sizeof(float));
}
