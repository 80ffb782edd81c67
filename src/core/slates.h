/*
 * slates.h: a log of sessions, as compressed sparse rows: in each step of a session a slate of
 * items was shown, some of them were clicked, and a reward came of it.
 *
 * Steps of session s are session[s] .. session[s + 1] - 1, in their order; what step t showed is
 * shown[step[t]] .. shown[step[t + 1] - 1], by place, each item once.  Slates may be of any size of
 * at least one.
 */
#ifndef RECADV_CORE_SLATES_H
#define RECADV_CORE_SLATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Slates {
    uint32_t sessions;
    uint32_t items;
    uint64_t steps;       /* of all sessions */
    uint64_t shown_count; /* of all steps */
    uint64_t *session;    /* sessions + 1 */
    uint64_t *step;       /* steps + 1 */
    uint32_t *shown;
    bool *clicked;     /* beside shown */
    float *propensity; /* beside shown: the probability that the item is in the slate; NULL: not
                          logged */
    float *reward;     /* per step, always there */
} Slates;

/* What a step without a reward of its own is worth: the mean over its items of 1 for a click and
 * -NO_CLICK for none (Liu et al. 2023, section 4.1.2). */
#define NO_CLICK 0.1f

static inline float ClickReward(uint32_t clicks, uint32_t shown)
{
    return ((float)clicks - NO_CLICK * (float)(shown - clicks)) / (float)shown;
}

/* Items of a slate in the mean, rounded; at least 1. */
static inline uint32_t UsualSlate(const Slates *log)
{
    return log->shown_count < log->steps || log->steps == 0
               ? 1
               : (uint32_t)((log->shown_count + log->steps / 2) / log->steps);
}

/* Items of the longest slate, at least 1. */
static inline uint32_t LongestSlate(const Slates *log)
{
    uint64_t longest = 1;

    for (uint64_t t = 0; t < log->steps; t++)
        if (log->step[t + 1] - log->step[t] > longest)
            longest = log->step[t + 1] - log->step[t];
    return (uint32_t)longest;
}

#endif
