/*
 * parts.h: the blocks of a model version.
 *
 *   header          JSON
 *   history         JSON: an array, one object per epoch
 *   user_ids        ids in ascending order; position = dense index; item_ids likewise
 *   user_ids_root   first id of each block of user_ids; item_ids_root likewise
 *   seen            item indexes of each user's interactions, ascending
 *   held            (user, item) index pairs held out for validation
 *   popularity, ... the algorithm's matrices
 *
 * Rows per block follow from the dimensions, so no directory is stored.  What serving one user
 * reads (ids, seen, user rows) is in blocks of tens of kilobytes; item rows come in larger ones.
 */
#ifndef RECADV_PARTS_H
#define RECADV_PARTS_H

#include "pg/header.h"

#include "core/interactions.h"

extern void WriteIds(ModelSink *sink, const char *part, const IdList *ids);
extern void WriteInteractions(ModelSink *sink, const Interactions *data);
extern void WriteModelParts(ModelSink *sink, const Model *model);

/* The first ids of the blocks of "user_ids" or "item_ids". */
extern IdList ReadIdRoot(ModelStore *store, const char *part, IdKind kind, uint32 count);

/* All ids of a part. */
extern IdList ReadIds(ModelStore *store, const char *part, IdKind kind, uint32 count);

/* Index of an id by its root and one block; UNKNOWN_ID if it is not there. */
extern uint32 FindId(ModelStore *store, const char *part, const IdList *root, uint32 count, Id id);

/* The id at an index; reads one block. */
extern Id ReadId(ModelStore *store, const char *part, IdKind kind, uint32 count, uint32 index);

/* Items of one user, ascending; reads one block. */
extern uint32 *ReadSeen(ModelStore *store, const Header *header, uint32 user, uint32 *count);

/* Items of users that are asked for in ascending order: each block is read once. */
typedef struct SeenReader {
    ModelStore *store;
    const Header *header;
    DataBlock block;
    uint32 number; /* of the block, if there is one */
} SeenReader;

extern uint32 *SeenReaderGet(SeenReader *reader, uint32 user, uint32 *count);

/* All interactions, with the held-out ones marked; arrays from the host. */
extern void ReadInteractions(ModelStore *store, const Host *host, const Header *header,
                             Interactions *data);

/* Rows per block of a part, and reading its rows [first, first + count) of one block. */
extern uint32 PartBlockRows(const Model *model, const Part *part);
extern void ReadPartBlock(ModelStore *store, const Model *model, const Part *part, uint32 number,
                          float *rows);

/* All rows of a part into part->data, which must be allocated. */
extern void ReadPart(ModelStore *store, const Model *model, Part *part);

/* One row of a part, padded to its stride; reads one block. */
extern void ReadPartRow(ModelStore *store, const Model *model, const Part *part, uint32 row,
                        float *out);

/* Copies exactly the blocks that the header asks for; returns how many. */
extern uint32 CopyModel(ModelStore *store, const Header *header, ModelSink *sink);

/* Number of blocks of `rows` rows. */
static inline uint32 BlockCount(uint32 rows, uint32 block_rows)
{
    return rows / block_rows + (rows % block_rows != 0);
}

/* Rows of block `number`. */
static inline uint32 BlockRows(uint32 rows, uint32 block_rows, uint32 number)
{
    return Min(block_rows, rows - number * block_rows);
}

#endif
