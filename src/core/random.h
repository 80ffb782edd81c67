/*
 * random.h: reproducible random numbers (xoshiro256++ by Blackman and Vigna, seeded by splitmix64).
 *
 * A generator is named by (seed, purpose, a, b): work that is cut into tasks draws from one
 * generator per task, so results do not depend on the number of threads.
 */
#ifndef RECADV_CORE_RANDOM_H
#define RECADV_CORE_RANDOM_H

#include <stdint.h>

#include "core/host.h"

typedef struct Random {
    uint64_t state[4];
} Random;

/* What a stream is for; streams of different purpose are independent. */
typedef enum RandomPurpose {
    RANDOM_INIT_USER,
    RANDOM_INIT_ITEM,
    RANDOM_CUT_USERS,
    RANDOM_CUT_ITEMS,
    RANDOM_CELL,
    RANDOM_BATCH,
    RANDOM_HOLDOUT,
    RANDOM_ROBUSTNESS,
    RANDOM_INIT_WEIGHT,
    RANDOM_ORDER,
    RANDOM_EVENT,
    RANDOM_ONLINE,
    RANDOM_FOLD_IN,
    RANDOM_CHOICE,
    RANDOM_VISITOR,
    RANDOM_ANSWER,
    RANDOM_CLUSTER,
    RANDOM_SLATE,
    RANDOM_REPLAY,
    RANDOM_NOISE,
    RANDOM_DROPOUT,
    RANDOM_EXPLORE,
    RANDOM_VALUE,
    RANDOM_WORLD
} RandomPurpose;

extern void RandomSeed(Random *random, uint64_t seed, RandomPurpose purpose, uint64_t a,
                       uint64_t b);

/* Normal(0, 1) cut off at two standard deviations by redrawing, as TensorFlow's truncated_normal.
 */
extern double RandomTruncatedNormal(Random *random);
extern double RandomNormal(Random *random);

/*
 * Standard Gumbel.  The k largest of logit + Gumbel are k draws without replacement from the
 * softmax of the logits, in the order in which they are drawn.
 */
extern double RandomGumbel(Random *random);

/* Uniform permutation of values[0..n-1] in place (Fisher-Yates). */
extern void RandomShuffle(Random *random, uint32_t *values, uint32_t n);

/* Settles values[left..n-1] alone; with `left` as the next n it goes on to the same permutation. */
extern void RandomShufflePart(Random *random, uint32_t *values, uint32_t n, uint32_t left);

/* The permutation of RandomShuffle, with looks at interrupts on the way.  Main thread. */
extern void RandomShufflePolling(const Host *host, Random *random, uint32_t *values, uint32_t n);

static inline uint64_t RandomNext(Random *random)
{
    uint64_t *s = random->state;
    uint64_t sum = s[0] + s[3];
    uint64_t result = ((sum << 23) | (sum >> 41)) + s[0];
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform in [0, n), n >= 1, without bias (Lemire's multiply and reject). */
static inline uint32_t RandomBelow(Random *random, uint32_t n)
{
    uint64_t product = (RandomNext(random) >> 32) * n;

    if ((uint32_t)product < n) {
        uint32_t threshold = -n % n;

        while ((uint32_t)product < threshold)
            product = (RandomNext(random) >> 32) * n;
    }
    return product >> 32;
}

/* Uniform in [0, 1) with 53 bits. */
static inline double RandomUniform(Random *random)
{
    return (RandomNext(random) >> 11) * 0x1p-53;
}

#endif
