/* network.c: products and a tower, forward and back. */
#include "algo/neumf/network.h"

void NeumfNetworkOf(const NeumfShape *shape, NeumfNetwork *network)
{
    uint32_t width[MAX_LAYERS + 1] = {2 * shape->width};

    for (int l = 1; l <= shape->layers; l++)
        width[l] = width[l - 1] / 2 > 0 ? width[l - 1] / 2 : 1;
    width[shape->layers + 1] = 1;
    memset(network, 0, sizeof(*network));
    network->shape = *shape;
    network->tower = MlpAdd(&network->pack, shape->layers + 1, width, false, 0);
    network->product = PackAdd(&network->pack, 1, shape->factors);
}

static const Real *ProductOf(const NeumfNetwork *network, const Real *parameters)
{
    return parameters + network->pack.matrix[network->product].first;
}

void NeumfStartNetwork(const NeumfNetwork *network, Random *random, Real *parameters)
{
    Real *h = parameters + network->pack.matrix[network->product].first;
    double bound = 1 / sqrt((double)network->shape.factors);

    MlpStart(&network->tower, &network->pack, random, parameters);
    for (uint32_t k = 0; k < network->shape.factors; k++)
        h[k] = (Real)(bound * (2 * RandomUniform(random) - 1));
}

static size_t InputPitch(const NeumfNetwork *network)
{
    return Pitch(2 * (size_t)network->shape.width);
}

/* Inputs and their gradients, the gradient of the output, the tower's own. */
size_t NeumfTape(const NeumfNetwork *network, size_t rows)
{
    return rows * (2 * InputPitch(network) + Pitch(1)) + MlpTape(&network->tower, rows);
}

static void JoinRows(const NeumfNetwork *network, const Real *user, const Real *item, size_t rows,
                     Real *x)
{
    size_t width = network->shape.width, pitch = InputPitch(network);
    size_t row = Pitch(NeumfColumns(&network->shape));

    for (size_t r = 0; r < rows; r++) {
        RealClear(x + r * pitch, pitch);
        RealCopy(user + r * row, width, x + r * pitch);
        RealCopy(item + r * row, width, x + r * pitch + width);
    }
}

void NeumfForward(const NeumfNetwork *network, const Real *parameters, const Real *user,
                  const Real *item, size_t rows, Real *tape, Real *odds)
{
    const Real *h = ProductOf(network, parameters);
    size_t width = network->shape.width, row = Pitch(NeumfColumns(&network->shape));
    Real *tower = tape + rows * (2 * InputPitch(network) + Pitch(1));

    JoinRows(network, user, item, rows, tape);
    MlpForward(&network->tower, &network->pack, parameters, tape, rows, NULL, tower);
    for (size_t r = 0; r < rows; r++) {
        const Real *u = user + r * row + width, *i = item + r * row + width;

        odds[r] = tower[r * Pitch(1)];
        for (uint32_t k = 0; k < network->shape.factors; k++)
            odds[r] += h[k] * u[k] * i[k];
    }
}

/* What one row's products do. */
static void ProductBackward(const NeumfNetwork *network, const Real *h, const Real *u,
                            const Real *i, Real g, Real *du, Real *di, Real *dh)
{
    for (uint32_t k = 0; k < network->shape.factors; k++) {
        du[k] = g * h[k] * i[k];
        di[k] = g * h[k] * u[k];
        dh[k] += g * u[k] * i[k];
    }
}

void NeumfBackward(const NeumfNetwork *network, const Real *parameters, const Real *user,
                   const Real *item, size_t rows, Real *tape, const Real *g, Real *duser,
                   Real *ditem, Real *gradient)
{
    size_t width = network->shape.width, row = Pitch(NeumfColumns(&network->shape));
    size_t pitch = InputPitch(network);
    Real *dx = tape + rows * pitch, *dy = dx + rows * pitch, *tower = dy + rows * Pitch(1);

    RealClear(dy, rows * Pitch(1));
    for (size_t r = 0; r < rows; r++)
        dy[r * Pitch(1)] = g[r];
    MlpBackward(&network->tower, &network->pack, parameters, tape, rows, tower, dy, dx, gradient);
    RealClear(duser, rows * row);
    RealClear(ditem, rows * row);
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * row;

        RealCopy(dx + r * pitch, width, duser + at);
        RealCopy(dx + r * pitch + width, width, ditem + at);
        ProductBackward(network, ProductOf(network, parameters), user + at + width,
                        item + at + width, g[r], duser + at + width, ditem + at + width,
                        gradient + network->pack.matrix[network->product].first);
    }
}
