/* counts.h: counting scores. */
#ifndef RECADV_COUNTS_H
#define RECADV_COUNTS_H

#include <stdint.h>

/* What one pass over scores counts. */
typedef struct ScoreCounts {
    uint32_t at_least; /* the lower of two limits */
    uint32_t above;    /* the upper */
} ScoreCounts;

extern ScoreCounts ScoresCount(const float *scores, uint32_t count, float low, float high);

/* Places of the scores from `low` to `high`; returns how many. */
extern uint32_t ScoresBetween(const float *scores, uint32_t count, float low, float high,
                              uint32_t *places);

/* Scores that are not a number. */
extern uint32_t ScoresUndefined(const float *scores, uint32_t count);

#endif
