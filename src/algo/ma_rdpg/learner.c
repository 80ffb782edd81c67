/* learner.c: memory, first values and steps of learning. */
#include "algo/ma_rdpg/learner.h"

#include "algo/learn/adam.h"
#include "core/pool.h"

#define STEP_FLOATS 4096 /* parameters of a task */

static uint32_t SlicesOf(const Learner *l, uint32_t sessions)
{
    return (sessions + l->together - 1) / l->together;
}

/* Sessions of a slice: it must not take so long that a cancel has to wait. */
static uint32_t Together(uint32_t longest)
{
    uint32_t fit = SLICE_STEPS / longest;

    return fit < 1 ? 1 : fit < SLICE_SESSIONS ? fit : SLICE_SESSIONS;
}

/* --- memory */

static void TakeLearnt(Store *store, const Pack *pack, const Part *part, uint32_t slices,
                       Learnt *learnt)
{
    *learnt = (Learnt){.floats = pack->floats, .values = part->data};
    learnt->target = StoreTake(store, pack->floats, sizeof(float));
    learnt->squares = StoreTake(store, pack->floats, sizeof(float));
    learnt->gradient = StoreTake(store, slices, sizeof(float *));
    for (uint32_t s = 0; s < slices; s++) {
        float *gradient = StoreTake(store, pack->floats, sizeof(float));

        if (learnt->gradient != NULL)
            learnt->gradient[s] = gradient;
    }
}

void MaLearnerTake(Store *store, const Model *model, uint32_t longest, int threads,
                   Learner *learner)
{
    Learner *l = learner;
    const MaOptions *o = model->options;
    uint32_t slices;
    Slice counted;

    *l = (Learner){.host = store->host,
                   .options = o,
                   .reward_scale = 1,
                   .longest = longest,
                   .together = Together(longest)};
    slices = SlicesOf(l, (uint32_t)o->batch);
    MaNetworks(model, &l->n);
    l->norm = model->part[MA_NORM].data;
    TakeLearnt(store, &l->n.actors, &model->part[MA_ACTORS], slices, &l->learnt[LEARNT_ACTORS]);
    TakeLearnt(store, &l->n.critics, &model->part[MA_CRITICS], slices, &l->learnt[LEARNT_CRITICS]);
    if (l->n.message > 0)
        TakeLearnt(store, &l->n.lstm, &model->part[MA_LSTM], slices, &l->learnt[LEARNT_LSTM]);
    l->episodes = StoreTake(store, (size_t)o->batch, sizeof(Episode));
    l->loss = StoreTake(store, slices, sizeof(double));
    l->slices = StoreTake(store, (size_t)threads, sizeof(Slice));
    /* A session that is cut has one step more. */
    for (int t = 0; t < threads; t++)
        MaSliceTake(store, &l->n, l->together, longest + 1,
                    l->slices != NULL ? &l->slices[t] : &counted);
}

static Weights Values(const Learner *l)
{
    return (Weights){l->learnt[LEARNT_ACTORS].values, l->learnt[LEARNT_CRITICS].values,
                     l->learnt[LEARNT_LSTM].values};
}

static Weights Targets(const Learner *l)
{
    return (Weights){l->learnt[LEARNT_ACTORS].target, l->learnt[LEARNT_CRITICS].target,
                     l->learnt[LEARNT_LSTM].target};
}

Mind MaLearnerMind(const Learner *learner)
{
    return (Mind){&learner->n, Values(learner), learner->norm};
}

void MaLearnerStart(Learner *learner)
{
    Weights values = Values(learner);

    NetworksStart(&learner->n, (uint64_t)learner->options->train.seed, &values);
    for (int p = 0; p < LEARNT_PACKS; p++)
        if (learner->learnt[p].floats > 0)
            RealCopy(learner->learnt[p].values, learner->learnt[p].floats,
                     learner->learnt[p].target);
}

Episode EpisodeCut(const Learner *learner, Episode episode)
{
    if (episode.steps > learner->longest) {
        episode.steps = learner->longest + 1;
        episode.ended = false;
    }
    return episode;
}

/* --- gradients */

typedef struct BatchJob {
    Learner *l;
    SliceRule rule;
} BatchJob;

static SliceRule RuleOf(const Learner *l)
{
    const MaOptions *o = l->options;
    uint64_t steps = 0;

    for (uint32_t e = 0; e < l->count; e++)
        steps += l->episodes[e].steps;
    return (SliceRule){.gamma = (Real)o->gamma,
                       .reward_scale = (Real)l->reward_scale,
                       .message_q = (Real)o->message_q,
                       .cloning = l->cloning,
                       .logit_decay = (Real)o->logit_decay,
                       .share = 1 / (Real)steps,
                       .climbs = l->iteration >= (uint64_t)o->actor_start};
}

static Weights GradientOf(const Learner *l, int slice)
{
    const Learnt *lstm = &l->learnt[LEARNT_LSTM];

    return (Weights){l->learnt[LEARNT_ACTORS].gradient[slice],
                     l->learnt[LEARNT_CRITICS].gradient[slice],
                     lstm->gradient == NULL ? NULL : lstm->gradient[slice]};
}

static void LearnTask(void *arg, int task, int worker)
{
    BatchJob *job = arg;
    Learner *l = job->l;
    uint32_t first = (uint32_t)task * l->together, left = l->count - first;
    Slice *slice = &l->slices[worker];
    Weights values = Values(l), targets = Targets(l), gradient = GradientOf(l, task);

    MaSliceRead(slice, l->norm, l->episodes + first, left < l->together ? left : l->together);
    MaSliceAim(slice, &job->rule, &targets);
    if (HostCancelled(l->host))
        return;
    MaSliceLearn(slice, &job->rule, &values, &gradient);
    l->loss[task] = slice->loss;
}

/* --- steps */

typedef struct StepJob {
    const Learner *l;
    const Learnt *learnt;
    RmsPropRule rule;
    bool moves;
} StepJob;

/* Sums the slices' gradients in their order, and clears them. */
static void Sum(const StepJob *job, size_t first, size_t count, float *sum)
{
    RealClear(sum, count);
    for (uint32_t s = 0; s < SlicesOf(job->l, job->l->count); s++) {
        float *gradient = job->learnt->gradient[s] + first;

        for (size_t i = 0; i < count; i++)
            sum[i] += gradient[i];
        RealClear(gradient, count);
    }
}

static void StepTask(void *arg, int task, int worker)
{
    const StepJob *job = arg;
    const Learnt *p = job->learnt;
    float sum[STEP_FLOATS] __attribute__((aligned(64)));
    size_t first = (size_t)task * STEP_FLOATS, left = p->floats - first;
    size_t count = left < STEP_FLOATS ? left : STEP_FLOATS;

    (void)worker;
    if (job->moves) {
        Sum(job, first, count, sum);
        RmsPropMany(&job->rule, p->values + first, sum, p->squares + first, count);
    }
    FollowSlowly((float)job->l->options->tau, p->values + first, p->target + first, count);
}

static void Step(Learner *l, int pack, double rate, bool moves)
{
    StepJob job = {l, &l->learnt[pack], {(float)rate, (float)l->options->decay, 1}, moves};

    PoolRun(l->host, StepTask, &job, (int)((job.learnt->floats + STEP_FLOATS - 1) / STEP_FLOATS));
}

double MaLearnerStep(Learner *learner)
{
    Learner *l = learner;
    BatchJob job = {l, RuleOf(l)};
    int slices = (int)SlicesOf(l, l->count);
    double loss = 0;

    PoolRun(l->host, LearnTask, &job, slices);
    if (HostCancelled(l->host))
        HostAbandon(l->host);
    for (int s = 0; s < slices; s++)
        loss += l->loss[s];
    Step(l, LEARNT_ACTORS, l->options->actor_rate, job.rule.climbs);
    Step(l, LEARNT_CRITICS, l->options->critic_rate, true);
    if (l->n.message > 0)
        Step(l, LEARNT_LSTM, l->options->message_rate, true);
    l->iteration++;
    return loss;
}
