/* rig.h: small random embeddings with a rule, for tests of single updates. */
#ifndef RECADV_RIG_H
#define RECADV_RIG_H

#include "algo/mf/batch.h"
#include "testhost.h"

typedef struct Rig {
    TestHost *t;
    TripleRule rule;
    uint32_t users, items;
} Rig;

/* Rows from N(0, scale^2), padding zero, accumulators at their start, learning rate 0.05. */
extern Rig RigCreate(TestHost *t, uint32_t users, uint32_t items, uint32_t factors,
                     Optimizer optimizer, double scale, uint64_t stream);

/* The same rows and accumulators in memory of their own. */
extern Rig RigCopy(const Rig *rig);

extern bool RigSameBytes(const Rig *a, const Rig *b);
extern bool RigSameRows(const Rig *a, const Rig *b);

/* Largest difference of an element of the rows, relative to the largest step from `start`. */
extern double RigDistance(const Rig *a, const Rig *b, const Rig *start);

extern void RigSetAdversarial(Rig *rig, float epsilon, float lambda);

#endif
