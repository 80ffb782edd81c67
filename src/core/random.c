/*
 * random.c: seeds generators by what they are for, and draws from the distributions that need more
 * than a line.
 */
#include "core/random.h"

#include <math.h>

/* Numbers between two looks at interrupts. */
#define SHUFFLED_AT_ONCE 65536

static uint64_t SplitMix(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

void RandomSeed(Random *random, uint64_t seed, RandomPurpose purpose, uint64_t a, uint64_t b)
{
    const uint64_t words[] = {seed, (uint64_t)purpose, a, b};
    uint64_t state = 0;

    for (int i = 0; i < 4; i++) {
        state ^= words[i];
        state = SplitMix(&state);
    }
    for (int i = 0; i < 4; i++)
        random->state[i] = SplitMix(&state);
}

/* Box-Muller, one of the pair: no state to carry between calls. */
double RandomNormal(Random *random)
{
    double u = 1.0 - RandomUniform(random); /* in (0, 1]: the logarithm is finite */
    double v = RandomUniform(random);

    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

double RandomTruncatedNormal(Random *random)
{
    double value;

    do
        value = RandomNormal(random);
    while (fabs(value) > 2.0);
    return value;
}

/* The uniform number is never 0 or 1. */
double RandomGumbel(Random *random)
{
    return -log(-log(((double)(RandomNext(random) >> 12) + 0.5) * 0x1p-52));
}

void RandomShuffle(Random *random, uint32_t *values, uint32_t n)
{
    RandomShufflePart(random, values, n, 0);
}

void RandomShufflePart(Random *random, uint32_t *values, uint32_t n, uint32_t left)
{
    uint32_t last = left > 1 ? left : 1;

    for (uint32_t i = n; i > last; i--) {
        uint32_t j = RandomBelow(random, i);
        uint32_t swap = values[i - 1];

        values[i - 1] = values[j];
        values[j] = swap;
    }
}

void RandomShufflePolling(const Host *host, Random *random, uint32_t *values, uint32_t n)
{
    uint32_t left;

    for (; n > 0; n = left) {
        left = n > SHUFFLED_AT_ONCE ? n - SHUFFLED_AT_ONCE : 0;
        RandomShufflePart(random, values, n, left);
        HostPoll(host);
    }
}
