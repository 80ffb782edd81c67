/*
 * ids.h: external identifiers of users and items, and their dictionaries.
 *
 * An id is a 64-bit integer, or a text (any other type through its text form; stored as UTF-8).
 * A dictionary lists the ids of one side; the position is the dense index that the numerics use.
 * Ids of a training ascend (texts by bytes); those that came later follow in order of arrival.
 */
#ifndef RECADV_PG_IDS_IDS_H
#define RECADV_PG_IDS_IDS_H

#include "pg/base/compat.h"

#include "fmgr.h"

typedef enum IdKind { ID_INTEGER, ID_TEXT } IdKind;

/* Longer text ids are refused: they would be content, not identifiers. */
#define MAX_ID_LENGTH 1024

/* No model holds more users or items. */
#define MAX_IDS (PG_INT32_MAX - 1)

typedef struct Id {
    IdKind kind;
    int64 integer;
    const char *text; /* not terminated */
    uint32 length;
} Id;

typedef struct IdList {
    IdKind kind;
    uint32 count;
    int64 *integers;    /* ID_INTEGER */
    const char **texts; /* ID_TEXT */
    uint32 *lengths;    /* ID_TEXT */
    uint32 *order;      /* positions in ascending order of ids; NULL: they ascend already */
} IdList;

#define UNKNOWN_ID PG_UINT32_MAX

/* For qsort and bsearch: uint32 in ascending order. */
extern int CompareIndexes(const void *a, const void *b);

extern IdKind IdKindOfType(Oid type);
extern const char *IdKindName(IdKind kind);
extern Oid IdTypeOf(IdKind kind);

extern int CompareIds(Id a, Id b);
extern Id IdOfInteger(int64 integer);

/* From and to the encoding of the database. */
extern Id IdOfText(const char *text, uint32 length);
extern text *IdToText(Id id);

/* A bigint (of an integer id) or a text. */
extern Datum IdToDatum(Id id, IdKind kind);

/* The same id as `kind`; false if a text is no integer. */
extern bool IdConvert(Id id, IdKind kind, Id *converted);

extern Id IdListGet(const IdList *list, uint32 index);

/* A number made of the id alone. */
extern uint64 IdKey(Id id);

/* Index of an id, or UNKNOWN_ID. */
extern uint32 IdListFind(const IdList *list, Id id);

/* Empty, with room for `count` ids, in the current context; and its next id. */
extern IdList IdListCreate(IdKind kind, uint32 count);
extern void IdListAppend(IdList *list, Id id);

/* Its arrays; texts are not its own. */
extern void IdListFree(IdList *list);

/* Makes any list ascending and distinct, in place. */
extern void IdListSort(IdList *list);

/* The ids as `kind`, in arrays of their own; texts that are no integers are left out. */
extern IdList IdListConvert(const IdList *list, IdKind kind);

/* Collects ids in order of appearance, then sorts them. */
typedef struct IdIndex IdIndex;

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
