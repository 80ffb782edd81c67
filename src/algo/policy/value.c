/*
 * value.c: sums over the steps of each session, estimates from the sums, intervals from resampled
 * sums.
 *
 * All that follows the steps is a sum per session, so that resampling is cheap and nothing depends
 * on the number of threads.
 */
#include "algo/policy/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/policy/answers.h"
#include "algo/policy/exploration.h"
#include "core/interactions.h"
#include "core/pool.h"

/* Up to so many items, the mean over all is exact; beyond, over so many that are drawn. */
#define MOST_EXACT 2048
#define SAMPLE     1024

#define SESSIONS_A_TASK 16
#define TASKS_AT_ONCE   64

/* Fewer resamples where they would draw more sessions than this together. */
#define FEWEST     200
#define MOST_DRAWN 2e8
#define POLL_EVERY 65536

/* Items of a slate between two looks at whether the run is cancelled. */
#define ITEMS_AT_ONCE 1024

/* A shortfall of the supported share beyond this, by three standard errors, is told. */
#define SUPPORT_MISSED 0.05

const char *const estimator_names[ESTIMATORS] = {"logged", "direct", "ips", "snips", "dr"};

/* Of a session; each step counts gamma^t. */
typedef struct SessionSums {
    double steps;
    double logged;
    double direct;
    double weighted; /* steps that have propensities */
    double ips;
    double dr;
    double ratio;   /* of weights */
    double support; /* of weights before they were clipped: its expectation is `weighted` times the
                       supported share */
    double weights; /* over items */
    double squares;
    double largest;
    uint64_t items;
    uint64_t clipped;
    uint64_t weighted_steps;
} SessionSums;

/* Of a thread. */
typedef struct Scratch {
    uint64_t *shown_at; /* items of the policy: the step for which the item is greedy, plus 1 */
    double *credit;     /* the longest slate */
} Scratch;

typedef struct ValueJob {
    const Host *host;
    const ValueQuestion *question;
    FoldedAnswers answers;
    SessionSums *sums; /* sessions */
    Scratch *scratch;
    uint64_t first; /* task of this run */
    uint32_t resamples;
    double *values; /* resamples x ESTIMATORS */
} ValueJob;

/* ---- one step ---- */

/* What the policy does at a step. */
typedef struct Target {
    Exploration exploration;
    double greedy; /* propensities */
    double other;
} Target;

static Target TargetOf(const ValueQuestion *q, uint32_t count)
{
    Target t = {.exploration = ExplorationOf(q->explore, count, q->items)};

    t.greedy = ExplorationGreedy(&t.exploration);
    t.other = ExplorationOther(&t.exploration);
    return t;
}

static bool GoesOn(const ValueJob *job, uint64_t item)
{
    return HostGoesOn(job->host, item, ITEMS_AT_ONCE);
}

static void MarkGreedy(const ValueJob *job, uint64_t step, Scratch *scratch)
{
    const ValueQuestion *q = job->question;

    for (uint64_t i = q->log->step[step]; i < q->log->step[step + 1] && GoesOn(job, i); i++)
        if (q->greedy[i] != NO_ITEM)
            scratch->shown_at[q->greedy[i]] = step + 1;
}

static double PropensityOf(const ValueQuestion *q, const Target *target, const Scratch *scratch,
                           uint64_t step, uint32_t item)
{
    uint32_t own = q->policy_item[item];

    if (own == NO_ITEM)
        return 0;
    return scratch->shown_at[own] == step + 1 ? target->greedy : target->other;
}

/* Sum of the expected rewards of all items of the policy; where they are many, estimated. */
static double SumOfAll(const ValueQuestion *q, const Answers *answers, const float *mean,
                       uint64_t step)
{
    double sum = 0;
    Random random;

    if (q->items <= MOST_EXACT) {
        for (uint32_t i = 0; i < q->items; i++)
            sum += AnswersReward(answers, mean, q->log_item[i]);
        return sum;
    }
    RandomSeed(&random, q->seed, RANDOM_VALUE, 2, step);
    for (int i = 0; i < SAMPLE; i++)
        sum += AnswersReward(answers, mean, q->log_item[RandomBelow(&random, q->items)]);
    return sum / SAMPLE * q->items;
}

/* Sum over the policy's slate of p(i) q(i). */
static double ExpectedReward(const ValueJob *job, const Target *target, const Answers *answers,
                             const float *mean, uint64_t step)
{
    const ValueQuestion *q = job->question;
    double greedy = 0, others = 0;

    for (uint64_t i = q->log->step[step]; i < q->log->step[step + 1] && GoesOn(job, i); i++)
        if (q->greedy[i] != NO_ITEM)
            greedy += AnswersReward(answers, mean, q->log_item[q->greedy[i]]);
    if (target->other > 0)
        others = SumOfAll(q, answers, mean, step) - greedy;
    return target->greedy * greedy + target->other * others;
}

/* What the items that were shown say, and how much each counts. */
static void AddShown(const ValueJob *job, const Target *target, const Answers *answers,
                     const float *mean, uint64_t step, double discount, double expected,
                     Scratch *scratch, SessionSums *sums)
{
    const ValueQuestion *q = job->question;
    const Slates *log = q->log;
    uint64_t first = log->step[step];
    uint32_t count = (uint32_t)(log->step[step + 1] - first);
    double ips = 0, dr = 0, ratio = 0, support = 0, share = discount / target->exploration.places;

    CreditItems(log->clicked + first, count, log->reward[step], scratch->credit);
    for (uint32_t i = 0; i < count && GoesOn(job, i); i++) {
        uint32_t item = log->shown[first + i];
        double w =
            PropensityOf(q, target, scratch, step, item) / (double)log->propensity[first + i];

        support += w;
        if (w > q->clip) {
            w = q->clip;
            sums->clipped++;
        }
        ips += w * scratch->credit[i];
        dr += w * (scratch->credit[i] - AnswersReward(answers, mean, item));
        ratio += w;
        sums->weights += discount * w;
        sums->squares += discount * discount * w * w;
        sums->largest = fmax(sums->largest, w);
    }
    sums->weighted += discount;
    sums->weighted_steps++;
    sums->ips += share * ips;
    sums->dr += share * (expected + dr);
    sums->ratio += share * ratio;
    sums->support += share * support;
}

static bool HasPropensities(const Slates *log, uint64_t step)
{
    return log->propensity != NULL && !isnan(log->propensity[log->step[step]]);
}

static void AddStep(const ValueJob *job, uint64_t step, double discount, const Answers *answers,
                    const AnswerHistory *history, Scratch *scratch, SessionSums *sums)
{
    const ValueQuestion *q = job->question;
    const Slates *log = q->log;
    uint32_t count = (uint32_t)(log->step[step + 1] - log->step[step]);
    Target target = TargetOf(q, count);
    float mean[ANSWER_FACTORS];
    double expected;

    AnswersMean(answers, history, mean);
    expected = ExpectedReward(job, &target, answers, mean, step);
    sums->steps += discount;
    sums->items += count;
    sums->logged += discount * log->reward[step];
    sums->direct += discount * expected / target.exploration.places;
    if (!HasPropensities(log, step))
        return;
    MarkGreedy(job, step, scratch);
    AddShown(job, &target, answers, mean, step, discount, expected, scratch, sums);
}

static void SumSession(const ValueJob *job, uint32_t session, Scratch *scratch)
{
    const ValueQuestion *q = job->question;
    const Answers *answers = AnswersFor(&job->answers, session);
    AnswerHistory history = {.count = 0};
    double discount = 1;

    for (uint64_t t = q->log->session[session];
         t < q->log->session[session + 1] && HostGoesOn(job->host, t, 1); t++) {
        AnswerHistoryBefore(q->past, t, &history);
        AddStep(job, t, discount, answers, &history, scratch, &job->sums[session]);
        AnswerHistoryAfter(q->log, q->past, t, &history);
        discount *= q->gamma;
    }
}

static void SumTask(void *arg, int task, int worker)
{
    const ValueJob *job = arg;
    uint64_t first = (job->first + (uint64_t)task) * SESSIONS_A_TASK;
    uint64_t sessions = job->question->log->sessions;

    for (uint64_t s = first; s < first + SESSIONS_A_TASK && s < sessions; s++)
        SumSession(job, (uint32_t)s, &job->scratch[worker]);
}

/* Runs `tasks` tasks, some at a time. */
static void RunTasks(ValueJob *job, PoolTask work, uint64_t tasks)
{
    for (job->first = 0; job->first < tasks; job->first += TASKS_AT_ONCE) {
        uint64_t left = tasks - job->first;

        PoolRun(job->host, work, job, left < TASKS_AT_ONCE ? (int)left : TASKS_AT_ONCE);
        if (HostCancelled(job->host))
            HostAbandon(job->host);
    }
}

/* ---- estimates ---- */

static void AddSums(SessionSums *to, const SessionSums *s)
{
    to->steps += s->steps;
    to->logged += s->logged;
    to->direct += s->direct;
    to->weighted += s->weighted;
    to->ips += s->ips;
    to->dr += s->dr;
    to->ratio += s->ratio;
}

/* NaN where there is nothing to divide by. */
static double Divide(double sum, double by)
{
    return by > 0 ? sum / by : NAN;
}

static void ValuesOf(const SessionSums *s, double *values)
{
    values[ESTIMATE_LOGGED] = Divide(s->logged, s->steps);
    values[ESTIMATE_DIRECT] = Divide(s->direct, s->steps);
    values[ESTIMATE_IPS] = Divide(s->ips, s->weighted);
    values[ESTIMATE_SNIPS] = Divide(s->ips, s->ratio);
    values[ESTIMATE_DR] = Divide(s->dr, s->weighted);
}

static SessionSums TotalOf(const ValueJob *job)
{
    SessionSums total = {0};

    for (uint32_t s = 0; s < job->question->log->sessions; s++) {
        const SessionSums *one = &job->sums[s];

        AddSums(&total, one);
        total.support += one->support;
        total.weights += one->weights;
        total.squares += one->squares;
        total.largest = fmax(total.largest, one->largest);
        total.items += one->items;
        total.clipped += one->clipped;
        total.weighted_steps += one->weighted_steps;
        if (s % POLL_EVERY == 0)
            HostPoll(job->host);
    }
    return total;
}

/* Standard error of the supported share, over sessions. */
static double SupportError(const ValueJob *job, const SessionSums *total)
{
    double share = Divide(total->support, total->weighted), squares = 0;

    for (uint32_t s = 0; s < job->question->log->sessions; s++) {
        double off = job->sums[s].support - share * job->sums[s].weighted;

        squares += off * off;
        if (s % POLL_EVERY == 0)
            HostPoll(job->host);
    }
    return Divide(sqrt(squares), total->weighted);
}

/* Sessions that have steps with propensities. */
static uint64_t WeightedSessions(const ValueJob *job)
{
    uint64_t count = 0;

    for (uint32_t s = 0; s < job->question->log->sessions; s++) {
        count += job->sums[s].weighted_steps > 0;
        if (s % POLL_EVERY == 0)
            HostPoll(job->host);
    }
    return count;
}

static bool IsWeighted(int estimator)
{
    return estimator >= ESTIMATE_IPS;
}

static Estimate EstimateOf(const ValueJob *job, const SessionSums *total, int estimator)
{
    Estimate e = {.value = NAN, .lower = NAN, .upper = NAN};

    e.sessions = IsWeighted(estimator) ? WeightedSessions(job) : job->question->log->sessions;
    if (!IsWeighted(estimator)) {
        e.effective = (double)total->items;
        e.max_weight = estimator == ESTIMATE_LOGGED ? 1 : NAN;
        e.supported = NAN;
        return e;
    }
    e.effective = total->squares > 0 ? total->weights * total->weights / total->squares : 0;
    e.max_weight = total->largest;
    e.supported = Divide(total->support, total->weighted);
    e.supported = e.supported > 1 ? 1 : e.supported; /* NaN stays: nothing is known */
    e.clipped = total->clipped;
    return e;
}

static bool HasInterval(const Estimate *e)
{
    return e->effective >= LEAST_EFFECTIVE && e->sessions >= LEAST_SESSIONS;
}

/* ---- intervals ---- */

uint32_t ResampleCount(uint32_t sessions)
{
    double most = MOST_DRAWN / sessions;

    return most >= RESAMPLES ? RESAMPLES : most < FEWEST ? FEWEST : (uint32_t)most;
}

static void ResampleTask(void *arg, int task, int worker)
{
    const ValueJob *job = arg;
    uint32_t sessions = job->question->log->sessions;
    uint64_t number = job->first + (uint64_t)task;
    SessionSums sums = {0};
    Random random;

    (void)worker;
    RandomSeed(&random, job->question->seed, RANDOM_VALUE, 3, number);
    for (uint32_t s = 0; s < sessions; s++) {
        AddSums(&sums, &job->sums[RandomBelow(&random, sessions)]);
        if (s % POLL_EVERY == 0 && HostCancelled(job->host))
            return;
    }
    ValuesOf(&sums, job->values + number * ESTIMATORS);
}

static int CompareValues(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Between the two values around it. */
static double Quantile(const double *sorted, uint32_t count, double share)
{
    double at = share * (count - 1);
    uint32_t low = (uint32_t)at, high = low + 1 < count ? low + 1 : low;

    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

void ResampleInterval(double *values, uint32_t count, double confidence, Estimate *e)
{
    double outside = (1 - confidence) / 2;

    qsort(values, count, sizeof(double), CompareValues);
    e->lower = Quantile(values, count, outside);
    e->upper = Quantile(values, count, 1 - outside);
}

/* Resamples without any weight say nothing of what is divided by weights. */
static void TakeInterval(const ValueJob *job, int estimator, double *room, Estimate *e)
{
    uint32_t count = 0;

    for (uint32_t r = 0; r < job->resamples; r++) {
        room[count] = job->values[(size_t)r * ESTIMATORS + (size_t)estimator];
        count += !isnan(room[count]);
    }
    if (count > 0)
        ResampleInterval(room, count, job->question->confidence, e);
}

static void TakeIntervals(ValueJob *job, PolicyValue *value)
{
    double *room;

    job->resamples = ResampleCount(job->question->log->sessions);
    job->values = HostAllocate(job->host, (size_t)job->resamples * ESTIMATORS, sizeof(double));
    room = HostAllocate(job->host, job->resamples, sizeof(double));
    RunTasks(job, ResampleTask, job->resamples);
    for (int e = 0; e < ESTIMATORS; e++)
        if (e != ESTIMATE_DIRECT && HasInterval(&value->of[e]))
            TakeInterval(job, e, room, &value->of[e]);
    HostRelease(job->host, room);
    HostRelease(job->host, job->values);
}

/* ---- all of it ---- */

static void AllocateScratch(ValueJob *job)
{
    const ValueQuestion *q = job->question;
    int threads = PoolThreads(job->host);
    uint32_t longest = LongestSlate(q->log);

    job->sums = HostAllocateZero(job->host, q->log->sessions, sizeof(SessionSums));
    job->scratch = HostAllocate(job->host, (size_t)threads, sizeof(Scratch));
    for (int t = 0; t < threads; t++)
        job->scratch[t] = (Scratch){HostAllocateZero(job->host, q->items, sizeof(uint64_t)),
                                    HostAllocate(job->host, longest, sizeof(double))};
}

static void ReleaseScratch(ValueJob *job)
{
    for (int t = 0; t < PoolThreads(job->host); t++) {
        HostRelease(job->host, job->scratch[t].shown_at);
        HostRelease(job->host, job->scratch[t].credit);
    }
    HostRelease(job->host, job->scratch);
    HostRelease(job->host, job->sums);
}

size_t PolicyValueMemory(const Slates *shape, uint32_t items, int threads)
{
    size_t scratch = SizeAdd(SizeMultiply(items, sizeof(uint64_t)),
                             SizeMultiply(LongestSlate(shape), sizeof(double)));
    size_t total = SizeAdd(AnswersMemory(shape), SizeMultiply((size_t)threads, scratch));

    total = SizeAdd(total, SizeMultiply(shape->sessions, sizeof(SessionSums)));
    return SizeAdd(total, (ESTIMATORS + 1) * RESAMPLES * sizeof(double));
}

void PolicyValueEstimate(const Host *host, const ValueQuestion *question, PolicyValue *value)
{
    ValueJob job = {.host = host, .question = question};
    double values[ESTIMATORS];
    SessionSums total;

    AllocateScratch(&job);
    AnswersLearn(host, question->log, question->past, question->seed, &job.answers);
    RunTasks(&job, SumTask,
             ((uint64_t)question->log->sessions + SESSIONS_A_TASK - 1) / SESSIONS_A_TASK);
    total = TotalOf(&job);
    ValuesOf(&total, values);
    *value = (PolicyValue){.steps = total.weighted_steps};
    for (int e = 0; e < ESTIMATORS; e++) {
        value->of[e] = EstimateOf(&job, &total, e);
        value->of[e].value = values[e];
    }
    value->sparse = !HasInterval(&value->of[total.weighted_steps > 0 ? ESTIMATE_DR : 0]);
    value->unsupported =
        total.weighted_steps > 0 && isinf(question->clip) &&
        total.ratio / total.weighted + 3 * SupportError(&job, &total) < 1 - SUPPORT_MISSED;
    TakeIntervals(&job, value);
    AnswersRelease(host, &job.answers);
    ReleaseScratch(&job);
}
