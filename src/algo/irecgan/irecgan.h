/*
 * irecgan.h: a policy that learns from a log of sessions by the returns of what was clicked, and
 * from sessions that a model of the visitors, learnt from the same log, has with it (Bai et al.
 * 2019).
 *
 * The model keeps both: what recommends, and the visitors, who are a simulator like any other.
 */
#ifndef RECADV_ALGO_IRECGAN_H
#define RECADV_ALGO_IRECGAN_H

#include "algo/algorithm.h"
#include "algo/irecgan/agent.h"
#include "algo/irecgan/user.h"

enum {
    IR_ITEM_PART = POPULARITY_PART + 1, /* of each item w_i, then b_i */
    IR_CLICK_PART,                      /* what the agent takes in of a click */
    IR_NETWORK_PART,                    /* the agent's pack */
    IR_USER_ITEM_PART,                  /* the visitors' rows of items */
    IR_USER_NETWORK_PART                /* the visitors' pack */
};

#define MOST_FACTORS 512
#define MOST_HIDDEN  512
#define MOST_BATCH   1024 /* sessions */
#define MOST_SLATE   100

/* Items from which on the agent's softmax is sampled. */
#define MOST_EXACT_ITEMS 10000

typedef struct IrecganOptions {
    TrainOptions train;
    int64_t factors;
    int64_t hidden;
    int64_t layers;
    int64_t history;
    int64_t batch;
    int64_t epochs;
    double learning_rate;
    double weight_decay;
    double gamma;
    double click_weight;
    double reward_weight;
    double baseline;
    int64_t samples;
    int64_t user_epochs;
    double user_rate;
    double purchase_weight;
    int64_t rounds;
    int64_t sessions;
    int64_t slate;
    int64_t pool;
    bool discriminator;
    int64_t discriminator_epochs;
    double discriminator_rate;
    int64_t rollouts;
    int64_t check_sessions;
} IrecganOptions;

extern void IrecganUserNet(const IrecganOptions *options, UserNet *net);
extern void IrecganAgentNet(const IrecganOptions *options, AgentNet *net);

/* Members of Algorithm, SimulatorMethods and PolicyMethods. */
extern void IrecganLayout(Model *model);
extern uint32_t IrecganQueryWidth(const Model *model);
extern HistoryNeed IrecganHistory(const void *options);
extern void IrecganQuery(const Model *view, const QueryInput *input, float *query);
extern void IrecganSimilarity(const Model *one, const Model *view, Axis axis, float *out);
extern const SimulatorMethods irecgan_visitors;
extern size_t IrecganMemory(const Model *model, const PolicyData *shape, int threads);
extern void IrecganTrain(const Host *host, const PolicyData *data, Model *model,
                         TrainReport *report);

#endif
