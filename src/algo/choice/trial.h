/*
 * trial.h: one short training on the interactions of some users, measured by what they hold out.
 */
#ifndef RECADV_ALGO_CHOICE_TRIAL_H
#define RECADV_ALGO_CHOICE_TRIAL_H

#include "algo/algorithm.h"

/* Bytes of the greatest struct of options. */
#define MOST_OPTIONS 2048

typedef struct Trial {
    const Algorithm *algorithm;
    void *options; /* of a whole training, from the host's arena */
    int round;     /* from 1 on; 0: it did not come to that */
    double metric; /* NDCG@100; NaN: none */
    int epochs;
    double seconds;
    const char *problem; /* why it was left out, or could not be measured; NULL: nothing */
} Trial;

/* What all trials of a round share. */
typedef struct TrialRound {
    const Host *host;
    const Interactions *data; /* with what is held out; of some users, or all */
    int round;
    int times;   /* how much longer than a short training; 0: whole ones */
    size_t room; /* bytes that a trial may take; SIZE_MAX: any number */
} TrialRound;

/* Defaults, those of the preset if the algorithm has one of that name, and `train`. */
extern void TrialDefaults(const Algorithm *algorithm, const char *preset, const TrainOptions *train,
                          void *options);
extern void *TrialOptions(const Host *host, const Algorithm *algorithm, const char *preset,
                          const TrainOptions *train);

/* The single options that a choice tries once the algorithm is the best; the i-th with others as in
 * `best`. */
extern int CountVariants(const Algorithm *algorithm);
extern void VariantOptions(const Algorithm *algorithm, int i, const void *best, void *options);

/* Is it another training, and not several times dearer, which is not what was asked for? */
extern bool VariantSuits(const Trial *best, const Trial *variant, const Interactions *shape);

/* Nanoseconds of one core, about, of the trial, with `times` as above; of a whole training. */
extern double TrialWork(const Trial *trial, int times, const Interactions *shape);
extern double TrainingWork(const Trial *trial, const Interactions *shape);

/* Bytes of the trial; of a whole training. */
extern size_t TrialMemory(const Trial *trial, int times, const Interactions *shape, int threads);
extern size_t TrainingRoom(const Trial *trial, const Interactions *shape, int threads);

/* Trains and measures; fills all members from `round` on. */
extern void TrialRun(const TrialRound *round, Trial *trial);

#endif
