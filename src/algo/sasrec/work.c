/* work.c: how long a training takes. */
#include "algo/sasrec/sasrec.h"

#include "algo/rank/validation.h"

/* Of one product of the network, or of an item's row, forward and back, for one row. */
#define PRODUCT_NS 0.1

double SasrecWork(const Model *model, const Interactions *shape)
{
    const SasrecOptions *o = model->options;
    double d = (double)o->factors, rows = (double)shape->count;
    double layers = (double)o->blocks * d * (5 * d + (double)o->length);
    double items = o->loss == SASREC_SOFTMAX ? SasrecNegatives(o, model->items) * d : 2 * d;
    double epochs = SasrecEpochs(model, shape->held_count > 0);

    if (o->windows == WINDOWS_LAST && rows > (double)shape->users * (double)o->length)
        rows = (double)shape->users * (double)o->length;
    return epochs * rows * (layers + items) * PRODUCT_NS +
           ValidationWork(model, shape) * epochs / (double)o->train.evaluate_every;
}
