/*
 * id_index.h: collects ids, numbered in order of their first appearance, and sorts them in the end.
 */
#ifndef RECADV_PG_IDS_ID_INDEX_H
#define RECADV_PG_IDS_ID_INDEX_H

#include "pg/ids/id_list.h"

typedef struct IdIndex IdIndex;

/* Empty, for ids of that type. */
extern IdIndex *IdIndexCreate(MemoryContext context, Oid type);
extern Oid IdIndexType(const IdIndex *index);
extern IdKind IdIndexKind(const IdIndex *index);
extern uint32 IdIndexCount(const IdIndex *index);

/* Bytes, with `more` new integer ids. */
extern Size IdIndexMemory(const IdIndex *index, uint32 more);

/* Provisional number of an id (order of first appearance). */
extern uint32 IdIndexAdd(IdIndex *index, Id id);
extern uint32 IdIndexAddDatum(IdIndex *index, Datum value);

/* The id of a value of the index's type, which is not added. */
extern Id IdIndexIdOf(IdIndex *index, Datum value);

/* Many integer ids at once, with the hash table's lines fetched ahead; see IdIndexInteger. */
extern void IdIndexAddIntegers(IdIndex *index, const int64 *ids, uint32 count, uint32 *numbers);
extern int64 IdIndexInteger(const IdIndex *index, Datum value);

/* The ids by provisional number, in the current context; texts stay those of the index. */
extern IdList IdIndexList(const IdIndex *index);

/* Releases the hash table and all that a sorted list does not need. */
extern void IdIndexRelease(IdIndex *index);

/* Bytes of IdIndexSort, those of the index included, once it has made its table compact. */
extern Size IdIndexSortMemory(const IdIndex *index);

/* The sorted list, and for each provisional number its dense index; the index is of no more use. */
extern void IdIndexSort(IdIndex *index, IdList *list, uint32 **dense);

#endif
