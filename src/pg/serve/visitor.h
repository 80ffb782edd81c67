/*
 * visitor.h: queries of users whom the model was not trained on.
 */
#ifndef RECADV_PG_SERVE_VISITOR_H
#define RECADV_PG_SERVE_VISITOR_H

#include "pg/serve/rows.h"

/*
 * The query of a user who has had these items; NULL, which stands for popularity, if there are
 * none. `ids` are the same items as the caller gave them: in order of time, which counts for an
 * algorithm that learns from a stream.
 */
extern float *VisitorQuery(Served *served, RowList history, const IdList *ids);

#endif
