/* acting.h: asks a model for the weights of a scenario's ranking. */
#ifndef RECADV_PG_SERVE_ACTING_H
#define RECADV_PG_SERVE_ACTING_H

#include "pg/serve/served.h"

/* The numbers of an argument. */
typedef struct Numbers {
    const float8 *value;
    int count;
} Numbers;

/* Index of a scenario; fails, telling which there are, if the model has none of that name. */
extern uint32 ServedScenario(const Served *served, Id name);

typedef struct ActAnswer {
    float *action;  /* as wide as the scenario says */
    float *state;   /* ActStateWidth() */
    double density; /* NaN: it is not drawn */
} ActAnswer;

/*
 * Acts: `state` is what ActStateRead() made of what the act before left.  Fails if the observation
 * is not what the scenario has, or the networks give no number.
 */
extern ActAnswer ServedAct(const Served *served, uint32 scenario, Numbers observation,
                           const float *state, double explore, uint64 seed);

#endif
