/*
 * user_response.h: a simulator of visitors: how likely an item is clicked, by who is there and what
 * was clicked last (the user response model of Liu et al. 2023, section 4.1.2, in a small form).
 *
 *     P(item i is clicked in step t of session s) = sigmoid(P_i . z + b_i + c_s + c)
 *     z = U_s + A (mean of Q_h over the last clicks h before the step)
 *
 * One sigmoid, which the loss is of as well.  Visitors start from records: sessions of the log at
 * some step, with U_s, c_s and what was clicked before.
 */
#ifndef RECADV_ALGO_USER_RESPONSE_H
#define RECADV_ALGO_USER_RESPONSE_H

#include "algo/algorithm.h"

enum {
    RESPONSE_ITEM_PART = POPULARITY_PART + 1, /* P_i, then b_i */
    RESPONSE_CLICK_PART,                      /* Q_i */
    RESPONSE_MAPPING_PART,                    /* A, row by row */
    RESPONSE_CONSTANT_PART,                   /* c */
    RESPONSE_RECORD_PART,                     /* U_s, then c_s */
    RESPONSE_HISTORY_PART                     /* how many clicks, then which items, oldest first */
};

/* Items are stored as floats, which are exact so far. */
#define RESPONSE_MOST_ITEMS (1u << 24)

typedef struct ResponseOptions {
    TrainOptions train;
    int64_t factors;
    int64_t history;
    int64_t epochs;
    double learning_rate;
    int64_t batch_size;
    double item_regularization;
    double session_regularization;
    double held_out;
    int64_t records;
    VisitorRules rules;
} ResponseOptions;

static inline uint32_t ResponseFactors(const Model *model)
{
    return (uint32_t)((const ResponseOptions *)model->options)->factors;
}

static inline uint32_t ResponseHistoryLength(const Model *model)
{
    return (uint32_t)((const ResponseOptions *)model->options)->history;
}

/*
 * z = u + A (mean of Q over the items), or A (...) where u == NULL; `count` may be 0.  z has the
 * stride of the part of items and ends with 1, so that b_i is part of the inner product; mean is
 * of the same length, or NULL.
 */
extern void ResponseInterest(const Model *model, const float *u, const uint32_t *items,
                             uint32_t count, float *mean, float *z);

/* out[i] = row of item shown[i] . z; NO_ITEM: 0. */
extern void ResponseProducts(const Model *model, const float *z, const uint32_t *shown,
                             uint32_t count, float *out);

/* Members of struct Algorithm, SimulatorMethods and PolicyMethods. */
extern void ResponseLayout(Model *model);
extern uint32_t ResponseQueryWidth(const Model *model);
extern HistoryNeed ResponseHistory(const void *options);
extern void ResponseQuery(const Model *view, const QueryInput *input, float *query);
extern size_t ResponseMemory(const Model *model, const PolicyData *shape, int threads);
extern void ResponseTrain(const Host *host, const PolicyData *data, Model *model,
                          TrainReport *report);
extern const SimulatorMethods response_methods;

#endif
