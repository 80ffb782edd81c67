/* loss.c: softmax, log-softmax, and the cross entropy of a sigmoid. */
#include "algo/net/loss.h"

static Real Greatest(const Real *x, size_t n)
{
    Real greatest = x[0];

    for (size_t i = 1; i < n; i++)
        greatest = x[i] > greatest ? x[i] : greatest;
    return greatest;
}

static void PadRow(size_t columns, size_t pitch, Real *row)
{
    for (size_t i = columns; i < pitch; i++)
        row[i] = 0;
}

void SoftmaxForward(const Real *x, size_t rows, size_t columns, Real *y)
{
    size_t pitch = Pitch(columns);

    for (size_t r = 0; r < rows; r++, x += pitch, y += pitch) {
        Real greatest = Greatest(x, columns), sum = 0;

        for (size_t i = 0; i < columns; i++)
            sum += y[i] = exp(x[i] - greatest);
        for (size_t i = 0; i < columns; i++)
            y[i] /= sum;
        PadRow(columns, pitch, y);
    }
}

void SoftmaxBackward(const Real *y, const Real *g, size_t rows, size_t columns, Real *dx)
{
    size_t pitch = Pitch(columns);

    for (size_t r = 0; r < rows; r++, y += pitch, g += pitch, dx += pitch) {
        Real along = 0;

        for (size_t i = 0; i < columns; i++)
            along += y[i] * g[i];
        for (size_t i = 0; i < columns; i++)
            dx[i] = y[i] * (g[i] - along);
        PadRow(columns, pitch, dx);
    }
}

void LogSoftmaxForward(const Real *x, size_t rows, size_t columns, Real *y)
{
    size_t pitch = Pitch(columns);

    for (size_t r = 0; r < rows; r++, x += pitch, y += pitch) {
        Real greatest = Greatest(x, columns), sum = 0;

        for (size_t i = 0; i < columns; i++)
            sum += exp(x[i] - greatest);
        for (size_t i = 0; i < columns; i++)
            y[i] = x[i] - greatest - log(sum);
        PadRow(columns, pitch, y);
    }
}

void LogSoftmaxBackward(const Real *y, const Real *g, size_t rows, size_t columns, Real *dx)
{
    size_t pitch = Pitch(columns);

    for (size_t r = 0; r < rows; r++, y += pitch, g += pitch, dx += pitch) {
        Real sum = 0;

        for (size_t i = 0; i < columns; i++)
            sum += g[i];
        for (size_t i = 0; i < columns; i++)
            dx[i] = g[i] - exp(y[i]) * sum;
        PadRow(columns, pitch, dx);
    }
}

Real BceForward(const Real *x, const Real *label, size_t count, Real scale, Real *dx)
{
    Real sum = 0;

    for (size_t i = 0; i < count; i++) {
        Real odds = x[i];

        sum += RealSoftplus(odds) - label[i] * odds;
        if (dx != NULL)
            dx[i] = scale * (RealSigmoid(odds) - label[i]);
    }
    return sum;
}
