/* slate.h: the best items of a visitor, some of them exchanged for others, by chance. */
#ifndef RECADV_PG_SERVE_SLATE_H
#define RECADV_PG_SERVE_SLATE_H

#include "algo/policy/exploration.h"
#include "pg/serve/select.h"

typedef struct ShownSlate {
    TopK shown;        /* by place; of no order, if some places explored */
    float *propensity; /* beside them: the probability that the slate has the item */
} ShownSlate;

/*
 * The k best items for a query as SelectItems has them, of which each place is given to another
 * eligible item with probability `explore`: see exploration.h.
 */
extern ShownSlate SelectSlate(Served *served, const float *query, const Filter *filter, uint32 k,
                              double explore, Random *random);

/* Adds (id, score, place, propensity) for each item; ids as `kind`. */
extern void AddSlate(RowSet *rows, Served *served, IdKind kind, const ShownSlate *slate);

#endif
