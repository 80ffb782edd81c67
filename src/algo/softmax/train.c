/* train.c: the choice of a temperature, epochs, and at last what was held out. */
#include <math.h>

#include "algo/learn/schedule.h"
#include "algo/softmax/softmax.h"
#include "core/blas.h"
#include "core/pool.h"

#define INIT_ROWS 4096 /* rows per task */

/* The learning rate falls to this share of its start, in a line. */
#define LAST_RATE 0.02

/* A temperature is tried for this share of the epochs. */
#define TRIAL 3

/*
 * After a warm start what was held out is learnt with all others in this share of the epochs, from
 * this share of the rate down: with half of it, too little of them is learnt where histories are
 * short.
 */
#define HELD_SHARE 3
#define HELD_RATE  0.4

/*
 * Temperatures that are tried: the first ones, and, where enough is held out, on as long as each
 * gains, for few interactions of each user and item want a great one; and their stages.
 */
static const struct {
    float value;
    const char *stage;
} trials[] = {{0.1f, "temperature 0.1"}, {0.15f, "temperature 0.15"}, {0.2f, "temperature 0.2"},
              {0.3f, "temperature 0.3"}, {0.5f, "temperature 0.5"},   {0.8f, "temperature 0.8"},
              {1.2f, "temperature 1.2"}, {2, "temperature 2"}};

#define TRIALS       (int)(sizeof(trials) / sizeof(trials[0]))
#define FIRST_TRIALS 3

/* Where nothing can be measured. */
#define PLAIN_TEMPERATURE 0.1

typedef struct Trainer {
    const Host *host;
    const Interactions *data;
    const SoftmaxOptions *options;
    Model *model;
    SoftmaxList list;
    SoftmaxBatch batch;
    float *norm;
    Schedule schedule;
} Trainer;

/* Does a temperature have to be chosen?  The rows of a warm start come with one. */
static bool Chooses(const Model *model, bool held)
{
    const SoftmaxOptions *o = model->options;

    return o->temperature == 0 && held && !model->warm;
}

static int MostTrials(const Interactions *shape)
{
    return IsEnoughHeld(shape) ? TRIALS : FIRST_TRIALS;
}

static int AllEpochs(const Model *model, const Interactions *shape)
{
    const SoftmaxOptions *o = model->options;
    bool held = shape->held_count > 0;
    int epochs = MainEpochs(model, o->epochs, o->warm_epochs);
    int again = model->warm ? EpochShare(epochs, HELD_SHARE) : epochs;

    return epochs + (Chooses(model, held) ? MostTrials(shape) * EpochShare(epochs, TRIAL) : 0) +
           (held && !model->trial ? again : 0);
}

uint32_t SoftmaxNegatives(const SoftmaxOptions *options, uint32_t items)
{
    return options->negatives < items / 2 ? (uint32_t)options->negatives : items / 2;
}

/* What products fill, unless validation counts it. */
static size_t ProductMemory(const Model *model, const Interactions *shape, int threads)
{
    const SoftmaxOptions *o = model->options;
    size_t one = BlasMemory((size_t)o->batch_size, SoftmaxNegatives(o, shape->items),
                            model->part[FACTORS_USER_PART].stride);

    return shape->held_count > 0 ? 0 : SizeMultiply((size_t)threads, one);
}

size_t SoftmaxMemory(const Model *model, const Interactions *shape, int threads)
{
    const SoftmaxOptions *o = model->options;
    size_t rows = (size_t)shape->users + 2 * (size_t)shape->items;
    size_t total = SizeMultiply(rows, sizeof(float));

    total = SizeAdd(total, SoftmaxListMemory(shape));
    total = SizeAdd(total, ProductMemory(model, shape, threads));
    total = SizeAdd(total, SoftmaxBatchMemory(model, (uint32_t)o->batch_size, (uint32_t)o->chunk,
                                              SoftmaxNegatives(o, shape->items), threads));
    return SizeAdd(total, LoopMemory(model, shape, threads, 0, AllEpochs(model, shape)));
}

/* --- rows */

typedef struct RowsJob {
    const Trainer *trainer;
    Part *part;
    RandomPurpose purpose;
    bool keep; /* rows that are not zero */
} RowsJob;

static void StartRow(const RowsJob *job, uint32_t r)
{
    float *row = PartRow(job->part, r);
    Random random;

    RandomSeed(&random, (uint64_t)job->trainer->options->train.seed, job->purpose, r, 0);
    for (uint32_t k = 0; k < job->part->columns; k++)
        row[k] = (float)RandomNormal(&random);
}

/* Random rows, if wanted; then all get their norm. */
static void PrepareRows(void *arg, int task, int worker)
{
    const RowsJob *job = arg;
    bool item = job->part->axis == AXIS_ITEM;
    uint32_t first = (uint32_t)task * INIT_ROWS;

    (void)worker;
    for (uint32_t r = first; r < job->part->rows && r < first + INIT_ROWS; r++) {
        if (!job->keep || RowIsZero(job->part, r))
            StartRow(job, r);
        ScaleRow(PartRow(job->part, r), job->part->stride, item ? job->trainer->norm[r] : 1);
    }
}

static void PreparePart(const Trainer *t, int part, RandomPurpose purpose, bool keep)
{
    RowsJob job = {t, &t->model->part[part], purpose, keep};

    PoolRun(t->host, PrepareRows, &job, (int)((job.part->rows + INIT_ROWS - 1) / INIT_ROWS));
}

/* Rows as the interactions that now train want them. */
static void StartRows(Trainer *t, bool held_too, bool keep)
{
    t->batch.rule.held_too = held_too;
    SoftmaxNorms(t->host, t->data, held_too, t->options->item_norm_exponent, t->norm);
    PreparePart(t, FACTORS_USER_PART, RANDOM_INIT_USER, keep);
    PreparePart(t, FACTORS_ITEM_PART, RANDOM_INIT_ITEM, keep);
}

static void ClearState(const Trainer *t)
{
    for (uint32_t r = 0; r < t->model->users; r++)
        t->batch.rule.user_state[r] = 0;
    for (uint32_t r = 0; r < t->model->items; r++)
        t->batch.rule.item_state[r] = 0;
}

static void Prepare(Trainer *t)
{
    const SoftmaxOptions *o = t->options;
    Model *model = t->model;

    t->norm = HostAllocate(t->host, model->items, sizeof(float));
    SoftmaxListCreate(t->host, t->data, &t->list);
    SoftmaxBatchCreate(t->host, model, (uint32_t)o->batch_size, (uint32_t)o->chunk,
                       SoftmaxNegatives(o, model->items), &t->batch);
    t->batch.rule = (SoftmaxRule){
        .data = t->data,
        .user = &model->part[FACTORS_USER_PART],
        .item = &model->part[FACTORS_ITEM_PART],
        .norm = t->norm,
        .log_sum_weight = (float)o->log_sum_weight,
        .user_state = HostAllocate(t->host, model->users, sizeof(float)),
        .item_state = HostAllocate(t->host, model->items, sizeof(float)),
    };
    ClearState(t);
}

static void Release(Trainer *t)
{
    HostRelease(t->host, t->norm);
    HostRelease(t->host, t->batch.rule.user_state);
    HostRelease(t->host, t->batch.rule.item_state);
    SoftmaxListRelease(t->host, &t->list);
    SoftmaxBatchRelease(t->host, &t->batch);
}

/* --- epochs */

/* Mean loss per pair. */
static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;
    uint64_t seed = (uint64_t)t->options->train.seed;
    double loss = 0;
    Random random;

    RandomSeed(&random, seed, RANDOM_ORDER, (uint64_t)number, 0);
    SoftmaxListFill(t->host, t->data, t->batch.rule.held_too, t->batch.chunk, &random, &t->list);
    for (uint32_t query = 0; query < t->list.queries;) {
        RandomSeed(&random, seed, RANDOM_BATCH, (uint64_t)number, query);
        t->batch.rule.learning_rate =
            (float)ScheduleRate(&t->schedule, (double)query / t->list.queries);
        query = SoftmaxListBatch(&t->list, query, &t->batch);
        loss += SoftmaxBatchStep(t->host, &t->batch, &random);
        HostPoll(t->host);
    }
    t->schedule.done++;
    return t->list.count == 0 ? 0 : loss / t->list.count;
}

/* Begins a schedule of the step. */
static void PlanEpochs(Trainer *t, double rate, int epochs)
{
    t->schedule = (Schedule){rate, LAST_RATE, epochs, 0};
}

/* Returns the metric at its end. */
static double RunStage(Trainer *t, Loop *loop, const char *stage, double rate, int epochs)
{
    PlanEpochs(t, rate, epochs);
    return LoopStage(loop, stage, epochs).metric;
}

/* Trainings begin alike, with the same random numbers. */
static void BeginAnew(Trainer *t, Loop *loop, bool held_too)
{
    LoopRestart(loop);
    StartRows(t, held_too, false);
    ClearState(t);
}

/* A short run with a whole schedule; returns the metric at its end. */
static double TryTemperature(Trainer *t, Loop *loop, int i, int epochs)
{
    BeginAnew(t, loop, false);
    t->batch.rule.temperature = trials[i].value;
    return RunStage(t, loop, trials[i].stage, t->options->learning_rate, EpochShare(epochs, TRIAL));
}

/* The first of equals. */
static float ChooseTemperature(Trainer *t, Loop *loop, int epochs)
{
    int most = MostTrials(t->data), chosen = 0;
    double best = -1;

    for (int i = 0; i < most && (i < FIRST_TRIALS || chosen == i - 1); i++) {
        double value = TryTemperature(t, loop, i, epochs);

        if (i < FIRST_TRIALS ? value > best : IsGain(value, best)) {
            best = value;
            chosen = i;
        }
    }
    return trials[chosen].value;
}

static bool IsTemperature(float value)
{
    return value >= LEAST_TEMPERATURE && value <= GREATEST_TEMPERATURE;
}

float SoftmaxTemperature(const Host *host, const Model *model)
{
    float value = model->part[SOFTMAX_TEMPERATURE_PART].data[0];

    if (!IsTemperature(value))
        HostFail(host, FAIL_INVALID, "Train the model anew.", "the model's temperature is damaged");
    return value;
}

static float Temperature(Trainer *t, Loop *loop, int epochs)
{
    float before = t->model->part[SOFTMAX_TEMPERATURE_PART].data[0];

    if (t->options->temperature > 0)
        return fmaxf((float)t->options->temperature, LEAST_TEMPERATURE);
    if (t->model->warm)
        return IsTemperature(before) ? before : (float)PLAIN_TEMPERATURE;
    return loop->validation.count > 0 ? ChooseTemperature(t, loop, epochs)
                                      : (float)PLAIN_TEMPERATURE;
}

/*
 * Accumulators of an earlier training are not stored, and the large first steps of fresh ones would
 * undo what it had settled: an epoch without steps measures the gradients that the rows have now,
 * and accumulators start as if there had been as many such epochs as make a training.
 */
static void ResumeState(Trainer *t)
{
    uint64_t epochs = (uint64_t)t->options->epochs;

    PlanEpochs(t, 0, 1);
    RunEpoch(t, 0);
    for (uint32_t r = 0; r < t->model->users; r++)
        t->batch.rule.user_state[r] *= (float)epochs;
    for (uint32_t r = 0; r < t->model->items; r++)
        t->batch.rule.item_state[r] *= (float)epochs;
}

/*
 * What serves has learnt everything: from the start, as what is measured was.  Going on from there
 * for a third of the epochs gained less where histories are short.  A warm start goes on: where it
 * started from is gone.
 */
static void LearnAll(Trainer *t, Loop *loop, int epochs)
{
    if (t->model->warm) {
        StartRows(t, true, true);
        PlanEpochs(t, HELD_RATE * t->options->learning_rate, EpochShare(epochs, HELD_SHARE));
    } else {
        BeginAnew(t, loop, true);
        PlanEpochs(t, t->options->learning_rate, epochs);
    }
    LoopLearnAll(loop, "all", t->schedule.epochs);
}

static void RunStages(Trainer *t, Loop *loop)
{
    const SoftmaxOptions *o = t->options;
    int epochs = MainEpochs(t->model, t->options->epochs, t->options->warm_epochs);
    float temperature = Temperature(t, loop, epochs);

    t->model->part[SOFTMAX_TEMPERATURE_PART].data[0] = temperature;
    t->batch.rule.temperature = temperature;
    if (t->model->warm) {
        StartRows(t, false, true);
        ClearState(t);
        ResumeState(t);
    } else
        BeginAnew(t, loop, false);
    RunStage(t, loop, "softmax", o->learning_rate, epochs);
    if (loop->validation.count > 0 && !t->model->trial)
        LearnAll(t, loop, epochs);
}

void SoftmaxTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host, .data = data, .options = model->options, .model = model};
    Loop loop = {
        .host = host,
        .data = data,
        .model = model,
        .report = report,
        .epochs = AllEpochs(model, data),
        .learnt = LEARNT(FACTORS_USER_PART) | LEARNT(FACTORS_ITEM_PART),
        .trainer = &t,
        .epoch = RunEpoch,
        .measures = MEASURE_AT_END,
    };

    CheckRankable(host, data);
    BlasLoad(PoolThreads(host));
    Prepare(&t);
    LoopOpen(&loop);
    RunStages(&t, &loop);
    LoopClose(&loop);
    Release(&t);
}
