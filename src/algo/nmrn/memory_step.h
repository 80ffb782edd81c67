/*
 * memory_step.h: what a key-value memory is read, written and differentiated with, for one type of
 * number.
 *
 * The includer defines REAL: float in the product, double where gradients are compared with finite
 * differences.
 *
 * Shapes: L slots, r factors, R = r padded to 16.  A memory is L x R.  Equations:
 * doc/algorithms.md.
 */
#ifndef RECADV_ALGO_NMRN_MEMORY_STEP_H
#define RECADV_ALGO_NMRN_MEMORY_STEP_H

#include "algo/nmrn/memory_shape.h"
#include "core/vector.h"

/* What all users share. */
typedef struct Net {
    MemoryShape shape;
    const REAL *key; /* L x R */
    const REAL
        *gate; /* GateRows(r) x R: erase weights by input, erase bias, add weights, add bias */
    const REAL *head;   /* HEAD_ROWS x R: see memory_shape.h */
    const REAL *recent; /* recent x R: by how much the last items move the point, newest first */
    REAL *scratch;      /* ScratchReals(shape) */
} Net;

/* Gradients of the same, summed. */
typedef struct NetGradient {
    REAL *key;
    REAL *gate;
    REAL *head;
    REAL *recent;
} NetGradient;

/* One hop of reading, as it was. */
typedef struct Hop {
    REAL *query;   /* R */
    REAL *content; /* L: distances, or cosines */
    REAL *focus;   /* L: softmax */
    REAL *gated;   /* L: after the interpolation (ntm) */
    REAL *shifted; /* L: after the shift (ntm) */
    REAL *weight;  /* L: what reads */
    REAL *read;    /* R */
    REAL *scalar;  /* HOP_SCALARS */
} Hop;

enum {
    SCALAR_BETA,
    SCALAR_GATE,
    SCALAR_SHIFT,
    SCALAR_SHARPEN = SCALAR_SHIFT + 3,
    HOP_SCALARS = 16
};

/* One event: what it was made of, and what it left for the way back. */
typedef struct Step {
    const REAL *user;     /* R */
    const REAL *item;     /* R: what is written, and what should be near */
    const REAL *negative; /* R: what should be far */
    const REAL *previous; /* L: weights of the user's last event (ntm), a constant */
    REAL weight;          /* of the loss; 0: no loss */
    REAL *tape;           /* TapeReals(shape) */
    REAL *user_gradient;  /* R */
    REAL *item_gradient;  /* R + 16: the last 16 begin with the bias */
    REAL *negative_gradient;
    const REAL *point_gradient; /* R: of the loss; NULL: the hinge loss against `negative` */
} Step;

/* --- the tape: hops, then the memory before the write, erase, add and the point that is compared
 */

VECTOR_INLINE Hop HopAt(const MemoryShape *shape, REAL *tape, uint32_t hop)
{
    size_t slots = SlotStride(shape);
    Hop h;

    tape += hop * HopReals(shape);
    h.query = tape;
    h.read = h.query + shape->stride;
    h.scalar = h.read + shape->stride;
    h.content = h.scalar + HOP_SCALARS;
    h.focus = h.content + slots;
    h.gated = h.focus + slots;
    h.shifted = h.gated + slots;
    h.weight = h.shifted + slots;
    return h;
}

VECTOR_INLINE REAL *TapeErase(const MemoryShape *shape, REAL *tape)
{
    return tape + shape->hops * HopReals(shape);
}

VECTOR_INLINE REAL *TapeAdd(const MemoryShape *shape, REAL *tape)
{
    return TapeErase(shape, tape) + shape->stride;
}

VECTOR_INLINE REAL *TapePoint(const MemoryShape *shape, REAL *tape)
{
    return TapeAdd(shape, tape) + shape->stride;
}

VECTOR_INLINE REAL *TapeMemory(const MemoryShape *shape, REAL *tape)
{
    return TapePoint(shape, tape) + shape->stride;
}

/* Where a memory keeps the rows of the last items. */
VECTOR_INLINE size_t RecentAt(const MemoryShape *shape, uint32_t k)
{
    return ((size_t)shape->slots + k) * shape->stride;
}

#endif
