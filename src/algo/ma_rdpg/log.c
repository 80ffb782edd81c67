/* log.c: reads a log of acts, and compares the actors with it. */
#include "algo/ma_rdpg/log.h"

#include <math.h>

#include "core/pool.h"

/* Shares of sessions that are held out, and fewest sessions of which any is. */
#define HELD_SHARE    0.1
#define FEWEST_LOGGED 50

/* Sessions that are judged. */
#define MOST_JUDGED 1000

#define POLL_EVERY 4096

/* Of the weights of a scenario. */
#define LEAST_VARIANCE 1e-4

/* A weight is beyond the log's by more than rounding. */
#define BEYOND 1e-5f

static uint64_t StepsOf(const Acts *acts, uint32_t session)
{
    return acts->session[session + 1] - acts->session[session];
}

uint32_t MaLogLongest(const Acts *acts, uint32_t limit)
{
    uint64_t longest = 1;

    for (uint32_t s = 0; s < acts->sessions; s++)
        longest = StepsOf(acts, s) > longest ? StepsOf(acts, s) : longest;
    return longest < limit ? (uint32_t)longest : limit;
}

void MaLogTake(Store *store, const Acts *acts, Log *log)
{
    size_t observed = WidestObservation(&acts->shape);

    *log = (Log){.acts = acts};
    log->session = StoreTake(store, acts->sessions, sizeof(uint32_t));
    log->seen = StoreTake(store, acts->shape.scenarios * observed, sizeof(Spread));
    log->taken = StoreTake(store, AllActions(&acts->shape), sizeof(Spread));
    log->verdicts = StoreTake(store, MOST_JUDGED, sizeof(Verdict));
}

/* --- reading */

static bool IsHeld(uint64_t seed, uint32_t session)
{
    Random random;

    RandomSeed(&random, seed, RANDOM_HOLDOUT, session, 0);
    return RandomUniform(&random) < HELD_SHARE;
}

static uint32_t AddSessions(Log *log, const Learner *l, bool held, uint32_t count)
{
    for (uint32_t s = 0; s < log->acts->sessions; s++) {
        if ((log->acts->sessions >= FEWEST_LOGGED && IsHeld((uint64_t)l->options->train.seed, s)) ==
            held)
            log->session[count++] = s;
        if (s % POLL_EVERY == 0)
            HostPoll(l->host);
    }
    return count;
}

/* Should chance hold out all of them, all are learnt. */
static void ChooseSessions(Log *log, const Learner *l)
{
    log->learnt = AddSessions(log, l, false, 0);
    AddSessions(log, l, true, log->learnt);
    if (log->learnt == 0)
        log->learnt = log->acts->sessions;
}

static void ReadStep(Log *log, const Networks *n, uint64_t step)
{
    uint32_t scenario = log->acts->scenario[step];
    const float *observation = ActObservation(log->acts, step);
    const float *action = ActAction(log->acts, step);
    float *least = log->least + n->first[scenario], *greatest = log->greatest + n->first[scenario];

    SpreadAdd(&log->reward, (double)log->acts->reward[step]);
    for (uint32_t k = 0; k < n->seen[scenario]; k++)
        SpreadAdd(&log->seen[scenario * n->observed + k], (double)observation[k]);
    for (uint32_t k = 0; k < n->width[scenario]; k++) {
        SpreadAdd(&log->taken[n->first[scenario] + k], (double)action[k]);
        least[k] = fminf(least[k], action[k]);
        greatest[k] = fmaxf(greatest[k], action[k]);
    }
}

static void ReadSteps(Log *log, const Learner *l)
{
    for (uint32_t k = 0; k < l->n.actions; k++) {
        log->least[k] = INFINITY;
        log->greatest[k] = -INFINITY;
    }
    for (uint64_t step = 0; step < log->acts->steps; step++) {
        ReadStep(log, &l->n, step);
        if (step % POLL_EVERY == 0)
            HostPoll(l->host);
    }
    for (uint32_t s = 0; s < log->acts->sessions; s++) {
        if (StepsOf(log->acts, s) > l->longest)
            log->beyond += StepsOf(log->acts, s) - l->longest;
        if (s % POLL_EVERY == 0)
            HostPoll(l->host);
    }
}

/* Numbers that never change say nothing: they become 0, and others that come later count as they
 * are. */
static void MeasureObservations(const Log *log, const Learner *l)
{
    const Networks *n = &l->n;

    for (uint32_t scenario = 0; scenario < n->scenarios; scenario++)
        for (uint32_t k = 0; k < n->seen[scenario]; k++) {
            const Spread *seen = &log->seen[scenario * n->observed + k];
            float *mean = l->norm + 2 * scenario * Pitch(n->observed) + k;
            float inverse = (float)(1 / SpreadDeviation(seen));

            mean[0] = (float)seen->mean;
            mean[Pitch(n->observed)] = isfinite(inverse) ? inverse : 1;
        }
}

/* Distances from what was done count in units of how much it varied: where the log has tried
 * little, the actors may not go far. */
static void MeasureActions(const Log *log, Learner *l)
{
    const Networks *n = &l->n;

    for (uint32_t scenario = 0; scenario < n->scenarios; scenario++) {
        double variance = 0;

        for (uint32_t k = 0; k < n->width[scenario]; k++) {
            double deviation = SpreadDeviation(&log->taken[n->first[scenario] + k]);

            variance += deviation * deviation / n->width[scenario];
        }
        l->cloning[scenario] = (Real)(l->options->cloning / fmax(variance, LEAST_VARIANCE));
    }
}

void MaLogRead(Log *log, Learner *learner)
{
    Learner *l = learner;
    double unit;

    ChooseSessions(log, l);
    ReadSteps(log, l);
    MeasureObservations(log, l);
    MeasureActions(log, l);
    unit = SpreadUnit(&log->reward);
    l->reward_scale = 1 / unit;
    for (uint64_t step = 0; step < log->acts->steps; step++) {
        log->largest = fmax(log->largest, fabs((double)log->acts->reward[step]) / unit);
        if (step % POLL_EVERY == 0)
            HostPoll(l->host);
    }
}

static Episode EpisodeOf(const Log *log, const Learner *l, uint32_t number)
{
    const Acts *a = log->acts;
    uint32_t session = log->session[number];
    uint64_t first = a->session[session], steps = StepsOf(a, session);

    return EpisodeCut(l, (Episode){steps > UINT32_MAX ? UINT32_MAX : (uint32_t)steps, true,
                                   a->scenario + first, ActObservation(a, first),
                                   ActAction(a, first), a->reward + first});
}

void MaLogBatch(const Log *log, Learner *learner)
{
    Learner *l = learner;
    Random random;

    RandomSeed(&random, (uint64_t)l->options->train.seed, RANDOM_BATCH, l->iteration, 0);
    l->count = (uint32_t)l->options->batch;
    for (uint32_t e = 0; e < l->count; e++)
        l->episodes[e] = EpisodeOf(log, l, RandomBelow(&random, log->learnt));
}

/* --- judging */

/* A session as it is followed. */
typedef struct Following {
    const Log *log;
    const Learner *l;
    Mind mind;
    Verdict *verdict;
    float h[2][MOST_MESSAGE], c[2][MOST_MESSAGE];
    float o[MOST_OBSERVED];
    float action[MOST_ACTION];
    double taken[MOST_STEPS + 1]; /* what the critic says of the action that was taken */
    double best[MOST_STEPS + 1];  /* and of the actor's */
} Following;

static void CompareActions(Following *f, uint32_t scenario, const float *taken)
{
    const Networks *n = &f->l->n;
    const float *least = f->log->least + n->first[scenario];
    const float *greatest = f->log->greatest + n->first[scenario];
    bool outside = false;

    for (uint32_t k = 0; k < n->width[scenario]; k++) {
        double error = (double)f->action[k] - (double)taken[k];

        f->verdict->distance += error * error;
        outside |= f->action[k] < least[k] - BEYOND || f->action[k] > greatest[k] + BEYOND;
    }
    f->verdict->outside += outside;
    f->verdict->steps++;
}

static void FollowStep(Following *f, const Episode *e, uint32_t t)
{
    const Networks *n = &f->l->n;
    const float *taken = e->action + (size_t)t * n->widest;
    Sight sight = {e->scenario[t], f->o, f->h[t % 2]};

    NetworksSee(n, f->mind.norm, sight.scenario, e->observation + (size_t)t * n->observed, f->o);
    MindAct(&f->mind, &sight, NULL, f->action);
    CompareActions(f, sight.scenario, taken);
    f->taken[t] = (double)MindJudge(&f->mind, &sight, taken);
    f->best[t] = (double)MindJudge(&f->mind, &sight, f->action);
    MindHear(&f->mind, &sight, taken, f->c[t % 2], f->h[(t + 1) % 2], f->c[(t + 1) % 2]);
}

static void CountErrors(Following *f, const Episode *e)
{
    double gamma = f->l->options->gamma, discount = 1, scale = f->l->reward_scale;

    for (uint32_t t = 0; t < e->steps; t++) {
        uint32_t next = EpisodeNext(&f->l->n, e, t);
        double follows = next < e->steps ? gamma * f->best[next] : 0;
        double error = f->taken[t] - scale * (double)e->reward[t] - follows;

        if (next < e->steps || e->ended)
            f->verdict->errors += error * error;
        f->verdict->earned += discount * (double)e->reward[t];
        discount *= gamma;
    }
    f->verdict->expected += f->best[0] / scale;
}

typedef struct JudgeJob {
    Log *log;
    const Learner *l;
    uint32_t first; /* number of the session */
} JudgeJob;

static void JudgeTask(void *arg, int task, int worker)
{
    const JudgeJob *job = arg;
    Episode e = EpisodeOf(job->log, job->l, job->first + (uint32_t)task);
    Following f = {.log = job->log,
                   .l = job->l,
                   .mind = MaLearnerMind(job->l),
                   .verdict = &job->log->verdicts[task]};

    (void)worker;
    *f.verdict = (Verdict){.sessions = 1};
    for (uint32_t t = 0; t < e.steps && !HostCancelled(job->l->host); t++)
        FollowStep(&f, &e, t);
    CountErrors(&f, &e);
}

static void AddVerdict(const Verdict *v, Verdict *sum)
{
    sum->steps += v->steps;
    sum->sessions += v->sessions;
    sum->distance += v->distance;
    sum->outside += v->outside;
    sum->errors += v->errors;
    sum->expected += v->expected;
    sum->earned += v->earned;
}

Verdict MaLogJudge(Log *log, Learner *learner)
{
    uint32_t held = log->acts->sessions - log->learnt;
    uint32_t count = held > 0 ? held : log->learnt;
    JudgeJob job = {log, learner, held > 0 ? log->learnt : 0};
    Verdict sum = {0};

    count = count < MOST_JUDGED ? count : MOST_JUDGED;
    PoolRun(learner->host, JudgeTask, &job, (int)count);
    if (HostCancelled(learner->host))
        HostAbandon(learner->host);
    for (uint32_t i = 0; i < count; i++)
        AddVerdict(&log->verdicts[i], &sum);
    return (Verdict){.steps = sum.steps,
                     .sessions = sum.sessions,
                     .distance = sqrt(sum.distance / sum.steps),
                     .outside = sum.outside / sum.steps,
                     .errors = sqrt(sum.errors / sum.steps),
                     .expected = learner->n.alone ? (double)NAN : sum.expected / sum.sessions,
                     .earned = sum.earned / sum.sessions};
}
