/* train.c: first the visitors learn from the log, then the agent does. */
#include <math.h>
#include <stdio.h>

#include "algo/irecgan/learner.h"
#include "algo/learn/loop.h"
#include "core/blas.h"
#include "core/pool.h"

/* Epochs without a gain that end the search for their number, and the share of those that are
 * allowed where nothing is held out. */
#define STALE           2
#define UNCHECKED_SHARE 0.5

typedef enum Phase { USER_PHASE, AGENT_PHASE } Phase;

typedef struct Trainer {
    const Host *host;
    const PolicyData *data;
    Model *model;
    const IrecganOptions *options;
    TrainReport *report;
    Store store;
    Learner learner;
    Sessions sessions;
    uint32_t *order;
    const Episode **batch;
    Phase phase;
    uint64_t learnt; /* episodes that this phase learns */
    uint64_t epochs; /* of all phases, which name their chance */
} Trainer;

static int64_t Epochs(const IrecganOptions *o)
{
    return 2 * o->user_epochs + o->epochs;
}

/* --- memory */

static uint32_t LongestOf(const IrecganOptions *o, const SessionsShape *log)
{
    (void)o;
    return log->longest > 0 ? log->longest : 1;
}

static void Take(Trainer *t, int threads)
{
    const IrecganOptions *o = t->options;
    SessionsShape log = SessionsMeasure(t->data->slates, (uint32_t)o->history);
    BatchShape batch = {LongestOf(o, &log), log.shown};

    SessionsTake(&t->store, t->data->slates, &log, &t->sessions);
    t->order = StoreTake(&t->store, log.episodes, sizeof(uint32_t));
    t->batch = StoreTake(&t->store, (size_t)o->batch, sizeof(*t->batch));
    IrLearnerTake(&t->store, t->model, &batch, threads, &t->learner);
}

#define LEARNT_PARTS                                                                               \
    (LEARNT(IR_ITEM_PART) | LEARNT(IR_CLICK_PART) | LEARNT(IR_NETWORK_PART) |                      \
     LEARNT(IR_USER_ITEM_PART) | LEARNT(IR_USER_NETWORK_PART))

static size_t ProductMemory(const Model *model, int threads)
{
    size_t query = model->part[IR_ITEM_PART].stride;

    return SizeMultiply((size_t)threads, BlasMemory(SLICE_ROWS * MOST_STEPS, model->items, query));
}

size_t IrecganMemory(const Model *model, const PolicyData *shape, int threads)
{
    Model counted = *model;
    Trainer t = {.data = shape, .model = &counted, .options = model->options};

    Take(&t, threads);
    return SizeAdd(SizeAdd(t.store.bytes, ProductMemory(model, threads)),
                   LoopMemory(model, NULL, threads, 0, Epochs(model->options)));
}

/* --- epochs */

static void Shuffle(Trainer *t)
{
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_ORDER, t->epochs, 0);
    for (uint64_t e = 0; e < t->learnt; e++)
        t->order[e] = (uint32_t)e;
    RandomShufflePolling(t->host, &random, t->order, (uint32_t)t->learnt);
}

static uint32_t BatchAt(Trainer *t, uint64_t first)
{
    uint64_t left = t->learnt - first, most = (uint64_t)t->options->batch;
    uint32_t count = (uint32_t)(left < most ? left : most);

    for (uint32_t b = 0; b < count; b++)
        t->batch[b] = &t->sessions.episode[t->order[first + b]];
    return count;
}

/* The mean loss of an answer. */
static double LearnEpoch(Trainer *t)
{
    double loss = 0, answers = 0;

    Shuffle(t);
    t->epochs++;
    for (uint64_t first = 0; first < t->learnt; first += (uint64_t)t->options->batch) {
        uint32_t count = BatchAt(t, first);
        Random random;

        RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_BATCH, t->epochs, first);
        loss += t->phase == USER_PHASE ? LearnUser(&t->learner, t->batch, count)
                                       : LearnAgent(&t->learner, t->batch, count, &random);
        answers += BatchAnswers(t->batch, count);
        HostPoll(t->host);
    }
    return answers > 0 ? loss / answers : 0;
}

static double RunEpoch(void *trainer, int number)
{
    (void)number;
    return LearnEpoch(trainer);
}

static void Measure(void *trainer, double *metric)
{
    (void)trainer;
    metric[0] = metric[1] = (double)NAN;
}

/* --- visitors */

/* Of what is held out, the mean of an answer; NaN where nothing is. */
static double HeldUserLoss(Trainer *t)
{
    const Sessions *s = &t->sessions;
    double loss = 0, answers = 0;

    for (uint64_t first = s->learnt; first < s->count; first += (uint64_t)t->options->batch) {
        uint64_t left = s->count - first, most = (uint64_t)t->options->batch;
        uint32_t count = (uint32_t)(left < most ? left : most);

        for (uint32_t b = 0; b < count; b++)
            t->batch[b] = &s->episode[first + b];
        loss += UserLoss(&t->learner, t->batch, count);
        answers += BatchAnswers(t->batch, count);
        HostPoll(t->host);
    }
    return answers > 0 ? loss / answers : (double)NAN;
}

/* Epochs until held-out answers are told best. */
static int SearchUser(Trainer *t, Loop *loop, double *least)
{
    int best = 0;

    t->learnt = t->sessions.learnt;
    for (int e = 1, stale = 0; e <= t->options->user_epochs && stale < STALE; e++, stale++) {
        double loss;

        LoopStage(loop, "search", 1);
        loss = HeldUserLoss(t);
        if (!(loss < *least))
            continue;
        *least = loss;
        best = e;
        stale = -1;
    }
    return best;
}

/* Returns the least held-out loss; NaN without one. */
static double LearnVisitors(Trainer *t, Loop *loop)
{
    const Sessions *s = &t->sessions;
    double least = INFINITY;
    int epochs = (int)ceil(UNCHECKED_SHARE * (double)t->options->user_epochs);

    t->phase = USER_PHASE;
    IrStartUser(&t->learner, (uint64_t)t->options->train.seed);
    if (s->learnt < s->count && s->learnt > 0) {
        epochs = SearchUser(t, loop, &least);
        IrStartUser(&t->learner, (uint64_t)t->options->train.seed);
    }
    t->learnt = s->count;
    LoopStage(loop, "user", epochs);
    return isinf(least) ? (double)NAN : least;
}

/* --- the agent */

static void SetGains(Trainer *t)
{
    const IrecganOptions *o = t->options;
    Worth worth = {(float)o->click_weight, (float)o->reward_weight, (float)o->gamma};

    SessionsEarn(t->host, &worth, &t->sessions);
    t->learner.baseline =
        (float)(o->baseline * MeanGain(t->host, t->sessions.episode, t->sessions.count));
}

static void LearnPolicy(Trainer *t, Loop *loop)
{
    t->phase = AGENT_PHASE;
    t->learnt = t->sessions.count;
    SetGains(t);
    CandidatesSet(&t->learner, t->model->part[POPULARITY_PART].data);
    IrStartAgent(&t->learner, (uint64_t)t->options->train.seed);
    LoopStage(loop, "agent", (int)t->options->epochs);
}

/* --- training */

static void CheckData(const Trainer *t)
{
    if (t->data->slates->shown_count == 0 || t->model->items == 0)
        HostFail(t->host, FAIL_INVALID, "Look at the log.", "the log has shown nothing");
}

void IrecganTrain(const Host *host, const PolicyData *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host,
                 .data = data,
                 .model = model,
                 .options = model->options,
                 .report = report,
                 .store = {.host = host}};
    Loop loop = {
        .host = host,
        .model = model,
        .report = report,
        .epochs = (int)Epochs(model->options),
        .learnt = LEARNT_PARTS,
        .trainer = &t,
        .epoch = RunEpoch,
        .measure = Measure,
        .measures = MEASURE_AT_END,
    };
    double held;

    CheckData(&t);
    BlasLoad(PoolThreads(host));
    Take(&t, PoolThreads(host));
    SessionsRead(host, (uint64_t)t.options->train.seed, (uint32_t)t.options->history, &t.sessions);
    t.learner.user_losses.buys = t.sessions.buys;
    LoopOpen(&loop);
    held = LearnVisitors(&t, &loop);
    LearnPolicy(&t, &loop);
    report->finding[0] = (Finding){"held_user_loss", held};
    LoopClose(&loop);
    StoreRelease(&t.store);
}
