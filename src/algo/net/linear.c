/* linear.c: y = x W + b, and ReLU. */
#include "algo/net/linear.h"

#include "algo/net/matrix.h"

void LinearForward(const Real *x, const Real *weight, const Real *bias, size_t rows, size_t in,
                   size_t out, Real *y)
{
    size_t pitch = Pitch(out);

    /* Padded columns too: those of the weight are zero. */
    for (size_t r = 0; r < rows && bias != NULL; r++)
        RealCopy(bias, pitch, y + r * pitch);
    MatrixProduct((Matrix){x, Pitch(in)}, (Matrix){weight, pitch}, rows, pitch, in,
                  bias == NULL ? PRODUCT_IS : PRODUCT_ADDS, y, pitch);
}

static void AddRows(const Real *g, size_t rows, size_t columns, size_t pitch, Real *sum)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            sum[c] += g[r * pitch + c];
}

void LinearBackward(const Real *x, const Real *weight, const Real *g, size_t rows, size_t in,
                    size_t out, Real *dx, Real *dweight, Real *dbias)
{
    size_t pitch = Pitch(out), x_pitch = Pitch(in);

    if (dbias != NULL)
        AddRows(g, rows, out, pitch, dbias);
    if (dweight != NULL)
        MatrixProductColumns((Matrix){x, x_pitch}, (Matrix){g, pitch}, in, out, rows, PRODUCT_ADDS,
                             dweight, pitch);
    if (dx == NULL)
        return;
    if (in < x_pitch)
        RealClear(dx, rows * x_pitch);
    MatrixProductTransposed((Matrix){g, pitch}, (Matrix){weight, pitch}, rows, in, out, PRODUCT_IS,
                            dx, x_pitch);
}

void ReluForward(const Real *x, size_t count, Real *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] > 0 ? x[i] : 0 * x[i]; /* NaN stays NaN */
}

void ReluBackward(const Real *y, const Real *g, size_t count, Real *dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = y[i] > 0 ? g[i] : 0;
}
