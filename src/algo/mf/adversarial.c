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
    Stage best = {.metric = beat};
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
    Worth stage;        /* figures alone */
    const char *undone; /* why the stage does not stay; NULL: it does */
} Contest;

static void TellStays(const Contest *c)
{
    const Strength *strength = &c->t->strength;
    TrainReport *report = c->loop->report;

    report->finding[2] = (Finding){"adversarial_perturbed", c->stage.perturbed};
    report->finding[3] =
        (Finding){strength->relative ? "relative_epsilon" : "epsilon", strength->epsilon};
    snprintf(report->note, sizeof(report->note),
             "adversarial training (%s %g): NDCG@100 is %.4f, of BPR %.4f; rows moved by a quarter "
             "of their norm against it change it by %.1f %%, that of BPR by %.1f %%",
             report->finding[3].name, strength->epsilon, c->stage.ndcg, c->plain.ndcg,
             100 * c->stage.perturbed, 100 * c->plain.perturbed);
}

static void TellUndone(const Contest *c)
{
    TrainReport *report = c->loop->report;

    if (isnan(c->plain.perturbed) || isnan(c->stage.perturbed))
        snprintf(
            report->warning, sizeof(report->warning),
            "adversarial training is undone: an NDCG@100 of 0 tells nothing of what it brought "
            "(%.4f, of BPR, which is kept, %.4f)",
            c->stage.ndcg, c->plain.ndcg);
    else
        snprintf(report->warning, sizeof(report->warning),
                 "adversarial training is undone, being %s: NDCG@100 was %.4f, of BPR, which is "
                 "kept, %.4f; rows moved by a quarter of their norm changed it by %.1f %%, that of "
                 "BPR by %.1f %%",
                 c->undone, c->stage.ndcg, c->plain.ndcg, 100 * c->stage.perturbed,
                 100 * c->plain.perturbed);
}

static void TellDecay(const Contest *c, const Worth *last)
{
    TrainReport *report = c->loop->report;

    report->finding[2] = (Finding){"decayed_perturbed", last->perturbed};
    snprintf(report->note, sizeof(report->note),
             "regularization %g instead of adversarial training: NDCG@100 is %.4f (that was %.4f, "
             "BPR %.4f); rows moved by a quarter of their norm against it change it by %.1f %% "
             "(%.1f, %.1f)",
             c->t->regularization, last->ndcg, c->stage.ndcg, c->plain.ndcg, 100 * last->perturbed,
             100 * c->stage.perturbed, 100 * c->plain.perturbed);
}

/* Whether one is more (1) or less (-1) than what it is compared with, by more than the standard
 * error of the difference. */
static int Compare(double with, double one, double error)
{
    return (one > with + error) - (one < with - error);
}

/* More than this share of NDCG@100 is too much for robustness, even where it may be chance. */
#define MOST_COST 0.01

static bool CostsMuch(const Contest *c, const Worth *now)
{
    return now->ndcg < (1 - MOST_COST) * c->plain.ndcg;
}

static int CompareAccuracy(const Contest *c, const Worth *now)
{
    double error = DifferenceError(c->plain.each, now->each, c->loop->validation.count);

    return CostsMuch(c, now) ? -1 : Compare(c->plain.ndcg, now->ndcg, error);
}

static int CompareRobustness(const Contest *c, const Worth *now)
{
    double error = DifferenceError(c->plain.kept, now->kept, c->loop->validation.count);

    return Compare(c->plain.perturbed, now->perturbed, error);
}

static Worth MeasureNow(const Contest *c)
{
    MfSnapshotTake(c->t, c->s);
    return MfMeasureWorth(c->t, c->loop, c->s);
}

/*
 * The better of the strengths is judged: the stage stays where the model is more robust than that
 * of BPR and not less accurate, or more accurate and its figure of robustness no lower.
 */
static const char *WhyUndone(const Contest *c, const Worth *stage)
{
    int accuracy = CompareAccuracy(c, stage), robustness = CompareRobustness(c, stage);

    if (accuracy < 0)
        return "less accurate";
    if (robustness < 0 ||
        (robustness == 0 && accuracy > 0 && stage->perturbed < c->plain.perturbed))
        return "less robust";
    return accuracy > 0 || robustness > 0 ? NULL : "no better by more than chance";
}

/* Does it stay?  Then `kept` is the epochs that led to it. */
static bool RunStage(Contest *c, const Stage *plain, MfPlan *kept)
{
    Stage start = StartStage(c->t, c->loop, c->plan, plain), best;

    MfSnapshotTake(c->t, c->s);
    best = TryStrengths(c->t, c->loop, c->s, c->plan, -1);
    c->stage = MeasureNow(c);
    c->undone = WhyUndone(c, &c->stage);
    MfWorthRelease(c->t->host, &c->stage);
    *kept = (MfPlan){start.epochs, best.epochs};
    return c->undone == NULL;
}

/* --- more decay */

/*
 * Where the stage does not stay, decay makes rows withstand perturbations: BPR once more, with this
 * much more of it, stays where it is more robust and costs little.
 */
#define MORE_DECAY 1.2

static bool RunMoreDecay(const Contest *c, double regularization, MfPlan *kept)
{
    Stage stage;
    Worth now;
    bool stays;

    MfBeginAgain(c->t, c->loop, MORE_DECAY * regularization);
    stage = LoopStage(c->loop, "bpr more decay", c->plan.plain);
    now = MeasureNow(c);
    stays = CompareRobustness(c, &now) > 0 && !CostsMuch(c, &now);
    if (stays)
        TellDecay(c, &now);
    MfWorthRelease(c->t->host, &now);
    *kept = (MfPlan){stage.epochs, 0};
    return stays;
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
    bool stays;

    c.plain = MeasureNow(&c);
    report->finding[0] = (Finding){"plain_ndcg", c.plain.ndcg};
    report->finding[1] = (Finding){"plain_perturbed", c.plain.perturbed};
    loop->check = NULL; /* what loses everything is no error, but lost */
    stays = RunStage(&c, plain, &kept);
    if (stays)
        TellStays(&c);
    else if (MfTriesRegularization(t->model, t->data))
        stays = RunMoreDecay(&c, regularization, &kept);
    loop->check = check;
    MfWorthRelease(t->host, &c.plain);
    if (stays)
        return kept;
    TellUndone(&c);
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
