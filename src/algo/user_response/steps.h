/* steps.h: the log by its steps: what was clicked before each, and which of them are held out. */
#ifndef RECADV_ALGO_USER_RESPONSE_STEPS_H
#define RECADV_ALGO_USER_RESPONSE_STEPS_H

#include "core/host.h"
#include "core/slates.h"

/* Sessions with fewer steps hold none out, but may be held out as a whole. */
#define LEAST_STEPS 5

typedef struct Steps {
    const Slates *log;
    uint32_t count;
    uint32_t *session; /* of each step */
    uint64_t *before;  /* steps + 1: clicks of the log before the step */
    uint32_t *click;   /* items, in the order of the log */
    bool *held;        /* of each step */
    uint32_t held_count;
    uint64_t clicks;
    uint64_t held_answers;
    uint32_t largest; /* items of a slate */
} Steps;

/* Fails if there are more steps than can be counted, or none. */
extern void StepsCreate(const Host *host, const Slates *log, Steps *steps);
extern void StepsRelease(const Host *host, Steps *steps);
extern size_t StepsMemory(const Slates *log);

/* Holds out about this share of the steps, or none; of large logs fewer: never more than `most`
 * answers. */
extern void StepsHoldOut(const Host *host, Steps *steps, double share, uint64_t most,
                         uint64_t seed);

/* The last clicks of the session before the step, at most `limit`, oldest first. */
static inline const uint32_t *StepHistory(const Steps *steps, uint32_t step, uint32_t limit,
                                          uint32_t *count)
{
    uint64_t end = steps->before[step];
    uint64_t begin = steps->before[steps->log->session[steps->session[step]]];

    *count = end - begin < limit ? (uint32_t)(end - begin) : limit;
    return steps->click + end - *count;
}

static inline uint32_t StepAnswers(const Steps *steps, uint32_t step)
{
    return (uint32_t)(steps->log->step[step + 1] - steps->log->step[step]);
}

#endif
