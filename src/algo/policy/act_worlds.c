/* act_worlds.c: the table of worlds. */
#include "algo/policy/act_worlds.h"

#include <string.h>

#include "algo/policy/market.h"

const ActEnvironment *const act_environments[] = {&market_environment, NULL};

const char *const act_environment_choices[] = {"none", "market", NULL};

const ActEnvironment *ActEnvironmentFind(const char *name)
{
    for (int i = 0; act_environments[i] != NULL; i++)
        if (strcmp(act_environments[i]->name, name) == 0)
            return act_environments[i];
    return NULL;
}
