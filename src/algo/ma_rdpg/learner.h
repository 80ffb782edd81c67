/*
 * learner.h: what learns from batches of sessions: the networks in the model, their targets and
 * optimisers.
 *
 * A batch is cut into slices of fixed size, whose gradients are added up in their order, so that
 * results do not depend on the number of threads.
 */
#ifndef RECADV_ALGO_MA_RDPG_LEARNER_H
#define RECADV_ALGO_MA_RDPG_LEARNER_H

#include "algo/ma_rdpg/ma_rdpg.h"
#include "algo/ma_rdpg/mind.h"
#include "algo/ma_rdpg/slice.h"

#define MOST_BATCH 4096

/* Steps of a slice, unless a single session is longer. */
#define SLICE_STEPS 256

/* One pack that is learnt. */
typedef struct Learnt {
    size_t floats;
    float *values; /* in the model */
    float *target;
    float *squares;   /* of RMSProp */
    float **gradient; /* of each slice */
} Learnt;

enum { LEARNT_ACTORS, LEARNT_CRITICS, LEARNT_LSTM, LEARNT_PACKS };

typedef struct Learner {
    const Host *host;
    const MaOptions *options;
    Networks n;
    Learnt learnt[LEARNT_PACKS]; /* without messages the last has no floats */
    float *norm;
    double reward_scale;
    Real cloning[MOST_SCENARIOS]; /* weight of what the log did */
    uint64_t iteration;
    uint32_t longest;  /* steps of a session */
    uint32_t together; /* sessions of a slice */
    uint32_t count;    /* of the batch */
    Episode *episodes; /* the batch: filled by who calls MaLearnerStep */
    Slice *slices;     /* memory of each thread */
    double *loss;      /* of each slice */
} Learner;

/* With store->host == NULL memory is counted alone. */
extern void MaLearnerTake(Store *store, const Model *model, uint32_t longest, int threads,
                          Learner *learner);

/* First values of the model's networks; targets are copies. */
extern void MaLearnerStart(Learner *learner);

/* One step on the batch; returns the critic's mean square error. */
extern double MaLearnerStep(Learner *learner);

/* The model as it is, for playing. */
extern Mind MaLearnerMind(const Learner *learner);

/* A session of at least one step: of the log, or played; the first `longest` + 1 steps of it. */
extern Episode EpisodeCut(const Learner *learner, Episode episode);

#endif
