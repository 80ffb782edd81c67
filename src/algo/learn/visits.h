/*
 * visits.h: how often an epoch visits each interaction, in proportion to its weight.
 *
 * Systematic sampling: with weights whose mean is 1, an epoch visits as many as there are
 * interactions, and interaction i on average weight i times; where all weights are the same, each
 * once.  Walk the interactions in order; the start is drawn anew for each walk.
 */
#ifndef RECADV_ALGO_LEARN_VISITS_H
#define RECADV_ALGO_LEARN_VISITS_H

#include "core/random.h"

typedef struct Visits {
    double mean; /* weight */
    double sum;  /* of weights by their mean so far, and the start */
    double done; /* visits so far */
} Visits;

static inline Visits VisitsStart(double mean_weight, Random *random)
{
    return (Visits){.mean = mean_weight, .sum = RandomUniform(random)};
}

/* Visits of the next interaction. */
static inline double VisitsNext(Visits *visits, float weight)
{
    double before = visits->done;

    visits->sum += weight / visits->mean;
    visits->done = __builtin_floor(visits->sum);
    return visits->done - before;
}

#endif
