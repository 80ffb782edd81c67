/*
 * served.h: a model made ready to answer.
 *
 * The item side of models in use is kept in memory: in memory that all sessions share where recadv
 * was loaded with the server, else per session, up to recadv.cache_size.  Every call looks up which
 * version serves under its own snapshot, so a version committed elsewhere is seen by the next
 * statement, and one that was rolled back is never seen.  A model that does not fit is read block
 * by block.
 */
#ifndef RECADV_PG_SERVE_SERVED_H
#define RECADV_PG_SERVE_SERVED_H

#include "pg/model/dictionary.h"
#include "pg/model/image.h"
#include "pg/serve/item_side.h"
#include "pg/model/parts.h"
#include "pg/model/versions.h"

typedef struct Served {
    Oid relid;
    Current current;
    Header header;
    Model model; /* shared parts loaded */
    Dictionary users;
    Dictionary items;
    bool resident;        /* are the items in memory? `model` then has the item parts, too */
    const ItemSide *side; /* if they are */
    /* What follows, and `side`, is valid during one call. */
    ModelStore *store;
    IdList fresh_ids; /* items observed since the last refresh; their indexes follow the others */
    Model fresh;      /* a view of them */
} Served;

/* The model that the name means, opened for this call; close `table` when done. */
extern Served *ServedOpen(text *model, ModelTable *table);

/* A model from an image, in the current context; `store` must live as long. */
extern Served *ServedImage(const bytea *image, ImageStore *store);

/* Dense index of a user or item, or UNKNOWN_ID. */
extern uint32 ServedUser(Served *served, Id id);
extern uint32 ServedItem(Served *served, Id id);
extern Id ServedItemId(Served *served, uint32 item);

/* Items that can be recommended: those of the model and fresh ones. */
extern uint32 ServedItems(const Served *served);

/* Room for a query, 64-byte aligned, in the current context. */
extern float *ServedQueryRoom(const Served *served);

/* The query vector of a user, there. */
extern float *ServedQuery(Served *served, uint32 user);

/* Score of one item. */
extern float ServedScore(Served *served, const float *query, uint32 item);

#endif
