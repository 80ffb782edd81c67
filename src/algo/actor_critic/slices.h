/*
 * slices.h: a batch is cut into slices of fixed size, whose gradients are added up in their order,
 * so that results do not depend on the number of threads.
 *
 * Each slice is a task; what several tasks do with the networks is here, too.
 */
#ifndef RECADV_ALGO_ACTOR_CRITIC_SLICES_H
#define RECADV_ALGO_ACTOR_CRITIC_SLICES_H

#include "algo/actor_critic/learner.h"
#include "core/pool.h"

/* Rows of the batch, and the memory for them. */
typedef struct Slice {
    Learner *l;
    SliceWork *w;
    uint32_t first;
    uint32_t rows;
    uint32_t number;
} Slice;

extern Slice SliceOf(void *learner, int task);
extern int SlicesNow(const Learner *l);

/* Runs the task on every slice; the run may end here, cancelled. */
extern void RunSlices(Learner *l, PoolTask task);
extern double SumLosses(const Learner *l);

static inline float *RowAt(const Learner *l, float *rows, size_t row)
{
    return rows + (size_t)row * l->stride;
}

/* The encoder on this slice's `clicks`; the states go to `out`, too. */
extern void Encode(const Slice *s, const Actor *actor, const Clicks *clicks, float *tape,
                   float *out);

/* From dz to the gradients of the encoder, and of what was clicked. */
extern void Descend(const Slice *s);

/* input[r] = left[r], then right[r] */
extern void Join(const Slice *s, const float *left, const float *right);

/* What a judge of values, or of states and actions, says of the slice: a number every pitch of 1.
 */
extern const float *Judged(const Slice *s, const Judge *judge, const float *values,
                           const float *states, const float *actions, Random *random);

#endif
