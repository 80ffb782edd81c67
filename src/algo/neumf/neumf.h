/*
 * neumf.h: neural matrix factorisation (He et al. 2017, "NeuMF"): products of factors and a tower
 * of layers over a user's and an item's row, see network.h.
 *
 * A score is the log odds.  It is no inner product: score() works through the tower, a vector of
 * items at a time.
 */
#ifndef RECADV_ALGO_NEUMF_NEUMF_H
#define RECADV_ALGO_NEUMF_NEUMF_H

#include "algo/learn/factors.h"
#include "algo/neumf/network.h"

/* The rows are those of factors.h, so that they are compared as there. */
enum {
    NEUMF_USER_PART = FACTORS_USER_PART,
    NEUMF_ITEM_PART = FACTORS_ITEM_PART,
    NEUMF_NETWORK_PART, /* a pack */
};

typedef struct NeumfOptions {
    TrainOptions train;
    int64_t factors;
    int64_t width;
    int64_t layers;
    int64_t negatives;
    int64_t epochs;
    int64_t batch_size;
    double learning_rate;
    double last_rate;
    double regularization;
    int64_t warm_epochs;
} NeumfOptions;

extern NeumfShape NeumfShapeOf(const NeumfOptions *options);

extern void NeumfLayout(Model *model);
extern uint32_t NeumfQueryWidth(const Model *model);
extern void NeumfQuery(const Model *view, const QueryInput *input, float *query);
extern void NeumfScore(const Model *view, const float *query, float *out);
extern void NeumfFoldIn(const Host *host, const Model *history, const Model *sample, float *query);

/* The query of a user with this row. */
extern void NeumfQueryOf(const Model *view, const float *row, float *query);

extern size_t NeumfMemory(const Model *model, const Interactions *shape, int threads);
extern double NeumfWork(const Model *model, const Interactions *shape);
extern void NeumfTrain(const Host *host, const Interactions *data, Model *model,
                       TrainReport *report);

/* Epochs of all stages, at most; `held`: something is held out. */
extern int NeumfEpochs(const Model *model, bool held);

/* Deviation of the first rows, as in the reference code. */
#define NEUMF_DEVIATION 0.01

#endif
