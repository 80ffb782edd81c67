/*
 * slice.h: some sessions of a batch: what their steps say of the networks, and the gradients of all
 * three parts.  (Feng et al. 2018, section 4.3.)
 *
 *     critic:   mean of (Q_t - y_t)^2,  y_t = r_t + gamma Q'(h'_t, o_{t+1}, mu'(h'_t, o_{t+1}))
 *     actors:   mean of - Q(h_{t-1}, o_t, mu_t) + decay mean (z - mean z)^2
 *                       + cloning_i |mu_t - a_t|^2
 *     message:  mean of (Q_t - y_t)^2 - message_q Q_t, through h_{t-1}
 *
 * Each part follows its own; ' are targets, z the logits of mu.  Rows are the steps, in order of
 * time over all sessions, the longest session first, so that those which go on to the next step are
 * the first rows of theirs; places are the same rows by scenario.
 */
#ifndef RECADV_ALGO_MA_RDPG_SLICE_H
#define RECADV_ALGO_MA_RDPG_SLICE_H

#include "algo/learn/store.h"
#include "algo/ma_rdpg/networks.h"

#define SLICE_SESSIONS 12 /* at most */

/* A session as it lies somewhere. */
typedef struct Episode {
    uint32_t steps;
    bool ended; /* nothing follows the last step; otherwise that step only says what follows */
    const uint32_t *scenario;
    const float *observation; /* rows of `observed` numbers */
    const float *action;      /* rows of `widest` */
    const float *reward;
} Episode;

/* The step whose value counts after step t, episode->steps where there is none: the next one; where
 * scenarios have critics of their own, the next one in the same scenario. */
extern uint32_t EpisodeNext(const Networks *networks, const Episode *episode, uint32_t t);

typedef struct SliceRule {
    Real gamma;
    Real reward_scale; /* rewards are multiplied by it */
    Real message_q;
    const Real *cloning; /* of each scenario */
    Real logit_decay;
    Real share;  /* of a step in the means: 1 / steps of the batch */
    bool climbs; /* the actors follow their gradient */
} SliceRule;

#define NO_STEP UINT32_MAX

typedef struct Slice {
    const Host *host;
    const Networks *n;
    uint32_t sessions;
    uint32_t steps; /* of the longest session */
    uint32_t rows;
    uint32_t *offset;                   /* steps + 1: the first row of each */
    uint32_t start[MOST_SCENARIOS + 1]; /* the first place of each scenario */
    uint32_t *row;                      /* of each place */
    uint32_t *scenario;                 /* of each row, and so are the others */
    uint32_t *next;                     /* the row whose value counts; NO_STEP: none */
    bool *learnt;                       /* is its goal known? */
    Real *reward, *goal;
    Real *heard;         /* [o; a] */
    Real *h, *c, *gates; /* the message before the step */
    Real *dh, *dc, *before;
    Real *actor_input, *critic_input, *dinput; /* by place, and so are the others */
    Real *action, *daction;
    Real *actor_tape, *critic_tape, *g;

    double loss;    /* of the critic */
    double climbed; /* loss of the actors */
} Slice;

/* Memory for so many sessions of at most `longest` steps. */
extern void MaSliceTake(Store *store, const Networks *networks, uint32_t sessions, uint32_t longest,
                        Slice *slice);

/* Takes the sessions' steps in. */
extern void MaSliceRead(Slice *slice, const float *norm, const Episode *episodes, uint32_t count);

/* The goals of the critic, by the targets.  Once the host is cancelled, this and the next do little
 * of what they should. */
extern void MaSliceAim(Slice *slice, const SliceRule *rule, const Weights *targets);

/* The gradients, added to what is there; `loss` and `climbed` are set. */
extern void MaSliceLearn(Slice *slice, const SliceRule *rule, const Weights *weights,
                         const Weights *gradient);

#endif
