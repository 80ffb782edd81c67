/*
 * conjugate.h: a few steps of conjugate gradients on the system of one row.
 *
 *     (D + sum of c_i x_i x_i^T) p = sum of c_i x_i        D diagonal, above zero
 *
 * minimises  sum of c_i (1 - p.x_i)^2 + p^T D p.  A step reads each row x_i once and needs no
 * matrix (Takacs, Pilaszy and Tikk 2011, "Applications of the conjugate gradient method for
 * implicit feedback collaborative filtering"); the preconditioner is the matrix's diagonal.
 */
#ifndef RECADV_ALGO_ALS_CONJUGATE_H
#define RECADV_ALGO_ALS_CONJUGATE_H

#include "algo/model.h"

/* Rows are taken four at a time: the last entries may repeat one, with weight 0. */
#define CONJUGATE_ROWS 4

typedef struct ConjugateSystem {
    const float *rows;     /* all of a side, `stride` floats each */
    const uint32_t *index; /* the x_i: which of them */
    const float *weight;   /* c_i */
    uint32_t count;        /* a multiple of CONJUGATE_ROWS */
    uint32_t stride;
    const float *diagonal; /* D */
} ConjugateSystem;

/* Floats of work. */
#define CONJUGATE_WORK(stride) (4 * (size_t)(stride))

/*
 * Moves p by so many steps from where it is.  *loss: what is minimised, at its end.  False: the
 * run is cancelled.
 */
extern bool ConjugateSteps(const Host *host, const ConjugateSystem *system, int steps, float *p,
                           float *work, double *loss);

#endif
