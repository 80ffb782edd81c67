/*
 * learner_step.c: one step of learning.
 *
 * The phases of a step follow each other; within one, each slice of the batch is a task.
 */
#include "algo/actor_critic/learner_step.h"

#include "algo/actor_critic/actor.h"
#include "algo/actor_critic/critics.h"
#include "algo/actor_critic/inverse_model.h"
#include "algo/actor_critic/network_steps.h"
#include "algo/actor_critic/slices.h"
#include "algo/actor_critic/supervision.h"

#define ITEM_FLOATS 65536 /* of the items' rows that follow, of a task */

/* --- targets */

static void FollowTask(void *learner, int task, int worker)
{
    const Learner *l = learner;
    size_t first = (size_t)task * ITEM_FLOATS, left = (size_t)l->items * l->stride - first;

    (void)worker;
    FollowSlowly((float)l->options->tau, l->actor.items + first, l->target.items + first,
                 left < ITEM_FLOATS ? left : ITEM_FLOATS);
}

static void Follow(Learner *l)
{
    size_t floats = (size_t)l->items * l->stride;
    float tau = (float)l->options->tau;

    for (int c = 0; c < l->switches->critics; c++)
        FollowSlowly(tau, l->critic[c].values, l->critic[c].target, l->critic[c].pack.floats);
    FollowSlowly(tau, l->actor.network, l->target.network, l->pack.floats);
    PoolRun(l->host, FollowTask, l, (int)((floats + ITEM_FLOATS - 1) / ITEM_FLOATS));
}

/* --- one step */

/* Returns the critics' mean square error. */
static double LearnByCritics(Learner *l)
{
    bool delayed = l->options->delay > 1 && l->iteration % (uint64_t)l->options->delay != 0;
    double loss;

    RunSlices(l, JudgeTask);
    loss = SumLosses(l);
    for (int c = 0; c < l->switches->critics; c++)
        StepJudge(l, &l->critic[c], c, l->options->critic_rate);
    if (l->switches->inverse)
        LearnInverse(l);
    if (delayed)
        return loss;
    if (l->switches->values)
        ReinforceActor(l);
    else
        ClimbActor(l);
    Follow(l);
    return loss;
}

static bool IsSupervised(const Learner *l)
{
    return l->switches->critics == 0 || l->options->supervision;
}

double LearnerStep(Learner *learner)
{
    Learner *l = learner;
    AdamRule rule = RuleOf(l, l->options->supervision_rate);
    double loss = 0;

    if (l->switches->critics > 0)
        loss = LearnByCritics(l);
    if (IsSupervised(l))
        loss = LearnAnswers(l, &rule);
    l->iteration++;
    return loss;
}
