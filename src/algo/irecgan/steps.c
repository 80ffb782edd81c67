/* steps.c: what the steps of the networks share. */
#include "algo/irecgan/steps.h"

/* --- batches */

uint32_t BatchAnswers(const Episode *const *batch, uint32_t count)
{
    uint32_t answers = 0;

    for (uint32_t b = 0; b < count; b++)
        answers += batch[b]->count;
    return answers;
}

int IrSlicesNow(const Learner *l)
{
    return (int)((l->count + SLICE_ROWS - 1) / SLICE_ROWS);
}

uint32_t SliceEpisodes(const Learner *l, int slice)
{
    uint32_t left = l->count - (uint32_t)slice * SLICE_ROWS;

    return left < SLICE_ROWS ? left : SLICE_ROWS;
}

void IrRunSlices(Learner *l, PoolTask task)
{
    PoolRun(l->host, task, l, IrSlicesNow(l));
    if (HostCancelled(l->host))
        HostAbandon(l->host);
}

double IrSumLosses(const Learner *l)
{
    double loss = 0;

    for (int s = 0; s < IrSlicesNow(l); s++)
        loss += l->work[s].loss;
    return loss;
}

/* --- steps of a network */

typedef struct StepJob {
    const Learner *l;
    const Network *network;
    const AdamRule *rule;
} StepJob;

/* Sums the slices' gradients in their order, and clears them. */
static void StepTask(void *arg, int task, int worker)
{
    const StepJob *job = arg;
    float sum[STEP_FLOATS] __attribute__((aligned(64)));
    size_t first = (size_t)task * STEP_FLOATS, left = job->network->floats - first;
    size_t count = left < STEP_FLOATS ? left : STEP_FLOATS;

    (void)worker;
    RealClear(sum, count);
    for (int s = 0; s < IrSlicesNow(job->l); s++) {
        float *gradient = job->l->work[s].gradient + first;

        for (size_t i = 0; i < count; i++)
            sum[i] += gradient[i];
        RealClear(gradient, count);
    }
    AdamMany(job->rule, job->network->step, job->network->values + first, sum,
             job->network->state + 2 * first, count);
}

void IrStepNetwork(const Learner *l, const AdamRule *rule, Network *network)
{
    StepJob job = {l, network, rule};

    network->step++;
    PoolRun(l->host, StepTask, &job, (int)((network->floats + STEP_FLOATS - 1) / STEP_FLOATS));
}
