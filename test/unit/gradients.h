/*
 * gradients.h: compares a gradient with finite differences, in double precision.  For files that
 * are compiled with RECADV_DOUBLE (double_*.c).
 */
#ifndef RECADV_GRADIENTS_H
#define RECADV_GRADIENTS_H

#include <stdlib.h>

#include "algo/net/real.h"
#include "check.h"
#include "core/random.h"
#include "support.h"

#define DIFFERENCE 1e-5

/* Numbers that live as long as the program; each block is reachable from the one that came after.
 */
static inline Real *Lasting(size_t count)
{
    static void *last;
    size_t bytes = (count * sizeof(Real) + 63) / 64 * 64 + 64;
    char *block = aligned_alloc(64, bytes);

    *(void **)block = last;
    last = block;
    return (Real *)(block + 64);
}

/* rows x columns numbers from N(0, scale^2), padded with zeros to their pitch. */
static inline Real *RandomMatrix(Random *random, size_t rows, size_t columns, double scale)
{
    size_t pitch = Pitch(columns);
    Real *data = Lasting(rows * pitch);

    RealClear(data, rows * pitch);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            data[r * pitch + c] = (Real)(scale * RandomNormal(random));
    return data;
}

static inline Real *ZeroMatrix(size_t rows, size_t columns)
{
    Random random = TestStream(0);

    return RandomMatrix(&random, rows, columns, 0);
}

/* Is gradient[] (rows x columns, at their pitch) that of loss(arg) by x[]? */
static inline bool GradientIsRight(double (*loss)(void *arg), void *arg, Real *x,
                                   const Real *gradient, size_t rows, size_t columns)
{
    bool right = true;

    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            size_t i = r * Pitch(columns) + c;
            Real before = x[i];
            double up, down;

            x[i] = before + DIFFERENCE;
            up = loss(arg);
            x[i] = before - DIFFERENCE;
            down = loss(arg);
            x[i] = before;
            if (!Near((up - down) / (2 * DIFFERENCE), (double)gradient[i], 1e-6, 1e-8)) {
                Note("at %zu, %zu: %.10g by differences, %.10g", r, c,
                     (up - down) / (2 * DIFFERENCE), (double)gradient[i]);
                right = false;
            }
        }
    return right;
}

/* Are the padding numbers of the rows zero? */
static inline bool PaddingIsZero(const Real *x, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = columns; c < Pitch(columns); c++)
            if (x[r * Pitch(columns) + c] != 0)
                return false;
    return true;
}

#endif
