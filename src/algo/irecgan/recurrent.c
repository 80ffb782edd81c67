/* recurrent.c: layers of LSTM, step by step, with the products of all steps at once. */
#include "algo/irecgan/recurrent.h"

#include "algo/net/linear.h"
#include "algo/net/matrix.h"

static uint32_t InputsOf(const Recurrent *net, uint32_t layer)
{
    return layer == 0 ? net->in : net->out;
}

Recurrent RecurrentAdd(Pack *pack, uint32_t layers, uint32_t in, uint32_t out)
{
    Recurrent net = {.layers = layers, .in = in, .out = out};
    uint32_t gates = (uint32_t)LstmGates(out);

    for (uint32_t l = 0; l < layers; l++) {
        net.layer[l].input = PackAdd(pack, InputsOf(&net, l), gates);
        net.layer[l].recurrent = PackAdd(pack, out, gates);
        net.layer[l].bias = PackAdd(pack, 1, gates);
    }
    return net;
}

static size_t At(const Pack *pack, int matrix)
{
    return pack->matrix[matrix].first;
}

void RecurrentStart(const Recurrent *net, const Pack *pack, Random *random, Real *parameters)
{
    for (uint32_t l = 0; l < net->layers; l++)
        LstmStart(InputsOf(net, l), net->out, random, parameters + At(pack, net->layer[l].input),
                  parameters + At(pack, net->layer[l].recurrent),
                  parameters + At(pack, net->layer[l].bias));
}

/* --- all steps */

/* Rows of a product between two looks at whether the run is cancelled. */
#define ROWS_AT_ONCE 256

static bool IsCancelled(const Unroll *unroll)
{
    return unroll->host != NULL && HostCancelled(unroll->host);
}

static size_t RowsFrom(size_t first, size_t count)
{
    return count - first < ROWS_AT_ONCE ? count - first : ROWS_AT_ONCE;
}

/* The sums of all inputs, but for what comes of the states before them. */
static void InputsForward(const Recurrent *net, const Pack *pack, const Real *parameters,
                          const Unroll *u, uint32_t l, const Real *x, Real *sums)
{
    size_t in = InputsOf(net, l), gates = LstmGates(net->out), count = UnrollInputs(u);

    for (size_t r = 0; r < count && !IsCancelled(u); r += ROWS_AT_ONCE)
        LinearForward(x + r * Pitch(in), parameters + At(pack, net->layer[l].input),
                      parameters + At(pack, net->layer[l].bias), RowsFrom(r, count), in, gates,
                      sums + r * gates);
}

static void InputsBackward(const Recurrent *net, const Pack *pack, const Real *parameters,
                           const Unroll *u, uint32_t l, const Real *x, const Real *sums,
                           Real *gradient, Real *dx)
{
    size_t in = InputsOf(net, l), gates = LstmGates(net->out), count = UnrollInputs(u);

    for (size_t r = 0; r < count && !IsCancelled(u); r += ROWS_AT_ONCE)
        LinearBackward(x + r * Pitch(in), parameters + At(pack, net->layer[l].input),
                       sums + r * gates, RowsFrom(r, count), in, gates, dx + r * Pitch(in),
                       gradient + At(pack, net->layer[l].input),
                       gradient + At(pack, net->layer[l].bias));
}

/* What a layer leaves. */
typedef struct LayerTape {
    Real *h, *c; /* states x out */
    Real *gates; /* inputs x gates */
} LayerTape;

static size_t LayerReals(const Recurrent *net, size_t rows, size_t inputs)
{
    return 2 * (rows + inputs) * Pitch(net->out) + inputs * LstmGates(net->out);
}

/* Behind the layers: the gradient by a layer's states, and by c of one step. */
size_t RecurrentTape(const Recurrent *net, size_t rows, size_t inputs)
{
    return net->layers * LayerReals(net, rows, inputs) + (2 * rows + inputs) * Pitch(net->out);
}

static LayerTape TapeOf(const Recurrent *net, const Unroll *u, uint32_t layer, Real *tape)
{
    size_t inputs = UnrollInputs(u), states = (u->rows + inputs) * Pitch(net->out);
    Real *at = tape + layer * LayerReals(net, u->rows, inputs);

    return (LayerTape){at, at + states, at + 2 * states};
}

/* Sums of step t get what comes of the states before it. */
static void StepForward(const Recurrent *net, const Unroll *u, uint32_t t, const Real *recurrent,
                        const LayerTape *tape)
{
    size_t pitch = Pitch(net->out), gates = LstmGates(net->out), rows = u->active[t];
    size_t before = StateBefore(u, t, 0) * pitch, after = u->first[t] * pitch;
    Real *sums = tape->gates + (u->first[t] - u->rows) * gates;

    if (t > 0)
        MatrixProduct((Matrix){tape->h + before, pitch}, (Matrix){recurrent, gates}, rows, gates,
                      net->out, PRODUCT_ADDS, sums, gates);
    LstmGatesForward(rows, net->out, sums, tape->c + before, tape->h + after, tape->c + after);
}

const Real *RecurrentForward(const Recurrent *net, const Pack *pack, const Real *parameters,
                             const Unroll *unroll, const Real *x, Real *tape)
{
    size_t pitch = Pitch(net->out);
    LayerTape layer = {0};

    for (uint32_t l = 0; l < net->layers; l++) {
        layer = TapeOf(net, unroll, l, tape);
        RealClear(layer.h, unroll->rows * pitch);
        RealClear(layer.c, unroll->rows * pitch);
        InputsForward(net, pack, parameters, unroll, l, x, layer.gates);
        for (uint32_t t = 0; t < unroll->steps && !IsCancelled(unroll); t++)
            StepForward(net, unroll, t, parameters + At(pack, net->layer[l].recurrent), &layer);
        x = layer.h + unroll->rows * pitch;
    }
    return layer.h;
}

/* Gates become gradients of their sums; dstates gets what comes of step t. */
static void StepBackward(const Recurrent *net, const Unroll *u, uint32_t t, const Real *recurrent,
                         const LayerTape *tape, Real *dstates, Real *dc, Real *drecurrent)
{
    size_t pitch = Pitch(net->out), gates = LstmGates(net->out), rows = u->active[t];
    size_t before = StateBefore(u, t, 0) * pitch, after = u->first[t] * pitch;
    Real *sums = tape->gates + (u->first[t] - u->rows) * gates;

    LstmGatesBackward(rows, net->out, sums, tape->c + before, tape->c + after, dstates + after, dc);
    if (t == 0)
        return;
    MatrixProductTransposed((Matrix){sums, gates}, (Matrix){recurrent, gates}, rows, net->out,
                            gates, PRODUCT_ADDS, dstates + before, pitch);
    MatrixProductColumns((Matrix){tape->h + before, pitch}, (Matrix){sums, gates}, net->out, gates,
                         rows, PRODUCT_ADDS, drecurrent, gates);
}

static void LayerBackward(const Recurrent *net, const Pack *pack, const Real *parameters,
                          const Unroll *u, uint32_t l, const LayerTape *tape, const Real *x,
                          Real *dstates, Real *dc, Real *gradient, Real *dx)
{
    RealClear(dc, u->rows * Pitch(net->out));
    for (uint32_t t = u->steps; t-- > 0 && !IsCancelled(u);)
        StepBackward(net, u, t, parameters + At(pack, net->layer[l].recurrent), tape, dstates, dc,
                     gradient + At(pack, net->layer[l].recurrent));
    InputsBackward(net, pack, parameters, u, l, x, tape->gates, gradient, dx);
}

void RecurrentBackward(const Recurrent *net, const Pack *pack, const Real *parameters,
                       const Unroll *unroll, const Real *x, Real *tape, Real *dstates,
                       Real *gradient, Real *dx)
{
    size_t inputs = UnrollInputs(unroll), pitch = Pitch(net->out), rows = unroll->rows;
    Real *lower = tape + net->layers * LayerReals(net, rows, inputs);
    Real *dc = lower + (rows + inputs) * pitch;

    for (uint32_t l = net->layers; l-- > 0;) {
        LayerTape layer = TapeOf(net, unroll, l, tape);
        const Real *in = l == 0 ? x : TapeOf(net, unroll, l - 1, tape).h + rows * pitch;

        LayerBackward(net, pack, parameters, unroll, l, &layer, in, dstates, dc, gradient,
                      l == 0 ? dx : lower + rows * pitch);
        dstates = lower;
    }
}

/* --- one step */

size_t RecurrentState(const Recurrent *net)
{
    return 2 * net->layers * Pitch(net->out);
}

size_t RecurrentScratch(const Recurrent *net, size_t rows)
{
    return rows * (LstmGates(net->out) + 4 * Pitch(net->out));
}

static void Take(size_t rows, size_t pitch, size_t stride, const Real *states, Real *out)
{
    for (size_t r = 0; r < rows; r++)
        RealCopy(states + r * stride, pitch, out + r * pitch);
}

static void Put(size_t rows, size_t pitch, size_t stride, const Real *from, Real *states)
{
    for (size_t r = 0; r < rows; r++)
        RealCopy(from + r * pitch, pitch, states + r * stride);
}

void RecurrentStep(const Recurrent *net, const Pack *pack, const Real *parameters, size_t rows,
                   const Real *x, Real *states, Real *scratch)
{
    size_t pitch = Pitch(net->out), stride = RecurrentState(net), all = rows * pitch;
    Real *gates = scratch, *h = gates + rows * LstmGates(net->out), *c = h + all;
    Real *h_next = c + all, *c_next = h_next + all;

    for (uint32_t l = 0; l < net->layers; l++) {
        Real *own = states + 2 * l * pitch;
        LstmWeights weights = {parameters + At(pack, net->layer[l].input),
                               parameters + At(pack, net->layer[l].recurrent),
                               parameters + At(pack, net->layer[l].bias)};

        Take(rows, pitch, stride, own, h);
        Take(rows, pitch, stride, own + pitch, c);
        LstmForward((LstmShape){rows, InputsOf(net, l), net->out}, weights,
                    &(LstmStep){x, h, c, gates, h_next, c_next});
        Put(rows, pitch, stride, h_next, own);
        Put(rows, pitch, stride, c_next, own + pitch);
        x = h_next;
    }
}
