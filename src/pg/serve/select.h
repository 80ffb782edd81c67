/* select.h: the best rows under a filter, which is applied before the choice, never after. */
#ifndef RECADV_PG_SERVE_SELECT_H
#define RECADV_PG_SERVE_SELECT_H

#include "core/topk.h"
#include "pg/base/rowset.h"
#include "pg/serve/filter.h"

/*
 * The k best items for a query, best first, ties to the lower item; query == NULL: popularity.
 * `weight` is that of popularity, against it: see algo/rank/penalty.h.
 */
extern TopK SelectItems(Served *served, const float *query, const Filter *filter, uint32 k,
                        float weight);

/* Does a task without a query go by what is popular of late, which only OfferRecent knows? */
extern bool GoesByRecent(const Served *served, const float *query);

/* The counts that such a task goes by, of all items. */
extern const float *RecentOf(Served *served);

/* Offers all items of the model to it. */
extern void OfferRecent(Served *served, ScanTask *task, const float *recent);

/* Offers the new items to a task, after the scan of the model's own items. */
extern void OfferNewItems(const Served *served, ScanTask *task);

/* The k rows of an axis that are most alike to one of its rows, which is left out. */
extern TopK SelectSimilar(Served *served, Axis axis, uint32 row, const Filter *filter, uint32 k);

/* The k rows of an axis whose embeddings are most alike to a vector of their width. */
extern TopK SelectNearest(Served *served, Axis axis, const float *vector, uint32 k);

/* The k best of rows that have their scores already. */
extern TopK SelectScored(const RowList *rows, const float *scores, const Filter *filter, uint32 k);

/* Adds (id, score, rank) for each entry; ids as `kind`. */
extern void AddSelected(RowSet *rows, Served *served, Axis axis, IdKind kind, const TopK *top);

/* Adds (item, score, rank, fallback): is it what anybody gets of whom nothing is known? */
extern void AddRecommended(RowSet *rows, Served *served, IdKind kind, const TopK *top,
                           bool fallback);
/* The same, with a fourth column beside each; NULL: without. */
extern void AddItems(RowSet *rows, Served *served, Axis axis, IdKind kind, const TopK *top,
                     const float *propensity);

#endif
