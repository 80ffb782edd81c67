/*
 * model.c: lays out, allocates and enlarges the matrices of a model, and makes views of some of its
 * items.
 *
 * Knows nothing of what the matrices mean.
 */
#include "algo/model.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/vector.h"

#define POLL_EVERY (1 << 20)
#define CLEAR_ROWS 4096

void ModelAddPart(Model *model, const char *name, Axis axis, uint32_t rows, uint32_t columns)
{
    Part *part = &model->part[model->parts < MAX_PARTS ? model->parts : MAX_PARTS - 1];

    model->parts += model->parts < MAX_PARTS;
    *part = (Part){.name = name,
                   .axis = axis,
                   .rows = rows,
                   .columns = columns,
                   .stride = VectorStride(columns)};
}

void ModelAddColumn(Model *model, const char *name, Axis axis, uint32_t rows)
{
    ModelAddPart(model, name, axis, rows, 1);
    model->part[model->parts - 1].stride = 1;
}

size_t ModelMemory(const Model *model)
{
    size_t total = 0;

    for (int i = 0; i < model->parts; i++) {
        size_t floats = SizeMultiply(model->part[i].rows, model->part[i].stride);

        total = SizeAdd(total, SizeMultiply(floats, sizeof(float)));
    }
    return total;
}

void ModelAllocate(const Host *host, Model *model)
{
    ModelAllocateRoom(host, model, model->users, model->items);
}

void ModelAllocateRoom(const Host *host, Model *model, uint32_t users, uint32_t items)
{
    for (int i = 0; i < model->parts; i++) {
        Part *part = &model->part[i];
        uint32_t rows = part->axis == AXIS_USER   ? users
                        : part->axis == AXIS_ITEM ? items
                                                  : part->rows;

        part->data = HostAllocateZero(host, SizeMultiply(rows, part->stride), sizeof(float));
    }
}

void ModelMakeRoom(const Host *host, Model *model, uint32_t users, uint32_t items)
{
    Model before = *model;

    ModelAllocateRoom(host, model, users, items);
    for (int i = 0; i < model->parts; i++) {
        const Part *part = &before.part[i];

        memcpy(model->part[i].data, part->data, PartFloats(part) * sizeof(float));
        HostRelease(host, part->data);
    }
}

void ModelViewItems(const Model *model, uint32_t first, uint32_t count, Model *view)
{
    *view = *model;
    view->items = count;
    view->first_item = model->first_item + first;
    if (model->item_rows != NULL)
        view->item_rows = model->item_rows + first;
    for (int i = 0; i < model->parts; i++) {
        Part *part = &view->part[i];

        if (part->axis == AXIS_ITEM) {
            if (part->data != NULL)
                part->data += (size_t)first * part->stride;
            part->rows = count;
        }
    }
}

void ModelCountPopularity(const Host *host, const Interactions *data, Model *model)
{
    float *count = model->part[POPULARITY_PART].data;

    for (uint64_t i = 0; i < data->count; i++) {
        float *sum = &count[data->item[i]];

        *sum = fminf(*sum + (data->weight == NULL ? 1.0f : data->weight[i]), FLT_MAX);
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
}

void ModelUncountHeld(const Host *host, const Interactions *data, Model *model)
{
    float *count = model->part[POPULARITY_PART].data;

    for (uint32_t u = 0; u < data->users && data->held != NULL; u++)
        for (uint64_t i = data->offset[u]; i < data->offset[u + 1]; i++) {
            if (data->item[i] == data->held[u])
                count[data->item[i]] -= data->weight == NULL ? 1.0f : data->weight[i];
            if (i % POLL_EVERY == 0)
                HostPoll(host);
        }
}

void PartClear(const Host *host, const Part *part)
{
    for (uint32_t r = 0; r < part->rows; r++) {
        memset(PartRow(part, r), 0, part->stride * sizeof(float));
        if (r % CLEAR_ROWS == 0)
            HostPoll(host);
    }
}

bool PartIsFinite(const Part *part)
{
    for (size_t i = 0; i < PartFloats(part); i++)
        if (!isfinite(part->data[i]))
            return false;
    return true;
}
