/* scorer.h: room for scores of many queries for many items at a time, on each thread. */
#ifndef RECADV_ALGO_RANK_SCORER_H
#define RECADV_ALGO_RANK_SCORER_H

#include "algo/rank/histories.h"

typedef struct Scorer {
    const Host *host;
    const Model *model;
    Histories histories;
    uint32_t batch;  /* queries of a task, at most */
    uint32_t items;  /* that they are scored for at a time, at most */
    uint32_t width;  /* floats of a query */
    double norm;     /* GreatestNorm */
    float *queries;  /* threads x batch x width */
    uint32_t *had;   /* threads x the longest history */
    float *scores;   /* threads x batch x items */
    bool *undefined; /* threads: a score was NaN */
} Scorer;

extern Scorer ScorerStart(const Host *host, const Model *model, Histories histories, uint32_t batch,
                          uint32_t items);

/* Bytes that ScorerStart allocates, and that products fill. */
extern size_t ScorerMemory(const Model *model, int threads, uint32_t batch, uint32_t items);

/* The query of a user, by a thread. */
extern void ScorerQuery(const Scorer *scorer, int worker, uint32_t user, float *query);

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
