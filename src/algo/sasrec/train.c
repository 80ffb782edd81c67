/* train.c: epochs, and at last what was held out. */
#include <math.h>

#include "algo/learn/schedule.h"
#include "algo/sasrec/batch.h"
#include "core/blas.h"
#include "core/pool.h"

typedef struct Trainer {
    const Host *host;
    const Interactions *data;
    const SasrecOptions *options;
    Model *model;
    Windows windows;
    SasrecBatch batch;
    Schedule schedule;
} Trainer;

uint32_t SasrecNegatives(const SasrecOptions *options, uint32_t items)
{
    return options->negatives < items / 2 ? (uint32_t)options->negatives : items;
}

int SasrecEpochs(const Model *model, bool held)
{
    const SasrecOptions *o = model->options;
    int epochs = MainEpochs(model, o->epochs, o->warm_epochs);

    return epochs + EpochsAfter(model, epochs, held);
}

static uint32_t LearntParts(void)
{
    return LEARNT(SASREC_NETWORK_PART) | LEARNT(SASREC_ITEM_PART);
}

size_t SasrecMemory(const Model *model, const Interactions *shape, int threads)
{
    const SasrecOptions *o = model->options;
    size_t total = SasrecBatchMemory(model, threads);

    total = SizeAdd(total, WindowsMemory(shape, (uint32_t)o->length, o->windows == WINDOWS_LAST));
    return SizeAdd(total, LoopMemory(model, shape, threads, LearntParts(),
                                     SasrecEpochs(model, shape->held_count > 0)));
}

/* --- start */

/* What a warm start brings stays. */
static void StartParts(const Trainer *t)
{
    Part *network = &t->model->part[SASREC_NETWORK_PART], *item = &t->model->part[SASREC_ITEM_PART];
    uint64_t seed = (uint64_t)t->options->train.seed;
    Random random;

    if (PartIsZero(network)) {
        RandomSeed(&random, seed, RANDOM_INIT_WEIGHT, 0, 0);
        TransformerStart(&t->batch.encoder, &random, network->data);
    }
    FactorsInit(t->host, item, RANDOM_INIT_ITEM, seed, 1 / sqrt(item->columns));
}

static void CheckData(const Trainer *t)
{
    if (t->data->events == NULL)
        HostFail(t->host, FAIL_INVALID, "Name a time column.",
                 "algorithm \"%s\" learns from events in order of time", t->model->algorithm->name);
    CheckRankable(t->host, t->data);
    if (t->options->factors % t->options->heads != 0)
        HostFail(t->host, FAIL_INVALID, "Each head gets its share of the factors.",
                 "option \"factors\" (%d) must be a multiple of \"heads\" (%d)",
                 (int)t->options->factors, (int)t->options->heads);
}

static void CheckOrder(const Trainer *t)
{
    const Windows *windows = &t->windows;

    for (uint32_t u = 0; u < t->data->users; u++)
        if (windows->offset[u + 1] - windows->offset[u] > 1)
            return;
    HostFail(t->host, FAIL_INVALID, "Other algorithms need no order: itemknn, als, softmax.",
             "no user has two interactions: nothing comes after another");
}

static void Prepare(Trainer *t)
{
    const SasrecOptions *o = t->options;

    WindowsCreate(t->host, t->data, (uint32_t)o->length, o->windows == WINDOWS_LAST, &t->windows);
    WindowsTake(t->host, &t->windows, false);
    CheckOrder(t);
    SasrecBatchCreate(t->host, t->model, &t->batch);
    t->batch.seed = (uint64_t)o->train.seed;
    t->batch.rule = (SasrecRule){
        .data = t->data, .dropout = o->dropout, .regularization = (float)o->regularization};
    StartParts(t);
}

static void Release(Trainer *t)
{
    WindowsRelease(t->host, &t->windows);
    SasrecBatchRelease(t->host, &t->batch);
}

/* --- epochs */

static void TakeBatch(Trainer *t, uint32_t first)
{
    SasrecBatch *b = &t->batch;
    const Windows *windows = &t->windows;

    for (b->windows = 0; b->windows < b->most_windows && first + b->windows < windows->count;
         b->windows++)
        b->window[b->windows] = windows->window[windows->order[first + b->windows]];
}

/* Mean loss per row. */
static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;
    double loss = 0;
    Random random;

    RandomSeed(&random, t->batch.seed, RANDOM_ORDER, (uint64_t)number, 0);
    WindowsCut(t->host, &t->windows, &random);
    for (uint32_t first = 0; first < t->windows.count; first += t->batch.windows) {
        t->batch.rule.rate = (float)ScheduleRate(&t->schedule, (double)first / t->windows.count);
        TakeBatch(t, first);
        loss += SasrecBatchStep(&t->batch, &t->windows, (uint64_t)number, first);
        HostPoll(t->host);
    }
    t->schedule.done++;
    return t->windows.rows == 0 ? 0 : loss / (double)t->windows.rows;
}

static void RunStages(Trainer *t, Loop *loop)
{
    const SasrecOptions *o = t->options;
    Stage best;

    t->schedule = (Schedule){
        .first = o->learning_rate,
        .last = o->last_rate,
        .epochs = MainEpochs(t->model, o->epochs, o->warm_epochs),
    };
    best = LoopStage(loop, "next item", t->schedule.epochs);
    if (loop->validation.count == 0 || t->model->trial)
        return;
    t->batch.rule.held_too = true;
    WindowsTake(t->host, &t->windows, true);
    SasrecBatchForget(&t->batch);
    t->schedule = ScheduleAfter(&t->schedule, best.epochs);
    LoopLearnAll(loop, "all", t->schedule.epochs);
}

void SasrecTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host, .data = data, .options = model->options, .model = model};
    Loop loop = {
        .host = host,
        .data = data,
        .model = model,
        .report = report,
        .epochs = SasrecEpochs(model, data->held_count > 0),
        .learnt = LearntParts(),
        .trainer = &t,
        .epoch = RunEpoch,
    };

    CheckData(&t);
    BlasLoad(PoolThreads(host));
    Prepare(&t);
    LoopOpen(&loop);
    RunStages(&t, &loop);
    LoopClose(&loop);
    Release(&t);
}
