/* negative.h: items that a user does not have. */
#ifndef RECADV_ALGO_LEARN_NEGATIVE_H
#define RECADV_ALGO_LEARN_NEGATIVE_H

#include "core/interactions.h"
#include "core/random.h"

/* Uniform over the items that the user does not train on; NO_ITEM: there is none. */
extern uint32_t UniformNegative(const Interactions *data, uint32_t user, Random *random);

#endif
