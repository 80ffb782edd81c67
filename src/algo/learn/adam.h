/*
 * adam.h: how whole packs of parameters follow their gradients: Adam (Kingma and Ba 2015), RMSProp
 * (Hinton 2012, lecture 6e), clipping by the norm of all gradients, and copies that follow slowly.
 *
 * Arrays are 64-byte aligned and whole numbers of 16 long; state starts at zero.  A row of an
 * embedding is such an array, too: its gradients of a batch are summed first, then it makes one
 * step, whose number counts its own; rows without a gradient stay as they are.
 */
#ifndef RECADV_ALGO_LEARN_ADAM_H
#define RECADV_ALGO_LEARN_ADAM_H

#include <stddef.h>
#include <stdint.h>

/* Weight decay is coupled: this share of a parameter is added to its gradient. */
typedef struct AdamRule {
    float rate;
    float weight_decay;
    float scale; /* of the gradient */
} AdamRule;

/* values, gradient: count; state: 2 x count; step: from 1 on */
extern void AdamMany(const AdamRule *rule, uint64_t step, float *values, const float *gradient,
                     float *state, size_t count);

typedef struct RmsPropRule {
    float rate;
    float decay; /* share of the mean square that stays */
    float scale; /* of the gradient */
} RmsPropRule;

/* values, gradient, state: count */
extern void RmsPropMany(const RmsPropRule *rule, float *values, const float *gradient, float *state,
                        size_t count);

/* The sum of squares: add up those of all gradients. */
extern double SquareSum(const float *values, size_t count);

/* The scale of all gradients, of that sum of squares, by which their norm is at most `most`. */
extern float ClipScale(double squares, float most);

/* target, source: count; target += share * (source - target) */
extern void FollowSlowly(float share, const float *source, float *target, size_t count);

#endif
