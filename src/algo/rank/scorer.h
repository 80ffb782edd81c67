/* scorer.h: room for scores of many queries for many items at a time, on each thread. */
#ifndef RECADV_ALGO_RANK_SCORER_H
#define RECADV_ALGO_RANK_SCORER_H

#include "algo/algorithm.h"

typedef struct Scorer {
    const Host *host;
    const Model *model;
    uint32_t batch;  /* queries of a task, at most */
    uint32_t items;  /* that they are scored for at a time, at most */
    uint32_t width;  /* floats of a query */
    double norm;     /* GreatestNorm */
    float *queries;  /* threads x batch x width */
    float *scores;   /* threads x batch x items */
    bool *undefined; /* threads: a score was NaN */
} Scorer;

extern Scorer ScorerStart(const Host *host, const Model *model, uint32_t batch, uint32_t items);

/* Releases the room; fails if the run was cancelled or a score was undefined. */
extern void ScorerEnd(Scorer *scorer);

static inline float *ScorerQueries(const Scorer *scorer, int worker)
{
    return scorer->queries + (size_t)worker * scorer->batch * scorer->width;
}

static inline float *ScorerScores(const Scorer *scorer, int worker)
{
    return scorer->scores + (size_t)worker * scorer->batch * scorer->items;
}

#endif
