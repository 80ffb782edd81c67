/*
 * batch.h: one step of a NeuMF model on a batch of examples.
 *
 * An example is a user, an item and a label: 1 for an interaction, 0 for an item that the user does
 * not have.  The step, Adam's, follows the mean of the examples' cross entropies.  Gradients of a
 * row are summed over the batch first; rows that no example names stay as they are.
 */
#ifndef RECADV_ALGO_NEUMF_BATCH_H
#define RECADV_ALGO_NEUMF_BATCH_H

#include "algo/learn/adam_rows.h"
#include "algo/learn/row_groups.h"
#include "algo/neumf/neumf.h"

/* A batch is cut into so many slices at most, each with a gradient of the network of its own. */
#define NEUMF_LANES 16

typedef struct NeumfRule {
    float rate;
    float regularization;
    float *user_sums, *item_sums, *network_sums; /* as the parts: gradients are added, nothing steps
                                                  * (NULL, all three: it learns) */
} NeumfRule;

/* Rows of one side. */
typedef struct NeumfSide {
    Part *part;
    RowGroups groups;
    uint32_t *row_of; /* per example */
    float *values;    /* per example: its row, */
    float *gradient;  /* and what it does to it */
    AdamRows adam;
} NeumfSide;

typedef struct NeumfBatch {
    NeumfRule rule;
    NeumfNetwork network;
    Part *part; /* of the network */
    NeumfSide user, item;
    uint32_t most; /* examples */

    uint32_t count;
    uint32_t slice; /* examples of each */
    float *label;
    float *odds; /* and then their gradient */
    double losses[NEUMF_LANES];
    float *lane; /* gradients of the network */
    float *tape; /* of each thread */
    size_t tape_floats;
    float *row; /* of each thread: one gradient */
    float *network_sum, *network_state;
    uint64_t steps;
    const Host *host;
} NeumfBatch;

extern void NeumfBatchCreate(const Host *host, Model *model, NeumfBatch *batch);
extern void NeumfBatchRelease(const Host *host, NeumfBatch *batch);
extern size_t NeumfBatchMemory(const Model *model, int threads);

/* Examples of a batch: no fewer than one interaction and its negatives. */
extern uint32_t NeumfExamples(const NeumfOptions *options);

/* Adam starts anew. */
extern void NeumfBatchForget(NeumfBatch *batch);

static inline void NeumfBatchAdd(NeumfBatch *batch, uint32_t user, uint32_t item, float label)
{
    batch->user.row_of[batch->count] = user;
    batch->item.row_of[batch->count] = item;
    batch->label[batch->count++] = label;
}

/* Learns the examples that were added, at least one, and forgets them; the sum of their losses. */
extern double NeumfBatchStep(NeumfBatch *batch);

#endif
