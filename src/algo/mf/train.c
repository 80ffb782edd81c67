/* train.c: initial embeddings, epochs, validation and early stopping of factor models. */
#include "algo/mf/mf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/mf/batch.h"
#include "algo/rank/validation.h"
#include "core/pool.h"

#define INIT_ROWS 4096 /* rows per task */

/* Negatives drawn between two looks at interrupts. */
#define POLL_EVERY 16

/* Below this, every score is the same to single precision: nothing was learnt, or all was lost. */
#define COLLAPSED 1e-12f

/* Epochs that the accumulators of a warm start stand for: the best of 0, 10, 30, 100 by validation
 */
#define RESUMED_EPOCHS 100.0f

/* An adversarial stage that ends below this share of the stage before is reported. */
#define WORTH_KEEPING 0.8

/* What came of a tile. */
typedef struct TileWork {
    double loss;
    uint64_t triples;
    bool abandoned;
} TileWork;

typedef struct Trainer {
    const Host *host;
    const Interactions *data;
    const MfOptions *options;
    Model *model;
    TrainReport *report;
    TripleRule rule;
    Cells cells;      /* batch_size 1 */
    uint32_t *order;  /* batch_size 1: threads x OrderEntries scratch */
    TileWork *work;   /* batch_size 1: tiles of a round */
    Batch batch;      /* batch_size > 1 */
    BatchTriple *all; /* batch_size > 1: every training interaction */
    Validation validation;
    float *best[2]; /* copies of the user and item part at the best epoch; NULL: no validation */
    int epochs;     /* planned, over all stages */
    double start;
} Trainer;

/* Copies in slices, with a look at interrupts between them: a part can have gigabytes. */
static void CopyPart(const Trainer *t, const Part *part, const float *from, float *to)
{
    for (uint32_t r = 0; r < part->rows; r += INIT_ROWS) {
        size_t rows = part->rows - r < INIT_ROWS ? part->rows - r : INIT_ROWS;
        size_t at = (size_t)r * part->stride;

        memcpy(to + at, from + at, rows * part->stride * sizeof(float));
        HostPoll(t->host);
    }
}

static size_t PartFloats(const Part *part)
{
    return (size_t)part->rows * part->stride;
}

/* Accumulators of a part. */
static size_t StateFloats(const Part *part, int optimizer)
{
    if (optimizer == OPTIMIZER_SGD)
        return 0;
    return optimizer == OPTIMIZER_ADAGRAD ? PartFloats(part) : part->rows;
}

/* Of each thread's scratch for the order of a cell. */
static uint32_t OrderEntries(const Interactions *shape)
{
    return TrainingCount(shape) < STRETCH ? (uint32_t)TrainingCount(shape) : STRETCH;
}

size_t MfMemory(const Model *model, const Interactions *shape, int threads)
{
    const MfOptions *o = model->options;
    const Part *user = &model->part[MF_USER_PART], *item = &model->part[MF_ITEM_PART];
    size_t state = SizeAdd(StateFloats(user, o->optimizer), StateFloats(item, o->optimizer));
    size_t best = shape->held_count > 0 ? SizeAdd(PartFloats(user), PartFloats(item)) : 0;
    size_t total = SizeMultiply(SizeAdd(state, best), sizeof(float));
    size_t row_bytes = user->stride * sizeof(float);

    total = SizeAdd(total, ValidationMemory(model, shape, threads));
    total = SizeAdd(total, SizeMultiply((size_t)(o->epochs + o->adv_epochs), sizeof(Epoch)));
    if (o->batch_size == 1) {
        total = SizeAdd(total, CellsMemory(shape, row_bytes));
        return SizeAdd(total,
                       SizeMultiply((size_t)threads * OrderEntries(shape), sizeof(uint32_t)));
    }
    total = SizeAdd(total, SizeMultiply(TrainingCount(shape), sizeof(BatchTriple)));
    return SizeAdd(total,
                   BatchMemory(shape->users, shape->items, (uint32_t)o->batch_size, user->stride));
}

typedef struct InitJob {
    Part *part;
    uint64_t seed;
    RandomPurpose purpose;
    double deviation;
} InitJob;

/* Rows of a warm start are not zero. */
static bool IsZero(const float *row, uint32_t columns)
{
    for (uint32_t k = 0; k < columns; k++)
        if (row[k] != 0)
            return false;
    return true;
}

static void InitRows(void *arg, int task, int worker)
{
    InitJob *job = arg;
    uint32_t first = (uint32_t)task * INIT_ROWS;

    (void)worker;
    for (uint32_t r = first; r < job->part->rows && r < first + INIT_ROWS; r++) {
        float *row = job->part->data + (size_t)r * job->part->stride;
        Random random;

        if (!IsZero(row, job->part->columns))
            continue;
        RandomSeed(&random, job->seed, job->purpose, r, 0);
        for (uint32_t k = 0; k < job->part->columns; k++)
            row[k] = (float)(job->deviation * RandomTruncatedNormal(&random));
    }
}

static void InitPart(const Trainer *t, Part *part, RandomPurpose purpose)
{
    InitJob job = {part, (uint64_t)t->options->train.seed, purpose, t->options->init_std};

    PoolRun(t->host, InitRows, &job, (int)((part->rows + INIT_ROWS - 1) / INIT_ROWS));
}

static void ResetState(const Trainer *t)
{
    size_t users = StateFloats(&t->model->part[MF_USER_PART], t->options->optimizer);
    size_t items = StateFloats(&t->model->part[MF_ITEM_PART], t->options->optimizer);

    for (size_t i = 0; i < users; i++)
        t->rule.user_state[i] = ADAGRAD_START;
    for (size_t i = 0; i < items; i++)
        t->rule.item_state[i] = ADAGRAD_START;
}

static void PrepareRule(Trainer *t)
{
    const MfOptions *o = t->options;
    Part *user = &t->model->part[MF_USER_PART], *item = &t->model->part[MF_ITEM_PART];

    t->rule = (TripleRule){
        .host = t->host,
        .users = user->data,
        .items = item->data,
        .user_state = HostAllocate(t->host, StateFloats(user, o->optimizer), sizeof(float)),
        .item_state = HostAllocate(t->host, StateFloats(item, o->optimizer), sizeof(float)),
        .stride = user->stride,
        .factors = user->columns,
        .optimizer = (Optimizer)o->optimizer,
        .learning_rate = (float)o->learning_rate,
        .regularization = (float)o->regularization,
        .epsilon = (float)o->epsilon,
        .lambda = (float)o->lambda,
        .candidates = (uint32_t)o->adaptive_negatives,
    };
    ResetState(t);
}

static void ListTriples(Trainer *t)
{
    const Interactions *data = t->data;
    uint64_t n = 0;

    t->all = HostAllocate(t->host, TrainingCount(data), sizeof(BatchTriple));
    for (uint32_t user = 0; user < data->users; user++) {
        for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++)
            if (!IsHeldOut(data, user, data->item[i]))
                t->all[n++] = (BatchTriple){user, data->item[i], NO_ITEM};
        if (user % INIT_ROWS == 0)
            HostPoll(t->host);
    }
}

/* A pair can only be ranked where a user lacks an item. */
static void CheckRankable(const Trainer *t)
{
    const Interactions *data = t->data;

    for (uint32_t user = 0; user < data->users; user++) {
        uint32_t count = TrainingItems(data, user);

        if (count > 0 && count < data->items)
            return;
    }
    HostFail(t->host, FAIL_INVALID, "The algorithm popularity needs no such users.",
             "no user lacks any of the %u items: there is nothing to learn a ranking from",
             data->items);
}

static void PrepareOrder(Trainer *t)
{
    size_t threads = (size_t)PoolThreads(t->host);

    t->order = HostAllocate(t->host, threads * OrderEntries(t->data), sizeof(uint32_t));
}

static void Prepare(Trainer *t)
{
    const Part *user = &t->model->part[MF_USER_PART], *item = &t->model->part[MF_ITEM_PART];

    PrepareRule(t);
    ValidationPrepare(t->host, t->data, &t->validation);
    if (t->validation.count > 0) {
        t->best[0] = HostAllocate(t->host, PartFloats(user), sizeof(float));
        t->best[1] = HostAllocate(t->host, PartFloats(item), sizeof(float));
    }
    if (t->options->batch_size > 1) {
        ListTriples(t);
        BatchCreate(t->host, &t->rule, t->data->users, t->data->items,
                    (uint32_t)t->options->batch_size, &t->batch);
    } else {
        CellsCreate(t->host, t->data, user->stride * sizeof(float), &t->cells);
        PrepareOrder(t);
        t->work = HostAllocate(t->host, (size_t)CellsPerRound(&t->cells), sizeof(TileWork));
    }
    t->report->history = HostAllocate(t->host, (size_t)t->epochs, sizeof(Epoch));
}

static void Release(Trainer *t)
{
    HostRelease(t->host, t->rule.user_state);
    HostRelease(t->host, t->rule.item_state);
    ValidationRelease(t->host, &t->validation);
    HostRelease(t->host, t->best[0]);
    HostRelease(t->host, t->best[1]);
    if (t->options->batch_size > 1) {
        HostRelease(t->host, t->all);
        BatchRelease(t->host, &t->batch);
    } else {
        CellsRelease(t->host, &t->cells);
        HostRelease(t->host, t->order);
        HostRelease(t->host, t->work);
    }
}

typedef struct RoundJob {
    Trainer *trainer;
    int epoch;
    int round;
} RoundJob;

static void RunCell(Trainer *t, int epoch, uint32_t cell, int worker, CellWork *work)
{
    const Cells *cells = &t->cells;
    uint32_t block = cell % cells->item_blocks;
    uint32_t first = BlockStart(block, cells->item_blocks, t->data->items);
    uint64_t start = cells->start[cell];

    work->entries = cells->entries + start;
    work->count = (uint32_t)(cells->start[cell + 1] - start);
    work->block = cells->item_order + first;
    work->block_size = BlockStart(block + 1, cells->item_blocks, t->data->items) - first;
    work->order = t->order + (size_t)worker * OrderEntries(t->data);
    RandomSeed(&work->random, (uint64_t)t->options->train.seed, RANDOM_CELL, (uint64_t)epoch, cell);
    LearnCell(&t->rule, work);
}

static void RunTile(void *arg, int task, int worker)
{
    RoundJob *job = arg;
    Trainer *t = job->trainer;
    Tile tile = CellsTile(&t->cells, job->round, task);
    TileWork sum = {0};

    for (uint32_t k = 0; k < TileCount(tile) && !sum.abandoned; k++) {
        CellWork work;

        RunCell(t, job->epoch, TileCell(&t->cells, tile, k), worker, &work);
        sum.loss += work.loss;
        sum.triples += work.triples;
        sum.abandoned = work.abandoned;
    }
    t->work[task] = sum;
}

/* Sums over the tiles of a round in their order, whichever thread ran them. */
static void CollectRound(Trainer *t, double *loss, uint64_t *triples)
{
    for (int c = 0; c < CellsPerRound(&t->cells); c++) {
        if (t->work[c].abandoned)
            HostAbandon(t->host);
        *loss += t->work[c].loss;
        *triples += t->work[c].triples;
    }
}

static double CellEpoch(Trainer *t, int epoch)
{
    RoundJob job = {t, epoch, 0};
    uint64_t triples = 0;
    double loss = 0;

    CellsCut(t->host, &t->cells, (uint64_t)t->options->train.seed, (uint64_t)epoch);
    for (; job.round < CellsRounds(&t->cells); job.round++) {
        PoolRun(t->host, RunTile, &job, CellsPerRound(&t->cells));
        CollectRound(t, &loss, &triples);
    }
    return triples == 0 ? 0 : loss / (double)triples;
}

/* All triples in a fresh order, a fresh negative each; the last batch may be smaller. */
static double BatchEpoch(Trainer *t, int epoch)
{
    uint64_t n = TrainingCount(t->data), triples = 0;
    uint32_t filled = 0;
    double loss = 0;
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_BATCH, (uint64_t)epoch, 0);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t j = i + (uint64_t)(RandomUniform(&random) * (double)(n - i));
        BatchTriple next = t->all[j];

        t->all[j] = t->all[i];
        t->all[i] = next;
        next.negative = BatchNegative(&t->rule, t->data, next.user, &random);
        if (i % POLL_EVERY == 0)
            HostPoll(t->host);
        if (next.negative != NO_ITEM)
            t->batch.triples[filled++] = next;
        if (filled == t->batch.size || (i + 1 == n && filled > 0)) {
            loss += BatchStep(&t->rule, &t->batch, filled);
            triples += filled;
            filled = 0;
        }
    }
    return triples == 0 ? 0 : loss / (double)triples;
}

typedef struct CheckJob {
    const Part *part;
    bool *finite;   /* per task */
    float *largest; /* per task */
} CheckJob;

static void CheckRows(void *arg, int task, int worker)
{
    CheckJob *job = arg;
    uint32_t first = (uint32_t)task * INIT_ROWS, left = job->part->rows - first;
    const float *row = job->part->data + (size_t)first * job->part->stride;
    size_t count = (size_t)(left < INIT_ROWS ? left : INIT_ROWS) * job->part->stride;
    float largest = 0, sum = 0;

    (void)worker;
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(row[i]);

        sum += 0 * size; /* NaN if any value is not finite */
        largest = size > largest ? size : largest;
    }
    job->finite[task] = sum == 0;
    job->largest[task] = largest;
}

/* Largest absolute value of a part; fails if one is not finite. */
static float CheckPart(const Trainer *t, int epoch, const Part *part)
{
    int tasks = (int)((part->rows + INIT_ROWS - 1) / INIT_ROWS);
    CheckJob job = {part, HostAllocate(t->host, (size_t)tasks, sizeof(bool)),
                    HostAllocate(t->host, (size_t)tasks, sizeof(float))};
    bool finite = true;
    float largest = 0;

    PoolRun(t->host, CheckRows, &job, tasks);
    for (int i = 0; i < tasks; i++) {
        finite &= job.finite[i];
        largest = fmaxf(largest, job.largest[i]);
    }
    HostRelease(t->host, job.finite);
    HostRelease(t->host, job.largest);
    if (!finite)
        HostFail(t->host, FAIL_NOT_FINITE, "Lower the option learning_rate.",
                 "training diverged in epoch %d: an embedding is not finite", epoch);
    return largest;
}

static void CheckEpoch(const Trainer *t, int epoch, double loss)
{
    if (!isfinite(loss))
        HostFail(t->host, FAIL_NOT_FINITE, "Lower the option learning_rate.",
                 "training diverged in epoch %d: the loss is not finite", epoch);
    CheckPart(t, epoch, &t->model->part[MF_USER_PART]);
    if (CheckPart(t, epoch, &t->model->part[MF_ITEM_PART]) < COLLAPSED)
        HostFail(t->host, FAIL_NOT_FINITE, "Lower the option regularization.",
                 "training collapsed in epoch %d: all item embeddings are zero", epoch);
}

static void KeepBest(const Trainer *t)
{
    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];

        CopyPart(t, part, part->data, t->best[side]);
    }
}

static void RestoreBest(const Trainer *t)
{
    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];

        CopyPart(t, part, t->best[side], part->data);
    }
}

static Epoch RunEpoch(Trainer *t, const char *stage, bool evaluate)
{
    int number = t->report->epochs + 1;
    Epoch epoch = {.epoch = number, .stage = stage, .ndcg = NAN, .hr = NAN};

    epoch.loss = t->options->batch_size > 1 ? BatchEpoch(t, number) : CellEpoch(t, number);
    CheckEpoch(t, number, epoch.loss);
    if (evaluate) {
        double start = HostClock();

        ValidationRun(t->host, t->model, &t->validation);
        epoch.ndcg = t->validation.ndcg;
        epoch.hr = t->validation.hr;
        t->report->evaluate_seconds += HostClock() - start;
    }
    epoch.seconds = HostClock() - t->start;
    ReportAddEpoch(t->report, epoch);
    t->host->progress(t->host->arg,
                      &(Progress){stage, number, t->epochs, epoch.loss, epoch.ndcg, epoch.seconds});
    return epoch;
}

/*
 * Runs a stage; with validation, stops when it no longer helps and goes back to its best epoch.
 * Returns the best NDCG, -1 without validation.
 */
static double RunStage(Trainer *t, const char *stage, int epochs)
{
    const TrainOptions *o = &t->options->train;
    bool validate = t->validation.count > 0;
    double best = -1;
    int stale = 0;

    t->report->stop_reason = "epochs";
    for (int e = 1; e <= epochs; e++) {
        Epoch epoch = RunEpoch(t, stage, validate && (e % o->evaluate_every == 0 || e == epochs));

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
    return best;
}

/* Rows that an earlier training knew resume with small steps; the others stay at the start. */
static void ScaleState(const Trainer *t, const Part *part, float *state)
{
    size_t width = StateFloats(part, t->options->optimizer) / part->rows;

    for (uint32_t r = 0; r < part->rows; r++) {
        bool fresh = IsZero(part->data + (size_t)r * part->stride, part->columns);

        if (r % INIT_ROWS == 0)
            HostPoll(t->host);
        for (size_t k = 0; k < width; k++) {
            float *s = &state[r * width + k];

            *s = fresh ? ADAGRAD_START : ADAGRAD_START + RESUMED_EPOCHS * (*s - ADAGRAD_START);
        }
    }
}

/*
 * An epoch without steps measures the gradients that the rows have now, and accumulators start as
 * if there had been many such epochs.  Those of the earlier training are not stored, and the large
 * first steps of fresh ones would undo what it had settled.
 */
static void ResumeState(Trainer *t)
{
    if (t->options->optimizer == OPTIMIZER_SGD || t->options->batch_size > 1)
        return;
    t->rule.learning_rate = 0;
    CellEpoch(t, 0);
    t->rule.learning_rate = (float)t->options->learning_rate;
    ScaleState(t, &t->model->part[MF_USER_PART], t->rule.user_state);
    ScaleState(t, &t->model->part[MF_ITEM_PART], t->rule.item_state);
}

/* The adversarial stage gives up some accuracy at most; a collapse is worth a word. */
static void CompareStages(const Trainer *t, double bpr, double apr)
{
    if (bpr < 0 || apr >= WORTH_KEEPING * bpr)
        return;
    snprintf(t->report->warning, sizeof(t->report->warning),
             "adversarial training lowered NDCG@100 from %.4f to %.4f: lower epsilon, "
             "regularization or adaptive_negatives, or give it more adv_epochs",
             bpr, apr);
}

/* A model that continues needs fewer. */
static int StageEpochs(const Model *model, int64_t epochs)
{
    const MfOptions *o = model->options;

    return (int)(model->warm && o->warm_epochs < epochs ? o->warm_epochs : epochs);
}

static int PlannedEpochs(const Model *model, bool skip)
{
    const MfOptions *o = model->options;
    int adversarial = StageEpochs(model, o->adv_epochs);

    return skip ? adversarial : StageEpochs(model, o->epochs) + adversarial;
}

void MfTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    const MfOptions *o = model->options;
    bool skip = model->warm && o->adv_epochs > 0; /* its embeddings have been through it */
    Trainer t = {
        .host = host,
        .data = data,
        .options = o,
        .model = model,
        .report = report,
        .epochs = PlannedEpochs(model, skip),
        .start = HostClock(),
    };
    double before = -1;

    CheckRankable(&t);
    Prepare(&t);
    if (model->warm)
        ResumeState(&t);
    InitPart(&t, &model->part[MF_USER_PART], RANDOM_INIT_USER);
    InitPart(&t, &model->part[MF_ITEM_PART], RANDOM_INIT_ITEM);
    if (!skip)
        before = RunStage(&t, "bpr", StageEpochs(model, o->epochs));
    if (o->adv_epochs > 0) {
        if (o->reset_optimizer && !skip)
            ResetState(&t);
        t.rule.adversarial = true;
        CompareStages(&t, before, RunStage(&t, "apr", StageEpochs(model, o->adv_epochs)));
    }
    Release(&t);
}
