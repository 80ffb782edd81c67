/*
 * train.c: trains bpr and amf: initial embeddings, then epochs.
 *
 * By default an epoch deals the interactions into cells, which threads learn triple by triple
 * (triple.c); with batch_size > 1 it shuffles them all and learns batch by batch (batch.c).
 */
#include "algo/mf/mf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/learn/loop.h"
#include "algo/learn/visits.h"
#include "algo/mf/batch.h"
#include "core/pool.h"

#define INIT_ROWS 4096 /* rows between two looks at interrupts */

/* Weights compared between two looks at interrupts. */
#define WEIGHTS_AT_ONCE (1 << 20)

/* Negatives drawn between two looks at interrupts. */
#define POLL_EVERY 16

/* Floats copied between two looks at interrupts. */
#define FLOATS_AT_ONCE (1 << 20)

/* Below this, every score is the same to single precision: nothing was learnt, or all was lost. */
#define COLLAPSED 1e-12f

/* Epochs that the accumulators of a warm start stand for: the best of 0, 10, 30, 100 by validation
 */
#define RESUMED_EPOCHS 100.0f

/* Shares of the rows' norms that are tried where none is named, and their stages. */
static const struct {
    float epsilon;
    const char *stage;
} trials[] = {{PLAIN_EPSILON, "apr 0.1"}, {0.2f, "apr 0.2"}};

#define TRIALS ((int)(sizeof(trials) / sizeof(trials[0])))

/*
 * Weights of the squared norms that are tried, by a walk from one of them up, and down where that
 * gains nothing, and their stages.
 */
static const struct {
    double value;
    const char *stage;
} decays[] = {{0.005, "regularization 0.005"},
              {PLAIN_REGULARIZATION, "regularization 0.008"},
              {0.012, "regularization 0.012"},
              {0.02, "regularization 0.02"},
              {0.03, "regularization 0.03"}};

#define DECAYS      ((int)(sizeof(decays) / sizeof(decays[0])))
#define FIRST_DECAY 1

/* Enough epochs to tell them apart, and no more than this share of the epochs of BPR. */
#define DECAY_EPOCHS 40
#define DECAY_SHARE  3

/* Robustness is what moving all rows by this share of their norm, against the model, leaves. */
#define PROBE 0.25

/* What learning the cells of a tile gave. */
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
    TripleRule rule;
    Cells cells;     /* batch_size 1 */
    uint32_t *order; /* batch_size 1: threads x OrderEntries scratch */
    TileWork *work;  /* batch_size 1: tiles of a round */
    Batch batch;     /* batch_size > 1 */
    BatchTriple
        *all_triples;  /* batch_size > 1: training interactions, as often as they are visited */
    Strength strength; /* of the adversarial stage */
    uint64_t listed;
    double mean_weight;
    Interactions all; /* the data, with what was held out */
    int before;       /* epochs of trials that are over */
} Trainer;

/* Behind those of the adversarial stage. */
#define REGULARIZATION_FINDING 4

#define MF_LEARNT (LEARNT(MF_USER_PART) | LEARNT(MF_ITEM_PART))

/* How many accumulators the optimiser keeps for a part. */
static size_t StateFloats(const Part *part, int optimizer)
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

/* A snapshot, and the gradients of a worst case. */
static size_t AdversarialMemory(const Model *model)
{
    const MfOptions *o = model->options;
    size_t floats = 0;

    for (int i = MF_USER_PART; i <= MF_ITEM_PART; i++) {
        const Part *part = &model->part[i];

        floats = SizeAdd(floats, SizeMultiply(PartFloats(part), 2));
        floats = SizeAdd(floats, StateFloats(part, o->optimizer));
    }
    return SizeMultiply(floats, sizeof(float));
}

size_t MfMemory(const Model *model, const Interactions *shape, int threads)
{
    const MfOptions *o = model->options;
    const Part *user = &model->part[MF_USER_PART], *item = &model->part[MF_ITEM_PART];
    size_t state = SizeAdd(StateFloats(user, o->optimizer), StateFloats(item, o->optimizer));
    size_t total = SizeMultiply(state, sizeof(float)), row_bytes = user->stride * sizeof(float);
    Interactions whole = *shape;

    whole.held_learnt = true;
    total = SizeAdd(total, LoopMemory(model, shape, threads, MF_LEARNT,
                                      2 * o->epochs + (TRIALS + 1) * o->adv_epochs +
                                          MF_MOST_TRIALS * MfTrialEpochs(o)));
    if (o->adv_epochs > 0)
        total = SizeAdd(total, AdversarialMemory(model));
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
        .lambda = (float)o->lambda,
        .candidates = (uint32_t)o->adaptive_negatives,
    };
    ResetState(t);
}

/* How often the next interaction is listed. */
static uint64_t Repeats(const Trainer *t, uint64_t i, Visits *visits)
{
    return t->data->weight == NULL ? 1 : (uint64_t)VisitsNext(visits, t->data->weight[i]);
}

/* All training interactions; with weights, in proportion to them. */
static void ListTriples(Trainer *t, Random *random)
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
static void PrepareData(Trainer *t)
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

static void ReleaseData(Trainer *t)
{
    if (t->options->batch_size > 1) {
        HostRelease(t->host, t->all_triples);
        return;
    }
    CellsRelease(t->host, &t->cells);
    HostRelease(t->host, t->order);
    HostRelease(t->host, t->work);
}

static void Prepare(Trainer *t)
{
    PrepareRule(t);
    if (t->options->batch_size > 1)
        BatchCreate(t->host, &t->rule, t->data->users, t->data->items,
                    (uint32_t)t->options->batch_size, &t->batch);
    PrepareData(t);
}

static void Release(Trainer *t)
{
    ReleaseData(t);
    HostRelease(t->host, t->rule.user_state);
    HostRelease(t->host, t->rule.item_state);
    if (t->options->batch_size > 1)
        BatchRelease(t->host, &t->batch);
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
    Trainer *t = trainer;

    number -= t->before;
    return t->options->batch_size > 1 ? BatchEpoch(t, number) : CellEpoch(t, number);
}

static void CheckCollapse(void *trainer, int number)
{
    const Trainer *t = trainer;
    const Part *item = &t->model->part[MF_ITEM_PART];

    for (size_t i = 0; i < PartFloats(item); i++)
        if (fabsf(item->data[i]) >= COLLAPSED)
            return;
    HostFail(t->host, FAIL_NOT_FINITE, "Lower the option regularization.",
             "training collapsed in epoch %d: all item embeddings are zero", number);
}

/* Rows that an earlier training knew resume with small steps; the others stay at the start. */
static void ScaleState(const Trainer *t, const Part *part, float *state)
{
    size_t width = StateFloats(part, t->options->optimizer) / part->rows;

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

/* A model that goes on from an earlier one needs fewer epochs. */
static int StageEpochs(const Model *model, int64_t epochs)
{
    const MfOptions *o = model->options;

    return (int)(model->warm && o->warm_epochs < epochs ? o->warm_epochs : epochs);
}

static void StartRows(Trainer *t)
{
    uint64_t seed = (uint64_t)t->options->train.seed;

    if (t->model->warm)
        ResumeState(t);
    FactorsInit(t->host, &t->model->part[MF_USER_PART], RANDOM_INIT_USER, seed,
                t->options->init_std);
    FactorsInit(t->host, &t->model->part[MF_ITEM_PART], RANDOM_INIT_ITEM, seed,
                t->options->init_std);
}

/* Epochs of the two stages. */
typedef struct Plan {
    int plain;
    int adversarial;
} Plan;

/*
 * The adversarial stage starts from a validated model alone, unless one says how strong it is to
 * be.
 */
static bool IsAdversarial(const Trainer *t)
{
    const MfOptions *o = t->options;

    return o->adv_epochs > 0 &&
           (t->data->held_count > 0 || o->epsilon > 0 || o->relative_epsilon > 0);
}

/* The embeddings of a warm start have been through BPR: adversarial training goes on at once. */
static Plan PlanOf(const Trainer *t)
{
    const MfOptions *o = t->options;
    Plan plan = {StageEpochs(t->model, o->epochs), 0};

    if (IsAdversarial(t))
        plan.adversarial = StageEpochs(t->model, o->adv_epochs);
    if (t->model->warm && plan.adversarial > 0)
        plan.plain = 0;
    return plan;
}

int MfStrengths(const Model *model, const Interactions *data)
{
    const MfOptions *o = model->options;
    bool chosen = o->epsilon == 0 && o->relative_epsilon == 0;

    return chosen && data->held_count > 0 && !model->trial ? TRIALS : 1;
}

static int PlannedEpochs(const Trainer *t, Plan plan)
{
    int all = t->data->held_count > 0 && !t->model->trial ? plan.plain + plan.adversarial : 0;
    int trials = MfTriesRegularization(t->model, t->data) ? MF_MOST_TRIALS : 0;

    return trials * MfTrialEpochs(t->options) + plan.plain +
           MfStrengths(t->model, t->data) * plan.adversarial + all;
}

static void StartAdversarial(Trainer *t, bool after_plain)
{
    if (t->options->reset_optimizer && after_plain)
        ResetState(t);
    t->rule.adversarial = true;
    t->rule.epsilon = t->strength.epsilon;
    t->rule.relative = t->strength.relative;
}

/* Rows and accumulators, to go back to. */
typedef struct Snapshot {
    float *rows[2];
    float *state[2];
} Snapshot;

static void CopyFloats(const Host *host, const float *from, float *to, size_t count)
{
    for (size_t i = 0; i < count; i += FLOATS_AT_ONCE) {
        size_t left = count - i;

        memcpy(to + i, from + i, (left < FLOATS_AT_ONCE ? left : FLOATS_AT_ONCE) * sizeof(float));
        HostPoll(host);
    }
}

static float *StateOf(const Trainer *t, int side)
{
    return side == 0 ? t->rule.user_state : t->rule.item_state;
}

static Snapshot SnapshotOpen(const Trainer *t)
{
    Snapshot s;

    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];
        size_t states = StateFloats(part, t->options->optimizer);

        s.rows[side] = HostAllocate(t->host, PartFloats(part), sizeof(float));
        s.state[side] = HostAllocate(t->host, states, sizeof(float));
    }
    return s;
}

static void SnapshotTake(const Trainer *t, const Snapshot *s)
{
    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];

        CopyFloats(t->host, part->data, s->rows[side], PartFloats(part));
        CopyFloats(t->host, StateOf(t, side), s->state[side],
                   StateFloats(part, t->options->optimizer));
    }
}

static void SnapshotReturn(const Trainer *t, const Snapshot *s)
{
    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];

        CopyFloats(t->host, s->rows[side], part->data, PartFloats(part));
        CopyFloats(t->host, s->state[side], StateOf(t, side),
                   StateFloats(part, t->options->optimizer));
    }
}

static void SnapshotRelease(const Trainer *t, const Snapshot *s)
{
    for (int side = 0; side < 2; side++) {
        HostRelease(t->host, s->rows[side]);
        HostRelease(t->host, s->state[side]);
    }
}

/* The share of NDCG@100 that the worst case takes, as a change; the snapshot is of the model. */
static double Robustness(const Trainer *t, Loop *loop, const Snapshot *s, double ndcg)
{
    Perturbation worst = {PERTURB_ADVERSARIAL, PROBE, true};
    double perturbed;

    FactorsPerturb(t->host, t->data, t->model, worst, (uint64_t)t->options->train.seed);
    ValidationRun(t->host, t->model, &loop->validation);
    perturbed = loop->validation.ndcg;
    SnapshotReturn(t, s);
    return ndcg > 0 ? perturbed / ndcg - 1 : (double)NAN;
}

/*
 * From the snapshot, at each strength that is tried.  The model is then the best of all, which may
 * be the one that the stages began with.
 */
static Stage TryStrengths(Trainer *t, Loop *loop, const Snapshot *start, Plan plan,
                          const Stage *plain)
{
    int count = MfStrengths(t->model, t->data);
    Stage best = {plain->metric, 0};
    Strength chosen = MfStrength(t->options);

    for (int i = 0; i < count; i++) {
        Stage stage;

        if (i > 0)
            SnapshotReturn(t, start);
        t->strength = count > 1 ? (Strength){trials[i].epsilon, true} : MfStrength(t->options);
        StartAdversarial(t, plan.plain > 0);
        stage = LoopStageAgainst(loop, count > 1 ? trials[i].stage : "apr", plan.adversarial,
                                 best.metric);
        if (IsGain(stage.metric, best.metric) || t->data->held_count == 0) {
            best = stage;
            chosen = t->strength;
        }
    }
    t->strength = chosen;
    return best;
}

static void TellUndone(TrainReport *report, const Stage *plain, const Stage *best,
                       const double *robustness)
{
    if (best->epochs == 0)
        snprintf(report->warning, sizeof(report->warning),
                 "adversarial training did not raise NDCG@100 from %.4f by %g %%, so the model is "
                 "that of BPR; recadv_history() tells how it went",
                 plain->metric, 100 * LEAST_GAIN);
    else
        snprintf(report->warning, sizeof(report->warning),
                 "adversarial training made the model no more robust: rows moved by a quarter of "
                 "their norm change NDCG@100 by %.1f %%, before by %.1f %%; so it is that of BPR",
                 100 * robustness[1], 100 * robustness[0]);
}

/* What the stage brought, in words and figures. */
static void Tell(const Trainer *t, TrainReport *report, const Stage *plain, const Stage *best,
                 const double *robustness)
{
    report->finding[2] = (Finding){"adversarial_perturbed", robustness[1]};
    report->finding[3] =
        (Finding){t->strength.relative ? "relative_epsilon" : "epsilon", t->strength.epsilon};
    snprintf(report->note, sizeof(report->note),
             "adversarial training (%s %g) raised NDCG@100 from %.4f to %.4f; rows moved by a "
             "quarter of their norm against it change it by %.1f %%, before by %.1f %%",
             report->finding[3].name, t->strength.epsilon, plain->metric, best->metric,
             100 * robustness[1], 100 * robustness[0]);
}

/*
 * Returns the stage whose model is kept: without epochs, that of BPR, which is trained anew from
 * all interactions.  A stage is kept that made the model better and more robust.
 */
static Stage RunAdversarial(Trainer *t, Loop *loop, Plan plan, const Stage *plain)
{
    TrainReport *report = loop->report;
    bool compared = plain->metric >= 0 && !t->model->trial;
    double robustness[2] = {NAN, NAN};
    int plain_best = report->best;
    Snapshot s = SnapshotOpen(t);
    Stage best;

    SnapshotTake(t, &s);
    if (compared)
        robustness[0] = Robustness(t, loop, &s, plain->metric);
    best = TryStrengths(t, loop, &s, plan, plain);
    if (compared && best.epochs > 0) {
        SnapshotTake(t, &s);
        robustness[1] = Robustness(t, loop, &s, best.metric);
    }
    SnapshotRelease(t, &s);
    if (!compared)
        return best;
    report->finding[0] = (Finding){"plain_ndcg", plain->metric};
    report->finding[1] = (Finding){"plain_perturbed", robustness[0]};
    if (robustness[1] > robustness[0]) {
        Tell(t, report, plain, &best, robustness);
        return best;
    }
    TellUndone(report, plain, &best, robustness);
    report->best = plain_best;
    return (Stage){plain->metric, 0};
}

/* --- regularization */

int MfTrialEpochs(const MfOptions *options)
{
    int share = EpochShare(options->epochs, DECAY_SHARE);

    return share < DECAY_EPOCHS ? share : DECAY_EPOCHS;
}

bool MfTriesRegularization(const Model *model, const Interactions *data)
{
    return ChoosesRegularization(model->options) && !model->warm && data->held_count >= FEWEST_HELD;
}

static void StartAfresh(Trainer *t)
{
    PartClear(t->host, &t->model->part[MF_USER_PART]);
    PartClear(t->host, &t->model->part[MF_ITEM_PART]);
    ResetState(t);
    StartRows(t);
}

/* Trials, and the training after them, begin alike: with the same rows and random numbers. */
static void BeginAgain(Trainer *t, const Loop *loop, double regularization)
{
    t->rule.regularization = (float)regularization;
    t->before = loop->report->epochs;
    if (t->options->batch_size > 1 && t->data->weight == NULL)
        ListTriples(t, NULL);
    StartAfresh(t);
}

static double TryDecay(Trainer *t, Loop *loop, int i)
{
    BeginAgain(t, loop, decays[i].value);
    return LoopStage(loop, decays[i].stage, MfTrialEpochs(t->options)).metric;
}

/* From `best` on in steps of `step`, as long as each gains; returns where that ends. */
static int WalkDecays(Trainer *t, Loop *loop, int best, int step, double *value)
{
    for (int i = best + step; i >= 0 && i < DECAYS; i += step) {
        double next = TryDecay(t, loop, i);

        if (!IsGain(next, *value))
            break;
        best = i;
        *value = next;
    }
    return best;
}

/* Short trainings; one that loses everything is no error, but lost. */
static double ChooseDecay(Trainer *t, Loop *loop)
{
    void (*check)(void *, int) = loop->check;
    double value;
    int best;

    loop->check = NULL;
    value = TryDecay(t, loop, FIRST_DECAY);
    best = WalkDecays(t, loop, FIRST_DECAY, 1, &value);
    if (best == FIRST_DECAY)
        best = WalkDecays(t, loop, FIRST_DECAY, -1, &value);
    loop->check = check;
    BeginAgain(t, loop, decays[best].value);
    return decays[best].value;
}

/* What is not named is chosen, and kept. */
static void SetRegularization(Trainer *t, Loop *loop)
{
    double value = MfTriesRegularization(t->model, t->data) ? ChooseDecay(t, loop)
                                                            : MfRegularization(t->host, t->model);

    t->rule.regularization = (float)value;
    if (!ChoosesRegularization(t->options))
        return;
    t->model->part[MF_REGULARIZATION_PART].data[0] = (float)value;
    loop->report->finding[REGULARIZATION_FINDING] = (Finding){"regularization", value};
}

/* --- the whole */

/* Returns how many epochs of each stage led to what is kept, once all interactions are learnt. */
static Plan RunStages(Trainer *t, Loop *loop, Plan plan)
{
    Stage plain = {-1, 0}, adversarial = {-1, 0};

    if (plan.plain > 0)
        plain = LoopStage(loop, "bpr", plan.plain);
    if (plan.adversarial > 0)
        adversarial = RunAdversarial(t, loop, plan, &plain);
    return (Plan){plain.epochs, adversarial.epochs};
}

/* An algorithm that was to be adversarial, and is not, says so. */
static void TellOmitted(const Trainer *t, TrainReport *report)
{
    if (t->options->adv_epochs > 0 && !IsAdversarial(t))
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
static void LearnAll(Trainer *t, Loop *loop, Plan chosen)
{
    t->all = *t->data;
    t->all.held_learnt = true;
    ReleaseData(t);
    t->data = &t->all;
    PrepareData(t);
    if (t->model->warm) {
        int epochs = chosen.adversarial > 0 ? chosen.adversarial : chosen.plain;

        LoopLearnAll(loop, chosen.adversarial > 0 ? "apr all" : "bpr all",
                     (int)ceil(WARM_SHARE * epochs));
        return;
    }
    StartAfresh(t);
    t->rule.adversarial = false;
    LoopLearnAll(loop, "bpr all", chosen.plain);
    if (chosen.adversarial == 0)
        return;
    StartAdversarial(t, true);
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
    Trainer t = {.host = host, .data = &data, .options = model->options, .model = model};
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
    Plan plan = PlanOf(&t), chosen;

    CheckRankable(host, &data);
    loop.epochs = PlannedEpochs(&t, plan);
    Prepare(&t);
    StartRows(&t);
    LoopOpen(&loop);
    SetRegularization(&t, &loop);
    chosen = RunStages(&t, &loop, plan);
    if (data.held_count > 0 && !model->trial)
        LearnAll(&t, &loop, chosen);
    TellOmitted(&t, report);
    LoopClose(&loop);
    Release(&t);
}
