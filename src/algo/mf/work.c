/* work.c: how long a training takes, and what is worth trying. */
#include "algo/mf/mf.h"

#include "algo/rank/validation.h"

/* Of one number of a triple's rows, and of one of a further candidate for its negative. */
#define NUMBER_NS    1.1
#define CANDIDATE_NS 0.12

/* Long schedules end by patience, about here, and are run again with what was held out. */
#define USUAL_EPOCHS 150.0

static double Epochs(double most)
{
    return most < USUAL_EPOCHS ? most : USUAL_EPOCHS;
}

double MfWork(const Model *model, const Interactions *shape)
{
    const MfOptions *o = model->options;
    double again = model->trial ? 0 : 0.5, strengths = MfStrengths(model, shape);
    bool tries = MfTriesRegularization(model, shape);
    double trials = tries ? (double)MfUsualTrials(o) * MfTrialEpochs(o) : 0;
    /* as chosen, before the adversarial stage, with more decay: two or three of them */
    double plains = tries && !model->trial && o->adv_epochs > 0 ? 2.5 : 1;
    double epochs = trials + (plains + again) * Epochs((double)o->epochs) +
                    (strengths + again) * Epochs((double)o->adv_epochs);
    int64_t negatives = o->adaptive_negatives > 0 ? o->adaptive_negatives : USUAL_NEGATIVES;
    double triple = (double)model->part[MF_USER_PART].columns *
                    (NUMBER_NS + CANDIDATE_NS * (double)(negatives - 1));

    return epochs * ((double)shape->count * triple +
                     ValidationWork(model, shape) / (double)o->train.evaluate_every);
}
