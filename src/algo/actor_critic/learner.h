/*
 * learner.h: what learns from batches of slates: an actor, the critics that it climbs, their
 * targets and optimisers; its memory and first values.  learner_step.h and supervision.h make its
 * steps.
 */
#ifndef RECADV_ALGO_ACTOR_CRITIC_LEARNER_H
#define RECADV_ALGO_ACTOR_CRITIC_LEARNER_H

#include "algo/actor_critic/actor_critic.h"
#include "algo/actor_critic/choose.h"
#include "algo/learn/item_steps.h"
#include "algo/actor_critic/slate_softmax.h"

#define SLICE_ROWS CHOOSE_ROWS

/* What the log, or a replay, says of some slates: arrays of `count`. */
typedef struct Batch {
    uint32_t count;
    Clicks *before;
    Clicks *after;
    ShownSlate *slate;    /* of at most MOST_SLATE items */
    const bool **label;   /* of each item of the slate: was it clicked? */
    const float **action; /* the hyper-action that was taken */
    float *reward;
    bool *ended;
} Batch;

/* What acts: the rows of the items and the encoder. */
typedef struct Actor {
    float *items;
    float *network;
} Actor;

/* State of an optimiser of an actor. */
typedef struct ActorAdam {
    float *network;
    uint64_t step; /* of the network */
    ItemAdam items;
} ActorAdam;

/* A network of its own with its optimiser. */
typedef struct Judge {
    Mlp mlp;
    Pack pack;
    float *values;
    float *target;
    float *state;
    uint64_t step;
} Judge;

/* Memory of one slice. */
typedef struct SliceWork {
    float *tape;        /* of the encoder, from the judging to the climbing */
    float *target_tape; /* of the target's encoder */
    float *input;       /* rows x pitch of both halves: of a critic, or the inverse model */
    float *judge_tape;
    float *g;      /* rows x 1, or x factors: the gradient of what a judge says */
    float *dinput; /* by its input */
    float *scores;
    Scored *entries;
    float *network_gradient;
    float *judge_gradient[2];
    double loss;
} SliceWork;

typedef struct Learner {
    const Host *host;
    const AcOptions *options;
    const Switches *switches;
    uint32_t items;
    uint32_t stride;
    uint32_t factors;
    uint32_t slate;
    Pack pack;
    StateEncoder encoder;
    Actor actor, target;
    Judge critic[2], inverse;
    ActorAdam by_critic, by_answers;
    ItemAdam by_inverse;
    ItemShares shares;
    SlateSoftmax softmax;
    uint64_t iteration;

    Batch batch;
    /* Of each row of the batch, `stride` floats. */
    float *z;       /* the state, which is the hyper-action */
    float *next;    /* the state after, by the target */
    float *dz;      /* the gradient by z */
    float *dclicks; /* x StateVectors: by what was clicked before */
    float *delta;   /* of the alignment, by z */
    float *guess;   /* of the inverse model */
    float *factor;  /* x MOST_SLATE: of the supervision */
    float *weight;  /* of the policy's gradient */
    float *goal;    /* what the critic should say */
    float *judged;  /* what it said */
    uint32_t *best; /* x slate: what the actor would show */
    uint32_t *best_size;

    int slices;
    SliceWork *work; /* of each slice */
} Learner;

/* With store->host == NULL memory is counted alone.  `batch`: slates at most. */
extern void LearnerTake(Store *store, const Model *model, uint32_t slate, uint32_t batch,
                        int threads, Learner *learner);

/* First values of what the model does not keep; targets are copies. */
extern void LearnerStart(Learner *learner);

#endif
