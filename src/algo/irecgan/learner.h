/*
 * learner.h: the networks and their optimisers, and the steps that they make of a batch.
 *
 * A batch is cut into slices of SLICE_ROWS sequences, each a task, whose gradients are added up in
 * their order, and the items into tiles: results do not depend on the number of threads.
 */
#ifndef RECADV_ALGO_IRECGAN_LEARNER_H
#define RECADV_ALGO_IRECGAN_LEARNER_H

#include "algo/irecgan/discriminator.h"
#include "algo/irecgan/irecgan.h"
#include "algo/irecgan/sessions.h"
#include "algo/learn/adam.h"
#include "algo/learn/item_steps.h"

#define MOST_SLICES (MOST_BATCH / SLICE_ROWS)

#define TILE_ROWS 128 /* items of a task */

/* Parameters of a network, and Adam's state of them. */
typedef struct Network {
    float *values;
    float *state;
    size_t floats;
    uint64_t step;
} Network;

/* Rows of items of which a batch moves some. */
typedef struct Table {
    float *rows;
    ItemAdam adam;
} Table;

/* Sums over the clicks of a batch, of what the policy makes of the slate that was shown. */
typedef struct Preference {
    double loss;       /* -(gain - baseline) ln of the share of what was clicked */
    double likelihood; /* ln of that share */
    double share;      /* it */
    double earned;     /* it, times the gain */
    double clicks;
} Preference;

/* Memory of one slice. */
typedef struct SliceWork {
    Slice slice;
    UserWork user;
    AgentWork agent;
    JudgeWork judge;
    float *gradient; /* of the network that learns */
    double loss;
    Preference preference;
    uint32_t right; /* sessions that the discriminator has told apart */
} SliceWork;

/* The agent's candidates where there are too many items for all. */
typedef struct Candidates {
    uint32_t count;
    uint32_t *item;
    float *correction; /* ln of how often it is drawn */
    float *rows;       /* of them */
    float *gradient;
    float *own;    /* of each answer: what its own item's logit asks for */
    double *below; /* of each item: the share of the draws up to it */
} Candidates;

typedef struct Learner {
    const Host *host;
    const IrecganOptions *options;
    uint32_t items;
    UserNet user_net;
    AgentNet agent_net;
    JudgeNet judge_net;
    Network user, agent, judge;
    Table user_items, clicks, policy, judge_items;
    ItemShares user_shares, click_shares, policy_shares, judge_shares;
    UserLosses user_losses;
    float baseline[2]; /* taken from each gain: of logged sessions, of simulated ones */
    bool forgetting;   /* nothing is learnt: losses alone */

    const Episode *const *batch;
    uint32_t count;
    uint32_t first[MOST_SLICES + 1]; /* the agent's answers of each slice */
    float *query;                    /* answers x query */
    float *dquery;
    float *logits; /* answers x columns */
    size_t columns;
    size_t pitch;
    float *tile; /* of each worker: gradients of a tile of items */
    bool sampled;
    Candidates candidates;

    int slices;
    SliceWork *work; /* of each slice */
} Learner;

/* What a batch may be. */
typedef struct BatchShape {
    uint32_t longest; /* answers of an episode */
    uint64_t shown;   /* items in the slates of an episode */
} BatchShape;

/* With store->host == NULL memory is counted alone. */
extern void IrLearnerTake(Store *store, const Model *model, const BatchShape *shape, int threads,
                          Learner *learner);

/* First values, and nothing learnt yet. */
extern void IrStartUser(Learner *learner, uint64_t seed);
extern void IrStartAgent(Learner *learner, uint64_t seed);
extern void IrStartJudge(Learner *learner, uint64_t seed);

/* Where candidates are drawn: how often each item was clicked. */
extern void CandidatesSet(Learner *learner, const float *popularity);

/* One step of the visitors' model; returns the loss, the sum over the answers. */
extern double LearnUser(Learner *learner, const Episode *const *batch, uint32_t count);

/* The loss of it alone. */
extern double UserLoss(Learner *learner, const Episode *const *batch, uint32_t count);

/* One step of the agent; returns the loss, the sum over the clicks. */
extern double LearnAgent(Learner *learner, const Episode *const *batch, uint32_t count,
                         Random *random);

extern void AgentPreference(Learner *learner, const Episode *const *batch, uint32_t count,
                            Preference *sum);

/* One step of the discriminator; returns how many of the sessions it had told apart. */
extern uint32_t LearnJudge(Learner *learner, const Episode *const *batch, uint32_t count,
                           double *loss);

extern uint32_t BatchAnswers(const Episode *const *batch, uint32_t count);

#endif
