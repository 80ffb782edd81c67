/*
 * act_worlds.h: the table of worlds that answer acts: one entry makes a world known to training (an
 * option names it) and to whatever plays sessions in it.
 */
#ifndef RECADV_ALGO_POLICY_ACT_WORLDS_H
#define RECADV_ALGO_POLICY_ACT_WORLDS_H

#include "algo/policy/act_environment.h"

/* All of them, NULL-terminated, and their names, in the same order, for options: behind "none". */
extern const ActEnvironment *const act_environments[];
extern const char *const act_environment_choices[];

/* By index in act_environment_choices; NULL: none. */
static inline const ActEnvironment *ActEnvironmentAt(int choice)
{
    return choice == 0 ? NULL : act_environments[choice - 1];
}

/* By its name; NULL: unknown. */
extern const ActEnvironment *ActEnvironmentFind(const char *name);

#endif
