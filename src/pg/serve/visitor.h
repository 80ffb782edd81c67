/* visitor.h: queries of users whom the model was not trained on. */
#ifndef RECADV_PG_SERVE_VISITOR_H
#define RECADV_PG_SERVE_VISITOR_H

#include "pg/serve/rows.h"

/*
 * The query of a user with these items, NULL (what is popular) if there are none.  `ids` are the
 * same as they were given: in order of time, for an algorithm that learns from a stream.
 */
extern float *VisitorQuery(Served *served, RowList history, const IdList *ids);

#endif
