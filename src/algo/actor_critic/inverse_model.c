/* inverse_model.c: from two states to a hyper-action whose slate is likely. */
#include "algo/actor_critic/inverse_model.h"

#include "algo/actor_critic/network_steps.h"
#include "algo/actor_critic/slices.h"

static void GuessTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);
    Learner *l = s.l;

    (void)worker;
    Join(&s, RowAt(l, l->z, s.first), RowAt(l, l->next, s.first));
    MlpForward(&l->inverse.mlp, &l->inverse.pack, l->inverse.values, s.w->input, s.rows, NULL,
               s.w->judge_tape);
    RealCopy(s.w->judge_tape, (size_t)s.rows * l->stride, RowAt(l, l->guess, s.first));
}

static void GuessBackTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);
    Learner *l = s.l;

    (void)worker;
    MlpBackward(&l->inverse.mlp, &l->inverse.pack, l->inverse.values, s.w->input, s.rows,
                s.w->judge_tape, RowAt(l, l->dz, s.first), NULL, s.w->judge_gradient[0]);
}

void LearnInverse(Learner *l)
{
    AdamRule rule = RuleOf(l, l->options->inverse_rate);

    for (uint32_t r = 0; r < l->batch.count; r++)
        l->weight[r] = 1 / ((float)l->batch.slate[r].count * (float)l->batch.count);
    RunSlices(l, GuessTask);
    SlateSoftmaxRun(l->host, &l->softmax, l->actor.items, l->guess, l->batch.count, l->batch.slate,
                    l->weight, l->shares.dense, l->dz);
    RunSlices(l, GuessBackTask);
    StepJudge(l, &l->inverse, 0, l->options->inverse_rate);
    ItemSharesStep(l->host, &l->shares, true, &rule, &l->by_inverse, l->actor.items);
}
