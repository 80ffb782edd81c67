/* adversarial.c: adversarial personalised ranking after BPR, and whether it stays. */
#include "algo/mf/worth.h"

#include <math.h>
#include <stdio.h>

#include "core/metrics.h"

/* Shares of the rows' norms that are tried where none is named, and their stages. */
static const struct {
    float epsilon;
    const char *stage;
} trials[MF_MOST_STRENGTHS] = {{PLAIN_EPSILON, "apr 0.1"}, {0.2f, "apr 0.2"}};

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
static Stage TryStrengths(MfTrainer *t, Loop *loop, const MfSnapshot *start, MfPlan plan,
                          double beat)
{
    int count = MfStrengths(t->model, t->data);
    Stage best = {beat, 0};
    Strength chosen = MfStrength(t->options);

    for (int i = 0; i < count; i++) {
        Stage stage;

        if (i > 0)
            MfSnapshotReturn(t, start);
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

/* --- what stays */

/* What may stay instead of the best of BPR, which it is compared with. */
typedef struct Contest {
    MfTrainer *t;
    Loop *loop;
    const MfSnapshot *s;
    MfPlan plan;
    Worth plain;
} Contest;

static void TellUndone(TrainReport *report, const Worth *plain, const Worth *last, bool worse)
{
    if (worse)
        snprintf(report->warning, sizeof(report->warning),
                 "adversarial training led to an NDCG@100 of %.4f, where BPR reaches %.4f, so the "
                 "model is that of BPR; recadv_history() tells how it went",
                 last->ndcg, plain->ndcg);
    else
        snprintf(
            report->warning, sizeof(report->warning),
            "adversarial training made the model no more robust than chance may: rows moved by a "
            "quarter of their norm change NDCG@100 by %.1f %%, without it by %.1f %%; so it "
            "is that of BPR",
            100 * last->perturbed, 100 * plain->perturbed);
}

/* What it brought, in words and figures. */
static void Tell(const Contest *c, const char *what, double how_much, const Worth *last)
{
    TrainReport *report = c->loop->report;

    report->warning[0] = '\0';
    snprintf(report->note, sizeof(report->note),
             "%s %g: NDCG@100 is %.4f, of BPR %.4f; rows moved by a quarter of their norm against "
             "it change it by %.1f %%, that of BPR by %.1f %%",
             what, how_much, last->ndcg, c->plain.ndcg, 100 * last->perturbed,
             100 * c->plain.perturbed);
}

/* Whether one is more (1) or less (-1) than what it is compared with, by more than chance. */
static int Compare(double with, double one, double chance)
{
    return (one > with + chance) - (one < with - chance);
}

static double AccuracyError(const Contest *c, const Worth *last)
{
    return DifferenceError(c->plain.each, last->each, c->loop->validation.count);
}

/* Both by the standard error of the difference. */
static int CompareAccuracy(const Contest *c, const Worth *last)
{
    return Compare(c->plain.ndcg, last->ndcg, AccuracyError(c, last));
}

static int CompareRobustness(const Contest *c, const Worth *last)
{
    double error = DifferenceError(c->plain.kept, last->kept, c->loop->validation.count);

    return Compare(c->plain.perturbed, last->perturbed, error);
}

static Worth MeasureLast(const Contest *c)
{
    MfSnapshotTake(c->t, c->s);
    return MfMeasureWorth(c->t, c->loop, c->s);
}

/*
 * The better of the strengths is judged: the stage stays where the model is more robust than that
 * of BPR, or more accurate, and not less of the other, as far as the held-out interactions can
 * tell.
 */
static bool StageStays(const Contest *c, const Worth *last)
{
    Strength strength = c->t->strength;
    TrainReport *report = c->loop->report;
    int accuracy = CompareAccuracy(c, last), robustness = CompareRobustness(c, last);
    bool unknown = isnan(c->plain.perturbed) || isnan(last->perturbed);

    if (unknown || accuracy < 0 || robustness < 0 || accuracy + robustness == 0) {
        TellUndone(report, &c->plain, last, unknown || accuracy < 0);
        return false;
    }
    report->finding[2] = (Finding){"adversarial_perturbed", last->perturbed};
    report->finding[3] =
        (Finding){strength.relative ? "relative_epsilon" : "epsilon", strength.epsilon};
    Tell(c,
         strength.relative ? "adversarial training, relative_epsilon"
                           : "adversarial training, epsilon",
         strength.epsilon, last);
    return true;
}

/* The epochs that led to it; none where it does not stay. */
static MfPlan RunStage(const Contest *c, const Stage *plain)
{
    Stage start = StartStage(c->t, c->loop, c->plan, plain), best;
    MfPlan none = {0, 0};
    Worth last;
    bool stays;

    MfSnapshotTake(c->t, c->s);
    best = TryStrengths(c->t, c->loop, c->s, c->plan, -1);
    last = MeasureLast(c);
    stays = StageStays(c, &last);
    MfWorthRelease(c->t->host, &last);
    return stays ? (MfPlan){start.epochs, best.epochs} : none;
}

/* --- more decay */

/*
 * Where the stage does not stay, decay makes rows withstand perturbations: BPR once more, with this
 * much more of it, stays where it is more robust and costs no more than a hundredth of NDCG@100, or
 * than chance may.
 */
#define MORE_DECAY      1.2
#define COST_OF_DECAY   0.01
#define MORE_DECAY_NAME "bpr more decay"

static MfPlan RunMoreDecay(const Contest *c, double regularization)
{
    MfPlan none = {0, 0};
    Stage stage;
    Worth last;
    double allowed;
    bool stays;

    MfBeginAgain(c->t, c->loop, MORE_DECAY * regularization);
    stage = LoopStage(c->loop, MORE_DECAY_NAME, c->plan.plain);
    last = MeasureLast(c);
    allowed = fmax(AccuracyError(c, &last), COST_OF_DECAY * c->plain.ndcg);
    stays = CompareRobustness(c, &last) > 0 && last.ndcg >= c->plain.ndcg - allowed;
    if (stays) {
        c->loop->report->finding[2] = (Finding){"decayed_perturbed", last.perturbed};
        Tell(c, "instead of adversarial training, regularization", c->t->regularization, &last);
    }
    MfWorthRelease(c->t->host, &last);
    return stays ? (MfPlan){stage.epochs, 0} : none;
}

/* --- the whole */

static MfPlan RunCompared(MfTrainer *t, Loop *loop, MfPlan plan, const Stage *plain,
                          const MfSnapshot *s)
{
    double regularization = t->regularization;
    void (*check)(void *, int) = loop->check;
    TrainReport *report = loop->report;
    Contest c = {.t = t, .loop = loop, .s = s, .plan = plan};
    int plain_best = report->best;
    MfPlan kept;

    c.plain = MeasureLast(&c);
    report->finding[0] = (Finding){"plain_ndcg", c.plain.ndcg};
    report->finding[1] = (Finding){"plain_perturbed", c.plain.perturbed};
    loop->check = NULL; /* what loses everything is no error, but lost */
    kept = RunStage(&c, plain);
    if (kept.plain == 0 && MfTriesRegularization(t->model, t->data))
        kept = RunMoreDecay(&c, regularization);
    loop->check = check;
    MfWorthRelease(t->host, &c.plain);
    if (kept.plain > 0)
        return kept;
    MfUseRegularization(t, regularization);
    report->best = plain_best;
    return (MfPlan){plain->epochs, 0};
}

MfPlan MfRunAdversarial(MfTrainer *t, Loop *loop, MfPlan plan, const Stage *plain)
{
    MfSnapshot s = MfSnapshotOpen(t);
    MfPlan chosen = {plain->epochs, 0};

    if (plain->metric >= 0 && !t->model->trial)
        chosen = RunCompared(t, loop, plan, plain, &s);
    else {
        MfSnapshotTake(t, &s);
        chosen.adversarial = TryStrengths(t, loop, &s, plan, plain->metric).epochs;
    }
    MfSnapshotRelease(t, &s);
    return chosen;
}
