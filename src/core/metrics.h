/*
 * metrics.h: accuracy of a full ranking, from the positions of the relevant items.
 *
 * Definitions as in He et al. 2018, section 4.1 (one relevant item) and as in LightGCN's
 * evaluation (several): binary gains, the ideal DCG over min(k, relevant).
 */
#ifndef RECADV_CORE_METRICS_H
#define RECADV_CORE_METRICS_H

#include <stdint.h>

/* A relevant item that the model cannot rank (it is new): it counts as never found. */
#define NOT_RANKED UINT32_MAX

/* Of one user, or sums over users. */
typedef struct CutoffMetrics {
    double hr;        /* 1 if a relevant item is in the first k */
    double ndcg;      /* DCG / ideal DCG */
    double recall;    /* share of the relevant items in the first k */
    double precision; /* share of the first k that is relevant */
} CutoffMetrics;

typedef struct RankingMetrics {
    double mrr; /* 1 / rank of the first relevant item */
    double map; /* mean over relevant items of the precision at their rank */
    double auc; /* share of (relevant, other) pairs in the right order; NaN: there are none */
} RankingMetrics;

/* positions: 0-based ranks of `relevant` items, ascending, NOT_RANKED last; k >= 1. */
extern CutoffMetrics CutoffMetricsOf(const uint32_t *positions, uint32_t relevant, uint32_t k);

/* others: candidates that are not relevant. */
extern RankingMetrics RankingMetricsOf(const uint32_t *positions, uint32_t relevant,
                                       uint32_t others);

#endif
