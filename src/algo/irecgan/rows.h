/* rows.h: single rows, and first values of matrices. */
#ifndef RECADV_ALGO_IRECGAN_ROWS_H
#define RECADV_ALGO_IRECGAN_ROWS_H

#include "algo/net/pack.h"
#include "algo/net/real.h"
#include "core/random.h"

/* a . b, in sixteen partial sums; rows are padded with zeros */
static inline Real RowDot(const Real *a, const Real *b, size_t columns)
{
    Real lane[VECTOR_LANES] = {0}, sum = 0;

    for (size_t k = 0; k < Pitch(columns); k += VECTOR_LANES)
        for (size_t l = 0; l < VECTOR_LANES; l++)
            lane[l] += a[k + l] * b[k + l];
    for (size_t l = 0; l < VECTOR_LANES; l++)
        sum += lane[l];
    return sum;
}

/* sum += factor * row */
static inline void RowAdd(Real factor, const Real *row, size_t columns, Real *sum)
{
    for (size_t k = 0; k < Pitch(columns); k++)
        sum[k] += factor * row[k];
}

/* Uniform within 1 / sqrt(inputs), as torch.nn.Linear. */
static inline void StartMatrix(const Pack *pack, int matrix, Random *random, double inputs,
                               Real *parameters)
{
    const PackedMatrix *m = &pack->matrix[matrix];
    double limit = 1 / sqrt(inputs);

    for (uint32_t r = 0; r < m->rows; r++)
        for (uint32_t c = 0; c < m->columns; c++)
            parameters[m->first + (size_t)r * m->stride + c] =
                (Real)(limit * (2 * RandomUniform(random) - 1));
}

#endif
