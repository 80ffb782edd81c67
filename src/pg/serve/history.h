/*
 * history.h: queries that are made of a history: what a user has had, or the last of it.
 *
 * For algorithms that say so (Algorithm.history); those of all others are made of the user's row.
 */
#ifndef RECADV_PG_SERVE_HISTORY_H
#define RECADV_PG_SERVE_HISTORY_H

#include "pg/serve/rows.h"

/* Are the model's queries made of histories? */
extern bool MakesQueriesOfHistories(const Served *served);

/* The query of a user of the model, by what it has stored of this user. */
extern float *StoredHistoryQuery(Served *served, uint32 user);

/*
 * The query of somebody with these items.  `order`: the same as they were given, in order of time
 * and with repeats; ids that the model does not know are skipped.
 */
extern float *GivenHistoryQuery(Served *served, RowList items, const IdList *order);

#endif
