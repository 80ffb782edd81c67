/* actor.h: the actor's steps by the critics, on the states that JudgeTask left in z. */
#ifndef RECADV_ALGO_ACTOR_CRITIC_ACTOR_H
#define RECADV_ALGO_ACTOR_CRITIC_ACTOR_H

#include "algo/actor_critic/learner.h"

/* Where the critic of actions says more; and, where the algorithm aligns, towards the mean of the
 * slate that the actor would show. */
extern void ClimbActor(Learner *l);

/* The policy's gradient: what did better than expected becomes likelier. */
extern void ReinforceActor(Learner *l);

#endif
