/*
 * id_blocks.h: lists of ids in blocks of a model.
 *
 * A part of ascending ids has a root, the part "<name>_root": the first id of each block, so that
 * a search reads one block.
 */
#ifndef RECADV_PG_MODEL_ID_BLOCKS_H
#define RECADV_PG_MODEL_ID_BLOCKS_H

#include "pg/ids/id_list.h"
#include "pg/model/blocks.h"

extern uint32 IdsPerBlock(IdKind kind);
extern char *RootName(const char *part);

extern IdList AllocateIds(IdKind kind, uint32 count);
extern void CopyId(const IdList *from, uint32 index, IdList *to, uint32 position);

/* Writes the blocks from number `first` on. */
extern void WriteIdBlocks(ModelSink *sink, const char *part, const IdList *ids, uint32 first);
extern void WriteIdRoot(ModelSink *sink, const char *part, const IdList *ids);

/* Reads `count` ids of a part to ids->... from position `first` on; texts stay in their blocks. */
extern void ReadIdBlocks(ModelStore *store, const char *part, uint32 count, IdList *ids,
                         uint32 first);

/* The first ids of the blocks of a part of `count` ids. */
extern IdList ReadIdRoot(ModelStore *store, const char *part, IdKind kind, uint32 count);

/* Searches rely on the order: fails if ids do not ascend. */
extern void CheckIdOrder(ModelStore *store, const char *part, uint32 number, const IdList *ids);

/* Can a text be an id? */
extern bool IsIdText(const char *text, uint32 length);

/* Index of an id by its root and one block; UNKNOWN_ID if it is not there. */
extern uint32 FindId(ModelStore *store, const char *part, const IdList *root, uint32 count, Id id);

/*
 * Indexes of ids in ascending order, UNKNOWN_ID for those that are not there; reads each block that
 * may hold one once.
 */
extern void FindIds(ModelStore *store, const char *part, const IdList *root, uint32 count,
                    const IdList *ids, uint32 *found);

/* The block of ids that holds an index, and the index of its first id. */
extern IdList ReadIdsAround(ModelStore *store, const char *part, IdKind kind, uint32 count,
                            uint32 index, uint32 *first);

/* The id at an index; reads one block. */
extern Id ReadId(ModelStore *store, const char *part, IdKind kind, uint32 count, uint32 index);

#endif
