/* supervision.h: the actor learns from the answers to each item of a slate. */
#ifndef RECADV_ALGO_ACTOR_CRITIC_SUPERVISION_H
#define RECADV_ALGO_ACTOR_CRITIC_SUPERVISION_H

#include "algo/actor_critic/learner.h"

/* One step by the answers alone; returns the loss: mean cross entropy of an answer. */
extern double LearnAnswers(Learner *learner, const AdamRule *rule);

/* That loss, without a step. */
extern double AnswerLoss(Learner *learner);

/* Forgets the optimiser of LearnAnswers. */
extern void ForgetAnswers(Learner *learner);

#endif
