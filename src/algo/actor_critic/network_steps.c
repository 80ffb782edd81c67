/* network_steps.c: steps of networks; each few thousand parameters are a task. */
#include "algo/actor_critic/network_steps.h"

#include "algo/actor_critic/slices.h"

#define STEP_FLOATS 4096 /* parameters of a task */

typedef struct StepJob {
    const Learner *l;
    float *gradient[1 + (1 << 12) / SLICE_ROWS]; /* of each slice */
    size_t count;
    const AdamRule *rule;
    uint64_t step;
    float *values, *state;
} StepJob;

/* Sums the slices' gradients in their order, and clears them. */
static void StepTask(void *arg, int task, int worker)
{
    const StepJob *job = arg;
    float sum[STEP_FLOATS] __attribute__((aligned(64)));
    size_t first = (size_t)task * STEP_FLOATS, left = job->count - first;
    size_t count = left < STEP_FLOATS ? left : STEP_FLOATS;

    (void)worker;
    RealClear(sum, count);
    for (int s = 0; s < SlicesNow(job->l); s++) {
        float *gradient = job->gradient[s] + first;

        for (size_t i = 0; i < count; i++)
            sum[i] += gradient[i];
        RealClear(gradient, count);
    }
    AdamMany(job->rule, job->step, job->values + first, sum, job->state + 2 * first, count);
}

static void StepNetwork(StepJob *job)
{
    PoolRun(job->l->host, StepTask, job, (int)((job->count + STEP_FLOATS - 1) / STEP_FLOATS));
}

AdamRule RuleOf(const Learner *l, double rate)
{
    return (AdamRule){(float)rate, (float)l->options->weight_decay, 1};
}

void StepJudge(const Learner *l, Judge *judge, int c, double rate)
{
    AdamRule rule = {(float)rate, (float)l->options->weight_decay, 1};
    StepJob job = {.l = l,
                   .count = judge->pack.floats,
                   .rule = &rule,
                   .step = ++judge->step,
                   .values = judge->values,
                   .state = judge->state};

    for (int s = 0; s < SlicesNow(l); s++)
        job.gradient[s] = l->work[s].judge_gradient[c];
    StepNetwork(&job);
}

void ShareClicks(Learner *l)
{
    uint32_t vectors_each = StateVectors(&l->encoder);

    for (uint32_t r = 0; r < l->batch.count; r++) {
        Clicks clicks = l->batch.before[r];
        const float *vectors = RowAt(l, l->dclicks, r * vectors_each);

        for (uint32_t h = 0; h < clicks.count; h++)
            ItemSharesAdd(&l->shares, clicks.items[h],
                          vectors_each == 1 ? 1 / (float)clicks.count : 1,
                          vectors_each == 1 ? vectors : vectors + (size_t)h * l->stride);
    }
}

void StepActor(Learner *l, bool dense, const AdamRule *rule, ActorAdam *adam)
{
    StepJob job = {.l = l,
                   .count = l->pack.floats,
                   .rule = rule,
                   .step = ++adam->step,
                   .values = l->actor.network,
                   .state = adam->network};

    for (int s = 0; s < SlicesNow(l); s++)
        job.gradient[s] = l->work[s].network_gradient;
    StepNetwork(&job);
    ItemSharesStep(l->host, &l->shares, dense, rule, &adam->items, l->actor.items);
}
