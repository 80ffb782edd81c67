/* loss.h: the losses of a slice, and their gradients: see batch.h for the formulas. */
#ifndef RECADV_ALGO_SASREC_LOSS_H
#define RECADV_ALGO_SASREC_LOSS_H

#include "algo/sasrec/batch.h"

/*
 * Sum of the losses of the slice's rows, from batch->out.  scores: rows x width, scratch; g: rows x
 * factors, the gradient of out; negatives: width x factors, that of the shared rows, added to;
 * batch->pull and push get those of the products.
 */
extern double SasrecLossOf(SasrecBatch *batch, const SasrecSlice *slice, float *scores, float *g,
                           float *negatives);

#endif
