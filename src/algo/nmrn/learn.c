/*
 * learn.c: learns event by event, in micro-batches, for recadv_refresh() and
 * recadv_evaluate_stream().
 */
#include "algo/nmrn/microbatch.h"

struct Learner {
    MicroBatch batch;
    const History *history;
    uint64_t events; /* before the next one */
};

static bool HistoryHas(const void *arg, uint32_t user, uint32_t item)
{
    return HistoryContains(arg, user, item);
}

size_t NmrnLearnMemory(const Model *model)
{
    const NmrnOptions *o = model->options;

    return SizeAdd(sizeof(Learner), MicroBatchMemory(o, (uint32_t)o->batch_size));
}

Learner *NmrnOpen(const Host *host, Model *model, const History *history, uint64_t events)
{
    const NmrnOptions *o = model->options;
    Learner *learner = HostAllocate(host, 1, sizeof(Learner));

    learner->history = history;
    learner->events = events;
    MicroBatchCreate(host, model, (uint32_t)o->batch_size, (Positives){history, HistoryHas},
                     &learner->batch);
    learner->batch.freeze_keys = o->freeze_keys;
    return learner;
}

void NmrnLearn(Learner *learner, const Event *event)
{
    Random random;

    RandomSeed(&random, (uint64_t)learner->batch.options->train.seed, RANDOM_ONLINE,
               learner->events++, 0);
    MicroBatchAdd(&learner->batch, event, false, &random);
}

void NmrnClose(Learner *learner)
{
    MicroBatchStep(&learner->batch);
    MicroBatchRelease(&learner->batch);
    HostRelease(learner->batch.host, learner);
}
