/*
 * train.c: trains bpr and amf: initial embeddings, epochs, and the order of the stages.
 *
 * By default an epoch deals the interactions into cells, which threads learn triple by triple
 * (triple.c); with batch_size > 1 it shuffles them all and learns batch by batch (batch.c).
 */
#include "algo/mf/worth.h"

#include <math.h>
#include <stdio.h>

#include "algo/learn/visits.h"
#include "core/pool.h"

#define INIT_ROWS 4096 /* rows between two looks at interrupts */

/* Weights compared between two looks at interrupts. */
#define WEIGHTS_AT_ONCE (1 << 20)

/* Negatives drawn between two looks at interrupts. */
#define POLL_EVERY 16

/* Below this, every score is the same to single precision: nothing was learnt, or all was lost. */
#define COLLAPSED 1e-12f

/* Epochs that the accumulators of a warm start stand for: the best of 0, 10, 30, 100 by validation
 */
#define RESUMED_EPOCHS 100.0f

#define MF_LEARNT (LEARNT(MF_USER_PART) | LEARNT(MF_ITEM_PART))

size_t MfStateFloats(const Part *part, int optimizer)
{
    if (optimizer == OPTIMIZER_SGD)
        return 0;
    return optimizer == OPTIMIZER_ADAGRAD ? PartFloats(part) : part->rows;
}

/* Room of each thread for the order of a cell's visits; with weights, rounding may add a visit. */
static uint32_t OrderEntries(const Interactions *shape)
{
    uint64_t visits = TrainingCount(shape) + (shape->columns & COLUMN_WEIGHT ? 1 : 0);

    return visits < STRETCH ? (uint32_t)visits : STRETCH;
}

size_t MfMemory(const Model *model, const Interactions *shape, int threads)
{
    const MfOptions *o = model->options;
    const Part *user = &model->part[MF_USER_PART], *item = &model->part[MF_ITEM_PART];
    size_t state = SizeAdd(MfStateFloats(user, o->optimizer), MfStateFloats(item, o->optimizer));
    size_t total = SizeMultiply(state, sizeof(float)), row_bytes = user->stride * sizeof(float);
    int64_t plains = o->adv_epochs > 0 ? 4 : 2;
    Interactions whole = *shape;

    whole.held_learnt = true;
    total = SizeAdd(total, LoopMemory(model, shape, threads, MF_LEARNT,
                                      plains * o->epochs + (MF_MOST_STRENGTHS + 1) * o->adv_epochs +
                                          MfMostTrials(o) * MfTrialEpochs(o)));
    if (o->adv_epochs > 0)
        total = SizeAdd(total, MfWorthMemory(model, shape));
    shape = &whole; /* at the end all interactions train */
    if (o->batch_size == 1) {
        total = SizeAdd(total, CellsMemory(shape, row_bytes));
        return SizeAdd(total,
                       SizeMultiply((size_t)threads * OrderEntries(shape), sizeof(uint32_t)));
    }
    total = SizeAdd(total, SizeMultiply(TrainingCount(shape), sizeof(BatchTriple)));
    return SizeAdd(total,
                   BatchMemory(shape->users, shape->items, (uint32_t)o->batch_size, user->stride));
}

void MfResetState(const MfTrainer *t)
{
    size_t users = MfStateFloats(&t->model->part[MF_USER_PART], t->options->optimizer);
    size_t items = MfStateFloats(&t->model->part[MF_ITEM_PART], t->options->optimizer);

    for (size_t i = 0; i < users; i++)
        t->rule.user_state[i] = ADAGRAD_START;
    for (size_t i = 0; i < items; i++)
        t->rule.item_state[i] = ADAGRAD_START;
}

static void PrepareRule(MfTrainer *t)
{
    const MfOptions *o = t->options;
    Part *user = &t->model->part[MF_USER_PART], *item = &t->model->part[MF_ITEM_PART];

    t->rule = (TripleRule){
        .host = t->host,
        .users = user->data,
        .items = item->data,
        .user_state = HostAllocate(t->host, MfStateFloats(user, o->optimizer), sizeof(float)),
        .item_state = HostAllocate(t->host, MfStateFloats(item, o->optimizer), sizeof(float)),
        .stride = user->stride,
        .factors = user->columns,
        .optimizer = (Optimizer)o->optimizer,
        .learning_rate = (float)o->learning_rate,
        .lambda = (float)o->lambda,
        .candidates = MfNegatives(t->host, t->model),
    };
    MfResetState(t);
}

/* How often the next interaction is listed. */
static uint64_t Repeats(const MfTrainer *t, uint64_t i, Visits *visits)
{
    return t->data->weight == NULL ? 1 : (uint64_t)VisitsNext(visits, t->data->weight[i]);
}

/* All training interactions; with weights, in proportion to them. */
static void ListTriples(MfTrainer *t, Random *random)
{
    const Interactions *data = t->data;
    Visits visits = {0};

    if (data->weight != NULL)
        visits = VisitsStart(t->mean_weight, random);
    t->listed = 0;
    for (uint32_t user = 0; user < data->users; user++) {
        for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++) {
            uint64_t left = IsHeldOut(data, user, data->item[i]) ? 0 : Repeats(t, i, &visits);

            for (; left > 0 && t->listed < TrainingCount(data); left--)
                t->all_triples[t->listed++] = (BatchTriple){user, data->item[i], NO_ITEM};
        }
        if (user % INIT_ROWS == 0)
            HostPoll(t->host);
    }
}

/* What depends on which interactions train. */
static void PrepareData(MfTrainer *t)
{
    size_t threads = (size_t)PoolThreads(t->host);

    t->mean_weight = MeanWeight(t->host, t->data);
    if (t->options->batch_size > 1) {
        t->all_triples = HostAllocate(t->host, TrainingCount(t->data), sizeof(BatchTriple));
        if (t->data->weight == NULL)
            ListTriples(t, NULL);
        return;
    }
    CellsCreate(t->host, t->data, t->rule.stride * sizeof(float), &t->cells);
    t->order = HostAllocate(t->host, threads * OrderEntries(t->data), sizeof(uint32_t));
    t->work = HostAllocate(t->host, (size_t)CellsPerRound(&t->cells), sizeof(TileWork));
}

static void ReleaseData(MfTrainer *t)
{
    if (t->options->batch_size > 1) {
        HostRelease(t->host, t->all_triples);
        return;
    }
    CellsRelease(t->host, &t->cells);
    HostRelease(t->host, t->order);
    HostRelease(t->host, t->work);
}

static void Prepare(MfTrainer *t)
{
    PrepareRule(t);
    if (t->options->batch_size > 1)
        BatchCreate(t->host, &t->rule, t->data->users, t->data->items,
                    (uint32_t)t->options->batch_size, &t->batch);
    PrepareData(t);
}

static void Release(MfTrainer *t)
{
    ReleaseData(t);
    HostRelease(t->host, t->rule.user_state);
    HostRelease(t->host, t->rule.item_state);
    if (t->options->batch_size > 1)
        BatchRelease(t->host, &t->batch);
}

typedef struct RoundJob {
    MfTrainer *trainer;
    int epoch;
    int round;
} RoundJob;

static void RunCell(MfTrainer *t, int epoch, uint32_t cell, int worker, CellWork *work)
{
    const Cells *cells = &t->cells;
    uint32_t block = cell % cells->item_blocks;
    uint32_t first = BlockStart(block, cells->item_blocks, t->data->items);
    uint64_t start = cells->start[cell];

    work->entries = cells->entries + start;
    work->count = (uint32_t)(cells->start[cell + 1] - start);
    work->weights = cells->weights == NULL ? NULL : cells->weights + start;
    work->mean_weight = t->mean_weight;
    work->block = cells->item_order + first;
    work->block_size = BlockStart(block + 1, cells->item_blocks, t->data->items) - first;
    work->order = t->order + (size_t)worker * OrderEntries(t->data);
    RandomSeed(&work->random, (uint64_t)t->options->train.seed, RANDOM_CELL, (uint64_t)epoch, cell);
    LearnCell(&t->rule, work);
}

static void RunTile(void *arg, int task, int worker)
{
    RoundJob *job = arg;
    MfTrainer *t = job->trainer;
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
static void CollectRound(MfTrainer *t, double *loss, uint64_t *triples)
{
    for (int c = 0; c < CellsPerRound(&t->cells); c++) {
        if (t->work[c].abandoned)
            HostAbandon(t->host);
        *loss += t->work[c].loss;
        *triples += t->work[c].triples;
    }
}

static double CellEpoch(MfTrainer *t, int epoch)
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
static double BatchEpoch(MfTrainer *t, int epoch)
{
    uint64_t n, triples = 0;
    uint32_t filled = 0;
    double loss = 0;
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_BATCH, (uint64_t)epoch, 0);
    if (t->data->weight != NULL)
        ListTriples(t, &random);
    n = t->listed;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t j = i + (uint64_t)(RandomUniform(&random) * (double)(n - i));
        BatchTriple next = t->all_triples[j];

        t->all_triples[j] = t->all_triples[i];
        t->all_triples[i] = next;
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

static double RunEpoch(void *trainer, int number)
{
    MfTrainer *t = trainer;

    return t->options->batch_size > 1 ? BatchEpoch(t, number) : CellEpoch(t, number);
}

static void CheckCollapse(void *trainer, int number)
{
    const MfTrainer *t = trainer;
    const Part *item = &t->model->part[MF_ITEM_PART];

    for (size_t i = 0; i < PartFloats(item); i++)
        if (fabsf(item->data[i]) >= COLLAPSED)
            return;
    HostFail(t->host, FAIL_NOT_FINITE, "Lower the option regularization.",
             "training collapsed in epoch %d: all item embeddings are zero", number);
}

/* Rows that an earlier training knew resume with small steps; the others stay at the start. */
static void ScaleState(const MfTrainer *t, const Part *part, float *state)
{
    size_t width = MfStateFloats(part, t->options->optimizer) / part->rows;

    for (uint32_t r = 0; r < part->rows; r++) {
        bool fresh = RowIsZero(part, r);

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
static void ResumeState(MfTrainer *t)
{
    if (t->options->optimizer == OPTIMIZER_SGD || t->options->batch_size > 1)
        return;
    t->rule.learning_rate = 0;
    CellEpoch(t, 0);
    t->rule.learning_rate = (float)t->options->learning_rate;
    ScaleState(t, &t->model->part[MF_USER_PART], t->rule.user_state);
    ScaleState(t, &t->model->part[MF_ITEM_PART], t->rule.item_state);
}

/* A model that goes on from an earlier one needs fewer epochs. */
static int StageEpochs(const Model *model, int64_t epochs)
{
    const MfOptions *o = model->options;

    return (int)(model->warm && o->warm_epochs < epochs ? o->warm_epochs : epochs);
}

static void StartRows(MfTrainer *t)
{
    uint64_t seed = (uint64_t)t->options->train.seed;

    if (t->model->warm)
        ResumeState(t);
    FactorsInit(t->host, &t->model->part[MF_USER_PART], RANDOM_INIT_USER, seed,
                t->options->init_std);
    FactorsInit(t->host, &t->model->part[MF_ITEM_PART], RANDOM_INIT_ITEM, seed,
                t->options->init_std);
}

/*
 * The embeddings of a warm start have been through BPR: adversarial training goes on at once,
 * unless it had not stayed.
 */
static MfPlan PlanOf(const MfTrainer *t)
{
    const MfOptions *o = t->options;
    MfPlan plan = {StageEpochs(t->model, o->epochs), 0};

    if (MfIsAdversarial(t) && !(t->model->warm && MfKeptStrength(t->host, t->model).epsilon == 0))
        plan.adversarial = StageEpochs(t->model, o->adv_epochs);
    if (t->model->warm && plan.adversarial > 0)
        plan.plain = 0;
    return plan;
}

static int PlannedEpochs(const MfTrainer *t, MfPlan plan)
{
    int all = t->data->held_count > 0 && !t->model->trial ? plan.plain + plan.adversarial : 0;
    bool tries = MfTriesRegularization(t->model, t->data);
    bool again = tries && plan.adversarial > 0 && !t->model->trial;
    int trials = tries ? MfMostTrials(t->options) : 0, plains = again ? 3 : 1;

    return trials * MfTrialEpochs(t->options) + plains * plan.plain +
           MfStrengths(t->model, t->data) * plan.adversarial + all;
}

/* --- the whole */

static void StartAfresh(MfTrainer *t)
{
    PartClear(t->host, &t->model->part[MF_USER_PART]);
    PartClear(t->host, &t->model->part[MF_ITEM_PART]);
    MfResetState(t);
    StartRows(t);
    t->rule.adversarial = false;
}

void MfUseRegularization(MfTrainer *t, double value)
{
    t->regularization = value;
    t->rule.regularization = (float)value;
}

void MfBeginAgain(MfTrainer *t, Loop *loop, double regularization)
{
    MfUseRegularization(t, regularization);
    LoopRestart(loop);
    if (t->options->batch_size > 1 && t->data->weight == NULL)
        ListTriples(t, NULL);
    StartAfresh(t);
}

/* Returns how many epochs of each stage led to what is kept, once all interactions are learnt. */
static MfPlan RunStages(MfTrainer *t, Loop *loop, MfPlan plan)
{
    Stage plain = {.metric = -1};

    if (plan.plain > 0)
        plain = LoopStage(loop, "bpr", plan.plain);
    if (plan.adversarial > 0)
        return MfRunAdversarial(t, loop, plan, &plain);
    return (MfPlan){plain.epochs, 0};
}

/* An algorithm that was to be adversarial, and is not, says so. */
static void TellOmitted(const MfTrainer *t, TrainReport *report)
{
    if (t->options->adv_epochs > 0 && !MfIsAdversarial(t))
        snprintf(report->warning, sizeof(report->warning),
                 "nothing is held out, so adversarial training, which starts from a validated "
                 "model, was left out; the option relative_epsilon has it run all the same");
}

/* A share of the epochs of a warm start that go on with all interactions. */
#define WARM_SHARE 0.3

/*
 * What serves has learnt everything: from the start on all interactions, with as many epochs as
 * validation has chosen.  (Going on from the validated model for some epochs gained less on
 * MovieLens 1M and Last.fm.)  A warm start goes on: where it started from is gone.
 */
static void LearnAll(MfTrainer *t, Loop *loop, MfPlan chosen)
{
    t->all = *t->data;
    t->all.held_learnt = true;
    ReleaseData(t);
    t->data = &t->all;
    PrepareData(t);
    if (t->model->warm) {
        int epochs = chosen.adversarial > 0 ? chosen.adversarial : chosen.plain;

        if (chosen.adversarial > 0)
            MfStartAdversarial(t, false);
        LoopLearnAll(loop, chosen.adversarial > 0 ? "apr all" : "bpr all",
                     (int)ceil(WARM_SHARE * epochs));
        return;
    }
    StartAfresh(t);
    LoopLearnAll(loop, "bpr all", chosen.plain);
    if (chosen.adversarial == 0)
        return;
    MfStartAdversarial(t, true);
    LoopLearnAll(loop, "apr all", chosen.adversarial);
}

/* Interactions of weights that are all the same count alike: nothing need be drawn. */
static Interactions DropEqualWeights(const Host *host, const Interactions *data)
{
    Interactions result = *data;

    for (uint64_t i = 1; data->weight != NULL && i < data->count; i++) {
        if (data->weight[i] != data->weight[0])
            return result;
        if (i % WEIGHTS_AT_ONCE == 0)
            HostPoll(host);
    }
    result.weight = NULL;
    return result;
}

void MfTrain(const Host *host, const Interactions *all, Model *model, TrainReport *report)
{
    Interactions data = DropEqualWeights(host, all);
    MfTrainer t = {.host = host, .data = &data, .options = model->options, .model = model};
    Loop loop = {
        .host = host,
        .data = &data,
        .model = model,
        .report = report,
        .learnt = MF_LEARNT,
        .trainer = &t,
        .epoch = RunEpoch,
        .check = CheckCollapse,
    };
    MfPlan plan = PlanOf(&t), chosen;

    CheckRankable(host, &data);
    loop.epochs = PlannedEpochs(&t, plan);
    Prepare(&t);
    StartRows(&t);
    LoopOpen(&loop);
    MfChoose(&t, &loop);
    chosen = RunStages(&t, &loop, plan);
    MfKeepChoice(&t, report);
    MfKeepStrength(model, chosen.adversarial > 0 ? t.strength : (Strength){0, true});
    if (data.held_count > 0 && !model->trial)
        LearnAll(&t, &loop, chosen);
    TellOmitted(&t, report);
    LoopClose(&loop);
    Release(&t);
}
