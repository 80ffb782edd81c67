/*
 * view.c: reads rows of a stored model into views.
 *
 * For functions that work on some rows of a large model at a time: a user to be served, a block of
 * items to be scored.
 */
#include "pg/model/view.h"

Model ViewAllocate(const Model *model, Axis axis, uint32 rows)
{
    Model view = *model;

    for (int i = 0; i < view.parts; i++)
        if (PartServes(&view.part[i], axis))
            view.part[i].data = AllocateFloats(rows, view.part[i].stride);
    ViewSetRows(&view, axis, rows);
    return view;
}

Size ViewRowBytes(const Model *model, Axis axis)
{
    Size bytes = 0;

    for (int i = 0; i < model->parts; i++)
        if (PartServes(&model->part[i], axis))
            bytes += model->part[i].stride * sizeof(float);
    return bytes;
}

uint32 ViewRows(const Model *view, Axis axis)
{
    return axis == AXIS_USER ? view->users : view->items;
}

void ViewSetRows(Model *view, Axis axis, uint32 rows)
{
    if (axis == AXIS_USER)
        view->users = rows;
    else
        view->items = rows;
    for (int i = 0; i < view->parts; i++)
        if (view->part[i].axis == axis)
            view->part[i].rows = rows;
}

void ViewClear(Model *view, Axis axis)
{
    for (int i = 0; i < view->parts; i++) {
        Part *part = &view->part[i];

        if (PartServes(part, axis))
            memset(part->data, 0, (Size)part->rows * part->stride * sizeof(float));
    }
}

void ViewReadRows(ModelStore *store, const Model *model, Axis axis, uint32 first, uint32 count,
                  Model *view)
{
    uint32 size = AxisBlockRows(model, axis);

    ViewSetRows(view, axis, count);
    if (axis == AXIS_ITEM)
        view->first_item = first;
    for (int i = 0; i < view->parts; i++) {
        Part *part = &view->part[i];

        for (uint32 row = 0; row < count && PartServes(part, axis); row += size)
            ReadPartBlock(store, model, &model->part[i], (first + row) / size,
                          part->data + (Size)row * part->stride);
    }
}

void ViewReadBlock(ModelStore *store, const Model *model, Axis axis, uint32 number, Model *view)
{
    uint32 size = AxisBlockRows(model, axis);

    ViewReadRows(store, model, axis, number * size, BlockRows(ViewRows(model, axis), size, number),
                 view);
}

void ViewReadRow(ModelStore *store, const Model *model, Axis axis, uint32 row, Model *view)
{
    ViewSetRows(view, axis, 1);
    if (axis == AXIS_ITEM)
        view->first_item = row;
    for (int i = 0; i < view->parts; i++)
        if (PartServes(&view->part[i], axis))
            ReadPartRow(store, model, &model->part[i], row, view->part[i].data);
}
