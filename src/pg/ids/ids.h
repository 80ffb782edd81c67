/*
 * ids.h: the ids that users and items have outside of models.
 *
 * An id is a 64-bit integer, or a text (any other type through its text form; stored as UTF-8).
 * Inside a model users and items have indexes from 0 on instead; dictionaries translate.
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

/* In place of an index: the id is not known. */
#define UNKNOWN_ID PG_UINT32_MAX

/* Indexes in ascending order; a cancel does not wait for the end. */
extern void SortIndexes(uint32 *indexes, uint64 count);

/* For bsearch among them. */
extern int CompareIndexes(const void *a, const void *b);

/* The kind of ids of a type, and back: the type and its name that a kind has. */
extern IdKind IdKindOfType(Oid type);
extern const char *IdKindName(IdKind kind);
extern Oid IdTypeOf(IdKind kind);

/* Of one kind: below, equal to or above 0; texts by bytes. */
extern int CompareIds(Id a, Id b);

extern Id IdOfInteger(int64 integer);

/* From and to the encoding of the database. */
extern Id IdOfText(const char *text, uint32 length);
extern text *IdToText(Id id);

/* False of a text that is too long or no UTF-8: it names nobody, and rows that have it are skipped.
 */
extern bool IdIsUsable(Id id);

/* The beginning of an id, for messages. */
extern char *IdExcerpt(Id id);

/* A bigint or a text; fails if the id is a text that is no integer and a bigint is wanted. */
extern Datum IdToDatum(Id id, IdKind kind);

/* The same id as `kind`; false if a text is no integer. */
extern bool IdConvert(Id id, IdKind kind, Id *converted);

/* A number made of the id alone: the integer, or a hash of the text. */
extern uint64 IdKey(Id id);

#endif
