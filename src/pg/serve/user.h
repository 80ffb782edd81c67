/*
 * user.h: the user of a question: what the model knows, and what was observed since its last
 * refresh.
 *
 * Events that are pending are noted in a copy of the user's rows, for this question alone; so a
 * user whom the model does not know yet is served by the first event.
 */
#ifndef RECADV_PG_SERVE_USER_H
#define RECADV_PG_SERVE_USER_H

#include "pg/serve/rows.h"

typedef struct TargetUser {
    Id id;
    uint32 user;   /* index, or UNKNOWN_ID */
    RowList noted; /* items of pending events, ascending */
    uint32 *order; /* their rows in order of time, with repeats */
    uint32 events;
} TargetUser;

/* `table` is NULL for an image, which observes nothing. */
extern TargetUser TargetUserOpen(Served *served, ModelTable *table, Id id);

/* The same where the index is known, or known to be none. */
extern TargetUser TargetUserOfIndex(Served *served, ModelTable *table, Id id, uint32 user);

/* False: nothing is known of this user. */
extern bool TargetUserIsKnown(const TargetUser *target);

/* The query vector, or NULL if the user is not known. */
extern float *TargetUserQuery(Served *served, const TargetUser *target);

/* All items that the user has had, ascending. */
extern RowList TargetUserSeen(Served *served, const TargetUser *target);

#endif
