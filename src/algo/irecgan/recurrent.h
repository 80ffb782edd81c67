/*
 * recurrent.h: layers of LSTM over sequences of different lengths: what was clicked becomes the
 * state before each slate.
 *
 * Sequences of a slice are sorted, the longest first, and lie by steps: step t has `active[t]`
 * inputs, those of the first so many sequences, all of them in one matrix, so that all that does
 * not depend on the step before is one product.  States are a matrix, too: first those before any
 * input, which are 0, one a sequence, then one for each input, after it.
 */
#ifndef RECADV_ALGO_IRECGAN_RECURRENT_H
#define RECADV_ALGO_IRECGAN_RECURRENT_H

#include "algo/net/lstm.h"
#include "algo/net/pack.h"
#include "core/host.h"

#define MOST_LSTM_LAYERS 2
#define MOST_STEPS       50

/* Sequences of a slice, at most. */
#define SLICE_ROWS 16

typedef struct Recurrent {
    uint32_t layers, in, out;
    struct {
        int input, recurrent, bias;
    } layer[MOST_LSTM_LAYERS];
} Recurrent;

/* Adds its matrices to the pack. */
extern Recurrent RecurrentAdd(Pack *pack, uint32_t layers, uint32_t in, uint32_t out);
extern void RecurrentStart(const Recurrent *net, const Pack *pack, Random *random,
                           Real *parameters);

typedef struct Unroll {
    uint32_t rows;  /* sequences */
    uint32_t steps; /* inputs of the longest */
    uint32_t active[MOST_STEPS];
    const Host *host; /* who may cancel: what is computed is then of no use; NULL: nobody */
    uint32_t first[MOST_STEPS + 1]; /* the state after the first input of step t; first[steps]: how
                                       many states there are */
} Unroll;

static inline uint32_t UnrollInputs(const Unroll *unroll)
{
    return unroll->first[unroll->steps] - unroll->rows;
}

/* The state before input or slate t of a sequence. */
static inline uint32_t StateBefore(const Unroll *unroll, uint32_t t, uint32_t sequence)
{
    return t == 0 ? sequence : unroll->first[t - 1] + sequence;
}

/* Reals of a tape, for so many sequences and inputs at most. */
extern size_t RecurrentTape(const Recurrent *net, size_t rows, size_t inputs);

/* x: inputs x in; returns the states x out, on the tape */
extern const Real *RecurrentForward(const Recurrent *net, const Pack *pack, const Real *parameters,
                                    const Unroll *unroll, const Real *x, Real *tape);

/* dstates: states x out, of the states that RecurrentForward returned, is used up; gradient: of the
 * pack, added to; dx: inputs x in; the tape is used up */
extern void RecurrentBackward(const Recurrent *net, const Pack *pack, const Real *parameters,
                              const Unroll *unroll, const Real *x, Real *tape, Real *dstates,
                              Real *gradient, Real *dx);

/*
 * A state that is carried along: of `rows` sequences, each of RecurrentState reals: h and c of each
 * layer.
 */
extern size_t RecurrentState(const Recurrent *net);

/* Within a state: rows x out of the last layer, at this distance. */
static inline size_t RecurrentTop(const Recurrent *net)
{
    return 2 * (net->layers - 1) * Pitch(net->out);
}

/* Numbers of RecurrentStep's scratch. */
extern size_t RecurrentScratch(const Recurrent *net, size_t rows);

/* One input x: rows x in; states: rows x RecurrentState, as they were, then as they are.  A single
 * row needs no library, so it gives the same bytes in every process. */
extern void RecurrentStep(const Recurrent *net, const Pack *pack, const Real *parameters,
                          size_t rows, const Real *x, Real *states, Real *scratch);

#endif
