/*
 * optimizer.h: how parameters follow their gradients: SGD, Adagrad (Duchi et al. 2011) by row and
 * by element, RMSProp (Hinton 2012, lecture 6e), Adam (Kingma and Ba 2015).
 *
 * Rows are the unit: a row of an embedding matrix, or of a weight matrix.  State starts at zero;
 * what Adagrad's accumulators start with is a parameter, so that rows that come later start alike.
 */
#ifndef RECADV_ALGO_LEARN_OPTIMIZER_H
#define RECADV_ALGO_LEARN_OPTIMIZER_H

#include <math.h>

#include "core/vector.h"

/* One element: what the step is; the accumulator grows by the gradient's square. */
VECTOR_INLINE float AdagradStep(float rate, float gradient, float *state, float start)
{
    *state += gradient * gradient;
    return rate * gradient / sqrtf(start + *state);
}

/* One row: the size of its step; `square`: of the gradient's norm over `columns` numbers. */
VECTOR_INLINE float AdagradRowRate(float rate, float *state, float start, float square,
                                   uint32_t columns)
{
    *state += square / (float)columns;
    return rate / sqrtf(start + *state);
}

typedef enum StepKind { STEP_SGD, STEP_ADAGRAD_ROW, STEP_ADAGRAD, STEP_RMSPROP } StepKind;

/* How a row follows its gradient. */
typedef struct StepRule {
    StepKind kind;
    float learning_rate;
    float accumulator;    /* Adagrad: at the start of training; RMSProp: added to the mean square */
    float decay;          /* RMSProp: share of the mean square that stays */
    float regularization; /* weight decay: this share of the row is added to its gradient */
    float maximum_norm;   /* of the row; 0: none */
    float scale;          /* of the gradient */
} StepRule;

/* Floats of state per row of `stride` floats. */
extern uint32_t StepState(StepKind kind, uint32_t stride);

/* One step downwards on a row of `columns` numbers, 64-byte aligned, padded with zeros. */
extern void RowStep(const StepRule *rule, float *row, const float *gradient, float *state,
                    uint32_t columns, uint32_t stride);

/*
 * One step of Adam, number `steps` (from 1 on) of this row; a negative rate goes upwards.  state:
 * two moments of `stride` floats.
 */
extern void AdamStep(float rate, float *row, const float *gradient, float *state, float steps,
                     uint32_t columns, uint32_t stride);

#endif
