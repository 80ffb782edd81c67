/*
 * state.h: what was clicked last becomes a state of as many numbers as an item's row.
 *
 *     STATE_MEAN       m = the mean of the items' rows, s = LN(m + W2 relu(W1 m + b1) + b2)
 *     STATE_ATTENTION  the last row that the encoder of net/transformer.h makes of the items' rows
 *
 * A visitor of whom nothing is known has a state, too: m = 0, or what is made of a row that is
 * learnt for it.
 */
#ifndef RECADV_ALGO_ACTOR_CRITIC_STATE_H
#define RECADV_ALGO_ACTOR_CRITIC_STATE_H

#include "algo/net/transformer.h"
#include "algo/net/mlp.h"

typedef enum StateKind { STATE_MEAN, STATE_ATTENTION } StateKind;

/* Items clicked last, oldest first. */
typedef struct Clicks {
    const uint32_t *items;
    uint32_t count;
} Clicks;

typedef struct StateShape {
    StateKind kind;
    uint32_t factors;
    uint32_t history; /* clicks, at most */
    uint32_t layers;  /* of attention */
} StateShape;

typedef struct StateEncoder {
    StateShape shape;
    Mlp block; /* STATE_MEAN, and its norm */
    int gain, shift;
    Transformer transformer; /* STATE_ATTENTION, and the row of who has clicked nothing */
    int nobody;
} StateEncoder;

/* States of a call, at most. */
#define STATE_ROWS 16

/* Adds its matrices to the pack. */
extern StateEncoder StateAdd(Pack *pack, const StateShape *shape);
extern void StateStart(const StateEncoder *encoder, const Pack *pack, Random *random,
                       Real *parameters);

/* Reals of what StateForward leaves: the states (rows x factors) first. */
extern size_t StateTape(const StateEncoder *encoder, size_t rows);

/* items: all x factors; clicks: rows; tape: StateTape, whose first rows x factors are the states */
extern void StateForward(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                         const Real *items, const Clicks *clicks, size_t rows, Real *tape);

/* Vectors of which the gradients by items' rows are made, of each state: one, the gradient of the
 * mean, of which each of n clicks has 1/n; or one of each click. */
static inline uint32_t StateVectors(const StateEncoder *encoder)
{
    return encoder->shape.kind == STATE_MEAN ? 1 : encoder->shape.history;
}

/*
 * g: rows x factors, the gradient of the states, is used up; gradient: of the pack, added to;
 * vectors: rows x StateVectors x factors, written; the tape is used up
 */
extern void StateBackward(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                          const Clicks *clicks, size_t rows, Real *tape, Real *g, Real *gradient,
                          Real *vectors);

/* Numbers of StateOfRows' scratch. */
extern size_t StateScratch(const StateEncoder *encoder, size_t count);

/* state: factors, of the rows of what was clicked last (count x factors, lost); for serving: by no
 * library */
extern void StateOfRows(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                        Real *rows, uint32_t count, Real *scratch, Real *state);

#endif
