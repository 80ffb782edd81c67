/*
 * mind.h: one visitor's session as the networks see it, step by step: for playing and serving.
 *
 * Products are never the library's, so that the same input gives the same bytes in every process.
 */
#ifndef RECADV_ALGO_MA_RDPG_MIND_H
#define RECADV_ALGO_MA_RDPG_MIND_H

#include "algo/ma_rdpg/networks.h"

/* Networks with their weights. */
typedef struct Mind {
    const Networks *n;
    Weights weights;
    const float *norm;
} Mind;

/* What a step is made of: what is seen, in `observed` numbers, and the message. */
typedef struct Sight {
    uint32_t scenario;
    const Real *o;
    const Real *h;
} Sight;

/* a: the actor's action, of `width` numbers; noise: on its logits (NULL: none) */
extern void MindAct(const Mind *mind, const Sight *sight, const double *noise, Real *a);

/* What the critic expects of an action. */
extern Real MindJudge(const Mind *mind, const Sight *sight, const Real *a);

/* The next message: h_next, c_next, both MessagePitch; `c` as `h` in the sight. */
extern void MindHear(const Mind *mind, const Sight *sight, const Real *a, const Real *c,
                     Real *h_next, Real *c_next);

#endif
