/*
 * exact.h: places in a ranking as scores of one pair at a time give them, found in scores of many
 * queries at a time.
 *
 * Products of many queries are rounded otherwise than single ones, and not all alike: items with
 * the same row get scores that differ in their last bits.  How far the two can be apart is known,
 * so what that could decide, and nothing else, is scored again alone.
 */
#ifndef RECADV_ALGO_RANK_EXACT_H
#define RECADV_ALGO_RANK_EXACT_H

#include "algo/algorithm.h"
#include "core/counts.h"

/* Items that are looked at together, at most. */
#define SLICE_ITEMS 1024

/*
 * Greatest norm of the rows that meet a query; 0 where products of many queries are single ones.
 * Main thread only.
 */
extern double GreatestNorm(const Host *host, const Model *model);

/* How far inner products of the query can be from single ones; `norm` as above. */
extern float ProductDoubt(const Model *model, const float *query, double norm);

/* An item that others are compared with. */
typedef struct Mark {
    uint32_t item;
    float score;      /* apart from all others */
    ScoreRange doubt; /* below it a candidate's own score is lower, above it is higher */
} Mark;

/* Is a candidate listed before the mark?  Ties go to the lower item, as in topk.h. */
static inline bool RanksBefore(uint32_t item, float score, const Mark *mark)
{
    return score > mark->score || (score == mark->score && item < mark->item);
}

/* The bounds hold for items with the same scalars, and all items where scores are products. */
extern Mark MarkItem(const Model *model, const float *query, uint32_t item, float doubt);

/* Scores of one query for some items.  What is NaN is no candidate, and stays NaN. */
typedef struct Slice {
    const Model *model;
    const float *query;
    float *scores; /* of `count` items from `first` on; become exact where that matters */
    uint32_t first;
    uint32_t count;
    uint32_t settled; /* items that were scored again */
    bool exact;       /* all are */
} Slice;

static inline Slice SliceOf(const Model *model, const float *query, float doubt, uint32_t first,
                            uint32_t count, float *scores)
{
    return (Slice){.model = model,
                   .query = query,
                   .scores = scores,
                   .first = first,
                   .count = count,
                   .exact = doubt == 0};
}

/* Adds, for each mark, the candidates that rank before it; returns how many scores are NaN. */
extern uint32_t SliceCount(Slice *slice, const Mark *marks, uint32_t mark_count, uint32_t *before);

/* The own score of item first + i. */
extern float SliceExact(Slice *slice, uint32_t i);

#endif
