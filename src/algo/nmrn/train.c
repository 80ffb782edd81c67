/*
 * train.c: trains nmrn and nmrn_gan: passes over the history, the validation of each, and at the
 * end the memory that serves, written from all events.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/learn/schedule.h"
#include "algo/nmrn/event_order.h"
#include "algo/nmrn/generator.h"
#include "algo/nmrn/microbatch.h"

#define POLL_ROWS  4096
#define POLL_EVERY 256

/* Mean entropy of the weights, as a share of the largest one, that is worth a word. */
#define ALL_ALIKE 0.99
#define ONE_ALONE 0.1

/* No row of a healthy model has a value as large as this. */
#define EXPLODED 100.0f

/* With the softmax loss the step size falls to this share of its start, in a line. */
#define LAST_RATE 0.02

/* A temperature is tried for this share of the epochs. */
#define TRIAL 3

static const struct {
    float value;
    const char *stage;
} trials[] = {{0.3f, "temperature 0.3"}, {0.2f, "temperature 0.2"}, {0.5f, "temperature 0.5"}};

/* One is better than an earlier one that it beats by so much: less may be chance. */
#define BETTER 1.02

#define TRIALS (int)(sizeof(trials) / sizeof(trials[0]))

typedef struct Trainer {
    const Host *host;
    const Interactions *data;
    const NmrnOptions *options;
    Model *model;
    Loop *loop;
    EventOrder order;
    MicroBatch batch;
    bool held_too;     /* held-out interactions train, too */
    Schedule schedule; /* of steps, as shares of the learning rate */
} Trainer;

/* Parts that epochs change and that serving needs: the memory is written anew. */
static uint32_t LearntParts(const Model *model)
{
    uint32_t learnt = 0;

    for (int i = POPULARITY_PART + 1; i < model->parts; i++)
        if (!model->part[i].written)
            learnt |= LEARNT(i);
    return learnt;
}

/* Does a temperature have to be chosen?  A warm start comes with one. */
static bool Chooses(const Model *model, bool held)
{
    const NmrnOptions *o = model->options;

    return o->loss == LOSS_SOFTMAX && o->softmax_temperature == 0 && held && !model->warm;
}

int NmrnEpochs(const Model *model, bool held)
{
    const NmrnOptions *o = model->options;
    int epochs = (int)o->epochs, again = model->warm ? EpochsAfter(model, epochs, held) : epochs;

    return epochs + (Chooses(model, held) ? TRIALS * EpochShare(epochs, TRIAL) : 0) +
           (held && !model->trial ? again : 0);
}

size_t NmrnTrainMemory(const Model *model, const Interactions *shape, int threads)
{
    const NmrnOptions *o = model->options;
    uint64_t events = shape->events != NULL ? shape->events->count : shape->count;
    size_t total = MicroBatchMemory(o, (uint32_t)o->batch_size);

    total = SizeAdd(total, OrderMemory(events, shape->users, (TrainOrder)o->order));
    return SizeAdd(total, LoopMemory(model, shape, threads, LearntParts(model),
                                     NmrnEpochs(model, shape->held_count > 0)));
}

/* --- first values */

static uint64_t KeyOf(const Trainer *t, Axis axis, uint32_t row)
{
    const StableKeys *keys = t->data->keys;

    if (keys == NULL)
        return row;
    return axis == AXIS_USER ? keys->user(keys->arg, row) : keys->item(keys->arg, row);
}

/* Rows of a warm start are not zero. */
static void StartRows(const Trainer *t)
{
    Model *model = t->model;

    if (RowIsZero(&model->part[NMRN_WEIGHT_PART], NmrnWeightRows(t->options).key)) {
        NmrnStartWeights(model);
        if (t->options->candidates > 0)
            GeneratorStartWeights(model);
    }
    for (uint32_t u = 0; u < model->users; u++) {
        if (RowIsZero(&model->part[NMRN_USER_PART], u))
            model->algorithm->stream->start_user(model, u, KeyOf(t, AXIS_USER, u));
        if (u % POLL_ROWS == 0)
            HostPoll(t->host);
    }
    for (uint32_t i = 0; i < model->items; i++) {
        if (RowIsZero(&model->part[NMRN_ITEM_PART], i))
            model->algorithm->stream->start_item(model, i, KeyOf(t, AXIS_ITEM, i));
        if (i % POLL_ROWS == 0)
            HostPoll(t->host);
    }
}

static bool DataHas(const void *arg, uint32_t user, uint32_t item)
{
    const Trainer *t = arg;

    return t->held_too ? InteractionsContain(t->data, user, item) : TrainsOn(t->data, user, item);
}

static void CheckData(const Trainer *t)
{
    const Interactions *data = t->data;

    if (data->events == NULL)
        HostFail(t->host, FAIL_INVALID, "Name a time column.",
                 "algorithm \"%s\" learns from events in order of time", t->model->algorithm->name);
    CheckRankable(t->host, data);
}

static void Prepare(Trainer *t)
{
    const NmrnOptions *o = t->options;

    StartRows(t);
    OrderCreate(t->host, t->data->events, t->data->users, (TrainOrder)o->order, &t->order);
    MicroBatchCreate(t->host, t->model, (uint32_t)o->batch_size, (Positives){t, DataHas},
                     &t->batch);
    t->batch.learns_start = o->learn_start;
    t->batch.adversarial &= t->model->warm; /* for others the generator learns before that */
}

static void Release(Trainer *t)
{
    OrderRelease(&t->order);
    MicroBatchRelease(&t->batch);
}

/* --- passes */

/* A user's memory starts with the user's first event, a shared one with the pass. */
static void StartPass(Trainer *t)
{
    OrderRewind(&t->order);
    if (t->options->memory == MEMORY_SHARED)
        NmrnResetBank(t->model, 0);
    for (uint32_t u = 0; u < t->model->users; u++) {
        NmrnResetAttention(t->model, u);
        if (u % POLL_ROWS == 0)
            HostPoll(t->host);
    }
}

/* A user whose only event is held out has a memory, too. */
static void ResetBanks(const Trainer *t)
{
    for (uint32_t u = 0; u < t->model->users && t->options->memory == MEMORY_USER; u++) {
        NmrnResetBank(t->model, u);
        if (u % POLL_ROWS == 0)
            HostPoll(t->host);
    }
}

/* Memory as it is after all events, or after those that train. */
static void WritePass(Trainer *t, bool held_too)
{
    OrderedEvent next;

    StartPass(t);
    ResetBanks(t);
    for (uint64_t n = 0; OrderNext(&t->order, &next); n++) {
        if (held_too || !IsHeldOut(t->data, next.event.user, next.event.item))
            NmrnWrite(t->model, &next.event);
        if (n % POLL_EVERY == 0)
            HostPoll(t->host);
    }
}

/* Mean loss per event. */
static double LearnPass(Trainer *t, int epoch)
{
    uint64_t seed = (uint64_t)t->options->train.seed, learnt = 0;
    double events = (double)t->data->events->count;
    bool shared = t->options->memory == MEMORY_SHARED;
    OrderedEvent next;
    Random random;

    RandomSeed(&random, seed, RANDOM_ORDER, (uint64_t)epoch, 0);
    OrderShuffle(&t->order, &random);
    StartPass(t);
    ResetBanks(t);
    t->batch.loss = 0;
    while (OrderNext(&t->order, &next)) {
        if (!t->held_too && IsHeldOut(t->data, next.event.user, next.event.item))
            continue;
        RandomSeed(&random, seed, RANDOM_EVENT, (uint64_t)epoch, next.number);
        t->batch.rate = (float)ScheduleRate(&t->schedule, (double)learnt / events);
        MicroBatchAdd(&t->batch, &next.event, shared ? learnt == 0 : next.first, &random);
        learnt++;
    }
    MicroBatchStep(&t->batch);
    t->schedule.done++;
    return learnt == 0 ? 0 : t->batch.loss / (double)learnt;
}

/* --- what the user should know */

static void Warn(const Trainer *t)
{
    TrainReport *report = t->loop->report;
    char *text = report->warning;
    size_t size = sizeof(report->warning);
    float entropy = t->model->part[NMRN_SLOT_PART].data[SLOT_ENTROPY];
    float largest =
        fmaxf(LoopCheckPart(t->loop, &t->model->part[NMRN_ITEM_PART], report->epochs),
              LoopCheckPart(t->loop, &t->model->part[NMRN_MEMORY_PART], report->epochs));

    if (largest > EXPLODED)
        snprintf(text, size,
                 "rows have grown to values of %.0f: lower learning_rate or set max_norm",
                 (double)largest);
    else if (t->options->slots > 1 && entropy > ALL_ALIKE)
        snprintf(text, size,
                 "all slots are read and written alike (entropy %.3f): the memory is one vector; "
                 "raise address_beta or key_scale, or take one slot",
                 (double)entropy);
    else if (t->options->slots > 1 && entropy < ONE_ALONE)
        snprintf(text, size,
                 "each user reads and writes one slot (entropy %.3f): lower address_beta or "
                 "key_scale, or take fewer slots",
                 (double)entropy);
}

/* --- epochs */

/*
 * First random negatives, then one pass in which only the generator learns, then both against each
 * other.  A warm start has been through that.
 */
static const char *PrepareStage(void *trainer, int number)
{
    Trainer *t = trainer;
    bool before = number <= t->options->pre_epochs && !t->model->warm;

    if (t->options->candidates == 0)
        return "memory";
    if (!before && !t->batch.adversarial) {
        t->batch.adversarial = t->batch.observes = true;
        LearnPass(t, 0);
        t->batch.observes = false;
    }
    t->batch.adversarial = !before;
    return before ? "memory" : "adversarial";
}

static double RunEpoch(void *trainer, int number)
{
    return LearnPass(trainer, number);
}

static void ForgetHeldOut(void *trainer)
{
    WritePass(trainer, false);
}

/* --- stages */

/* Begins a schedule of the step. */
static void Plan(Trainer *t, int epochs)
{
    t->schedule = (Schedule){1, t->options->loss == LOSS_HINGE ? 1 : LAST_RATE, epochs, 0};
}

/* Everything that was learnt goes; trainings begin alike, with the same random numbers. */
static void StartAnew(Trainer *t)
{
    uint32_t learnt = LearntParts(t->model);

    for (int i = 0; i < t->model->parts; i++)
        if ((learnt & LEARNT(i)) != 0)
            PartClear(t->host, &t->model->part[i]);
    StartRows(t);
    LoopRestart(t->loop);
    t->batch.adversarial = false;
}

static void SetTemperature(Trainer *t, float temperature)
{
    t->model->part[NmrnTemperaturePart(t->options)].data[0] = temperature;
    t->batch.contrast.temperature = temperature;
}

/* A short run of each, with a whole schedule. */
static float ChooseTemperature(Trainer *t)
{
    int epochs = EpochShare(t->options->epochs, TRIAL), chosen = 0;
    double best = 0;

    for (int i = 0; i < TRIALS; i++) {
        double value;

        SetTemperature(t, trials[i].value);
        Plan(t, epochs);
        value = LoopStage(t->loop, trials[i].stage, epochs).metric;
        if (i == 0 || value > BETTER * best) {
            best = value;
            chosen = i;
        }
        StartAnew(t);
    }
    return trials[chosen].value;
}

static void PrepareTemperature(Trainer *t)
{
    float asked = (float)t->options->softmax_temperature;

    if (t->options->loss == LOSS_HINGE)
        return;
    if (asked > 0)
        SetTemperature(t, fmaxf(asked, LEAST_TEMPERATURE));
    else if (Chooses(t->model, t->loop->validation.count > 0))
        SetTemperature(t, ChooseTemperature(t));
    else /* of the warm start, or where nothing can be measured */
        SetTemperature(t, NmrnTemperature(t->model));
}

/*
 * What serves has learnt everything: from the start, in as many epochs as proved best.  Going on
 * from there gains less, since a user's last event is what the next one follows.  A warm start goes
 * on: where it started from is gone.
 */
static void LearnAll(Trainer *t, int epochs)
{
    t->held_too = true;
    if (t->model->warm) {
        t->schedule = ScheduleAfter(&t->schedule, epochs);
    } else {
        float temperature = t->batch.contrast.temperature;

        StartAnew(t);
        if (t->options->loss == LOSS_SOFTMAX)
            SetTemperature(t, temperature);
        Plan(t, epochs);
    }
    LoopLearnAll(t->loop, "all", t->schedule.epochs);
}

static void RunStages(Trainer *t)
{
    Stage best;

    PrepareTemperature(t);
    Plan(t, (int)t->options->epochs);
    best =
        LoopStage(t->loop, t->options->loss == LOSS_SOFTMAX ? "memory" : NULL, t->schedule.epochs);
    if (t->loop->validation.count > 0 && !t->model->trial)
        LearnAll(t, best.epochs);
}

void NmrnTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    const NmrnOptions *o = model->options;
    Trainer t = {.host = host, .data = data, .options = o, .model = model};
    Loop loop = {
        .host = host,
        .data = data,
        .model = model,
        .report = report,
        .epochs = NmrnEpochs(model, data->held_count > 0),
        .learnt = LearntParts(model),
        .trainer = &t,
        .epoch = RunEpoch,
        .stage = PrepareStage,
        .prepare = ForgetHeldOut,
    };

    t.loop = &loop;
    CheckData(&t);
    Prepare(&t);
    LoopOpen(&loop);
    RunStages(&t);
    WritePass(&t, !model->trial);
    Warn(&t);
    LoopClose(&loop);
    Release(&t);
}
