/*
 * user.h: the model of visitors, U (Bai et al. 2019, section 3.1): what is clicked of a slate, what
 * comes of it, and who leaves.
 *
 *     s_t = LSTM(s_t-1, e of what was clicked), s_0 = 0
 *     click   P(i | slate) = softmax over the slate, and the row of "nothing", of (W_c s + b_c) e_i
 *     buy     P(purchase | click on i) = sigmoid((W_r s + b_r) e_i)
 *     leave   P(no slate follows) = sigmoid(w_l s' + b_l), s' the state after the answer
 */
#ifndef RECADV_ALGO_IRECGAN_USER_H
#define RECADV_ALGO_IRECGAN_USER_H

#include "algo/irecgan/slice.h"

typedef struct UserNet {
    Pack pack;
    Recurrent lstm;
    uint32_t factors, hidden;
    int click, click_bias, buy, buy_bias, leave, leave_bias, nothing;
} UserNet;

extern void UserNetSet(uint32_t factors, uint32_t hidden, uint32_t layers, UserNet *net);
extern void UserNetStart(const UserNet *net, Random *random, Real *parameters);

/* What the way there leaves of a slice: answers x factors where nothing else is said. */
typedef struct UserWork {
    Real *x;       /* inputs: rows of what was clicked */
    Real *state;   /* x hidden: before each answer */
    Real *tape;    /* of the LSTM */
    Real *dstate;  /* states x hidden */
    Real *dbefore; /* x hidden: what a head adds to it */
    Real *wish;    /* W_c s + b_c */
    Real *dwish;
    Real *price; /* W_r s + b_r */
    Real *dprice;
    Real *dx;
    Real *score;  /* of each item of each slate, then of nothing; then its gradient: its factor
                     in the row's gradient along `wish` */
    Real *factor; /* answers: of the clicked item's gradient along `price` */
} UserWork;

/* Reals of a work for so many answers with so many items shown; sets the pointers where memory !=
 * NULL. */
extern size_t UserWorkSet(const UserNet *net, size_t answers, size_t shown, Real *memory,
                          UserWork *work);

typedef struct UserLosses {
    bool buys;     /* is there a purchase to be told? */
    Real purchase; /* weight of its likelihood */
    Real scale;    /* of the gradients */
} UserLosses;

/*
 * The loss of a slice, the sum over its answers of -ln P, each times what `real` says; items: all x
 * factors.  gradient: of the pack, added to, and then the work has what is needed for rows of
 * items; NULL: the loss alone.
 */
extern Real UserLearn(const UserNet *net, const Real *parameters, const Real *items,
                      const Slice *slice, const UserLosses *losses, UserWork *work, Real *gradient);

/* Of an item, or of NOTHING. */
extern const Real *UserRow(const UserNet *net, const Real *parameters, const Real *items,
                           uint32_t item);

/* --- one visitor at a time, or some */

/* out[i]: log odds that shown[i] is clicked, against nothing; wish: W_c s + b_c; NO_ITEM: -inf */
extern void UserOdds(const UserNet *net, const Real *parameters, const Real *items,
                     const Real *wish, const uint32_t *shown, uint32_t count, float *out);

/* wish: rows x factors, of states: rows x hidden */
extern void UserWish(const UserNet *net, const Real *parameters, const Real *states, size_t rows,
                     Real *wish);

/* The probability that a click on the row is a purchase; price: factors, room. */
extern Real UserBuys(const UserNet *net, const Real *parameters, const Real *state, const Real *row,
                     Real *price);

/* The probability that a visitor leaves with this state. */
extern Real UserLeaves(const UserNet *net, const Real *parameters, const Real *state);

#endif
