/* critics.h: critics learn what comes of a slate, by what targets say of the state after it. */
#ifndef RECADV_ALGO_ACTOR_CRITIC_CRITICS_H
#define RECADV_ALGO_ACTOR_CRITIC_CRITICS_H

#include "algo/actor_critic/learner.h"

/* Task of a slice: the critics' loss, their gradients in judge_gradient, and the states in z; for a
 * critic of values also the weights of the policy's gradient. */
extern void JudgeTask(void *learner, int task, int worker);

#endif
