/*
 * algorithm.c: lays out the parts of a model, and adds rows to it while it learns from a stream.
 *
 * What all algorithms have in common: the popularity comes first, then what the algorithm's
 * layout() says.
 */
#include "algo/algorithm.h"

static void LayOut(Model *model)
{
    ModelAddColumn(model, "popularity", AXIS_ITEM, model->items);
    model->algorithm->layout(model);
}

void ModelLayout(Model *model, const Algorithm *algorithm, const void *options, uint32_t users,
                 uint32_t items)
{
    *model = (Model){.algorithm = algorithm,
                     .options = options,
                     .users = users,
                     .items = items,
                     .model_items = items};
    LayOut(model);
}

void ModelLayoutActs(Model *model, const Algorithm *algorithm, const void *options,
                     const ActShape *shape)
{
    *model = (Model){.algorithm = algorithm, .options = options, .acts = shape};
    LayOut(model);
}

void ModelSettle(const Model *model, void *options)
{
    if (model->algorithm->settle != NULL)
        model->algorithm->settle(options, model);
}

static void AddRow(Model *model, Axis axis)
{
    for (int i = 0; i < model->parts; i++)
        if (model->part[i].axis == axis)
            model->part[i].rows++;
}

uint32_t ModelAddUser(Model *model, uint64_t key)
{
    AddRow(model, AXIS_USER);
    if (model->algorithm->stream != NULL)
        model->algorithm->stream->start_user(model, model->users, key);
    return model->users++;
}

uint32_t ModelAddItem(Model *model, uint64_t key)
{
    AddRow(model, AXIS_ITEM);
    if (model->algorithm->stream != NULL)
        model->algorithm->stream->start_item(model, model->items, key);
    model->model_items++;
    return model->items++;
}
