/*
 * item_lists.h: a list of item indexes for each user, in blocks of some users.
 *
 *   seen     all items of the user, ascending and distinct
 *   recent   items of the user's last events, oldest first, with repeats: where the algorithm makes
 *            queries of an ordered history
 *   learnt   hashes of the user's events that were learnt, ascending and distinct: see learnt.h
 */
#ifndef RECADV_PG_MODEL_ITEM_LISTS_H
#define RECADV_PG_MODEL_ITEM_LISTS_H

#include "pg/model/header.h"

#define LIST_USERS_PER_BLOCK 32

typedef struct ItemLists {
    const char *part;
    bool ordered; /* by time, otherwise ascending and distinct */
    bool hashes;  /* any numbers, not indexes of items */
} ItemLists;

extern const ItemLists seen_lists;
extern const ItemLists recent_lists;

/* How many blocks the lists of so many users make. */
extern uint32 ListBlocks(uint32 users);

/* offset[0 .. users]: where the items of each user of the block start. */
extern void WriteListBlock(ModelSink *sink, const ItemLists *lists, uint32 number, uint32 users,
                           const uint64 *offset, const uint32 *item);

/* The lists of all users. */
extern void WriteLists(ModelSink *sink, const ItemLists *lists, uint32 users, const uint64 *offset,
                       const uint32 *item);

extern DataBlock ReadListBlock(ModelStore *store, const ItemLists *lists, const Header *header,
                               uint32 number);

/* One list of a block, checked; unaligned. */
extern const void *ListEntry(ModelStore *store, const ItemLists *lists, const DataBlock *block,
                             uint32 row, uint32 items, uint32 *count);

/* All lists: item[offset[u]] .. item[offset[u + 1] - 1] are user u's; arrays from the host. */
extern uint64 ReadLists(ModelStore *store, const ItemLists *lists, const Host *host,
                        const Header *header, uint64 **offset, uint32 **item);

extern uint32 CopyLists(ModelStore *store, const ItemLists *lists, const Header *header,
                        ModelSink *sink);

/* Lists of users that are asked for in ascending order: each block is read once. */
typedef struct ListReader {
    ModelStore *store;
    const ItemLists *lists;
    const Header *header;
    DataBlock block;
    uint32 number; /* of the block, if there is one */
} ListReader;

extern uint32 *ListReaderGet(ListReader *reader, uint32 user, uint32 *count);

#endif
