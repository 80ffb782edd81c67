/*
 * batch.h: mini-batch updates of matrix factorisation (He et al. 2018, section 3.3.1).
 *
 * All gradient contributions of a row within the batch are summed, in both of an item's roles,
 * before the row is normalised into its perturbation and before the optimiser steps once.
 * Losses are sums over the batch, not means, as in the authors' code.
 */
#ifndef RECADV_ALGO_MF_BATCH_H
#define RECADV_ALGO_MF_BATCH_H

#include "algo/mf/triple.h"

typedef struct BatchTriple {
    uint32_t user;
    uint32_t positive;
    uint32_t negative;
} BatchTriple;

/* The rows of one embedding matrix that the batch touches; row s of the buffers is row touched[s].
 */
typedef struct BatchSide {
    float *rows;       /* the matrix: all rows x stride */
    float *state;      /* Adagrad accumulators */
    uint32_t *slot;    /* all rows: slot + 1 within this batch, 0 if not touched */
    uint32_t *touched; /* slots: row */
    uint32_t count;    /* slots in use */
    float *gamma;      /* slots x stride: gradient of the clean loss */
    float *delta;      /* slots x stride: perturbation */
    float *total;      /* slots x stride: gradient of the whole objective */
} BatchSide;

typedef struct Batch {
    BatchTriple *triples;
    uint32_t size;
    BatchSide user;
    BatchSide item;
} Batch;

extern void BatchCreate(const Host *host, const TripleRule *rule, uint32_t users, uint32_t items,
                        uint32_t size, Batch *batch);
extern void BatchRelease(const Host *host, Batch *batch);
extern size_t BatchMemory(uint32_t users, uint32_t items, uint32_t size, uint32_t stride);

/* The parts of a step, in order; exposed for tests. */
extern double BatchClean(const TripleRule *rule, Batch *batch, uint32_t count);
extern double BatchAdversarial(const TripleRule *rule, Batch *batch, uint32_t count);
extern void BatchApply(const TripleRule *rule, Batch *batch);

/* One step over batch->triples[0..count-1]; returns the sum of -ln sigma(x) before it. */
extern double BatchStep(const TripleRule *rule, Batch *batch, uint32_t count);

/*
 * A uniform negative of the user over all items, the hardest of rule->candidates; NO_ITEM if the
 * user has every item.
 */
extern uint32_t BatchNegative(const TripleRule *rule, const Interactions *data, uint32_t user,
                              Random *random);

#endif
