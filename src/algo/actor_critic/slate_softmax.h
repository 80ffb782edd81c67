/*
 * slate_softmax.h: the likelihood of slates under a softmax over all items, tile by tile: no matrix
 * of all logits is kept.
 */
#ifndef RECADV_ALGO_ACTOR_CRITIC_SLATE_SOFTMAX_H
#define RECADV_ALGO_ACTOR_CRITIC_SLATE_SOFTMAX_H

#include "algo/actor_critic/losses.h"
#include "algo/learn/store.h"

typedef struct SlateSoftmax {
    uint32_t items;
    uint32_t stride;
    uint32_t batch; /* at most */
    uint32_t tiles;
    float *logits;   /* of each worker: batch x tile */
    float *greatest; /* tiles x batch */
    float *sum;      /* tiles x batch */
    float *log_sum;  /* batch */
    float *partial;  /* tiles x batch x stride */
} SlateSoftmax;

extern void SlateSoftmaxTake(Store *store, uint32_t items, uint32_t stride, uint32_t batch,
                             int threads, SlateSoftmax *softmax);

/*
 * Gradients of the loss -sum over rows r of weight[r] * sum over slate[r] of ln softmax_i(rows .
 * query[r]). queries: count x stride; dense: items x stride, written: the gradient by the items'
 * rows; dqueries: count x stride, written.
 */
extern void SlateSoftmaxRun(const Host *host, SlateSoftmax *softmax, const float *rows,
                            const float *queries, uint32_t count, const ShownSlate *slates,
                            const float *weight, float *dense, float *dqueries);

#endif
