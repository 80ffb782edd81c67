/*
 * actor_critic.h: policies that learn from visitors: one learner, of which hac, ddpg, td3, a2c,
 * pg_ra and sl are settings (Liu et al. 2023).
 *
 * A visitor's state is the encoder's; the actor's hyper-action Z is the state itself, and the slate
 * is the k items with the greatest inner product with Z.  What serves is the items' rows and the
 * encoder; critics, targets and the state of optimisers live as long as the training.
 */
#ifndef RECADV_ALGO_ACTOR_CRITIC_H
#define RECADV_ALGO_ACTOR_CRITIC_H

#include "algo/actor_critic/state.h"
#include "algo/algorithm.h"

enum { AC_ITEM_PART = POPULARITY_PART + 1, AC_NETWORK_PART };

#define MOST_FACTORS 512
#define MOST_HISTORY 50 /* as many clicks as visitors remember: VISITOR_HISTORY */
#define MOST_SLATE   100

typedef struct AcOptions {
    TrainOptions train;
    int64_t factors;
    int64_t history;
    int encoder; /* StateKind */
    int64_t layers;
    double row_deviation;
    int64_t slate;
    int64_t iterations;
    int64_t check_every;
    int64_t check_sessions;
    int64_t batch;
    int64_t sessions;
    int64_t buffer;
    int64_t learning_starts;
    bool pretrain;
    int64_t pretrain_iterations;
    double pretrain_rate;
    double pretrain_decay;
    double actor_rate;
    double critic_rate;
    double inverse_rate;
    double supervision_rate;
    double weight_decay;
    double lambda_hyper;
    bool supervision;
    double noise;
    double gamma;
    double tau;
    int64_t critic_hidden;
    double critic_dropout;
    bool critic_norm;
    bool compat_bootstrap;
    int64_t delay;
    double smoothing;
    double smoothing_limit;
} AcOptions;

/* What makes an algorithm of the learner. */
typedef struct Switches {
    int critics; /* 0 to 2 */
    bool values; /* the critic judges states, and the actor follows the policy's gradient with
                    slates that are drawn by chance; else it judges actions, and the actor
                    follows its gradient */
    bool stored_action; /* it learns from the hyper-action that was taken, not from its slate */
    bool aligns;        /* the actor follows the mean of the slate, too, where lambda_hyper > 0 */
    bool inverse;       /* items learn from what leads from state to state */
} Switches;

extern const Switches *AcSwitches(const Algorithm *algorithm);

/* The encoder of the model, whose matrices lie in the pack. */
extern StateEncoder AcEncoder(const AcOptions *options, Pack *pack);

/* Items of a slate, by the option or by the log. */
extern uint32_t AcSlate(const AcOptions *options, const Slates *log, uint32_t items);

/* Members of Algorithm and PolicyMethods. */
extern void AcLayout(Model *model);
extern uint32_t AcQueryWidth(const Model *model);
extern HistoryNeed AcHistory(const void *options);
extern void AcQuery(const Model *view, const QueryInput *input, float *query);
extern void AcSimilarity(const Model *one, const Model *view, Axis axis, float *out);
extern size_t AcMemory(const Model *model, const PolicyData *shape, int threads);
extern void AcTrain(const Host *host, const PolicyData *data, Model *model, TrainReport *report);

#endif
