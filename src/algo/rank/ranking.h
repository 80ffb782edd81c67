/*
 * ranking.h: positions of relevant items in the full ranking of a model.
 *
 * Candidates of a user are all items but those excluded.  They rank as they are served: by score,
 * ties to the lower item.  Scores are compared as exact.h says.
 */
#ifndef RECADV_ALGO_RANK_RANKING_H
#define RECADV_ALGO_RANK_RANKING_H

#include "algo/rank/histories.h"

/* One user to rank for. */
typedef struct RankingCase {
    uint32_t user;            /* row of the user parts */
    const uint32_t *relevant; /* item indexes, distinct */
    uint32_t relevant_count;
    const uint32_t *excluded; /* items that are no candidates; relevant ones stay candidates */
    uint32_t excluded_count;
    uint32_t *positions; /* out: relevant_count 0-based positions, ascending */
    uint32_t others;     /* out: candidates that are not relevant */
} RankingCase;

/*
 * Ranks every case, on the host's pool.  Fails if a candidate's score is NaN: a relevant one would
 * win every comparison, another one would lose it.
 */
extern void RankCases(const Host *host, const Model *model, Histories histories, RankingCase *cases,
                      size_t count);

/* The same by scores from which popularity takes something: penalty.h. */
extern void RankCasesPenalised(const Host *host, const Model *model, Histories histories,
                               float weight, RankingCase *cases, size_t count);

/* Bytes that either allocates. */
extern size_t RankingMemory(const Model *model, int threads);

#endif
