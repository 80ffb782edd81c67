/*
 * user.h: the user for whom a question is asked: what the model knows of him, and the events that
 * were observed since its last refresh.
 */
#ifndef RECADV_PG_SERVE_USER_H
#define RECADV_PG_SERVE_USER_H

#include "pg/serve/rows.h"

typedef struct TargetUser {
    Id id;
    uint32 user;   /* index, or UNKNOWN_ID */
    RowList noted; /* items of his pending events, ascending */
    uint32 *order; /* the same in order of time, with repeats */
    uint32 events; /* how many: the length of `order` */
} TargetUser;

/* `table` is NULL for an image, which observes nothing. */
extern TargetUser TargetUserOpen(Served *served, ModelTable *table, Id id);

/* The same for a caller who has looked up the index, UNKNOWN_ID included. */
extern TargetUser TargetUserOfIndex(Served *served, ModelTable *table, Id id, uint32 user);

/* Neither the model nor a pending event knows the user: false. */
extern bool TargetUserIsKnown(const TargetUser *target);

/* The query vector, or NULL if the user is not known. */
extern float *TargetUserQuery(Served *served, const TargetUser *target);

/* All items that the user has had, ascending. */
extern RowList TargetUserSeen(Served *served, const TargetUser *target);

#endif
