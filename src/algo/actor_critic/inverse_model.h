/* inverse_model.h: which slate led from state to state? */
#ifndef RECADV_ALGO_ACTOR_CRITIC_INVERSE_MODEL_H
#define RECADV_ALGO_ACTOR_CRITIC_INVERSE_MODEL_H

#include "algo/actor_critic/learner.h"

/* The model and the items learn the answer, from the states that JudgeTask left in z and next. */
extern void LearnInverse(Learner *l);

#endif
