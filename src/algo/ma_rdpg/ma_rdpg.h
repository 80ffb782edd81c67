/*
 * ma_rdpg.h: rankings of several scenarios that cooperate by messages: multi-agent recurrent
 * deterministic policy gradient (Feng et al. 2018).
 *
 * All that serves are the actors and what passes messages on; the critic stays with the model, to
 * tell what it expects.  Targets and optimisers live as long as the training.
 */
#ifndef RECADV_ALGO_MA_RDPG_H
#define RECADV_ALGO_MA_RDPG_H

#include "algo/algorithm.h"
#include "algo/ma_rdpg/networks.h"

/* MA_NORM: rows as NetworksSee wants them, and one whose first number is what a unit of the
 * critic's is in rewards.  MA_LSTM is there where there are messages. */
enum { MA_ACTORS = POPULARITY_PART + 1, MA_CRITICS, MA_NORM, MA_LSTM };

#define MOST_MESSAGE 64
#define MOST_HIDDEN  256
#define MOST_STEPS   1000 /* of a session that is learnt */

typedef struct MaOptions {
    TrainOptions train;
    int environment; /* index in act_environment_choices */
    int communication;
    int64_t message;
    int64_t hidden;
    int64_t iterations;
    int64_t check_every;
    int64_t check_sessions;
    int64_t batch;
    int64_t episodes;
    int64_t buffer;
    int64_t session_steps;
    double gamma;
    double actor_rate;
    int64_t actor_start;
    double critic_rate;
    double message_rate;
    double decay;
    double tau;
    double message_q;
    double explore_start;
    int64_t explore_iterations;
    double explore;
    double logit_decay;
    double cloning;
} MaOptions;

extern void MaNetworks(const Model *model, Networks *networks);

/* Of the model's parts. */
extern Weights MaWeights(const Model *model);

/* Members of Algorithm, PolicyMethods and ActMethods. */
extern void MaLayout(Model *model);
extern uint32_t MaState(const Model *model);
extern bool MaAct(const Model *model, const ActInput *input, ActOutput *output);
extern double MaValue(const Model *model, const ActInput *input);
extern size_t MaMemory(const Model *model, const PolicyData *shape, int threads);
extern void MaTrain(const Host *host, const PolicyData *data, Model *model, TrainReport *report);

#endif
