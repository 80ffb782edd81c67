/* train.c: epochs, and at last what was held out. */
#include "algo/learn/negative.h"
#include "algo/learn/positives.h"
#include "algo/learn/schedule.h"
#include "algo/neumf/batch.h"
#include "core/blas.h"
#include "core/pool.h"

typedef struct Trainer {
    const Host *host;
    Interactions data; /* as it now trains */
    const NeumfOptions *options;
    Model *model;
    Positives positives;
    NeumfBatch batch;
    Schedule schedule;
} Trainer;

int NeumfEpochs(const Model *model, bool held)
{
    const NeumfOptions *o = model->options;
    int epochs = MainEpochs(model, o->epochs, o->warm_epochs);

    return epochs + EpochsAfter(model, epochs, held);
}

static uint32_t LearntParts(void)
{
    return LEARNT(NEUMF_USER_PART) | LEARNT(NEUMF_ITEM_PART) | LEARNT(NEUMF_NETWORK_PART);
}

size_t NeumfMemory(const Model *model, const Interactions *shape, int threads)
{
    size_t total = SizeAdd(NeumfBatchMemory(model, threads), PositivesMemory(shape));

    return SizeAdd(total, LoopMemory(model, shape, threads, LearntParts(),
                                     NeumfEpochs(model, shape->held_count > 0)));
}

/* --- start */

/* What a warm start brings stays. */
static void StartParts(const Trainer *t)
{
    Part *part = t->model->part;
    uint64_t seed = (uint64_t)t->options->train.seed;
    Random random;

    if (PartIsZero(&part[NEUMF_NETWORK_PART])) {
        RandomSeed(&random, seed, RANDOM_INIT_WEIGHT, 0, 0);
        NeumfStartNetwork(&t->batch.network, &random, part[NEUMF_NETWORK_PART].data);
    }
    FactorsInit(t->host, &part[NEUMF_USER_PART], RANDOM_INIT_USER, seed, NEUMF_DEVIATION);
    FactorsInit(t->host, &part[NEUMF_ITEM_PART], RANDOM_INIT_ITEM, seed, NEUMF_DEVIATION);
}

static void Prepare(Trainer *t)
{
    PositivesCreate(t->host, &t->data, &t->positives);
    NeumfBatchCreate(t->host, t->model, &t->batch);
    t->batch.rule.regularization = (float)t->options->regularization;
    StartParts(t);
}

static void Release(Trainer *t)
{
    PositivesRelease(t->host, &t->positives);
    NeumfBatchRelease(t->host, &t->batch);
}

/* --- epochs */

/* A user who has all items has no negatives, and teaches nothing. */
static void AddExamples(Trainer *t, Positive pair, Random *random)
{
    for (int64_t n = 0; n < t->options->negatives; n++) {
        uint32_t item = UniformNegative(&t->data, pair.user, random);

        if (item == NO_ITEM)
            return;
        if (n == 0)
            NeumfBatchAdd(&t->batch, pair.user, pair.item, 1);
        NeumfBatchAdd(&t->batch, pair.user, item, 0);
    }
}

/* Returns the place of the interaction that comes next. */
static uint32_t TakeBatch(Trainer *t, int epoch, uint32_t at)
{
    uint32_t of_one = (uint32_t)t->options->negatives + 1;
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_BATCH, (uint64_t)epoch, at);
    for (; at < t->positives.count && t->batch.count + of_one <= t->batch.most; at++)
        AddExamples(t, t->positives.pair[at], &random);
    return at;
}

/* Mean loss per example. */
static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;
    double loss = 0;
    uint64_t examples = 0;
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_ORDER, (uint64_t)number, 0);
    PositivesDraw(t->host, &t->data, &random, &t->positives);
    for (uint32_t at = 0; at < t->positives.count;) {
        t->batch.rule.rate = (float)ScheduleRate(&t->schedule, (double)at / t->positives.count);
        at = TakeBatch(t, number, at);
        examples += t->batch.count;
        if (t->batch.count > 0)
            loss += NeumfBatchStep(&t->batch);
        HostPoll(t->host);
    }
    t->schedule.done++;
    return examples == 0 ? 0 : loss / (double)examples;
}

static void RunStages(Trainer *t, Loop *loop)
{
    const NeumfOptions *o = t->options;
    Stage best;

    t->schedule = (Schedule){
        .first = o->learning_rate,
        .last = o->last_rate,
        .epochs = MainEpochs(t->model, o->epochs, o->warm_epochs),
    };
    best = LoopStage(loop, "neumf", t->schedule.epochs);
    if (loop->validation.count == 0 || t->model->trial)
        return;
    t->data.held_learnt = true;
    NeumfBatchForget(&t->batch);
    t->schedule = ScheduleAfter(&t->schedule, best.epochs);
    LoopLearnAll(loop, "all", t->schedule.epochs);
}

void NeumfTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host, .data = *data, .options = model->options, .model = model};
    Loop loop = {
        .host = host,
        .data = data,
        .model = model,
        .report = report,
        .epochs = NeumfEpochs(model, data->held_count > 0),
        .learnt = LearntParts(),
        .trainer = &t,
        .epoch = RunEpoch,
    };

    CheckRankable(host, data);
    BlasLoad(PoolThreads(host));
    Prepare(&t);
    LoopOpen(&loop);
    RunStages(&t, &loop);
    LoopClose(&loop);
    Release(&t);
}
