/*
 * parts.h: the matrices of a model version, and other parts, in blocks.
 *
 * Rows per block follow from the dimensions, so no directory is stored.  What serving one user
 * reads (ids, seen, user rows) is in blocks of tens of kilobytes; item rows come in larger ones.
 */
#ifndef RECADV_PG_MODEL_PARTS_H
#define RECADV_PG_MODEL_PARTS_H

#include "pg/model/blocks.h"

#include "algo/algorithm.h"

extern void WriteModelParts(ModelSink *sink, const Model *model);

/* Rows [first, first + rows) of a part as block `number`; and all blocks of a part. */
extern void WritePartBlock(ModelSink *sink, const Part *part, uint32 number, uint32 first,
                           uint32 rows);
extern void WritePart(ModelSink *sink, const Model *model, const Part *part);

/* Rows per block of the parts of users or items, and of any part. */
extern uint32 AxisBlockRows(const Model *model, Axis axis);
extern uint32 PartBlockRows(const Model *model, const Part *part);

/* The rows of one block of a part, padded to its stride. */
extern void ReadPartBlock(ModelStore *store, const Model *model, const Part *part, uint32 number,
                          float *rows);

/* All rows of a part into part->data, which must be allocated. */
extern void ReadPart(ModelStore *store, const Model *model, Part *part);

/* One row of a part, padded so; reads one block. */
extern void ReadPartRow(ModelStore *store, const Model *model, const Part *part, uint32 row,
                        float *out);

/* Copies the blocks 0, 1, ... of a part; returns how many. */
extern uint32 CopyPart(ModelStore *store, const char *part, uint32 blocks, BlockType type,
                       ModelSink *sink);

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
