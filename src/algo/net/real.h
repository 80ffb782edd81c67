/*
 * real.h: the numbers that networks are made of: float in the product; double where a test compares
 * gradients with finite differences: it defines RECADV_DOUBLE and includes the layers' sources.
 *
 * Conventions of all layers: a matrix is row-major and its rows start every Pitch(columns) numbers,
 * on a vector's boundary, padded with zeros; a row is one example.  Each layer is a forward and a
 * backward function, with its shapes in the first line of the comment.  Gradients of parameters are
 * added to what is there; gradients of inputs are written, and may be NULL where nobody wants them.
 * Parameters lie in a pack (pack.h), a weight as inputs x outputs.  Any thread; nothing is
 * allocated.
 */
#ifndef RECADV_ALGO_NET_REAL_H
#define RECADV_ALGO_NET_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tgmath.h>

#include "core/vector.h"

#ifdef RECADV_DOUBLE
typedef double Real;
#else
typedef float Real;
#endif

/* Numbers from row to row. */
static inline size_t Pitch(size_t columns)
{
    return (columns + VECTOR_LANES - 1) / VECTOR_LANES * VECTOR_LANES;
}

static inline void RealClear(Real *values, size_t count)
{
    memset(values, 0, count * sizeof(Real));
}

static inline void RealCopy(const Real *from, size_t count, Real *to)
{
    memcpy(to, from, count * sizeof(Real));
}

#endif
