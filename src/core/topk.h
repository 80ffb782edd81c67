/* topk.h: the k best of a stream of scores, best first, ties to the lower item; NaN never ranks. */
#ifndef RECADV_CORE_TOPK_H
#define RECADV_CORE_TOPK_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Scored {
    float score;
    uint32_t item;
} Scored;

/* A heap of at most `limit` entries in the caller's array, worst entry at the root. */
typedef struct TopK {
    Scored *entries;
    uint32_t limit;
    uint32_t count;
} TopK;

extern void TopKAdd(TopK *top, float score, uint32_t item);

/* Sorts the entries best first; the heap is consumed. */
extern void TopKFinish(TopK *top);

/* A lower score cannot enter any more; an equal one may, if its item is lower. */
static inline float TopKThreshold(const TopK *top)
{
    return top->count < top->limit ? -INFINITY : top->entries[0].score;
}

/* Is a better than b? */
static inline bool ScoredBetter(Scored a, Scored b)
{
    return a.score > b.score || (a.score == b.score && a.item < b.item);
}

#endif
