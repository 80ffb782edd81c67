/*
 * served.h: a model made ready to answer.
 *
 * The item side of models in use is kept in memory: in memory that all sessions share where recadv
 * was loaded with the server, else per session, up to recadv.cache_size.  Every call looks up which
 * version serves under its own snapshot, so a version committed elsewhere is seen by the next
 * statement, and one that was rolled back is never seen.  A model that does not fit is read block
 * by block.
 */
#ifndef RECADV_SERVED_H
#define RECADV_SERVED_H

#include "pg/dictionary.h"
#include "pg/image.h"
#include "pg/itemside.h"
#include "pg/parts.h"
#include "pg/table.h"

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

/* A view with room for rows of users or items, and room for a query; in the current context. */
extern Model ServedView(const Served *served, Axis axis, uint32 rows);
extern float *ServedQueryRoom(const Served *served);

/* The query vector of a user, 64-byte aligned, in the current context. */
extern float *ServedQuery(Served *served, uint32 user);

/* Score of one item. */
extern float ServedScore(Served *served, const float *query, uint32 item);

/*
 * Scores of all items in slices: visit(arg, first, count, scores).  query == NULL: popularity.
 */
typedef void (*ScoreVisitor)(void *arg, uint32 first, uint32 count, const float *scores);
extern void ServedScoreAll(Served *served, const float *query, ScoreVisitor visit, void *arg);

/* Offers the fresh items to a task that a scan of the others is over for. */
extern void ServedOfferFresh(Served *served, ScanTask *task);

/*
 * The best items for a query: exact, equal scores by item.  `without` lists items that are left
 * out, ascending.  query == NULL: by popularity.  Leaves the heap sorted.
 */
extern void ServedTopK(Served *served, const float *query, const uint32 *without, uint32 count,
                       TopK *top);

#endif
