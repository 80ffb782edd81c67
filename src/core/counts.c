/* counts.c: one vectorised pass. */
#include "core/counts.h"

#include "core/vector.h"

VECTOR_INLINE void CountBody(const float *scores, uint32_t count, float limit, ScoreCounts *counts)
{
    uint32_t at_least = 0, nan = 0;

    for (uint32_t i = 0; i < count; i++) {
        at_least += scores[i] >= limit;
        nan += scores[i] != scores[i];
    }
    *counts = (ScoreCounts){at_least, nan};
}

VECTOR_VARIANTS(Count, (const float *scores, uint32_t count, float limit, ScoreCounts *counts),
                CountBody(scores, count, limit, counts))

ScoreCounts ScoresCount(const float *scores, uint32_t count, float limit)
{
    ScoreCounts counts;

    CountVariants[VectorLevel()](scores, count, limit, &counts);
    return counts;
}
