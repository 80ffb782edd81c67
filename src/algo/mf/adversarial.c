/* adversarial.c: adversarial personalised ranking after BPR, and whether it stays. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/mf/trainer.h"
#include "core/metrics.h"

/* Floats copied between two looks at interrupts. */
#define FLOATS_AT_ONCE (1 << 20)

/* Shares of the rows' norms that are tried where none is named, and their stages. */
static const struct {
    float epsilon;
    const char *stage;
} trials[MF_MOST_STRENGTHS] = {{PLAIN_EPSILON, "apr 0.1"}, {0.2f, "apr 0.2"}};

/* Robustness is what moving all rows by this share of their norm, against the model, leaves. */
#define PROBE 0.25

bool MfIsAdversarial(const MfTrainer *t)
{
    const MfOptions *o = t->options;

    return o->adv_epochs > 0 &&
           (t->data->held_count > 0 || o->epsilon > 0 || o->relative_epsilon > 0);
}

int MfStrengths(const Model *model, const Interactions *data)
{
    const MfOptions *o = model->options;
    bool chosen = o->epsilon == 0 && o->relative_epsilon == 0;

    return chosen && data->held_count > 0 && !model->trial ? MF_MOST_STRENGTHS : 1;
}

void MfStartAdversarial(MfTrainer *t, bool after_plain)
{
    if (t->options->reset_optimizer && after_plain)
        MfResetState(t);
    t->rule.adversarial = true;
    t->rule.epsilon = t->strength.epsilon;
    t->rule.relative = t->strength.relative;
}

/* --- rows and accumulators, to go back to */

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

static float *StateOf(const MfTrainer *t, int side)
{
    return side == 0 ? t->rule.user_state : t->rule.item_state;
}

static Snapshot SnapshotOpen(const MfTrainer *t)
{
    Snapshot s;

    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];
        size_t states = MfStateFloats(part, t->options->optimizer);

        s.rows[side] = HostAllocate(t->host, PartFloats(part), sizeof(float));
        s.state[side] = HostAllocate(t->host, states, sizeof(float));
    }
    return s;
}

static void SnapshotTake(const MfTrainer *t, const Snapshot *s)
{
    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];

        CopyFloats(t->host, part->data, s->rows[side], PartFloats(part));
        CopyFloats(t->host, StateOf(t, side), s->state[side],
                   MfStateFloats(part, t->options->optimizer));
    }
}

static void SnapshotReturn(const MfTrainer *t, const Snapshot *s)
{
    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];

        CopyFloats(t->host, s->rows[side], part->data, PartFloats(part));
        CopyFloats(t->host, s->state[side], StateOf(t, side),
                   MfStateFloats(part, t->options->optimizer));
    }
}

static void SnapshotRelease(const MfTrainer *t, const Snapshot *s)
{
    for (int side = 0; side < 2; side++) {
        HostRelease(t->host, s->rows[side]);
        HostRelease(t->host, s->state[side]);
    }
}

/* --- what a model is worth */

typedef struct Worth {
    double ndcg;
    double perturbed; /* the share of it that the worst case takes, as a change */
    float *each;      /* NDCG@100 of each held-out interaction */
} Worth;

/* The snapshot is of the model, which comes back from it. */
static Worth MeasureWorth(const MfTrainer *t, Loop *loop, const Snapshot *s)
{
    Perturbation worst = {PERTURB_ADVERSARIAL, PROBE, true};
    Validation *validation = &loop->validation;
    Worth worth = {.each = HostAllocate(t->host, validation->count, sizeof(float))};

    ValidationRun(t->host, t->model, validation);
    ValidationEach(validation, worth.each);
    worth.ndcg = validation->ndcg;
    FactorsPerturb(t->host, t->data, t->model, worst, (uint64_t)t->options->train.seed);
    ValidationRun(t->host, t->model, validation);
    worth.perturbed = worth.ndcg > 0 ? validation->ndcg / worth.ndcg - 1 : (double)NAN;
    SnapshotReturn(t, s);
    return worth;
}

/* --- the stage */

/*
 * Much decay makes rows withstand perturbations, too, and leaves them nothing to bring: the stage
 * starts from BPR with the plain decay, even where another is better for BPR alone.
 */
static Stage StartStage(MfTrainer *t, Loop *loop, MfPlan plan, const Stage *plain)
{
    if (!MfTriesRegularization(t->model, t->data) || t->model->trial ||
        t->regularization == PLAIN_REGULARIZATION)
        return *plain;
    MfBeginAgain(t, loop, PLAIN_REGULARIZATION);
    return LoopStage(loop, "bpr 0.008", plan.plain);
}

/* From the snapshot, at each strength that is tried; the model is then the best that beats. */
static Stage TryStrengths(MfTrainer *t, Loop *loop, const Snapshot *start, MfPlan plan, double beat)
{
    int count = MfStrengths(t->model, t->data);
    Stage best = {beat, 0};
    Strength chosen = MfStrength(t->options);

    for (int i = 0; i < count; i++) {
        Stage stage;

        if (i > 0)
            SnapshotReturn(t, start);
        t->strength = count > 1 ? (Strength){trials[i].epsilon, true} : MfStrength(t->options);
        MfStartAdversarial(t, plan.plain > 0);
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

static void TellUndone(TrainReport *report, const Worth *plain, const Worth *last, bool worse)
{
    if (worse)
        snprintf(report->warning, sizeof(report->warning),
                 "adversarial training led to an NDCG@100 of %.4f, where BPR reaches %.4f, so the "
                 "model is that of BPR; recadv_history() tells how it went",
                 last->ndcg, plain->ndcg);
    else
        snprintf(report->warning, sizeof(report->warning),
                 "adversarial training made the model no more robust: rows moved by a quarter of "
                 "their norm change NDCG@100 by %.1f %%, without it by %.1f %%; so it is that of "
                 "BPR",
                 100 * last->perturbed, 100 * plain->perturbed);
}

/* What the stage brought, in words and figures. */
static void Tell(const MfTrainer *t, TrainReport *report, const Worth *plain, const Worth *last)
{
    report->finding[2] = (Finding){"adversarial_perturbed", last->perturbed};
    report->finding[3] =
        (Finding){t->strength.relative ? "relative_epsilon" : "epsilon", t->strength.epsilon};
    snprintf(report->note, sizeof(report->note),
             "adversarial training (%s %g): NDCG@100 is %.4f, of BPR %.4f; rows moved by a quarter "
             "of their norm against it change it by %.1f %%, that of BPR by %.1f %%",
             report->finding[3].name, t->strength.epsilon, last->ndcg, plain->ndcg,
             100 * last->perturbed, 100 * plain->perturbed);
}

/*
 * The better of the strengths is judged: the stage stays where the model is more robust than that
 * of BPR, and not less accurate, as far as the held-out interactions can tell: by more than the
 * standard error of the difference.
 */
static bool Stays(const MfTrainer *t, const Loop *loop, const Worth *plain, const Worth *last)
{
    size_t count = loop->validation.count;
    bool worse = last->ndcg < plain->ndcg - DifferenceError(plain->each, last->each, count);
    TrainReport *report = loop->report;

    report->finding[0] = (Finding){"plain_ndcg", plain->ndcg};
    report->finding[1] = (Finding){"plain_perturbed", plain->perturbed};
    if (!worse && last->perturbed > plain->perturbed) {
        Tell(t, report, plain, last);
        return true;
    }
    TellUndone(report, plain, last, worse || isnan(plain->perturbed) || isnan(last->perturbed));
    return false;
}

static MfPlan RunCompared(MfTrainer *t, Loop *loop, MfPlan plan, const Stage *plain,
                          const Snapshot *s)
{
    double regularization = t->regularization;
    void (*check)(void *, int) = loop->check;
    int plain_best = loop->report->best;
    Worth before, after;
    Stage start, best;
    bool stays;

    SnapshotTake(t, s);
    before = MeasureWorth(t, loop, s);
    loop->check = NULL; /* what loses everything is no error, but lost */
    start = StartStage(t, loop, plan, plain);
    SnapshotTake(t, s);
    best = TryStrengths(t, loop, s, plan, -1);
    loop->check = check;
    SnapshotTake(t, s);
    after = MeasureWorth(t, loop, s);
    stays = Stays(t, loop, &before, &after);
    HostRelease(t->host, before.each);
    HostRelease(t->host, after.each);
    if (stays)
        return (MfPlan){start.epochs, best.epochs};
    MfUseRegularization(t, regularization);
    loop->report->best = plain_best;
    return (MfPlan){plain->epochs, 0};
}

MfPlan MfRunAdversarial(MfTrainer *t, Loop *loop, MfPlan plan, const Stage *plain)
{
    Snapshot s = SnapshotOpen(t);
    MfPlan chosen = {plain->epochs, 0};

    if (plain->metric >= 0 && !t->model->trial)
        chosen = RunCompared(t, loop, plan, plain, &s);
    else {
        SnapshotTake(t, &s);
        chosen.adversarial = TryStrengths(t, loop, &s, plan, plain->metric).epochs;
    }
    SnapshotRelease(t, &s);
    return chosen;
}

/* A snapshot, the gradients of a worst case, and what two models are worth. */
size_t MfAdversarialMemory(const Model *model, const Interactions *shape)
{
    const MfOptions *o = model->options;
    size_t floats = SizeMultiply(shape->held_count, 2);

    for (int i = MF_USER_PART; i <= MF_ITEM_PART; i++) {
        const Part *part = &model->part[i];

        floats = SizeAdd(floats, SizeMultiply(PartFloats(part), 2));
        floats = SizeAdd(floats, MfStateFloats(part, o->optimizer));
    }
    return SizeMultiply(floats, sizeof(float));
}
