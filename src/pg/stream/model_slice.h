/*
 * model_slice.h: the slice of a stored model that a refresh changes.
 *
 * It holds all items and the users with events to learn, who are numbered anew from 0.  Users and
 * items that the model does not know get the next indexes.
 */
#ifndef RECADV_PG_STREAM_MODEL_SLICE_H
#define RECADV_PG_STREAM_MODEL_SLICE_H

#include "pg/model/dictionary.h"
#include "pg/base/backend.h"
#include "pg/model/table.h"

typedef struct ModelSlice {
    ModelStore *store;
    const Header *header;
    Dictionary users;
    Dictionary items;
    Model stored; /* the model as it is stored, without data: the shape of its blocks */
    Model model;
    History history;
    uint32 known;   /* users of `model` that are stored; those that are new follow */
    uint32 *index;  /* of each user of `model` in the stored model, ascending */
    uint64 *digest; /* of each block of each item part, as it was read */
    IdList new_users;
    IdList new_items;
} ModelSlice;

/*
 * Loads the items and the users of the given indexes (ascending, distinct), with room for more of
 * both; all in the backend's context, within recadv.max_memory.
 */
extern void SliceLoad(ModelSlice *slice, ModelStore *store, const Header *header,
                      BackendHost *backend, const uint32 *users, uint32 count, uint32 more_users,
                      uint32 more_items);

/* A new user or item; returns its index in `model`.  The id must live as long as the slice. */
extern uint32 SliceAddUser(ModelSlice *slice, Id id);
extern uint32 SliceAddItem(ModelSlice *slice, Id id);

/* Writes what has changed; fails if a value is not finite. */
extern void SliceWrite(ModelSlice *slice, ModelSink *sink);

#endif
