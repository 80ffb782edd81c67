/*
 * tune.h: a search for options: random trials, the better of them once more and in full.
 *
 * All trials are short trainings on the interactions of some users; the best quarter is trained as
 * long as its options say, on more (random search: Bergstra and Bengio 2012; successive halving as
 * in choose.h).
 */
#ifndef RECADV_ALGO_CHOICE_TUNE_H
#define RECADV_ALGO_CHOICE_TUNE_H

#include "algo/choice/choose.h"

/* What one option may be. */
typedef struct TuneAxis {
    const OptionSpec *spec;
    double *values; /* these, or NULL: all from least to greatest */
    int count;
    double least;
    double greatest;
    bool log; /* spread evenly by logarithm */
} TuneAxis;

/* An algorithm, and what is searched of it. */
typedef struct TuneSpace {
    const Algorithm *algorithm;
    TuneAxis *axes;
    int count;
    bool standard; /* nothing was said: the first trial has the defaults */
} TuneSpace;

typedef struct TunePlan {
    TuneSpace *spaces; /* their trials take turns */
    int count;
    int trials;     /* of the first round */
    double seconds; /* no trial begins later; 0: no limit */
} TunePlan;

/* What an algorithm declares; the axes are from the host's arena. */
extern TuneSpace StandardSpace(const Host *host, const Algorithm *algorithm);

/* As Choose. */
extern void Tune(const Host *host, const Interactions *data, const TunePlan *plan,
                 const TrainOptions *options, size_t room, Choice *choice);

#endif
