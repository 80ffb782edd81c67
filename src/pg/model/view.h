/*
 * view.h: views of a stored model: the rows of one axis that are at work, in memory.
 *
 * A view has the parts of the axis that serving reads, rows x stride floats each; what it has of
 * the other axes is the model's own.
 */
#ifndef RECADV_PG_MODEL_VIEW_H
#define RECADV_PG_MODEL_VIEW_H

#include "pg/model/parts.h"

/* A view with memory for so many rows, in the current context. */
extern Model ViewAllocate(const Model *model, Axis axis, uint32 rows);

/* Bytes of a row in a view. */
extern Size ViewRowBytes(const Model *model, Axis axis);

/* Rows that a view holds; there must be memory for them. */
extern uint32 ViewRows(const Model *view, Axis axis);
extern void ViewSetRows(Model *view, Axis axis, uint32 rows);

/* Fills the rows with zeros. */
extern void ViewClear(Model *view, Axis axis);

/* Reads `count` rows of the model from `first` on, whole blocks; one block; one row. */
extern void ViewReadRows(ModelStore *store, const Model *model, Axis axis, uint32 first,
                         uint32 count, Model *view);
extern void ViewReadBlock(ModelStore *store, const Model *model, Axis axis, uint32 number,
                          Model *view);
extern void ViewReadRow(ModelStore *store, const Model *model, Axis axis, uint32 row, Model *view);

#endif
