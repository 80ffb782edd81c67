/* network_steps.h: steps of networks by the gradients of a batch's slices, and of the items' rows
 * with the actor's. */
#ifndef RECADV_ALGO_ACTOR_CRITIC_NETWORK_STEPS_H
#define RECADV_ALGO_ACTOR_CRITIC_NETWORK_STEPS_H

#include "algo/actor_critic/learner.h"

extern AdamRule RuleOf(const Learner *l, double rate);

/* A step by the slices' judge_gradient[c]. */
extern void StepJudge(const Learner *l, Judge *judge, int c, double rate);

/* What was clicked before has a share in the gradient of the state. */
extern void ShareClicks(Learner *l);

/* The encoder by the slices' gradients, and the items' rows by their shares; dense: and by the
 * dense gradient. */
extern void StepActor(Learner *l, bool dense, const AdamRule *rule, ActorAdam *adam);

#endif
