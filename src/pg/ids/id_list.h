/*
 * id_list.h: a list of ids; the position of an id is its index.
 *
 * Ids of a training ascend (texts by bytes); those that came later follow in order of arrival.
 */
#ifndef RECADV_PG_IDS_ID_LIST_H
#define RECADV_PG_IDS_ID_LIST_H

#include "pg/ids/ids.h"

typedef struct IdList {
    IdKind kind;
    uint32 count;
    int64 *integers;    /* ID_INTEGER */
    const char **texts; /* ID_TEXT */
    uint32 *lengths;    /* ID_TEXT */
    uint32 *order;      /* indexes in ascending order of their ids; NULL: ids ascend with them */
} IdList;

extern Id IdListGet(const IdList *list, uint32 index);

/* Index of an id of any kind, or UNKNOWN_ID. */
extern uint32 IdListFind(const IdList *list, Id id);

/* Empty, with room for `count` ids, in the current context; and its next id. */
extern IdList IdListCreate(IdKind kind, uint32 count);
extern void IdListAppend(IdList *list, Id id);

/* Frees the arrays; the texts are not the list's own. */
extern void IdListFree(IdList *list);

/* Makes any list ascending and distinct, in place. */
extern void IdListSort(IdList *list);

/* The ids as `kind`, in arrays of their own; texts that are no integers are left out. */
extern IdList IdListConvert(const IdList *list, IdKind kind);

#endif
