/*
 * worth.h: what a trained model is worth, by the held-out interactions, as it is and with its rows
 * moved along the worst case; and copies of rows and accumulators, to go back to.
 */
#ifndef RECADV_ALGO_MF_WORTH_H
#define RECADV_ALGO_MF_WORTH_H

#include "algo/mf/trainer.h"

/* Of users and of items. */
typedef struct MfSnapshot {
    float *rows[2];
    float *state[2];
} MfSnapshot;

extern MfSnapshot MfSnapshotOpen(const MfTrainer *t);
extern void MfSnapshotTake(const MfTrainer *t, const MfSnapshot *s);
extern void MfSnapshotReturn(const MfTrainer *t, const MfSnapshot *s);
extern void MfSnapshotRelease(const MfTrainer *t, const MfSnapshot *s);

typedef struct Worth {
    double ndcg;
    double perturbed; /* the share of it that the worst case takes, as a change */
    float *each;      /* NDCG@100 of each held-out interaction */
    float *kept;      /* how far each is off `perturbed`, for its error (RatioResiduals) */
} Worth;

/* The snapshot is of the model, which comes back from it. */
extern Worth MfMeasureWorth(const MfTrainer *t, Loop *loop, const MfSnapshot *s);
extern void MfWorthRelease(const Host *host, const Worth *worth);

/* Bytes that a snapshot and two such measurements allocate. */
extern size_t MfWorthMemory(const Model *model, const Interactions *shape);

#endif
