/*
 * serve.c: what bpr and amf answer: the parts of their models, queries, and how alike two rows are.
 */
#include "algo/mf/mf.h"

#include <string.h>

#include "algo/learn/embedding.h"

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

void MfQuery(const Model *view, const QueryInput *input, float *query)
{
    const Part *user = &view->part[MF_USER_PART];

    memcpy(query, PartRow(user, input->row), user->stride * sizeof(float));
}

void MfSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    int part = axis == AXIS_USER ? MF_USER_PART : MF_ITEM_PART;

    EmbeddingCosines(&one->part[part], &view->part[part], out);
}

void MfPerturb(const Host *host, const Interactions *data, Model *model, Perturbation kind,
               double epsilon, uint64_t seed)
{
    EmbeddingPerturb(host, data, &model->part[MF_USER_PART], &model->part[MF_ITEM_PART], kind,
                     epsilon, seed);
}
