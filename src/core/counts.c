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

/* Scores that are searched one by one only where one is found. */
#define BLOCK 64

VECTOR_INLINE void BetweenBody(const float *scores, uint32_t count, float low, float high,
                               uint32_t *places, uint32_t *found)
{
    *found = 0;
    for (uint32_t first = 0; first < count; first += BLOCK) {
        uint32_t end = count - first < BLOCK ? count : first + BLOCK, within = 0;

        for (uint32_t i = first; i < end; i++)
            within += (scores[i] >= low) & (scores[i] <= high);
        for (uint32_t i = first; i < end && within > 0; i++)
            if (scores[i] >= low && scores[i] <= high)
                places[(*found)++] = i;
    }
}

VECTOR_VARIANTS(Between,
                (const float *scores, uint32_t count, float low, float high, uint32_t *places,
                 uint32_t *found),
                BetweenBody(scores, count, low, high, places, found))

uint32_t ScoresBetween(const float *scores, uint32_t count, float low, float high, uint32_t *places)
{
    uint32_t found;

    BetweenVariants[VectorLevel()](scores, count, low, high, places, &found);
    return found;
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
