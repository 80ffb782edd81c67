/*
 * counts.c: counts scores in ranges, for rankings that only ask how many items rank before another.
 */
#include "core/counts.h"

#include "core/vector.h"

/* So many ranges in a pass: the more, the fewer scores are loaded for each; at most 4. */
VECTOR_INLINE void CountPass(const float *scores, uint32_t count, const ScoreRange *ranges,
                             uint32_t n, ScoreCounts *counts)
{
    uint32_t at_least[4] = {0}, above[4] = {0};

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t r = 0; r < n; r++) {
            at_least[r] += scores[i] >= ranges[r].low;
            above[r] += scores[i] > ranges[r].high;
        }
    for (uint32_t r = 0; r < n; r++)
        counts[r] = (ScoreCounts){at_least[r], above[r]};
}

VECTOR_INLINE void CountBody(const float *scores, uint32_t count, const ScoreRange *ranges,
                             uint32_t n, ScoreCounts *counts)
{
    uint32_t r = 0;

    for (; r + 4 <= n; r += 4)
        CountPass(scores, count, ranges + r, 4, counts + r);
    for (; r + 2 <= n; r += 2)
        CountPass(scores, count, ranges + r, 2, counts + r);
    if (r < n)
        CountPass(scores, count, ranges + r, 1, counts + r);
}

VECTOR_VARIANTS(Count,
                (const float *scores, uint32_t count, const ScoreRange *ranges, uint32_t n,
                 ScoreCounts *counts),
                CountBody(scores, count, ranges, n, counts))

void ScoresCount(const float *scores, uint32_t count, const ScoreRange *ranges,
                 uint32_t range_count, ScoreCounts *counts)
{
    CountVariants[VectorLevel()](scores, count, ranges, range_count, counts);
}

/* Scores counted at a time; they are looked at one by one only if some are in the range. */
#define BLOCK 64

VECTOR_INLINE void BetweenBody(const float *scores, uint32_t count, ScoreRange range,
                               uint32_t *places, uint32_t *found)
{
    *found = 0;
    for (uint32_t first = 0; first < count; first += BLOCK) {
        uint32_t end = count - first < BLOCK ? count : first + BLOCK, within = 0;

        for (uint32_t i = first; i < end; i++)
            within += (scores[i] >= range.low) & (scores[i] <= range.high);
        for (uint32_t i = first; i < end && within > 0; i++)
            if (scores[i] >= range.low && scores[i] <= range.high)
                places[(*found)++] = i;
    }
}

VECTOR_VARIANTS(Between,
                (const float *scores, uint32_t count, ScoreRange range, uint32_t *places,
                 uint32_t *found),
                BetweenBody(scores, count, range, places, found))

uint32_t ScoresBetween(const float *scores, uint32_t count, ScoreRange range, uint32_t *places)
{
    uint32_t found;

    BetweenVariants[VectorLevel()](scores, count, range, places, &found);
    return found;
}
