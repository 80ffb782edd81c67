/*
 * lstm.h: one step of a long short-term memory (Hochreiter and Schmidhuber 1997, with the forget
 * gate of Gers et al. 2000), for many sequences at once.
 *
 *     i, f, o = sigmoid(x W + h U + b), g = tanh(x W + h U + b), each with columns of its own
 *     c' = f c + i g,  h' = o tanh(c')
 */
#ifndef RECADV_ALGO_NET_LSTM_H
#define RECADV_ALGO_NET_LSTM_H

#include "algo/net/real.h"
#include "core/random.h"

/* Columns of W, U and b: those of i, f, o and g, each padded to whole vectors. */
static inline size_t LstmGates(size_t out)
{
    return 4 * Pitch(out);
}

typedef struct LstmShape {
    size_t rows; /* sequences */
    size_t in;
    size_t out;
} LstmShape;

typedef struct LstmWeights {
    const Real *input;     /* W: in x LstmGates(out) */
    const Real *recurrent; /* U: out x LstmGates(out) */
    const Real *bias;      /* LstmGates(out) */
} LstmWeights;

typedef struct LstmGradients {
    Real *input, *recurrent, *bias; /* as the weights, added to */
} LstmGradients;

/* First values: W and U uniform (Glorot and Bengio 2010), b 0, but 1 for f: nothing is forgotten.
 */
extern void LstmStart(size_t in, size_t out, Random *random, Real *input, Real *recurrent,
                      Real *bias);

/* One step: x: rows x in; h, c, h_next, c_next: rows x out; gates: rows x LstmGates(out) */
typedef struct LstmStep {
    const Real *x, *h, *c;
    Real *gates, *h_next, *c_next;
} LstmStep;

/* x, h, c are read, the others written, also the gates, for the way back; h_next may not be h */
extern void LstmForward(LstmShape shape, LstmWeights weights, const LstmStep *step);

/*
 * dh_next, dc_next: rows x out, the gradients of h_next and c_next, dc_next then that of c; the
 * gates are lost; dx: rows x in, dh: rows x out (NULL: not wanted)
 */
extern void LstmBackward(LstmShape shape, LstmWeights weights, const LstmStep *step,
                         const Real *dh_next, Real *dc_next, Real *dx, Real *dh,
                         LstmGradients gradients);

/*
 * The two without their products, for who makes those of many steps at once.  Forward: gates: rows
 * x LstmGates(out), the sums, which become the gates; c, h_next, c_next: rows x out.  Backward: the
 * gates become the gradients of the sums; dh_next: rows x out; dc: rows x out, the gradient of
 * c_next, then that of c.
 */
extern void LstmGatesForward(size_t rows, size_t out, Real *gates, const Real *c, Real *h_next,
                             Real *c_next);
extern void LstmGatesBackward(size_t rows, size_t out, Real *gates, const Real *c,
                              const Real *c_next, const Real *dh_next, Real *dc);

#endif
