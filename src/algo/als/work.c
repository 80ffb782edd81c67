/* work.c: how long a training takes. */
#include "algo/als/als.h"
#include "algo/rank/validation.h"

/* Of one product. */
#define PRODUCT_NS 0.03

/* Products of a row by the number of its interactions (a few conjugate gradients), of the turn into
 * another basis by the number of rows, and of the basis. */
#define BY_INTERACTION 8
#define BY_ROW         2
#define BY_BASIS       80

/* What a search for weights usually takes. */
#define TRIALS       9
#define TRIAL_EPOCHS 5

/* Both sides once. */
static double EpochWork(double factors, const Interactions *shape)
{
    double rows = (double)shape->users + shape->items;

    return PRODUCT_NS * factors *
           (2 * BY_INTERACTION * (double)shape->count + BY_ROW * rows * factors +
            BY_BASIS * factors * factors);
}

double AlsWork(const Model *model, const Interactions *shape)
{
    const AlsOptions *o = model->options;
    double epoch = EpochWork((double)o->factors, shape), validation = ValidationWork(model, shape);
    double work = ((double)o->epochs + (model->trial ? 0 : 2)) * epoch;

    if (o->unobserved_weight == 0 || o->regularization == 0)
        work += TRIALS * (TRIAL_EPOCHS * epoch + validation);
    return work + validation * (double)o->epochs / (double)o->train.evaluate_every;
}
