/* counts.h: counting scores. */
#ifndef RECADV_COUNTS_H
#define RECADV_COUNTS_H

#include <stdint.h>

/* What one pass over scores counts. */
typedef struct ScoreCounts {
    uint32_t at_least; /* a limit */
    uint32_t nan;
} ScoreCounts;

extern ScoreCounts ScoresCount(const float *scores, uint32_t count, float limit);

#endif
