/*
 * attention.h: multi-head attention over sequences (Vaswani et al. 2017, section 3.2).
 *
 * Each row asks (its query) which rows of its sequence matter (their keys), and gets the mean of
 * what they say (their values), weighted by a softmax.
 */
#ifndef RECADV_ALGO_NET_ATTENTION_H
#define RECADV_ALGO_NET_ATTENTION_H

#include "algo/net/real.h"

/* Rows of several sequences, one sequence after the other. */
typedef struct Sequences {
    uint32_t count;
    const uint32_t *first;   /* count + 1: rows of sequence s are first[s] .. first[s + 1] - 1 */
    const uint32_t *padding; /* of each: so many of its first rows stand for nothing; NULL: none */
} Sequences;

static inline uint32_t SequenceRows(const Sequences *sequences)
{
    return sequences->first[sequences->count];
}

typedef struct AttentionShape {
    uint32_t columns; /* a multiple of heads */
    uint32_t heads;   /* each has its share of the columns */
    bool causal;      /* rows see none that come later */
} AttentionShape;

/* Numbers of `weights`: for each sequence of L rows and each head L x L. */
extern size_t AttentionReals(const AttentionShape *shape, const Sequences *sequences);

/* Of the longest sequence: L x L. */
extern size_t AttentionScratch(const Sequences *sequences);

/*
 * q, k, v, out: rows x columns; weights: AttentionReals, with one row of weights per query: 0 for
 * what it does not see, otherwise their sum is 1.  Rows that stand for nothing are not seen and get
 * zeros.  keep, kept: as weights; each weight is multiplied by its `keep`, of a dropout, into
 * `kept` (NULL, both: there is none).
 */
extern void AttentionForward(const AttentionShape *shape, const Sequences *sequences, const Real *q,
                             const Real *k, const Real *v, const Real *keep, Real *weights,
                             Real *kept, Real *out);

/* What the way forward had and made. */
typedef struct AttentionTape {
    const Real *q, *k, *v;
    const Real *weights, *keep, *kept;
} AttentionTape;

/* g: rows x columns, the gradient of out; dq, dk, dv: rows x columns; scratch: AttentionScratch */
extern void AttentionBackward(const AttentionShape *shape, const Sequences *sequences,
                              const AttentionTape *tape, const Real *g, Real *dq, Real *dk,
                              Real *dv, Real *scratch);

/* scores (count): times scale, a softmax in place */
extern void AttentionSoftmax(Real *scores, size_t count, Real scale);

#endif
