/*
 * answers.c: learns clicks by stochastic gradients with Adagrad, a fold a thread.
 *
 * The model need not be right: where items were shown with known propensities, estimates correct
 * what it says.  So it is small, and its constants are not tuned to any data.
 */
#include "algo/policy/answers.h"

#include <math.h>
#include <string.h>

#include "core/interactions.h"
#include "core/pool.h"
#include "core/random.h"

#define EPOCHS         6
#define RATE           0.05f
#define STATE_START    0.1f
#define REGULARIZATION 1e-3f
#define INIT           0.05f

/* Clicks with the mean reward of all that each item is taken to have had. */
#define PRIOR_CLICKS 10

/* Sessions that are learnt between two looks at interrupts. */
#define SLICE           1024
#define SHUFFLE_AT_ONCE (1 << 20)
#define POLL_SESSIONS   65536

/* Items of a slate between two looks at whether the run is cancelled. */
#define ITEMS_AT_ONCE 1024

void CreditItems(const bool *clicked, uint32_t count, float reward, double *credit)
{
    uint32_t clicks = 0;
    bool usual;

    for (uint32_t i = 0; i < count; i++)
        clicks += clicked[i];
    usual = fabsf(reward - ClickReward(clicks, count)) < 1e-6f;
    for (uint32_t i = 0; i < count; i++)
        if (usual)
            credit[i] = clicked[i] ? 1 : -(double)NO_CLICK;
        else if (clicks == 0)
            credit[i] = reward;
        else
            credit[i] = clicked[i] ? (double)reward * count / clicks : 0;
}

static void AddClick(AnswerHistory *history, uint32_t item)
{
    if (history->count == ANSWER_CLICKS)
        memmove(history->items, history->items + 1, --history->count * sizeof(uint32_t));
    history->items[history->count++] = item;
}

void AnswerHistoryBefore(const Past *past, uint64_t step, AnswerHistory *history)
{
    if (past == NULL)
        return;
    history->count = 0;
    for (uint64_t i = past->first[step]; i < past->first[step + 1]; i++)
        AddClick(history, past->items[i]);
}

void AnswerHistoryAfter(const Slates *log, const Past *past, uint64_t step, AnswerHistory *history)
{
    for (uint64_t i = log->step[step]; past == NULL && i < log->step[step + 1]; i++)
        if (log->clicked[i])
            AddClick(history, log->shown[i]);
}

static float *RowOf(float *rows, uint32_t item)
{
    return rows + (size_t)item * ANSWER_FACTORS;
}

void AnswersMean(const Answers *answers, const AnswerHistory *history, float *mean)
{
    memset(mean, 0, ANSWER_FACTORS * sizeof(float));
    for (uint32_t h = 0; h < history->count; h++)
        for (int k = 0; k < ANSWER_FACTORS; k++)
            mean[k] += RowOf(answers->clicked, history->items[h])[k] / (float)history->count;
}

static float Probability(const Answers *answers, const float *mean, uint32_t item)
{
    float logit = answers->base;

    if (item != NO_ITEM) {
        logit += answers->bias[item];
        for (int k = 0; k < ANSWER_FACTORS; k++)
            logit += RowOf(answers->taste, item)[k] * mean[k];
    }
    return 1 / (1 + expf(-logit));
}

double AnswersReward(const Answers *answers, const float *mean, uint32_t item)
{
    double p = Probability(answers, mean, item);
    double worth = item == NO_ITEM ? 0 : answers->worth[item];

    return p * worth + (1 - p) * answers->nothing;
}

/* ---- learning ---- */

static float StepSize(float *state, float square)
{
    *state += square;
    return RATE / sqrtf(*state);
}

/* One item of a slate: moves it, and adds to the gradient of the mean. */
static void LearnItem(Answers *a, const float *mean, uint32_t item, bool clicked, float *gradient)
{
    float error = Probability(a, mean, item) - (float)clicked, square = 0, move;
    float *taste = RowOf(a->taste, item), *state = a->state + 3 * (size_t)item;
    float own[ANSWER_FACTORS];

    move = error + REGULARIZATION * a->bias[item];
    a->bias[item] -= StepSize(&state[0], move * move) * move;
    for (int k = 0; k < ANSWER_FACTORS; k++) {
        gradient[k] += error * taste[k];
        own[k] = error * mean[k] + REGULARIZATION * taste[k];
        square += own[k] * own[k];
    }
    move = StepSize(&state[1], square / ANSWER_FACTORS);
    for (int k = 0; k < ANSWER_FACTORS; k++)
        taste[k] -= move * own[k];
}

/* Each click of the history takes its share of the mean's gradient. */
static void LearnHistory(Answers *a, const AnswerHistory *history, const float *gradient)
{
    for (uint32_t h = 0; h < history->count; h++) {
        float *row = RowOf(a->clicked, history->items[h]), own[ANSWER_FACTORS], square = 0, size;

        for (int k = 0; k < ANSWER_FACTORS; k++) {
            own[k] = gradient[k] / (float)history->count + REGULARIZATION * row[k];
            square += own[k] * own[k];
        }
        size = StepSize(&a->state[3 * (size_t)history->items[h] + 2], square / ANSWER_FACTORS);
        for (int k = 0; k < ANSWER_FACTORS; k++)
            row[k] -= size * own[k];
    }
}

static void LearnStep(const FoldedAnswers *folded, Answers *a, uint64_t step,
                      AnswerHistory *history)
{
    const Slates *log = folded->log;
    float mean[ANSWER_FACTORS], gradient[ANSWER_FACTORS] = {0};

    AnswerHistoryBefore(folded->past, step, history);
    AnswersMean(a, history, mean);
    for (uint64_t i = log->step[step];
         i < log->step[step + 1] && HostGoesOn(folded->host, i, ITEMS_AT_ONCE); i++)
        LearnItem(a, mean, log->shown[i], log->clicked[i], gradient);
    LearnHistory(a, history, gradient);
    AnswerHistoryAfter(log, folded->past, step, history);
}

static void LearnSession(const FoldedAnswers *folded, Answers *a, uint32_t session)
{
    const Slates *log = folded->log;
    AnswerHistory history = {.count = 0};

    for (uint64_t t = log->session[session];
         t < log->session[session + 1] && HostGoesOn(folded->host, t, 1); t++)
        LearnStep(folded, a, t, &history);
}

typedef struct LearnJob {
    const Host *host;
    FoldedAnswers *folded;
    uint32_t *order; /* folds x sessions */
    double *credit;  /* folds x the longest slate */
    uint32_t longest;
    double *sum; /* folds x items x 2: rewards of clicks, and their number */
    Random random[ANSWER_FOLDS];
    uint32_t first; /* of the sessions that are learnt now */
} LearnJob;

/* Sums of rewards, and how many. */
typedef struct Sums {
    double clicked[2];
    double other[2];
} Sums;

static void AddCredit(const LearnJob *job, uint32_t fold, uint64_t step, Sums *sums)
{
    const Slates *log = job->folded->log;
    const uint64_t first = log->step[step];
    const uint32_t count = (uint32_t)(log->step[step + 1] - first);
    double *credit = job->credit + (size_t)fold * job->longest;
    double *sum = job->sum + (size_t)fold * log->items * 2;

    CreditItems(log->clicked + first, count, log->reward[step], credit);
    for (uint32_t i = 0; i < count && HostGoesOn(job->host, i, ITEMS_AT_ONCE); i++) {
        bool clicked = log->clicked[first + i];
        double *to = clicked ? sums->clicked : sums->other;
        double *own = sum + 2 * (size_t)log->shown[first + i];

        to[0] += credit[i];
        to[1]++;
        own[0] += clicked ? credit[i] : 0;
        own[1] += clicked;
    }
}

/* What clicks and none are worth, and how frequent clicks are, over the sessions that train. */
static void LearnWorth(void *arg, int task, int worker)
{
    const LearnJob *job = arg;
    const Slates *log = job->folded->log;
    uint32_t fold = (uint32_t)task;
    const double *sum = job->sum + (size_t)fold * log->items * 2;
    Answers *a = &job->folded->answers[fold];
    Sums sums = {{0}, {0}};
    double worth;

    (void)worker;
    for (uint32_t s = 0; s < log->sessions; s++)
        for (uint64_t t = log->session[s]; t < log->session[s + 1] && HostGoesOn(job->host, t, 1);
             t++)
            if (job->folded->fold[s] != fold)
                AddCredit(job, fold, t, &sums);
    a->nothing = sums.other[1] > 0 ? sums.other[0] / sums.other[1] : -(double)NO_CLICK;
    worth = sums.clicked[1] > 0 ? sums.clicked[0] / sums.clicked[1] : 1;
    for (size_t i = 0; i < log->items; i++)
        a->worth[i] = (sum[2 * i] + PRIOR_CLICKS * worth) / (sum[2 * i + 1] + PRIOR_CLICKS);
    a->base = (float)(log1p(sums.clicked[1]) - log1p(sums.other[1]));
}

/* The permutation of RandomShuffle, unless the run is cancelled. */
static void Shuffle(const Host *host, Random *random, uint32_t *values, uint32_t n)
{
    for (uint32_t left = n; left > 1 && !HostCancelled(host);) {
        uint32_t next = left > SHUFFLE_AT_ONCE ? left - SHUFFLE_AT_ONCE : 1;

        RandomShufflePart(random, values, left, next);
        left = next;
    }
}

static void StartRows(Answers *a, uint32_t item, Random *random)
{
    for (int k = 0; k < ANSWER_FACTORS; k++) {
        RowOf(a->taste, item)[k] = INIT * (float)RandomNormal(random);
        RowOf(a->clicked, item)[k] = INIT * (float)RandomNormal(random);
    }
    for (int i = 0; i < 3; i++)
        a->state[3 * (size_t)item + i] = STATE_START;
}

static void StartFold(void *arg, int task, int worker)
{
    LearnJob *job = arg;
    const Slates *log = job->folded->log;
    uint32_t fold = (uint32_t)task, *order = job->order + (size_t)fold * log->sessions;
    Random *random = &job->random[fold];

    (void)worker;
    RandomSeed(random, job->folded->seed, RANDOM_VALUE, 1, fold);
    for (uint32_t i = 0; i < log->items && !HostCancelled(job->host); i++)
        StartRows(&job->folded->answers[fold], i, random);
    for (uint32_t s = 0; s < log->sessions; s++)
        order[s] = s;
}

static void LearnSlice(void *arg, int task, int worker)
{
    LearnJob *job = arg;
    const Slates *log = job->folded->log;
    uint32_t fold = (uint32_t)task, *order = job->order + (size_t)fold * log->sessions;
    uint32_t left = log->sessions - job->first, count = left < SLICE ? left : SLICE;

    (void)worker;
    if (job->first == 0)
        Shuffle(job->host, &job->random[fold], order, log->sessions);
    for (uint32_t s = job->first; s < job->first + count && !HostCancelled(job->host); s++)
        if (job->folded->fold[order[s]] != fold)
            LearnSession(job->folded, &job->folded->answers[fold], order[s]);
}

static void RunFolds(LearnJob *job, PoolTask work)
{
    PoolRun(job->host, work, job, (int)job->folded->folds);
    if (HostCancelled(job->host))
        HostAbandon(job->host);
}

static void LearnEpoch(LearnJob *job)
{
    for (uint64_t first = 0; first < job->folded->log->sessions; first += SLICE) {
        job->first = (uint32_t)first;
        RunFolds(job, LearnSlice);
    }
}

/* ---- memory ---- */

static size_t ItemBytes(void)
{
    return (2 * ANSWER_FACTORS + 4) * sizeof(float) + 3 * sizeof(double);
}

size_t AnswersMemory(const Slates *shape)
{
    size_t fold = SizeAdd(SizeMultiply(shape->items, ItemBytes()),
                          SizeMultiply(shape->sessions, sizeof(uint32_t)));

    fold = SizeAdd(fold, SizeMultiply(LongestSlate(shape), sizeof(double)));
    return SizeAdd(SizeMultiply(fold, ANSWER_FOLDS),
                   SizeMultiply(shape->sessions, sizeof(uint32_t)));
}

static void AllocateAnswers(const Host *host, uint32_t items, Answers *a)
{
    a->bias = HostAllocateZero(host, items, sizeof(float));
    a->taste = HostAllocate(host, (size_t)items * ANSWER_FACTORS, sizeof(float));
    a->clicked = HostAllocate(host, (size_t)items * ANSWER_FACTORS, sizeof(float));
    a->worth = HostAllocate(host, items, sizeof(double));
    a->state = HostAllocate(host, 3 * (size_t)items, sizeof(float));
}

/* Sessions are dealt to folds in random order. */
static void DealFolds(const Host *host, FoldedAnswers *folded, uint32_t *order)
{
    uint32_t sessions = folded->log->sessions;
    Random random;

    folded->folds = sessions < ANSWER_FOLDS ? sessions : ANSWER_FOLDS;
    folded->fold = HostAllocate(host, sessions, sizeof(uint32_t));
    RandomSeed(&random, folded->seed, RANDOM_VALUE, 0, 0);
    for (uint32_t s = 0; s < sessions; s++)
        order[s] = s;
    Shuffle(host, &random, order, sessions);
    for (uint32_t s = 0; s < sessions; s++) {
        folded->fold[order[s]] = s % folded->folds;
        if (s % POLL_SESSIONS == 0)
            HostPoll(host);
    }
}

void AnswersLearn(const Host *host, const Slates *log, const Past *past, uint64_t seed,
                  FoldedAnswers *folded)
{
    LearnJob job = {.host = host, .folded = folded, .longest = LongestSlate(log)};

    *folded = (FoldedAnswers){.host = host, .log = log, .past = past, .seed = seed};
    job.order = HostAllocate(host, SizeMultiply(ANSWER_FOLDS, log->sessions), sizeof(uint32_t));
    job.credit = HostAllocate(host, SizeMultiply(ANSWER_FOLDS, job.longest), sizeof(double));
    job.sum = HostAllocateZero(host, SizeMultiply(2 * ANSWER_FOLDS, log->items), sizeof(double));
    DealFolds(host, folded, job.order);
    for (uint32_t f = 0; f < folded->folds; f++)
        AllocateAnswers(host, log->items, &folded->answers[f]);
    RunFolds(&job, LearnWorth);
    RunFolds(&job, StartFold);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        LearnEpoch(&job);
    HostRelease(host, job.sum);
    HostRelease(host, job.credit);
    HostRelease(host, job.order);
}

void AnswersRelease(const Host *host, FoldedAnswers *folded)
{
    for (uint32_t f = 0; f < folded->folds; f++) {
        Answers *a = &folded->answers[f];

        HostRelease(host, a->bias);
        HostRelease(host, a->taste);
        HostRelease(host, a->clicked);
        HostRelease(host, a->worth);
        HostRelease(host, a->state);
    }
    HostRelease(host, folded->fold);
}
