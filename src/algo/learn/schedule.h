/*
 * schedule.h: a step size that falls in a line over the epochs of a stage, and how what was held
 * out is learnt after it.
 */
#ifndef RECADV_ALGO_LEARN_SCHEDULE_H
#define RECADV_ALGO_LEARN_SCHEDULE_H

#include "algo/learn/loop.h"

/* What was held out is learnt with all others in this share of the epochs that proved best, at this
 * rate. */
#define AFTER      4
#define AFTER_RATE 0.2

typedef struct Schedule {
    double first; /* step size at the start */
    double last;  /* at the end, as a share of that */
    int epochs;   /* of the stage */
    int done;
} Schedule;

/* The step size after the epochs that are done and this share of one more. */
static inline double ScheduleRate(const Schedule *schedule, double share)
{
    double left = 1 - (schedule->done + share) / schedule->epochs;

    return schedule->first * (schedule->last + (1 - schedule->last) * left);
}

/* The stage after one that was best after so many epochs. */
static inline Schedule ScheduleAfter(const Schedule *schedule, int best)
{
    return (Schedule){AFTER_RATE * schedule->first, schedule->last, EpochShare(best, AFTER), 0};
}

/* Epochs of the stage after one of so many, at most; `held`: something is held out. */
static inline int EpochsAfter(const Model *model, int epochs, bool held)
{
    return held && !model->trial ? EpochShare(epochs, AFTER) : 0;
}

#endif
