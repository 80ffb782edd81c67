/* lstm.c: a long short-term memory, step by step. */
#include "algo/net/lstm.h"

#include "algo/net/linear.h"
#include "algo/net/loss.h"
#include "algo/net/matrix.h"

static void StartGate(Random *random, size_t in, size_t out, Real *weight)
{
    double limit = sqrt(6.0 / (double)(in + out));

    for (size_t r = 0; r < in; r++)
        for (size_t c = 0; c < out; c++)
            weight[r * LstmGates(out) + c] = (Real)(limit * (2 * RandomUniform(random) - 1));
}

void LstmStart(size_t in, size_t out, Random *random, Real *input, Real *recurrent, Real *bias)
{
    for (size_t gate = 0; gate < 4; gate++) {
        StartGate(random, in, out, input + gate * Pitch(out));
        StartGate(random, out, out, recurrent + gate * Pitch(out));
    }
    for (size_t c = 0; c < out; c++)
        bias[Pitch(out) + c] = 1;
}

/* One sequence. */
static void Gates(size_t out, Real *gates, const Real *c, Real *h_next, Real *c_next)
{
    Real *input = gates, *forget = gates + Pitch(out), *output = gates + 2 * Pitch(out);
    Real *value = gates + 3 * Pitch(out);

    for (size_t k = 0; k < Pitch(out); k++) {
        input[k] = RealSigmoid(input[k]);
        forget[k] = RealSigmoid(forget[k]);
        output[k] = RealSigmoid(output[k]);
        value[k] = tanh(value[k]);
        c_next[k] = forget[k] * c[k] + input[k] * value[k];
        h_next[k] = output[k] * tanh(c_next[k]);
    }
}

void LstmGatesForward(size_t rows, size_t out, Real *gates, const Real *c, Real *h_next,
                      Real *c_next)
{
    size_t pitch = Pitch(out);

    for (size_t r = 0; r < rows; r++)
        Gates(out, gates + r * LstmGates(out), c + r * pitch, h_next + r * pitch,
              c_next + r * pitch);
}

void LstmForward(LstmShape shape, LstmWeights weights, const LstmStep *step)
{
    size_t pitch = Pitch(shape.out), gates = LstmGates(shape.out);

    LinearForward(step->x, weights.input, weights.bias, shape.rows, shape.in, gates, step->gates);
    MatrixProduct((Matrix){step->h, pitch}, (Matrix){weights.recurrent, gates}, shape.rows, gates,
                  shape.out, PRODUCT_ADDS, step->gates, gates);
    LstmGatesForward(shape.rows, shape.out, step->gates, step->c, step->h_next, step->c_next);
}

/* One sequence. */
static void GatesBack(size_t out, Real *gates, const Real *c, const Real *c_next, const Real *dh,
                      Real *dc)
{
    Real *input = gates, *forget = gates + Pitch(out), *output = gates + 2 * Pitch(out);
    Real *value = gates + 3 * Pitch(out);

    for (size_t k = 0; k < Pitch(out); k++) {
        Real i = input[k], f = forget[k], o = output[k], g = value[k], t = tanh(c_next[k]);
        Real d = dc[k] + dh[k] * o * (1 - t * t);

        input[k] = d * g * i * (1 - i);
        forget[k] = d * c[k] * f * (1 - f);
        output[k] = dh[k] * t * o * (1 - o);
        value[k] = d * i * (1 - g * g);
        dc[k] = d * f;
    }
}

void LstmGatesBackward(size_t rows, size_t out, Real *gates, const Real *c, const Real *c_next,
                       const Real *dh_next, Real *dc)
{
    size_t pitch = Pitch(out);

    for (size_t r = 0; r < rows; r++)
        GatesBack(out, gates + r * LstmGates(out), c + r * pitch, c_next + r * pitch,
                  dh_next + r * pitch, dc + r * pitch);
}

void LstmBackward(LstmShape shape, LstmWeights weights, const LstmStep *step, const Real *dh_next,
                  Real *dc_next, Real *dx, Real *dh, LstmGradients gradients)
{
    size_t gates = LstmGates(shape.out);

    LstmGatesBackward(shape.rows, shape.out, step->gates, step->c, step->c_next, dh_next, dc_next);
    LinearBackward(step->x, weights.input, step->gates, shape.rows, shape.in, gates, dx,
                   gradients.input, gradients.bias);
    LinearBackward(step->h, weights.recurrent, step->gates, shape.rows, shape.out, gates, dh,
                   gradients.recurrent, NULL);
}
