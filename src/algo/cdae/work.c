/* work.c: how long a training takes. */
#include "algo/cdae/cdae.h"

#include "algo/rank/validation.h"

/* Of one number of a row, forward and back, for one output; and of what is around it. */
#define NUMBER_NS 0.6
#define OUTPUT_NS 60.0

double CdaeWork(const Model *model, const Interactions *shape)
{
    const CdaeOptions *o = model->options;
    double outputs = (double)shape->count * (double)(1 + o->negatives);
    double epochs = CdaeEpochs(model, shape->held_count > 0);

    return epochs * outputs * ((double)o->factors * NUMBER_NS + OUTPUT_NS) +
           ValidationWork(model, shape) * epochs / (double)o->train.evaluate_every;
}
