/*
 * mlp.h: a stack of linear layers: each but the last followed by ReLU, where wanted dropout, and
 * where wanted layer norm.
 */
#ifndef RECADV_ALGO_NET_MLP_H
#define RECADV_ALGO_NET_MLP_H

#include "algo/net/pack.h"
#include "algo/net/real.h"
#include "core/random.h"

#define MAX_LAYERS 4

/* Numbers of the matrices of a layer in the pack; -1: it has none. */
typedef struct MlpLayer {
    size_t in, out;
    int weight, bias, gain, shift;
} MlpLayer;

typedef struct Mlp {
    int layers;
    bool norm;
    Real dropout;
    MlpLayer layer[MAX_LAYERS];
} Mlp;

/* Adds its matrices to the pack; width[]: layers + 1 numbers, from the input to the output. */
extern Mlp MlpAdd(Pack *pack, int layers, const uint32_t *width, bool norm, Real dropout);

/* First values: weights and biases uniform within 1 / sqrt(in), as torch.nn.Linear. */
extern void MlpStart(const Mlp *mlp, const Pack *pack, Random *random, Real *parameters);

/* Reals of what MlpForward leaves for the way back: the output first. */
extern size_t MlpTape(const Mlp *mlp, size_t rows);

/* x: rows x in; tape: MlpTape, whose first rows are the output; random: for dropout (NULL: none) */
extern void MlpForward(const Mlp *mlp, const Pack *pack, const Real *parameters, const Real *x,
                       size_t rows, Random *random, Real *tape);

/* g: rows x out, the gradient of the output, is used up; dx: rows x in (NULL: not wanted);
 * gradient: of the pack, added to (NULL: not wanted); the tape is used up */
extern void MlpBackward(const Mlp *mlp, const Pack *pack, const Real *parameters, const Real *x,
                        size_t rows, Real *tape, Real *g, Real *dx, Real *gradient);

#endif
