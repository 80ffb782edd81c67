/*
 * encoder.h: what was clicked last becomes a state: the mean of the items' rows m, a block beside
 * it and layer norm: s = LN(m + W2 relu(m W1 + b1) + b2).  A visitor of whom nothing is known has
 * m = 0, and a state all the same.
 */
#ifndef RECADV_ALGO_ACTOR_CRITIC_ENCODER_H
#define RECADV_ALGO_ACTOR_CRITIC_ENCODER_H

#include "algo/net/mlp.h"

/* Items clicked last, oldest first. */
typedef struct Clicks {
    const uint32_t *items;
    uint32_t count;
} Clicks;

typedef struct Encoder {
    uint32_t factors;
    Mlp block;
    int gain, shift; /* of the norm */
} Encoder;

/* Adds its matrices to the pack. */
extern Encoder EncoderAdd(Pack *pack, uint32_t factors);
extern void EncoderStart(const Encoder *encoder, const Pack *pack, Random *random,
                         float *parameters);

/* Reals of what EncoderForward leaves: the states (rows x factors) first. */
extern size_t EncoderTape(const Encoder *encoder, size_t rows);

/* items: all x factors; clicks: rows; tape: EncoderTape, whose first rows x factors are the states
 */
extern void EncoderForward(const Encoder *encoder, const Pack *pack, const Real *parameters,
                           const Real *items, const Clicks *clicks, size_t rows, Real *tape);

/* The same from the means (rows x factors) of the clicked items' rows. */
extern void EncoderFromMeans(const Encoder *encoder, const Pack *pack, const Real *parameters,
                             const Real *means, size_t rows, Real *tape);

/* g: rows x factors, the gradient of the states, is used up; gradient: of the pack, added to;
 * dmean: rows x factors: of the mean of what r has clicked, so each of n items gets 1/n of it */
extern void EncoderBackward(const Encoder *encoder, const Pack *pack, const Real *parameters,
                            size_t rows, Real *tape, Real *g, Real *gradient, Real *dmean);

#endif
