/*
 * act_value.c: follows a model through the sessions of a log.
 *
 * All that follows the steps is a sum per session, so that nothing depends on the number of
 * threads.
 */
#include "algo/policy/act_value.h"

#include <math.h>

#include "algo/policy/act_play.h"
#include "core/interactions.h"
#include "core/pool.h"

#define SESSIONS_A_TASK 16
#define POLL_EVERY      65536

/* A weight is beyond the log's by more than rounding. */
#define BEYOND 1e-5f

/* Of a session. */
typedef struct FollowedSession {
    double logged;
    double expected;
    uint64_t inside; /* steps */
    bool failed;
} FollowedSession;

/* What the log has tried. */
typedef struct Tried {
    float least[MOST_SCENARIOS][MOST_ACTION];
    float greatest[MOST_SCENARIOS][MOST_ACTION];
} Tried;

typedef struct ActValueJob {
    const Host *host;
    const ActValueQuestion *question;
    Tried *tried;
    FollowedSession *sessions;
    double *values; /* of resamples */
} ActValueJob;

/* Of a run that was cancelled some tasks are not done. */
static void RunTasks(ActValueJob *job, PoolTask work, int tasks)
{
    PoolRun(job->host, work, job, tasks);
    if (HostCancelled(job->host))
        HostAbandon(job->host);
}

/* --- the range of the log */

static void ForgetTried(Tried *tried)
{
    for (int s = 0; s < MOST_SCENARIOS; s++)
        for (int k = 0; k < MOST_ACTION; k++) {
            tried->least[s][k] = INFINITY;
            tried->greatest[s][k] = -INFINITY;
        }
}

static void TakeTried(const ActValueJob *job)
{
    const Acts *log = job->question->log;
    Tried *tried = job->tried;

    ForgetTried(tried);
    for (uint64_t step = 0; step < log->steps; step++) {
        uint32_t s = log->scenario[step];
        const float *action = ActAction(log, step);

        for (uint32_t k = 0; k < log->shape.scenario[s].action; k++) {
            tried->least[s][k] = fminf(tried->least[s][k], action[k]);
            tried->greatest[s][k] = fmaxf(tried->greatest[s][k], action[k]);
        }
        if (step % POLL_EVERY == 0)
            HostPoll(job->host);
    }
}

static bool IsInside(const ActValueJob *job, uint32_t scenario, const float *action)
{
    const float *least = job->tried->least[scenario];
    const float *greatest = job->tried->greatest[scenario];

    for (uint32_t k = 0; k < job->question->log->shape.scenario[scenario].action; k++)
        if (action[k] < least[k] - BEYOND || action[k] > greatest[k] + BEYOND)
            return false;
    return true;
}

/* --- sessions */

/* What the model remembers is its own: it has acted in the steps before. */
static void Follow(const ActValueJob *job, uint32_t session, FollowedSession *followed)
{
    const ActValueQuestion *q = job->question;
    const ActMethods *methods = q->model->algorithm->policy->acts;
    double gamma = methods->discount(q->model->options), discount = 1;
    uint64_t first = q->log->session[session];
    float action[MOST_ACTION], state[2][MOST_ACT_STATE];

    for (uint64_t t = first; t < q->log->session[session + 1] && !followed->failed; t++) {
        ActInput input = {.scenario = q->scenario[q->log->scenario[t]],
                          .observation = ActObservation(q->log, t),
                          .state = t == first ? NULL : state[t % 2]};
        ActOutput output = {action, state[(t + 1) % 2], (double)NAN};

        if (t == first)
            followed->expected = methods->value(q->model, &input);
        followed->failed = !methods->act(q->model, &input, &output);
        followed->inside += IsInside(job, q->log->scenario[t], action);
        followed->logged += discount * (double)q->log->reward[t];
        discount *= gamma;
        if (HostCancelled(job->host))
            return;
    }
}

static void FollowTask(void *arg, int task, int worker)
{
    const ActValueJob *job = arg;
    uint32_t first = (uint32_t)task * SESSIONS_A_TASK;

    (void)worker;
    for (uint32_t s = first; s < first + SESSIONS_A_TASK && s < job->question->log->sessions; s++)
        Follow(job, s, &job->sessions[s]);
}

static void Sum(const ActValueJob *job, ActValue *value)
{
    const Acts *log = job->question->log;
    double logged = 0, expected = 0, inside = 0;

    for (uint32_t s = 0; s < log->sessions; s++) {
        logged += job->sessions[s].logged;
        expected += job->sessions[s].expected;
        inside += (double)job->sessions[s].inside;
        value->failed |= job->sessions[s].failed;
    }
    value->logged.value = logged / log->sessions;
    value->direct.value = expected / log->sessions;
    value->direct.supported = inside / (double)log->steps;
}

/* --- interval */

static void ResampleTask(void *arg, int task, int worker)
{
    const ActValueJob *job = arg;
    uint32_t sessions = job->question->log->sessions;
    double sum = 0;
    Random random;

    (void)worker;
    RandomSeed(&random, job->question->seed, RANDOM_VALUE, 4, (uint64_t)task);
    for (uint32_t s = 0; s < sessions; s++) {
        sum += job->sessions[RandomBelow(&random, sessions)].logged;
        if (s % POLL_EVERY == 0 && HostCancelled(job->host))
            return;
    }
    job->values[task] = sum / sessions;
}

static void TakeInterval(ActValueJob *job, Estimate *logged)
{
    uint32_t count = ResampleCount(job->question->log->sessions);

    if (job->question->log->sessions < LEAST_SESSIONS)
        return;
    job->values = HostAllocate(job->host, count, sizeof(double));
    RunTasks(job, ResampleTask, (int)count);
    ResampleInterval(job->values, count, job->question->confidence, logged);
    HostRelease(job->host, job->values);
}

/* --- all of it */

size_t ActValueMemory(const Acts *shape)
{
    size_t bytes = SizeMultiply(shape->sessions, sizeof(FollowedSession));

    return SizeAdd(bytes, sizeof(Tried) + RESAMPLES * sizeof(double));
}

void ActValueEstimate(const Host *host, const ActValueQuestion *question, ActValue *value)
{
    const Acts *log = question->log;
    ActValueJob job = {.host = host, .question = question};
    Estimate none = {(double)NAN, (double)NAN, (double)NAN, log->sessions,
                     (double)NAN, (double)NAN, (double)NAN, 0};

    job.tried = HostAllocate(host, 1, sizeof(Tried));
    job.sessions = HostAllocateZero(host, log->sessions, sizeof(FollowedSession));
    *value = (ActValue){none, none, false};
    value->logged.effective = (double)log->steps;
    value->logged.max_weight = 1;
    TakeTried(&job);
    RunTasks(&job, FollowTask,
             (int)((log->sessions + (uint64_t)SESSIONS_A_TASK - 1) / SESSIONS_A_TASK));
    Sum(&job, value);
    TakeInterval(&job, &value->logged);
    HostRelease(host, job.sessions);
    HostRelease(host, job.tried);
}
