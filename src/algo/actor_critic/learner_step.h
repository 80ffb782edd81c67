/* learner_step.h: one step of learning: critics, inverse model, actor, targets, answers. */
#ifndef RECADV_ALGO_ACTOR_CRITIC_LEARNER_STEP_H
#define RECADV_ALGO_ACTOR_CRITIC_LEARNER_STEP_H

#include "algo/actor_critic/learner.h"

/* One iteration in the simulator on learner->batch; returns the loss. */
extern double LearnerStep(Learner *learner);

#endif
