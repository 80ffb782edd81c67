/* counts.c: vectorised passes. */
#include "core/counts.h"

#include "core/vector.h"

VECTOR_INLINE void CountBody(const float *scores, uint32_t count, float low, float high,
                             ScoreCounts *counts)
{
    uint32_t at_least = 0, above = 0;

    for (uint32_t i = 0; i < count; i++) {
        at_least += scores[i] >= low;
        above += scores[i] > high;
    }
    *counts = (ScoreCounts){at_least, above};
}

VECTOR_VARIANTS(Count,
                (const float *scores, uint32_t count, float low, float high, ScoreCounts *counts),
                CountBody(scores, count, low, high, counts))

ScoreCounts ScoresCount(const float *scores, uint32_t count, float low, float high)
{
    ScoreCounts counts;

    CountVariants[VectorLevel()](scores, count, low, high, &counts);
    return counts;
}

VECTOR_INLINE void UndefinedBody(const float *scores, uint32_t count, uint32_t *undefined)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < count; i++)
        found += scores[i] != scores[i];
    *undefined = found;
}

VECTOR_VARIANTS(Undefined, (const float *scores, uint32_t count, uint32_t *undefined),
                UndefinedBody(scores, count, undefined))

uint32_t ScoresUndefined(const float *scores, uint32_t count)
{
    uint32_t undefined;

    UndefinedVariants[VectorLevel()](scores, count, &undefined);
    return undefined;
}
