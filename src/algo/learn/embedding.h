/*
 * embedding.h: what factor models share: an embedding per user and per item, whose inner product is
 * the score.
 */
#ifndef RECADV_ALGO_LEARN_EMBEDDING_H
#define RECADV_ALGO_LEARN_EMBEDDING_H

#include "algo/algorithm.h"
#include "core/random.h"

/* Rows of zeros start as normal numbers, cut off at two standard deviations; others stay. */
extern void EmbeddingInit(const Host *host, Part *part, RandomPurpose purpose, uint64_t seed,
                          double deviation);

/* out[r]: cosine of the only row of `one` and row r; 0 where one of the two is zero. */
extern void EmbeddingCosines(const Part *one, const Part *rows, float *out);

/*
 * Moves every row by `epsilon` in place: at random, or against the ranking of each training
 * interaction above an item drawn uniformly from the user's others (the loss of BPR).
 */
extern void EmbeddingPerturb(const Host *host, const Interactions *data, Part *user, Part *item,
                             Perturbation kind, double epsilon, uint64_t seed);

#endif
