/* choice.c: the weight decay and the candidates for negatives, chosen by short trainings of BPR. */
#include "algo/mf/trainer.h"

/*
 * Weights of the squared norms that are tried, by a walk from one of them up, and down where that
 * gains nothing, and their stages.  Few interactions for each user and item may want the greatest.
 */
static const struct {
    double value;
    const char *stage;
} decays[MF_DECAYS] = {
    {0.005, "regularization 0.005"}, {PLAIN_REGULARIZATION, "regularization 0.008"},
    {0.012, "regularization 0.012"}, {0.02, "regularization 0.02"},
    {0.03, "regularization 0.03"},   {0.05, "regularization 0.05"},
    {0.08, "regularization 0.08"}};

#define LEAST_DECAY 0
#define FIRST_DECAY 1

/* Enough epochs to tell trials apart, and no more than this share of the epochs of BPR. */
#define TRIAL_EPOCHS 40
#define TRIAL_SHARE  3

/* A trial over-fits, however good it is, that ends so far below its best, as a share of it, and by
 * more than what may be chance. */
#define OVER_FIT 0.02

/* Candidates for negatives that are tried with the decay that was chosen, as long as each gains,
 * and their stages: hard negatives of few interactions are items that nobody has had yet. */
static const struct {
    uint32_t candidates;
    const char *stage;
} negatives[MF_NEGATIVES] = {{2, "adaptive_negatives 2"}, {1, "adaptive_negatives 1"}};

/* Behind those of the adversarial stage. */
#define REGULARIZATION_FINDING 4
#define NEGATIVES_FINDING      5
_Static_assert(NEGATIVES_FINDING < FINDINGS, "there is room for what is told");

int MfTrialEpochs(const MfOptions *options)
{
    int share = EpochShare(options->epochs, TRIAL_SHARE);

    return share < TRIAL_EPOCHS ? share : TRIAL_EPOCHS;
}

bool MfTriesRegularization(const Model *model, const Interactions *data)
{
    return ChoosesRegularization(model->options) && !model->warm && IsEnoughHeld(data);
}

static Stage TryDecay(MfTrainer *t, Loop *loop, int i)
{
    MfBeginAgain(t, loop, decays[i].value);
    return LoopStage(loop, decays[i].stage, MfTrialEpochs(t->options));
}

static bool OverFits(const MfTrainer *t, const Stage *trial)
{
    double fall = fmax(OVER_FIT, ValidationDoubt(t->data->held_count));

    return trial->last < (1 - fall) * trial->metric;
}

/* Upwards from the first, as long as each gains, or over-fits and the next has more decay; returns
 * the best. */
static int WalkUp(MfTrainer *t, Loop *loop, double *value)
{
    int best = FIRST_DECAY;

    for (int i = FIRST_DECAY + 1; i < MF_DECAYS; i++) {
        Stage next = TryDecay(t, loop, i);

        if (IsGain(next.metric, *value)) {
            best = i;
            *value = next.metric;
        } else if (!OverFits(t, &next))
            break;
    }
    return best;
}

/* Returns the best; `value` is the metric of its trial. */
static double ChooseDecay(MfTrainer *t, Loop *loop, double *value)
{
    int best;
    Stage least;

    *value = TryDecay(t, loop, FIRST_DECAY).metric;
    best = WalkUp(t, loop, value);
    if (best > FIRST_DECAY)
        return decays[best].value;
    least = TryDecay(t, loop, LEAST_DECAY);
    if (!IsGain(least.metric, *value))
        return decays[FIRST_DECAY].value;
    *value = least.metric;
    return decays[LEAST_DECAY].value;
}

/* What gains over the usual ones, whose trial with the same decay gave `value`. */
static uint32_t ChooseNegatives(MfTrainer *t, Loop *loop, double decay, double value)
{
    uint32_t best = t->rule.candidates;

    for (int i = 0; i < MF_NEGATIVES; i++) {
        double metric;

        t->rule.candidates = negatives[i].candidates;
        MfBeginAgain(t, loop, decay);
        metric = LoopStage(loop, negatives[i].stage, MfTrialEpochs(t->options)).metric;
        if (!IsGain(metric, value))
            break;
        best = negatives[i].candidates;
        value = metric;
    }
    return best;
}

/* Short trainings; one that loses everything is no error, but lost. */
static void RunTrials(MfTrainer *t, Loop *loop)
{
    void (*check)(void *, int) = loop->check;
    double decay, value;

    loop->check = NULL;
    decay = ChooseDecay(t, loop, &value);
    if (ChoosesNegatives(t->options))
        t->rule.candidates = ChooseNegatives(t, loop, decay, value);
    loop->check = check;
    MfBeginAgain(t, loop, decay);
}

void MfChoose(MfTrainer *t, Loop *loop)
{
    if (MfTriesRegularization(t->model, t->data))
        RunTrials(t, loop);
    else
        MfUseRegularization(t, MfRegularization(t->host, t->model));
}

void MfKeepChoice(const MfTrainer *t, TrainReport *report)
{
    if (!ChoosesRegularization(t->options))
        return;
    t->model->part[MF_REGULARIZATION_PART].data[0] = (float)t->regularization;
    report->finding[REGULARIZATION_FINDING] = (Finding){"regularization", t->regularization};
    if (!ChoosesNegatives(t->options))
        return;
    MfKeepNegatives(t->model, t->rule.candidates);
    report->finding[NEGATIVES_FINDING] = (Finding){"adaptive_negatives", t->rule.candidates};
}
