/* regularization.c: the weight decay, chosen by short trainings of BPR. */
#include "algo/mf/trainer.h"

/*
 * Weights of the squared norms that are tried, by a walk from one of them up, and down where that
 * gains nothing, and their stages.  Few interactions for each user and item may want the greatest.
 */
static const struct {
    double value;
    const char *stage;
} decays[] = {{0.005, "regularization 0.005"}, {PLAIN_REGULARIZATION, "regularization 0.008"},
              {0.012, "regularization 0.012"}, {0.02, "regularization 0.02"},
              {0.03, "regularization 0.03"},   {0.05, "regularization 0.05"},
              {0.08, "regularization 0.08"}};

#define DECAYS      ((int)(sizeof(decays) / sizeof(decays[0])))
#define LEAST_DECAY 0
#define FIRST_DECAY 1
_Static_assert(DECAYS <= MF_MOST_TRIALS, "there is room for the epochs of each");

/* Enough epochs to tell them apart, and no more than this share of the epochs of BPR. */
#define DECAY_EPOCHS 40
#define DECAY_SHARE  3

/* A trial that is at its best within this share of its epochs over-fits, however good that is (or
 * has too much decay to learn: then what comes next does not gain, either). */
#define EARLY_SHARE 4

/* Behind those of the adversarial stage. */
#define REGULARIZATION_FINDING 4

int MfTrialEpochs(const MfOptions *options)
{
    int share = EpochShare(options->epochs, DECAY_SHARE);

    return share < DECAY_EPOCHS ? share : DECAY_EPOCHS;
}

bool MfTriesRegularization(const Model *model, const Interactions *data)
{
    return ChoosesRegularization(model->options) && !model->warm && data->held_count >= FEWEST_HELD;
}

static Stage TryDecay(MfTrainer *t, Loop *loop, int i)
{
    MfBeginAgain(t, loop, decays[i].value);
    return LoopStage(loop, decays[i].stage, MfTrialEpochs(t->options));
}

static bool OverFits(const MfTrainer *t, const Stage *trial)
{
    return EARLY_SHARE * trial->epochs <= MfTrialEpochs(t->options);
}

/* Upwards from the first, as long as each gains, or over-fits and the next has more decay; returns
 * the best. */
static int WalkUp(MfTrainer *t, Loop *loop, double *value)
{
    int best = FIRST_DECAY;

    for (int i = FIRST_DECAY + 1; i < DECAYS; i++) {
        Stage next = TryDecay(t, loop, i);

        if (IsGain(next.metric, *value)) {
            best = i;
            *value = next.metric;
        } else if (!OverFits(t, &next))
            break;
    }
    return best;
}

/* Short trainings; one that loses everything is no error, but lost. */
static double ChooseDecay(MfTrainer *t, Loop *loop)
{
    void (*check)(void *, int) = loop->check;
    double value;
    int best;

    loop->check = NULL;
    value = TryDecay(t, loop, FIRST_DECAY).metric;
    best = WalkUp(t, loop, &value);
    if (best == FIRST_DECAY && IsGain(TryDecay(t, loop, LEAST_DECAY).metric, value))
        best = LEAST_DECAY;
    loop->check = check;
    MfBeginAgain(t, loop, decays[best].value);
    return decays[best].value;
}

void MfSetRegularization(MfTrainer *t, Loop *loop)
{
    MfUseRegularization(t, MfTriesRegularization(t->model, t->data)
                               ? ChooseDecay(t, loop)
                               : MfRegularization(t->host, t->model));
}

void MfKeepRegularization(const MfTrainer *t, TrainReport *report)
{
    if (!ChoosesRegularization(t->options))
        return;
    t->model->part[MF_REGULARIZATION_PART].data[0] = (float)t->regularization;
    report->finding[REGULARIZATION_FINDING] = (Finding){"regularization", t->regularization};
}
