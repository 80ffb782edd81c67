/* counts.h: counting scores. */
#ifndef RECADV_CORE_COUNTS_H
#define RECADV_CORE_COUNTS_H

#include <stdint.h>

typedef struct ScoreRange {
    float low;
    float high;
} ScoreRange;

typedef struct ScoreCounts {
    uint32_t at_least; /* `low` of a range */
    uint32_t above;    /* `high` of it */
} ScoreCounts;

/* Counts for each of the ranges. */
extern void ScoresCount(const float *scores, uint32_t count, const ScoreRange *ranges,
                        uint32_t range_count, ScoreCounts *counts);

/* Places of the scores in the range, ends included; returns how many. */
extern uint32_t ScoresBetween(const float *scores, uint32_t count, ScoreRange range,
                              uint32_t *places);

#endif
