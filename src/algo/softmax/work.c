/* work.c: how long a training takes. */
#include "algo/softmax/softmax.h"

#include "algo/rank/validation.h"

/* Of one number of a negative's row, for a query: two products and what is around them. */
#define NUMBER_NS 0.075

/* Runs of the epochs: the choice of a temperature takes one, usually, and everything is learnt
 * anew. */
static double Runs(const Model *model, const Interactions *shape)
{
    const SoftmaxOptions *o = model->options;

    return 1 + (o->temperature == 0 ? 1 : 0) + (model->trial || shape->held_count == 0 ? 0 : 1);
}

double SoftmaxWork(const Model *model, const Interactions *shape)
{
    const SoftmaxOptions *o = model->options;
    double negatives = SoftmaxNegatives(o, model->items);
    double queries = (double)shape->count / (o->chunk < 4 ? (double)o->chunk : 4);

    return Runs(model, shape) *
           ((double)o->epochs * queries * negatives * (double)o->factors * NUMBER_NS +
            2 * ValidationWork(model, shape));
}
