/* softmax.h: a factor model trained with a sampled softmax over cosines. */
#ifndef RECADV_ALGO_SOFTMAX_SOFTMAX_H
#define RECADV_ALGO_SOFTMAX_SOFTMAX_H

#include "algo/learn/factors.h"
#include "algo/softmax/batch.h"

/* The temperature that the model was trained with: one number. */
#define SOFTMAX_TEMPERATURE_PART 3

/* What the option takes, and a model may hold. */
#define LEAST_TEMPERATURE    0.01f
#define GREATEST_TEMPERATURE 100.0f

typedef struct SoftmaxOptions {
    TrainOptions train;
    int64_t factors;
    int64_t epochs;
    double learning_rate;
    double temperature; /* 0: chosen by validation */
    double item_norm_exponent;
    double log_sum_weight;
    int64_t negatives;
    int64_t batch_size;
    int64_t chunk;
    int64_t warm_epochs;
} SoftmaxOptions;

/* Negatives of a batch: fewer where there are few items; 0: there is but one. */
extern uint32_t SoftmaxNegatives(const SoftmaxOptions *options, uint32_t items);

/* The number that is stored; fails if it is none that training stores. */
extern float SoftmaxTemperature(const Host *host, const Model *model);

/*
 * Norms of the items' rows: (interactions + 1)^exponent, divided by its mean over the interactions
 * that train.
 */
extern void SoftmaxNorms(const Host *host, const Interactions *data, bool held_too, double exponent,
                         float *norm);

/* The interactions that an epoch learns, and the order of its queries. */
typedef struct SoftmaxList {
    SoftmaxPair *pairs; /* grouped by user; where there are weights, as often as they ask for */
    uint32_t *first;    /* queries: their first pair */
    uint64_t room;
    uint32_t count; /* pairs */
    uint32_t queries;
} SoftmaxList;

extern void SoftmaxListCreate(const Host *host, const Interactions *data, SoftmaxList *list);
extern void SoftmaxListRelease(const Host *host, SoftmaxList *list);
extern size_t SoftmaxListMemory(const Interactions *shape);

/* Lists an epoch. */
extern void SoftmaxListFill(const Host *host, const Interactions *data, bool held_too,
                            uint32_t chunk, Random *random, SoftmaxList *list);

/* Fills batch->queries from query `first` on; returns the first query of the next batch. */
extern uint32_t SoftmaxListBatch(const SoftmaxList *list, uint32_t first, SoftmaxBatch *batch);

extern void SoftmaxLayout(Model *model);
extern size_t SoftmaxMemory(const Model *model, const Interactions *shape, int threads);
extern double SoftmaxWork(const Model *model, const Interactions *shape);
extern void SoftmaxTrain(const Host *host, const Interactions *data, Model *model,
                         TrainReport *report);
extern void SoftmaxFoldIn(const Host *host, const Model *history, const Model *sample,
                          float *query);
extern void SoftmaxPerturb(const Host *host, const Interactions *data, Model *model,
                           Perturbation how, uint64_t seed);

#endif
