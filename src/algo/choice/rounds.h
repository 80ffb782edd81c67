/* rounds.h: trials of a list, on a sample that suits what they may cost, and what came of them. */
#ifndef RECADV_ALGO_CHOICE_ROUNDS_H
#define RECADV_ALGO_CHOICE_ROUNDS_H

#include "algo/choice/trial.h"

/* Interactions that a round looks at, at most. */
#define FIRST_MOST 250000
#define LAST_MOST  1000000

typedef struct Rounds {
    const Host *host;
    const Interactions *data;
    uint64_t seed;
    size_t room;  /* bytes of a trial and the sample */
    int planned;  /* trials, for progress */
    int round;    /* the last; 0: none */
    double spent; /* nanoseconds, as estimated */
    double start;
    Trial *trial; /* all that were tried or left out, in order */
    int trials;
    int most; /* places in `trial` */
    /* Called after each trial; false: no more of them.  NULL: go on. */
    bool (*go_on)(void *arg);
    void *arg;
} Rounds;

/* Can anything be measured? */
extern bool IsMeasurable(const Interactions *data);

/* Why not. */
extern const char too_few[];

/* The simplest that tells users apart: what can be said of few interactions. */
extern const Trial *SimplestTrial(const Interactions *data, const Trial *list, int count);

/* Appends a copy to what was tried. */
extern void RoundsRecord(Rounds *rounds, const Trial *trial);

/* Nanoseconds that a list takes. */
extern double RoundWork(const Trial *list, int count, int times, const Interactions *shape);

/*
 * Interactions, at most `most`, that trials of the list may see so that they take no more than
 * `work`; but so many that a thousand held-out ones are among them, or all.
 */
extern uint64_t RoundSample(const Interactions *data, const Trial *list, int count, int times,
                            uint64_t most, double work);

/*
 * Trials of the list on about `most` interactions, `times` as long as short trainings (0: whole
 * ones).  False: too little is held out of so few.
 */
extern bool RoundRun(Rounds *rounds, Trial *list, int count, int times, uint64_t most);

/*
 * Orders the list, the best first, of equals the first in the list of algorithms, of those of one
 * algorithm the first; returns how many could be measured.
 */
extern int RoundRank(Trial *list, int count);

#endif
