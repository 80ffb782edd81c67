/*
 * act_environment.h: worlds that answer acts: what a session starts from, what is observed in each
 * of its steps, and what comes of an action.
 */
#ifndef RECADV_ALGO_POLICY_ACT_ENVIRONMENT_H
#define RECADV_ALGO_POLICY_ACT_ENVIRONMENT_H

#include "core/acts.h"
#include "core/random.h"

/* The state of a session, at most. */
#define ACT_SESSION_BYTES 256

/*
 * All members are functions of the state and of the draws alone; any thread.  Each call draws as
 * often whatever was done before, so that the same draws are the same luck.
 */
typedef struct ActEnvironment {
    const char *name;
    const char *summary;
    ActShape shape;
    const char *const *scenarios; /* their names, by index */
    uint32_t steps;               /* of a session, at most */
    size_t state;                 /* bytes, at most ACT_SESSION_BYTES */

    void (*reset)(void *state, Random *random);

    /* The scenario in which the session is, and what is seen there: as wide as the scenario says.
     * Once a step. */
    uint32_t (*observe)(const void *state, Random *random, float *observation);

    /* What the action of that step earns; false: it ends the session. */
    bool (*step)(void *state, Random *random, const float *action, float *reward);

    /* Which kind of visitor it is, which nobody can see: below `kinds`. */
    uint32_t kinds;
    uint32_t (*kind)(const void *state);

    /* Players to compare with; ends with name == NULL. */
    const struct ActScript *scripts;
} ActEnvironment;

#endif
