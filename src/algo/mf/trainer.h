/*
 * trainer.h: what the stages of a training of bpr and amf share.
 *
 * train.c has the epochs and the order of the stages, choice.c what short trainings choose before
 * them, adversarial.c what follows BPR in amf, worth.c what that is judged by.
 */
#ifndef RECADV_ALGO_MF_TRAINER_H
#define RECADV_ALGO_MF_TRAINER_H

#include "algo/learn/loop.h"
#include "algo/mf/batch.h"
#include "algo/mf/mf.h"

/* What learning the cells of a tile gave. */
typedef struct TileWork {
    double loss;
    uint64_t triples;
    bool abandoned;
} TileWork;

typedef struct MfTrainer {
    const Host *host;
    const Interactions *data;
    const MfOptions *options;
    Model *model;
    TripleRule rule;
    Cells cells;     /* batch_size 1 */
    uint32_t *order; /* batch_size 1: threads x OrderEntries scratch */
    TileWork *work;  /* batch_size 1: tiles of a round */
    Batch batch;     /* batch_size > 1 */
    BatchTriple
        *all_triples; /* batch_size > 1: training interactions, as often as they are visited */
    double regularization;
    Strength strength; /* of the adversarial stage */
    uint64_t listed;
    double mean_weight;
    Interactions all; /* the data, with what was held out */
} MfTrainer;

/* Epochs of the two stages. */
typedef struct MfPlan {
    int plain;
    int adversarial;
} MfPlan;

/* --- train.c */

/* How many accumulators the optimiser keeps for a part. */
extern size_t MfStateFloats(const Part *part, int optimizer);

/* Accumulators as at the start of a training. */
extern void MfResetState(const MfTrainer *t);

/* Trainings begin alike: with the same rows and random numbers. */
extern void MfBeginAgain(MfTrainer *t, Loop *loop, double regularization);

extern void MfUseRegularization(MfTrainer *t, double value);

/* --- choice.c */

/* What is not named is chosen. */
extern void MfChoose(MfTrainer *t, Loop *loop);

/* The model keeps it, where it was not named. */
extern void MfKeepChoice(const MfTrainer *t, TrainReport *report);

/* --- adversarial.c */

/*
 * The adversarial stage starts from a validated model alone, unless one says how strong it is to
 * be.
 */
extern bool MfIsAdversarial(const MfTrainer *t);

/* From now on epochs are adversarial, of the trainer's strength. */
extern void MfStartAdversarial(MfTrainer *t, bool after_plain);

/*
 * The stage after BPR.  Returns how many epochs of each led to the model that is kept, with the
 * trainer's regularization and strength: without adversarial ones, it is one of BPR, which is to be
 * trained anew.
 */
extern MfPlan MfRunAdversarial(MfTrainer *t, Loop *loop, MfPlan plan, const Stage *plain);

#endif
