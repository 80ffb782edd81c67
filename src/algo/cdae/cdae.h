/*
 * cdae.h: collaborative denoising auto-encoder (Wu et al. 2016, "CDAE"): what a user has, some of
 * it dropped, is to give all of it back.
 *
 *     z = sigmoid(V_u + b + s * sum over i of W_i),  i: items of the user; score(u, j) = W'_j . z +
 * b'_j
 *
 * A query is z, and a 1 that meets the item's bias: an inner product.  It is made of the history,
 * so that what a user has just taken counts at once, and visitors have queries, too (without V_u).
 */
#ifndef RECADV_ALGO_CDAE_CDAE_H
#define RECADV_ALGO_CDAE_CDAE_H

#include "algo/learn/factors.h"

/* The first two are those of factors.h, so that they are compared as there. */
enum {
    CDAE_USER_PART = FACTORS_USER_PART,  /* V: users x factors */
    CDAE_INPUT_PART = FACTORS_ITEM_PART, /* W: items x factors */
    CDAE_OUTPUT_PART,                    /* W' and b': items x (factors + 1) */
    CDAE_BIAS_PART,                      /* b: 1 x factors */
};

typedef enum CdaeLoss { CDAE_LOGISTIC, CDAE_SQUARE, CDAE_SOFTMAX } CdaeLoss;

typedef struct CdaeOptions {
    TrainOptions train;
    int64_t factors;
    int loss; /* CdaeLoss */
    double corruption;
    int64_t negatives;
    bool normalize;
    bool user_node;
    int64_t epochs;
    int64_t batch_size;
    double learning_rate;
    double last_rate;
    double regularization;
    int64_t warm_epochs;
} CdaeOptions;

/* s: 1, or with `normalize` 1 over the root of how many items are read. */
extern float CdaeScale(const CdaeOptions *options, uint32_t count);

/* sum: what z is the sigmoid of; query: z, 1, zeros; both have the stride of the outputs. */
extern void CdaeHidden(const CdaeOptions *options, const float *sum, uint32_t stride, float *query);

extern void CdaeLayout(Model *model);
extern uint32_t CdaeQueryWidth(const Model *model);
extern HistoryNeed CdaeHistory(const void *options);
extern void CdaeQuery(const Model *view, const QueryInput *input, float *query);

extern size_t CdaeMemory(const Model *model, const Interactions *shape, int threads);
extern double CdaeWork(const Model *model, const Interactions *shape);
extern void CdaeTrain(const Host *host, const Interactions *data, Model *model,
                      TrainReport *report);

/* Epochs of all stages, at most; `held`: something is held out. */
extern int CdaeEpochs(const Model *model, bool held);

#define CDAE_MOST_FACTORS 1023

#endif
