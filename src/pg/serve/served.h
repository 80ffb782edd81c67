/*
 * served.h: a model that is ready to answer.
 *
 * It has what every answer takes: header, dictionaries, the parts that all users and items share.
 * The item side is in memory or not (item_memory.h); what is not in memory is read block by block
 * from where the model is stored.  open.h makes one of a model's table or of an image.
 */
#ifndef RECADV_PG_SERVE_SERVED_H
#define RECADV_PG_SERVE_SERVED_H

#include "pg/model/dictionary.h"
#include "pg/model/parts.h"
#include "pg/model/table.h"
#include "pg/model/versions.h"
#include "pg/serve/item_side.h"

typedef struct Served {
    Oid relid; /* of the model's table; InvalidOid: an image */
    Current current;
    Header header;
    Model model; /* its shared parts are loaded */
    Dictionary users;
    Dictionary items;
    bool resident;        /* is the item side in memory? `model` then has the item parts, too */
    const ItemSide *side; /* if it is */
    uint64 fingerprint;   /* of the networks of a model that acts */
    /* What follows, and `side`, is valid during one call. */
    ModelStore *store;
    IdList new_items; /* items observed since the last refresh; their indexes follow the others */
    Model new_rows;   /* a view of them */
} Served;

/* Reads header, dictionaries and shared parts of a stored version, into the current context. */
extern void ServedLoad(Served *served, ModelStore *store);

/* The id as the model has it, if its type has several texts for it. */
extern Id ServedCanonical(const Served *served, Axis axis, Id id);

/* Index of a user or item, or UNKNOWN_ID. */
extern uint32 ServedUser(Served *served, Id id);
extern uint32 ServedItem(Served *served, Id id);

/* The id of an item, new ones included. */
extern Id ServedItemId(Served *served, uint32 item);

/* How many items can be recommended: those of the model and the new ones. */
extern uint32 ServedItems(const Served *served);

/* Memory for a query, 64-byte aligned, in the current context. */
extern float *ServedQueryRoom(const Served *served);

/* The query vector of a user of the model, in such memory. */
extern float *ServedQuery(Served *served, uint32 user);

/* Score of one item for a query; fails if it is not finite. */
extern float ServedScore(Served *served, const float *query, uint32 item);

/*
 * A score or a likeness on its way out.  Numbers of a stored model are finite, but not what becomes
 * of those that nobody trained: fails if it is infinite or no number.
 */
extern float CheckScore(const Served *served, float score);

#endif
