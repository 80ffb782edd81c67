/* layer_norm.c: layer normalisation. */
#include "algo/net/layer_norm.h"

/* Of torch.nn.LayerNorm. */
#define FLOOR 1e-5

static Real Mean(const Real *x, size_t n)
{
    Real sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (Real)n;
}

static Real InverseDeviation(const Real *x, Real mean, size_t n)
{
    Real sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return 1 / sqrt(sum / (Real)n + (Real)FLOOR);
}

void LayerNormForward(const Real *x, const Real *gain, const Real *bias, size_t rows,
                      size_t columns, Real *y, Real *inverse)
{
    size_t pitch = Pitch(columns);

    for (size_t r = 0; r < rows; r++, x += pitch, y += pitch) {
        Real mean = Mean(x, columns), scale = InverseDeviation(x, mean, columns);

        for (size_t i = 0; i < columns; i++)
            y[i] = (x[i] - mean) * scale * gain[i] + bias[i];
        for (size_t i = columns; i < pitch; i++)
            y[i] = 0;
        if (inverse != NULL)
            inverse[r] = scale;
    }
}

static void AddParameters(const Real *x, Real mean, Real scale, const Real *g, size_t n,
                          Real *dgain, Real *dbias)
{
    for (size_t i = 0; i < n && dgain != NULL; i++)
        dgain[i] += g[i] * (x[i] - mean) * scale;
    for (size_t i = 0; i < n && dbias != NULL; i++)
        dbias[i] += g[i];
}

void LayerNormBackward(const Real *x, const Real *gain, const Real *inverse, const Real *g,
                       size_t rows, size_t columns, Real *dx, Real *dgain, Real *dbias)
{
    size_t pitch = Pitch(columns);

    for (size_t r = 0; r < rows; r++, x += pitch, g += pitch, dx += pitch) {
        Real mean = Mean(x, columns), scale = inverse[r], q = 0, along = 0;

        AddParameters(x, mean, scale, g, columns, dgain, dbias);
        for (size_t i = 0; i < columns; i++) {
            q += g[i] * gain[i];
            along += g[i] * gain[i] * (x[i] - mean) * scale;
        }
        q /= (Real)columns;
        along /= (Real)columns;
        for (size_t i = 0; i < columns; i++)
            dx[i] = (g[i] * gain[i] - q - (x[i] - mean) * scale * along) * scale;
        for (size_t i = columns; i < pitch; i++)
            dx[i] = 0;
    }
}
