/* train.c: epochs over all users, and at last what was held out. */
#include <math.h>

#include "algo/cdae/batch.h"
#include "algo/learn/schedule.h"
#include "core/pool.h"

typedef struct Trainer {
    const Host *host;
    Interactions data; /* as it now trains */
    const CdaeOptions *options;
    Model *model;
    CdaeBatch batch;
    uint32_t *order; /* of the users */
    double mean_weight;
    Schedule schedule;
} Trainer;

int CdaeEpochs(const Model *model, bool held)
{
    const CdaeOptions *o = model->options;
    int epochs = MainEpochs(model, o->epochs, o->warm_epochs);

    return epochs + EpochsAfter(model, epochs, held);
}

static uint32_t LearntParts(void)
{
    return LEARNT(CDAE_USER_PART) | LEARNT(CDAE_INPUT_PART) | LEARNT(CDAE_OUTPUT_PART) |
           LEARNT(CDAE_BIAS_PART);
}

size_t CdaeMemory(const Model *model, const Interactions *shape, int threads)
{
    size_t total =
        SizeAdd(CdaeBatchMemory(model, threads), SizeMultiply(shape->users, sizeof(uint32_t)));

    return SizeAdd(total, LoopMemory(model, shape, threads, LearntParts(),
                                     CdaeEpochs(model, shape->held_count > 0)));
}

/* What a warm start brings stays. */
static void StartParts(const Trainer *t)
{
    Part *part = t->model->part;
    uint64_t seed = (uint64_t)t->options->train.seed;
    double deviation = 1 / sqrt((double)t->options->factors);

    if (t->options->user_node)
        FactorsInit(t->host, &part[CDAE_USER_PART], RANDOM_INIT_USER, seed, 0.1 * deviation);
    FactorsInit(t->host, &part[CDAE_INPUT_PART], RANDOM_INIT_ITEM, seed, deviation);
    FactorsInit(t->host, &part[CDAE_OUTPUT_PART], RANDOM_INIT_WEIGHT, seed, deviation);
}

static void Prepare(Trainer *t)
{
    CdaeBatchCreate(t->host, t->model, &t->batch);
    t->batch.rule.regularization = (float)t->options->regularization;
    t->order = HostAllocate(t->host, t->data.users, sizeof(uint32_t));
    t->mean_weight = MeanWeight(t->host, &t->data);
    StartParts(t);
}

static void Release(Trainer *t)
{
    CdaeBatchRelease(t->host, &t->batch);
    HostRelease(t->host, t->order);
}

/* --- epochs */

static void DrawOrder(const Trainer *t, int epoch)
{
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_ORDER, (uint64_t)epoch, 0);
    for (uint32_t u = 0; u < t->data.users; u++)
        t->order[u] = u;
    RandomShufflePolling(t->host, &random, t->order, t->data.users);
}

/* Returns the place of the user who comes next. */
static uint32_t TakeBatch(Trainer *t, int epoch, uint32_t at)
{
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_BATCH, (uint64_t)epoch, at);
    while (at < t->data.users &&
           CdaeBatchAdd(&t->batch, &t->data, t->mean_weight, t->order[at], &random))
        at++;
    return at;
}

/* Mean loss per user. */
static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;
    double loss = 0;

    DrawOrder(t, number);
    for (uint32_t at = 0; at < t->data.users;) {
        t->batch.rule.rate = (float)ScheduleRate(&t->schedule, (double)at / t->data.users);
        at = TakeBatch(t, number, at);
        loss += CdaeBatchStep(&t->batch);
        HostPoll(t->host);
    }
    t->schedule.done++;
    return loss / t->data.users;
}

static void RunStages(Trainer *t, Loop *loop)
{
    const CdaeOptions *o = t->options;
    Stage best;

    t->schedule = (Schedule){
        .first = o->learning_rate,
        .last = o->last_rate,
        .epochs = MainEpochs(t->model, o->epochs, o->warm_epochs),
    };
    best = LoopStage(loop, "cdae", t->schedule.epochs);
    if (loop->validation.count == 0 || t->model->trial)
        return;
    t->data.held_learnt = true;
    t->mean_weight = MeanWeight(t->host, &t->data);
    CdaeBatchForget(&t->batch);
    t->schedule = ScheduleAfter(&t->schedule, best.epochs);
    LoopLearnAll(loop, "all", t->schedule.epochs);
}

void CdaeTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host, .data = *data, .options = model->options, .model = model};
    Loop loop = {
        .host = host,
        .data = data,
        .model = model,
        .report = report,
        .epochs = CdaeEpochs(model, data->held_count > 0),
        .learnt = LearntParts(),
        .trainer = &t,
        .epoch = RunEpoch,
    };

    CheckRankable(host, data);
    Prepare(&t);
    LoopOpen(&loop);
    RunStages(&t, &loop);
    LoopClose(&loop);
    Release(&t);
}
