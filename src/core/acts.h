/*
 * acts.h: a log of acts, as compressed sparse rows: in each step of a session the visitor was in
 * one of a few scenarios, something was observed, weights were chosen for that scenario's ranking,
 * and a reward came of it.
 *
 * Steps of session s are session[s] .. session[s + 1] - 1, in their order; the last one ends the
 * session.  Each scenario has observations and actions of a width of its own, the same in all its
 * steps.  All rows of a matrix are as wide as the widest scenario's, and zero beyond their own.
 */
#ifndef RECADV_CORE_ACTS_H
#define RECADV_CORE_ACTS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOST_SCENARIOS    16
#define MOST_OBSERVED     1024 /* numbers of an observation */
#define MOST_ACTION       256  /* weights of an action */
#define MOST_ALL_ACTIONS  1024 /* weights of one action in each scenario, together */
#define ACTION_SUM_WITHIN 1e-3 /* of 1 */
#define ACTION_LEAST      (-1e-6f)

/* Numbers of a scenario's observations and of its actions, at least one each. */
typedef struct ActWidths {
    uint32_t observation;
    uint32_t action;
} ActWidths;

/* The scenarios, by their index; their names are known outside, as items' are. */
typedef struct ActShape {
    uint32_t scenarios;
    ActWidths scenario[MOST_SCENARIOS];
} ActShape;

typedef struct Acts {
    ActShape shape;
    uint32_t sessions;
    uint64_t steps;     /* of all sessions */
    uint64_t *session;  /* sessions + 1 */
    uint32_t *scenario; /* per step, below shape.scenarios; so are the others */
    float *observation; /* steps x WidestObservation, all finite */
    float *action;      /* steps x WidestAction; each row a distribution: IsDistribution */
    float *reward;      /* finite */
    float *propensity;  /* the density of the action, as ActMethods.act tells it; NaN: not logged;
                         * NULL: no step has one */
} Acts;

static inline uint32_t WidestObservation(const ActShape *shape)
{
    uint32_t widest = 1;

    for (uint32_t s = 0; s < shape->scenarios; s++)
        widest = shape->scenario[s].observation > widest ? shape->scenario[s].observation : widest;
    return widest;
}

static inline uint32_t WidestAction(const ActShape *shape)
{
    uint32_t widest = 1;

    for (uint32_t s = 0; s < shape->scenarios; s++)
        widest = shape->scenario[s].action > widest ? shape->scenario[s].action : widest;
    return widest;
}

/* Weights of one action in each scenario, together. */
static inline uint32_t AllActions(const ActShape *shape)
{
    uint32_t sum = 0;

    for (uint32_t s = 0; s < shape->scenarios; s++)
        sum += shape->scenario[s].action;
    return sum;
}

/* Can there be networks for it?  A stored shape must be asked before anything is laid out. */
static inline bool ActShapeIsSound(const ActShape *shape)
{
    if (shape->scenarios < 1 || shape->scenarios > MOST_SCENARIOS)
        return false;
    for (uint32_t s = 0; s < shape->scenarios; s++) {
        ActWidths w = shape->scenario[s];

        if (w.observation < 1 || w.observation > MOST_OBSERVED || w.action < 1 ||
            w.action > MOST_ACTION)
            return false;
    }
    return AllActions(shape) <= MOST_ALL_ACTIONS;
}

static inline const float *ActObservation(const Acts *acts, uint64_t step)
{
    return acts->observation + step * WidestObservation(&acts->shape);
}

static inline const float *ActAction(const Acts *acts, uint64_t step)
{
    return acts->action + step * WidestAction(&acts->shape);
}

/* Weights of a ranking: none negative, their sum 1, both but for rounding. */
static inline bool IsDistribution(const float *action, uint32_t width)
{
    double sum = 0;

    for (uint32_t k = 0; k < width; k++) {
        if (!(action[k] >= ACTION_LEAST))
            return false;
        sum += (double)action[k];
    }
    return fabs(sum - 1) <= ACTION_SUM_WITHIN;
}

#endif
