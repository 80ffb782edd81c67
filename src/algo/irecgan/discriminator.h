/*
 * discriminator.h: how real a session looks, D (Bai et al. 2019, section 3.3, in the form of its
 * code): it compares what was clicked with what a visitor of the log would have looked at.
 *
 *     h_t = LSTM(h_t-1, e of what was clicked), that of slate t included
 *     a   = softmax over the slate, and the row of "nothing", of (W_g h_t + b_g) . k_j / 0.1
 *     k_j = W_k e_j + b_k,   m_t = sum of a_j k_j,   o_t = m_t . k of what was clicked
 *     D   = sigmoid(mean of w_t o_t),  w_t = w r_t + b where there are purchases, otherwise 1
 */
#ifndef RECADV_ALGO_IRECGAN_DISCRIMINATOR_H
#define RECADV_ALGO_IRECGAN_DISCRIMINATOR_H

#include "algo/irecgan/slice.h"

typedef struct JudgeNet {
    Pack pack;
    Recurrent lstm;
    uint32_t factors, hidden;
    int goal, goal_bias, key, key_bias, nothing, worth, worth_bias;
    bool buys;
} JudgeNet;

extern void JudgeNetSet(uint32_t factors, uint32_t hidden, uint32_t layers, bool buys,
                        JudgeNet *net);
extern void JudgeNetStart(const JudgeNet *net, Random *random, Real *parameters);

/* Of answers: x hidden or x factors. */
typedef struct JudgeWork {
    Real *state, *goal, *mean, *own;     /* x hidden: h, W_g h + b_g, m, k of what was clicked */
    Real *dstate, *dgoal, *dmean, *down; /* their gradients */
    Real *x, *dx;                        /* x factors: what was clicked */
    Real *look, *dlook;                  /* x factors: W_k (W_g h + b_g), whose products with e_j
                                            are those with k_j, but for a constant */
    Real *seen, *dseen;                  /* x factors: the sum of a_j e_j */
    Real *downx;                         /* x factors: by e of what was clicked, but for the LSTM */
    Real *share, *dshare;                /* of each item of each slate, then of nothing: a_j, and
                                            the factor of its row's gradient along `look` */
    Real *opinion;                       /* o_t */
    Real *tape;
    Real *dstates;    /* states x hidden */
    const Host *host; /* who may cancel; NULL: nobody */
} JudgeWork;

/* As UserWorkSet. */
extern size_t JudgeWorkSet(const JudgeNet *net, size_t answers, size_t shown, Real *memory,
                           JudgeWork *work);

/* opinion[i] = w_t o_t, of answers whose states, that of the click included, are in work->state;
 * what was clicked is in work->x. */
extern void JudgeOpinions(const JudgeNet *net, const Real *parameters, const Real *items,
                          const Answer *const *answer, uint32_t count, JudgeWork *work);

/*
 * The sum of -ln of what it should have said of each session; odds: of each, before the sigmoid;
 * gradient: of the pack, added to; NULL: the loss alone.
 */
extern Real JudgeLearn(const JudgeNet *net, const Real *parameters, const Real *items,
                       const Slice *slice, Real scale, JudgeWork *work, Real *odds, Real *gradient);

/* The row of an item, or of NOTHING. */
extern const Real *JudgeRow(const JudgeNet *net, const Real *parameters, const Real *items,
                            uint32_t item);

#endif
