/*
 * target.c: asks a model as visitors of simulated sessions do (model_policy.h), wave by wave.
 */
#include "algo/policy/target.h"

#include "algo/policy/model_policy.h"
#include "core/pool.h"

/* Items of slates between two looks at interrupts. */
#define POLL_EVERY 65536

typedef struct TargetJob {
    const Host *host;
    const Slates *log;
    const Past *past;
    const uint32_t *policy_item;
    Policy policy;
    uint32_t count; /* slates of the wave */
    Visitor *visitors;
    Slate *slates;
    uint32_t session; /* of the next step */
    Visitor now;      /* in it */
} TargetJob;

/* What is known before a step. */
static void LookBack(TargetJob *job, uint64_t step)
{
    const Past *past = job->past;

    while (step >= job->log->session[job->session + 1])
        job->session++;
    if (past != NULL || step == job->log->session[job->session])
        job->now = (Visitor){.session = job->session};
    for (uint64_t i = past == NULL ? 0 : past->first[step];
         past != NULL && i < past->first[step + 1]; i++)
        VisitorRemember(&job->now, job->policy_item[past->items[i]]);
}

/* Asks for the slate of a step, and goes on to the next. */
static void AskFor(TargetJob *job, uint64_t step, float *propensity, uint32_t *greedy)
{
    const Slates *log = job->log;
    uint32_t count = (uint32_t)(log->step[step + 1] - log->step[step]);

    LookBack(job, step);
    job->visitors[job->count] = job->now;
    job->slates[job->count] = (Slate){.visitor = &job->visitors[job->count],
                                      .wanted = count,
                                      .shown = greedy + log->step[step],
                                      .propensity = propensity};
    job->count++;
    for (uint64_t i = log->step[step]; i < log->step[step + 1]; i++) {
        if (log->clicked[i])
            VisitorRemember(&job->now, job->policy_item[log->shown[i]]);
        if (i % POLL_EVERY == 0)
            HostPoll(job->host);
    }
}

static void FillBatch(void *arg, int task, int worker)
{
    TargetJob *job = arg;
    uint32_t first = (uint32_t)task * job->policy.batch, left = job->count - first;

    job->policy.fill(job->policy.arg, job->slates + first, first,
                     left < job->policy.batch ? left : job->policy.batch, worker);
}

static void CompleteSlate(const Slate *slate)
{
    for (uint32_t i = slate->count; i < slate->wanted; i++)
        slate->shown[i] = NO_ITEM;
}

static void RunWave(TargetJob *job)
{
    if (job->policy.prepare != NULL)
        job->policy.prepare(job->policy.arg, job->slates, job->count);
    PoolRun(job->host, FillBatch, job,
            (int)((job->count + job->policy.batch - 1) / job->policy.batch));
    if (HostCancelled(job->host))
        HostAbandon(job->host);
    SlatesCheck(job->host, job->slates, job->count);
    for (uint32_t s = 0; s < job->count; s++)
        CompleteSlate(&job->slates[s]);
    job->count = 0;
}

void TargetSlates(const Host *host, const Model *policy, const Slates *log, const Past *past,
                  const uint32_t *policy_item, uint32_t *greedy)
{
    uint32_t longest = LongestSlate(log);
    ModelPolicy model = {.model = policy};
    TargetJob job = {.host = host,
                     .log = log,
                     .past = past,
                     .policy_item = policy_item,
                     .policy = ModelPolicyOpen(host, &model, longest)};
    float *propensity = HostAllocate(host, SizeMultiply(ROLLOUT_WAVE, longest), sizeof(float));

    job.visitors = HostAllocate(host, ROLLOUT_WAVE, sizeof(Visitor));
    job.slates = HostAllocate(host, ROLLOUT_WAVE, sizeof(Slate));
    for (uint64_t t = 0; t < log->steps; t++) {
        AskFor(&job, t, propensity + (size_t)job.count * longest, greedy);
        if (job.count == ROLLOUT_WAVE || t + 1 == log->steps)
            RunWave(&job);
    }
    HostRelease(host, job.slates);
    HostRelease(host, job.visitors);
    HostRelease(host, propensity);
    ModelPolicyClose(host, &model);
}

size_t TargetMemory(const Model *policy, const Slates *shape, int threads)
{
    uint32_t longest = LongestSlate(shape);
    ModelPolicy model = {.model = policy};
    size_t slate = SizeAdd(sizeof(Visitor) + sizeof(Slate), SizeMultiply(longest, sizeof(float)));

    return SizeAdd(ModelPolicyMemory(&model, longest, threads), SizeMultiply(ROLLOUT_WAVE, slate));
}
