/* work.c: how long a training takes. */
#include "algo/als/als.h"
#include "algo/rank/validation.h"

/* Of one product of a row's system, and of one of a factorisation. */
#define PRODUCT_NS 0.017
#define SYSTEM_NS  0.01

/* What a search for weights usually takes. */
#define TRIALS        9
#define TRIAL_EPOCHS  5
#define TRIAL_FACTORS 64

/* Both sides once. */
static double EpochWork(double factors, const Interactions *shape)
{
    double rows = (double)shape->users + shape->items;
    double width = (double)shape->count / rows < factors ? (double)shape->count / rows : factors;

    return factors * factors *
           (PRODUCT_NS * 2 * (double)shape->count + SYSTEM_NS * rows * (1 + width));
}

double AlsWork(const Model *model, const Interactions *shape)
{
    const AlsOptions *o = model->options;
    double factors = (double)o->factors, narrow = factors < TRIAL_FACTORS ? factors : TRIAL_FACTORS;
    double epochs = (double)o->epochs + (model->trial ? 0 : 2);
    double work = epochs * EpochWork(factors, shape);
    double validation = ValidationWork(model, shape);

    if (o->unobserved_weight == 0 || o->regularization == 0)
        work += TRIALS * (TRIAL_EPOCHS * EpochWork(narrow, shape) + validation);
    return work + validation * (double)o->epochs / (double)o->train.evaluate_every;
}
