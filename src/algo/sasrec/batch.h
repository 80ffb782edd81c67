/*
 * batch.h: one step of a SASRec model on a batch of windows.
 *
 * For row r of a window, with out_r what the encoder gives there, x_t the row of the item that
 * comes next and x_j rows of items that the user does not have:
 *
 *     softmax   loss = ln(1 + sum over j of exp(out_r . (x_j - x_t))),  j: negatives of the batch
 *     bce       loss = -ln sigmoid(out_r . x_t) - ln sigmoid(-out_r . x_j),  j: one for each row
 *
 * Each loss is multiplied by the weight of the interaction that comes next, over the mean weight.
 * The step follows the mean over the rows.  The encoder reads rows of items times the square root
 * of their width.
 */
#ifndef RECADV_ALGO_SASREC_BATCH_H
#define RECADV_ALGO_SASREC_BATCH_H

#include "algo/learn/adam_rows.h"
#include "algo/sasrec/sasrec.h"
#include "algo/sasrec/windows.h"

/* Slices that are learnt at one time, each with a gradient of its own. */
#define SASREC_LANES 16

/* Windows, one after the other, that one task learns. */
typedef struct SasrecSlice {
    uint32_t window, windows; /* of the batch */
    uint32_t row, rows;
} SasrecSlice;

/* How a batch is learnt. */
typedef struct SasrecRule {
    const Interactions *data;
    bool held_too; /* what is held out is learnt, too */
    SasrecLoss loss;
    double dropout;
    float rate;
    float regularization;
    float *item_sums, *network_sums; /* as the parts: gradients are added, nothing steps (NULL,
                                      * both: it learns) */
} SasrecRule;

/* Rows of items that a batch touches, by number, and what moves each of them. */
typedef struct SasrecItems {
    uint32_t *number; /* per item: its number + 1; 0: it is not touched */
    uint32_t *item;   /* by number; the first are the negatives that a batch shares */
    uint32_t *start;  /* by number, one more: its entries */
    uint32_t *entry;  /* see SasrecEntry in batch.c */
    uint32_t count;
} SasrecItems;

typedef struct SasrecBatch {
    SasrecRule rule;
    Transformer encoder;
    Part *item, *network;
    uint32_t most_windows;
    uint32_t negatives; /* shared; 0 with one for each row */
    uint32_t width;     /* negatives, padded to whole vectors */
    uint32_t slice_rows;

    Window *window;
    uint32_t windows, rows;
    SasrecSlice *slice;
    uint32_t slices;
    uint32_t *input, *target, *negative; /* per row: items; NO_ITEM: there is none */
    float *weight;                       /* per row: of its loss */
    float *pull, *push;                  /* per row: of its target and of its negative */
    float *out, *dx;                     /* rows x factors */
    double *losses;                      /* per slice */
    SasrecItems items;
    float *shared; /* negatives x factors: their rows */
    float *lane;   /* gradients of the lanes: of the network and of the negatives */
    size_t lane_floats;
    float *worker; /* scratch of each thread */
    size_t scratch;
    float *row;      /* of each thread: one gradient */
    uint32_t *first; /* of each thread: rows at which windows start */
    float *network_sum;
    float *network_state; /* Adam's */
    uint64_t steps;       /* of the network */
    AdamRows adam;        /* of the items */
    uint64_t seed;
    const Host *host;
} SasrecBatch;

extern void SasrecBatchCreate(const Host *host, Model *model, SasrecBatch *batch);
extern void SasrecBatchRelease(const Host *host, SasrecBatch *batch);
extern size_t SasrecBatchMemory(const Model *model, int threads);

/* Adam starts anew. */
extern void SasrecBatchForget(SasrecBatch *batch);

/*
 * Learns batch->window[0 .. windows - 1] of these histories; returns the sum of the losses of its
 * rows.  epoch, first: name its random numbers.
 */
extern double SasrecBatchStep(SasrecBatch *batch, const Windows *histories, uint64_t epoch,
                              uint64_t first);

/*
 * In loss.c: the sum of the losses of the slice's rows, from batch->out.  scores: rows x width,
 * scratch; g: rows x factors, the gradient of out; negatives: width x factors, that of the shared
 * rows, added to; batch->pull and push get those of the products.
 */
extern double SasrecLossOf(SasrecBatch *batch, const SasrecSlice *slice, float *scores, float *g,
                           float *negatives);

#endif
