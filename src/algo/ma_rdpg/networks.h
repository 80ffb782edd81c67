/*
 * networks.h: the networks of several scenarios, and how they lie in packs: an actor for each, one
 * critic for all (or one for each), and what passes messages on.
 *
 *     message:  h_t = LSTM(h_{t-1}, [o_t; a_t]),  h_0 = 0
 *     actor i:  mu_i = softmax(MLP([o; h]))
 *     critic:   Q = MLP([o; a; h])
 *
 * o is as wide as the widest scenario's observation, and a has a segment for each scenario, of
 * which all but the one that acts are zero.
 */
#ifndef RECADV_ALGO_MA_RDPG_NETWORKS_H
#define RECADV_ALGO_MA_RDPG_NETWORKS_H

#include "algo/net/lstm.h"
#include "algo/net/mlp.h"
#include "core/acts.h"

/* Hidden layers of an actor, or a critic: two. */
#define MA_LAYERS 3

typedef enum Communication {
    COMMUNICATE_MESSAGE,
    COMMUNICATE_SHARED, /* by the critic alone */
    COMMUNICATE_NOTHING /* each scenario has a critic of its own, of its own rewards */
} Communication;

typedef struct NetworkShape {
    const ActShape *acts;
    Communication communication;
    uint32_t message; /* numbers of a message, where there is one */
    uint32_t hidden;
} NetworkShape;

typedef struct Networks {
    uint32_t scenarios;
    uint32_t observed;              /* numbers of o */
    uint32_t actions;               /* of a */
    uint32_t widest;                /* weights of the widest segment */
    uint32_t message;               /* of h; 0: none */
    bool alone;                     /* each scenario has a critic of its own */
    uint32_t seen[MOST_SCENARIOS];  /* numbers of the scenario's own observations */
    uint32_t first[MOST_SCENARIOS]; /* of its segment */
    uint32_t width[MOST_SCENARIOS]; /* of its segment */
    Pack actors, critics, lstm;
    Mlp actor[MOST_SCENARIOS], critic[MOST_SCENARIOS];
    int input, recurrent, bias; /* in the pack `lstm` */
} Networks;

/* A pack each; `lstm` is NULL where there are no messages. */
typedef struct Weights {
    Real *actors;
    Real *critics;
    Real *lstm;
} Weights;

extern void NetworksOf(const NetworkShape *shape, Networks *networks);

/* First values, of zeroed packs. */
extern void NetworksStart(const Networks *networks, uint64_t seed, const Weights *weights);

static inline int CriticOf(const Networks *n, uint32_t scenario)
{
    return n->alone ? (int)scenario : 0;
}

static inline size_t MessagePitch(const Networks *n)
{
    return Pitch(n->message);
}

/* [o; a], what the LSTM hears. */
static inline size_t HeardPitch(const Networks *n)
{
    return Pitch((size_t)n->observed + n->actions);
}

static inline size_t ActorPitch(const Networks *n)
{
    return Pitch((size_t)n->observed + n->message);
}

static inline size_t CriticPitch(const Networks *n)
{
    return Pitch((size_t)n->observed + n->actions + n->message);
}

extern LstmWeights LstmOf(const Networks *networks, const Real *lstm);
extern LstmGradients LstmGradientsOf(const Networks *networks, Real *lstm);

/* Beyond so many deviations an observation says no more. */
#define MOST_DEVIATIONS 10

/*
 * What the networks see of an observation: o[] (observed numbers) less its mean, in deviations.
 * norm: 2 x scenarios rows at the pitch of `observed`: of each scenario the means, and the inverse
 * deviations.
 */
extern void NetworksSee(const Networks *networks, const float *norm, uint32_t scenario,
                        const float *observation, Real *o);

#endif
