/* work.c: how long a training takes. */
#include <math.h>

#include "algo/als/search.h"

/* Of one product. */
#define PRODUCT_NS 0.03

/* Products of a row by the number of its interactions (a few conjugate gradients), of the turn into
 * another basis by the number of rows, and of the basis. */
#define BY_INTERACTION 8
#define BY_ROW         2
#define BY_BASIS       80

/* What a search for weights usually takes. */
#define TRIALS      7
#define LONG_TRIALS 8

/* Both sides once. */
static double EpochWork(double factors, const Interactions *shape)
{
    double rows = (double)shape->users + shape->items;

    return PRODUCT_NS * factors *
           (2 * BY_INTERACTION * (double)shape->count + BY_ROW * rows * factors +
            BY_BASIS * factors * factors);
}

/* Users' rows first, then the epochs, of rows that are narrow. */
static double TrialWork(double factors, int epochs, const Interactions *shape)
{
    return (0.5 + epochs) * EpochWork(fmin(factors, TRIAL_FACTORS), shape);
}

double AlsWork(const Model *model, const Interactions *shape)
{
    const AlsOptions *o = model->options;
    double factors = model->part[ALS_USER_PART].columns;
    double epoch = EpochWork(factors, shape), validation = ValidationWork(model, shape);
    double work = ((double)o->epochs + (model->trial ? 0 : 2)) * epoch;

    if (Searches(o, shape))
        work += TRIALS * (TrialWork(factors, TRIAL_EPOCHS, shape) + validation);
    if (Searches(o, shape) && !model->trial)
        work += LONG_TRIALS * (TrialWork(factors, LONG_TRIAL_EPOCHS, shape) + validation);
    return work + validation * (double)o->epochs / (double)o->train.evaluate_every;
}
