/* train.c: passes over the history, validation, and the memory that serves. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/nmrn/generator.h"
#include "algo/nmrn/event_order.h"
#include "algo/nmrn/microbatch.h"
#include "algo/rank/validation.h"

#define POLL_ROWS  4096
#define POLL_EVERY 256

/* Mean entropy of the weights, as a share of the largest one, that is worth a word. */
#define ALL_ALIKE 0.99
#define ONE_ALONE 0.1

/* No row of a healthy model has a value as large as this. */
#define EXPLODED 100.0f

typedef struct Trainer {
    const Host *host;
    const Interactions *data;
    const NmrnOptions *options;
    Model *model;
    TrainReport *report;
    EventOrder order;
    MicroBatch batch;
    Validation validation;
    float *best[MAX_PARTS]; /* copies at the best epoch; NULL: no validation, or not learnt */
    double start;
} Trainer;

/* Parts that epochs change and that serving needs; the memory is written anew. */
static bool IsLearnt(int part)
{
    return part != POPULARITY_PART && part != NMRN_MEMORY_PART && part != NMRN_ATTENTION_PART;
}

static size_t PartFloats(const Part *part)
{
    return (size_t)part->rows * part->stride;
}

size_t NmrnTrainMemory(const Model *model, const Interactions *shape, int threads)
{
    const NmrnOptions *o = model->options;
    uint64_t events = shape->events != NULL ? shape->events->count : shape->count;
    size_t total = MicroBatchMemory(o, (uint32_t)o->batch_size);

    for (int i = 0; i < model->parts && shape->held_count > 0; i++)
        if (IsLearnt(i))
            total = SizeAdd(total, SizeMultiply(PartFloats(&model->part[i]), sizeof(float)));
    total = SizeAdd(total, OrderMemory(events, shape->users, (TrainOrder)o->order));
    total = SizeAdd(total, ValidationMemory(model, shape, threads));
    return SizeAdd(total, SizeMultiply((size_t)o->epochs, sizeof(Epoch)));
}

/* --- first values */

static bool IsZero(const Part *part, size_t row)
{
    const float *values = part->data + row * part->stride;

    for (uint32_t k = 0; k < part->columns; k++)
        if (values[k] != 0)
            return false;
    return true;
}

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

    if (IsZero(&model->part[NMRN_WEIGHT_PART], NmrnWeightRows(t->options).key)) {
        NmrnStartWeights(model);
        if (t->options->candidates > 0)
            GeneratorStartWeights(model);
    }
    for (uint32_t u = 0; u < model->users; u++) {
        if (IsZero(&model->part[NMRN_USER_PART], u))
            model->algorithm->stream->start_user(model, u, KeyOf(t, AXIS_USER, u));
        if (u % POLL_ROWS == 0)
            HostPoll(t->host);
    }
    for (uint32_t i = 0; i < model->items; i++) {
        if (IsZero(&model->part[NMRN_ITEM_PART], i))
            model->algorithm->stream->start_item(model, i, KeyOf(t, AXIS_ITEM, i));
        if (i % POLL_ROWS == 0)
            HostPoll(t->host);
    }
}

static bool DataHas(const void *arg, uint32_t user, uint32_t item)
{
    return TrainsOn(arg, user, item);
}

static void CheckData(const Trainer *t)
{
    const Interactions *data = t->data;

    if (data->events == NULL)
        HostFail(t->host, FAIL_INVALID, "Name a time column.",
                 "algorithm \"%s\" learns from events in order of time", t->model->algorithm->name);
    for (uint32_t user = 0; user < data->users; user++) {
        uint32_t count = TrainingItems(data, user);

        if (count > 0 && count < data->items)
            return;
    }
    HostFail(t->host, FAIL_INVALID, "The algorithm popularity needs no such users.",
             "no user lacks any of the %u items: there is nothing to learn a ranking from",
             data->items);
}

static void Prepare(Trainer *t)
{
    const NmrnOptions *o = t->options;

    StartRows(t);
    OrderCreate(t->host, t->data->events, t->data->users, (TrainOrder)o->order, &t->order);
    MicroBatchCreate(t->host, t->model, (uint32_t)o->batch_size, (Positives){t->data, DataHas},
                     &t->batch);
    t->batch.learns_start = o->learn_start;
    ValidationPrepare(t->host, t->data, &t->validation);
    for (int i = 0; i < t->model->parts && t->validation.count > 0; i++)
        if (IsLearnt(i))
            t->best[i] = HostAllocate(t->host, PartFloats(&t->model->part[i]), sizeof(float));
    t->report->history = HostAllocate(t->host, (size_t)o->epochs, sizeof(Epoch));
}

static void Release(Trainer *t)
{
    OrderRelease(&t->order);
    MicroBatchRelease(&t->batch);
    ValidationRelease(t->host, &t->validation);
    for (int i = 0; i < t->model->parts; i++)
        HostRelease(t->host, t->best[i]);
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
    OrderedEvent e;

    StartPass(t);
    ResetBanks(t);
    for (uint64_t n = 0; OrderNext(&t->order, &e); n++) {
        if (held_too || !IsHeldOut(t->data, e.user, e.item))
            NmrnWrite(t->model, e.user, e.item);
        if (n % POLL_EVERY == 0)
            HostPoll(t->host);
    }
}

/* Mean loss per event. */
static double LearnPass(Trainer *t, int epoch)
{
    uint64_t seed = (uint64_t)t->options->train.seed, learnt = 0;
    bool shared = t->options->memory == MEMORY_SHARED;
    OrderedEvent e;
    Random random;

    RandomSeed(&random, seed, RANDOM_ORDER, (uint64_t)epoch, 0);
    OrderShuffle(&t->order, &random);
    StartPass(t);
    ResetBanks(t);
    t->batch.loss = 0;
    while (OrderNext(&t->order, &e)) {
        if (IsHeldOut(t->data, e.user, e.item))
            continue;
        RandomSeed(&random, seed, RANDOM_EVENT, (uint64_t)epoch, e.number);
        MicroBatchAdd(&t->batch, e.user, e.item, shared ? learnt == 0 : e.first, &random);
        learnt++;
    }
    MicroBatchStep(&t->batch);
    return learnt == 0 ? 0 : t->batch.loss / (double)learnt;
}

/* --- health */

/* Largest absolute value of a part; fails if one is not finite. */
static float CheckPart(const Trainer *t, const Part *part, int epoch)
{
    float largest = 0, sum = 0;

    for (uint32_t r = 0; r < part->rows; r++) {
        const float *row = part->data + (size_t)r * part->stride;

        for (uint32_t k = 0; k < part->columns; k++) {
            float size = fabsf(row[k]);

            sum += 0 * size; /* NaN if any value is not finite */
            largest = size > largest ? size : largest;
        }
        if (r % POLL_ROWS == 0)
            HostPoll(t->host);
    }
    if (sum != 0)
        HostFail(t->host, FAIL_NOT_FINITE, "Lower the option learning_rate.",
                 "training diverged in epoch %d: part \"%s\" is not finite", epoch, part->name);
    return largest;
}

static void CheckEpoch(const Trainer *t, int epoch, double loss)
{
    if (!isfinite(loss))
        HostFail(t->host, FAIL_NOT_FINITE, "Lower the option learning_rate.",
                 "training diverged in epoch %d: the loss is not finite", epoch);
    for (int i = 0; i < t->model->parts; i++)
        if (IsLearnt(i))
            CheckPart(t, &t->model->part[i], epoch);
}

static void Warn(const Trainer *t)
{
    char *text = t->report->warning;
    size_t size = sizeof(t->report->warning);
    float entropy = t->model->part[NMRN_SLOT_PART].data[SLOT_ENTROPY];
    float largest = fmaxf(CheckPart(t, &t->model->part[NMRN_ITEM_PART], t->report->epochs),
                          CheckPart(t, &t->model->part[NMRN_MEMORY_PART], t->report->epochs));

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

static void CopyPart(const Trainer *t, const Part *part, const float *from, float *to)
{
    for (uint32_t r = 0; r < part->rows; r += POLL_ROWS) {
        size_t rows = part->rows - r < POLL_ROWS ? part->rows - r : POLL_ROWS;
        size_t at = (size_t)r * part->stride;

        memcpy(to + at, from + at, rows * part->stride * sizeof(float));
        HostPoll(t->host);
    }
}

static void KeepBest(const Trainer *t)
{
    for (int i = 0; i < t->model->parts; i++)
        if (t->best[i] != NULL)
            CopyPart(t, &t->model->part[i], t->model->part[i].data, t->best[i]);
}

static void RestoreBest(const Trainer *t)
{
    for (int i = 0; i < t->model->parts; i++)
        if (t->best[i] != NULL)
            CopyPart(t, &t->model->part[i], t->best[i], t->model->part[i].data);
}

static void Evaluate(Trainer *t, Epoch *epoch)
{
    double start = HostClock();

    WritePass(t, false);
    ValidationRun(t->host, t->model, &t->validation);
    epoch->ndcg = t->validation.ndcg;
    epoch->hr = t->validation.hr;
    t->report->evaluate_seconds += HostClock() - start;
}

/*
 * First random negatives, then one pass in which only the generator learns, then both against each
 * other.  A warm start has been through that.
 */
static const char *PrepareStage(Trainer *t, int number)
{
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

static Epoch RunEpoch(Trainer *t, int number, bool evaluate)
{
    Epoch epoch = {.epoch = number, .stage = PrepareStage(t, number), .ndcg = NAN, .hr = NAN};

    epoch.loss = LearnPass(t, number);
    CheckEpoch(t, number, epoch.loss);
    if (evaluate)
        Evaluate(t, &epoch);
    epoch.seconds = HostClock() - t->start;
    ReportAddEpoch(t->report, epoch);
    t->host->progress(t->host->arg, &(Progress){epoch.stage, number, (int)t->options->epochs,
                                                epoch.loss, epoch.ndcg, epoch.seconds});
    return epoch;
}

static void RunEpochs(Trainer *t)
{
    const TrainOptions *o = &t->options->train;
    int epochs = (int)t->options->epochs, stale = 0;
    bool validate = t->validation.count > 0;
    double best = -1;

    t->report->stop_reason = "epochs";
    for (int e = 1; e <= epochs; e++) {
        Epoch epoch = RunEpoch(t, e, validate && (e % o->evaluate_every == 0 || e == epochs));

        if (isnan(epoch.ndcg))
            continue;
        if (epoch.ndcg > best) {
            best = epoch.ndcg;
            stale = 0;
            t->report->best = t->report->epochs - 1;
            KeepBest(t);
        } else if (++stale == o->patience) {
            t->report->stop_reason = "patience";
            break;
        }
    }
    if (validate)
        RestoreBest(t);
    else
        t->report->best = t->report->epochs - 1;
}

void NmrnTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host,
                 .data = data,
                 .options = model->options,
                 .model = model,
                 .report = report,
                 .start = HostClock()};

    CheckData(&t);
    Prepare(&t);
    RunEpochs(&t);
    WritePass(&t, true);
    Warn(&t);
    Release(&t);
}
