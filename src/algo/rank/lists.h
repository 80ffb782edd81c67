/*
 * lists.h: what the lists of many users are made of, beyond accuracy: how much of the catalogue is
 * in them, how popular it is, and how new.
 *
 * The lists are those that are served: the best items that a user has not, by the scan of scan.h,
 * ties to the lower item.
 */
#ifndef RECADV_ALGO_RANK_LISTS_H
#define RECADV_ALGO_RANK_LISTS_H

#include "algo/rank/ranking.h"

/* Of the first k of each list.  Without any item in any list the last two are NaN. */
typedef struct ListMetrics {
    uint32_t k;
    double coverage;   /* share of the items that are in some list */
    double popularity; /* mean over lists of the items' mean number of users in training */
    double novelty;    /* the same of -log2(that number / users of the model) */
    uint64_t lists;    /* that have an item */
} ListMetrics;

/*
 * On the host's pool.  `cases` tell the users and what is not for them, `train` who has what, and
 * metrics[0..count-1].k, at least 1, how much of the lists is looked at.  `weight` as in penalty.h.
 */
extern void MeasureLists(const Host *host, const Model *model, Histories histories,
                         const Interactions *train, float weight, const RankingCase *cases,
                         size_t case_count, ListMetrics *metrics, uint32_t count);

/* Bytes that MeasureLists allocates. */
extern size_t ListsMemory(const Model *model, int threads, size_t case_count,
                          const ListMetrics *metrics, uint32_t count);

#endif
