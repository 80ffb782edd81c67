/*
 * train.c: first the log teaches the answers of visitors, then visitors of the simulator teach the
 * policy; the best of some checks stays.
 */
#include <math.h>
#include <stdio.h>

#include "algo/actor_critic/learner_step.h"
#include "algo/actor_critic/log.h"
#include "algo/actor_critic/play.h"
#include "algo/actor_critic/supervision.h"
#include "algo/learn/loop.h"
#include "core/blas.h"
#include "core/pool.h"

/* Slates of a batch of the log, and batches of an epoch. */
#define LOG_BATCH 64
#define LOG_EPOCH 50

/* Held-out slates that a check looks at, and checks without a gain that end the learning. */
#define MOST_HELD 4096
#define LOG_STALE 4

/* Of the iterations that are allowed, where nothing is held out. */
#define UNCHECKED_SHARE 0.6

#define INIT_POLL 1024

typedef enum Phase {
    SEARCHING, /* for the number of batches of the log */
    REPEATING, /* that number of them, of all sessions */
    PLAYING
} Phase;

typedef struct Trainer {
    const Host *host;
    const PolicyData *data;
    Model *model;
    const AcOptions *options;
    const Switches *switches;
    TrainReport *report;
    Store store;
    Learner learner;
    Play play;
    Log log;
    Environment *environment;
    Phase phase;
    uint64_t batches; /* of the log so far, in this phase */
    uint64_t limit;   /* of the phase's batches, or iterations */
    uint64_t iterations;
    double held_loss; /* of the last check; NaN: nothing is held out */
} Trainer;

static bool Pretrains(const Model *model, bool simulated)
{
    const AcOptions *o = model->options;

    return !simulated || o->pretrain;
}

static uint32_t BatchRoom(const AcOptions *o)
{
    return o->batch > LOG_BATCH ? (uint32_t)o->batch : LOG_BATCH;
}

static int64_t DivideUp(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Both phases on the log, and the checks. */
static int64_t Epochs(const Model *model, bool simulated)
{
    const AcOptions *o = model->options;

    return (Pretrains(model, simulated) ? 2 * DivideUp(o->pretrain_iterations, LOG_EPOCH) : 0) +
           (simulated ? DivideUp(o->iterations, o->check_every) : 0);
}

/* --- memory */

static void Take(Trainer *t, int threads)
{
    LearnerTake(&t->store, t->model, AcSlate(t->options, t->data->slates, t->model->items),
                BatchRoom(t->options), threads, &t->learner);
    LogTake(&t->store, t->data->slates, &t->log);
    if (t->data->simulator != NULL)
        PlayTake(&t->store, t->data, &t->learner, t->environment, &t->play);
}

#define LEARNT_PARTS (LEARNT(AC_ITEM_PART) | LEARNT(AC_NETWORK_PART))

static size_t ProductMemory(const Model *model, int threads)
{
    size_t one =
        BlasMemory(BatchRoom(model->options), CHOOSE_TILE, model->part[AC_ITEM_PART].stride);

    return SizeMultiply((size_t)threads, one);
}

size_t AcMemory(const Model *model, const PolicyData *shape, int threads)
{
    const AcOptions *o = model->options;
    Model counted = *model;
    Trainer t = {
        .data = shape, .model = &counted, .options = o, .switches = AcSwitches(model->algorithm)};
    size_t total;

    Take(&t, threads);
    total = SizeAdd(t.store.bytes, ProductMemory(model, threads));
    if (shape->simulator != NULL) {
        const Model *simulator = shape->simulator;
        VisitorRules rules = SimulatorRules(simulator->algorithm, simulator->options);

        total = SizeAdd(total, EnvironmentMemory(simulator, &rules));
    }
    return SizeAdd(total, LoopMemory(model, NULL, threads, LEARNT_PARTS,
                                     Epochs(model, shape->simulator != NULL)));
}

/* --- first values */

static void StartItems(const Trainer *t)
{
    Part *part = &t->model->part[AC_ITEM_PART];
    uint64_t seed = (uint64_t)t->options->train.seed;

    for (uint32_t r = 0; r < part->rows; r++) {
        Random random;

        RandomSeed(&random, seed, RANDOM_INIT_ITEM, r, 0);
        for (uint32_t k = 0; k < part->columns; k++)
            PartRow(part, r)[k] = (float)(t->options->row_deviation * RandomNormal(&random));
        if (r % INIT_POLL == 0)
            HostPoll(t->host);
    }
}

static void StartModel(Trainer *t)
{
    Part *network = &t->model->part[AC_NETWORK_PART];
    Random random;

    StartItems(t);
    PartClear(t->host, network);
    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_INIT_WEIGHT, 0, 0);
    StateStart(&t->learner.encoder, &t->learner.pack, &random, network->data);
}

/* --- epochs */

/* Some batches of the log. */
static double LearnLog(Trainer *t)
{
    AdamRule rule = {(float)t->options->pretrain_rate, (float)t->options->pretrain_decay, 1};
    double loss = 0;
    int count = 0;

    for (; count < LOG_EPOCH && t->batches < t->limit; count++) {
        Random random;

        RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_BATCH, t->phase, t->batches++);
        LogBatch(&t->log, &random, LOG_BATCH, t->phase == REPEATING, &t->learner);
        loss += LearnAnswers(&t->learner, &rule);
        HostPoll(t->host);
    }
    return loss / count;
}

/* a2c learns what is new, once it makes a batch; the others once there is enough to draw from. */
static bool IsTimeToLearn(const Trainer *t)
{
    const AcOptions *o = t->options;

    if (t->switches->values)
        return t->iterations % (uint64_t)DivideUp(o->batch, o->sessions) == 0;
    return t->play.replay.added >= (uint64_t)o->learning_starts;
}

static void Gather(Trainer *t)
{
    while (!t->switches->values && t->play.replay.added < (uint64_t)t->options->learning_starts) {
        PlayStep(&t->play);
        HostPoll(t->host);
    }
}

/* Iterations up to the next check; the mean loss of those that learnt. */
static double LearnPlaying(Trainer *t)
{
    double loss = 0;
    int learnt = 0;

    Gather(t);
    for (int64_t i = 0; i < t->options->check_every && t->iterations < t->limit; i++) {
        PlayStep(&t->play);
        t->iterations++;
        HostPoll(t->host);
        if (!IsTimeToLearn(t))
            continue;
        PlayBatch(&t->play, (uint32_t)t->options->batch, t->switches->values);
        loss += LearnerStep(&t->learner);
        learnt++;
    }
    return learnt == 0 ? 0 : loss / learnt;
}

static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;

    (void)number;
    return t->phase == PLAYING ? LearnPlaying(t) : LearnLog(t);
}

static double HeldLoss(Trainer *t)
{
    uint64_t held = t->log.count - t->log.learnt, count = held < MOST_HELD ? held : MOST_HELD;
    double sum = 0;

    for (uint64_t first = 0; first < count; first += LOG_BATCH) {
        uint64_t left = count - first;
        uint32_t wanted = left < LOG_BATCH ? (uint32_t)left : LOG_BATCH;

        LogHeldBatch(&t->log, first, wanted, &t->learner);
        sum += AnswerLoss(&t->learner) * wanted;
        HostPoll(t->host);
    }
    return count == 0 ? (double)NAN : sum / (double)count;
}

/* Reward and depth, of what serves; while the log is searched, that loss. */
static void Measure(void *trainer, double *metric)
{
    Trainer *t = trainer;
    Earned earned = {(double)NAN, (double)NAN};

    if (t->phase == SEARCHING)
        t->held_loss = HeldLoss(t);
    else if (t->environment != NULL && (t->phase == PLAYING || t->batches == t->limit))
        earned = PlayCheck(&t->play, false);
    metric[0] = earned.reward;
    metric[1] = earned.depth;
}

/* --- the log */

/* Batches until held-out sessions are answered best. */
static uint64_t SearchLog(Trainer *t, Loop *loop, double *least)
{
    uint64_t best = 0;

    *least = INFINITY;
    for (int stale = 0; t->batches < t->limit && stale < LOG_STALE; stale++) {
        LoopStage(loop, "search", 1);
        if (t->held_loss < *least) {
            *least = t->held_loss;
            best = t->batches;
            stale = -1;
        }
    }
    return best;
}

static uint64_t BatchesOfLog(Trainer *t, Loop *loop, double *least)
{
    uint64_t limit = (uint64_t)t->options->pretrain_iterations;

    *least = (double)NAN;
    if (t->log.learnt == t->log.count || t->log.learnt == 0)
        return (uint64_t)ceil(UNCHECKED_SHARE * (double)limit);
    t->phase = SEARCHING;
    t->limit = limit;
    return SearchLog(t, loop, least);
}

/* The reward of what the log has taught; -1 without a simulator.  Nothing is held out in the end.
 */
static double LearnFromLog(Trainer *t, Loop *loop, double *least)
{
    uint64_t batches = BatchesOfLog(t, loop, least);

    StartModel(t);
    ForgetAnswers(&t->learner);
    t->phase = REPEATING;
    t->batches = 0;
    t->limit = batches;
    return LoopStage(loop, "log", (int)DivideUp((int64_t)batches, LOG_EPOCH)).metric;
}

/* --- training */

static void CheckData(const Trainer *t)
{
    if (t->model->algorithm->policy->needs_simulator && t->data->simulator == NULL)
        HostFail(t->host, FAIL_INVALID,
                 "Train a simulator of the log first, algorithm user_response, and name it; or use "
                 "the algorithm sl, which learns from the log alone.",
                 "algorithm \"%s\" learns from visitors, and there is no simulator of them",
                 t->model->algorithm->name);
    if (t->log.slates->shown_count == 0 || t->model->items == 0)
        HostFail(t->host, FAIL_INVALID, "Look at the log.", "the log has shown nothing");
}

static void OpenEnvironment(Trainer *t)
{
    const Model *simulator = t->data->simulator;
    VisitorRules rules;

    if (simulator == NULL)
        return;
    rules = SimulatorRules(simulator->algorithm, simulator->options);
    t->environment = EnvironmentOpen(t->host, simulator, &rules, (uint64_t)t->options->train.seed);
}

/* Who trains a policy should not take it for a good one because it is trained. */
static void WarnOfChance(Trainer *t, double random_reward)
{
    const TrainReport *r = t->report;

    if (r->best >= 0 && r->history[r->best].metric[0] <= random_reward)
        snprintf(t->report->warning, sizeof(t->report->warning),
                 "the policy earns %.2f in a session, random slates %.2f",
                 r->history[r->best].metric[0], random_reward);
}

static void SetFindings(Trainer *t, double held_loss)
{
    Finding *f = t->report->finding;

    f[0] = (Finding){"logged_reward", LogReward(t->host, t->data->slates)};
    f[1] = (Finding){"random_reward",
                     t->environment == NULL ? (double)NAN : PlayCheck(&t->play, true).reward};
    f[2] = (Finding){"held_loss", held_loss};
    WarnOfChance(t, f[1].value);
}

static void Learn(Trainer *t, Loop *loop)
{
    const AcOptions *o = t->options;
    double held_loss = (double)NAN, before = -INFINITY;

    if (Pretrains(t->model, t->environment != NULL))
        before = LearnFromLog(t, loop, &held_loss);
    if (t->environment != NULL) {
        t->phase = PLAYING;
        t->limit = (uint64_t)o->iterations;
        LearnerStart(&t->learner);
        PlayStart(&t->play);
        LoopStageAgainst(loop, t->model->algorithm->name,
                         (int)DivideUp(o->iterations, o->check_every), before);
    }
    SetFindings(t, held_loss);
}

void AcTrain(const Host *host, const PolicyData *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host,
                 .data = data,
                 .model = model,
                 .options = model->options,
                 .switches = AcSwitches(model->algorithm),
                 .report = report,
                 .store = {.host = host},
                 .log = {.slates = data->slates}};
    Loop loop = {
        .host = host,
        .model = model,
        .report = report,
        .epochs = (int)Epochs(model, data->simulator != NULL),
        .learnt = LEARNT_PARTS,
        .trainer = &t,
        .epoch = RunEpoch,
        .measure = Measure,
        .measures = MEASURE_ALWAYS,
    };

    CheckData(&t);
    BlasLoad(PoolThreads(host));
    OpenEnvironment(&t);
    Take(&t, PoolThreads(host));
    StartModel(&t);
    LogRead(host, (uint64_t)t.options->train.seed, &t.log);
    LoopOpen(&loop);
    Learn(&t, &loop);
    LoopClose(&loop);
    StoreRelease(&t.store);
    if (t.environment != NULL)
        EnvironmentClose(host, t.environment);
}
