/* work.c: how long a training takes. */
#include "algo/neumf/neumf.h"

#include "algo/rank/validation.h"

/* Of one weight of the tower, or number of a row, forward and back, for one example. */
#define WEIGHT_NS 0.1
#define NUMBER_NS 4.5

double NeumfWork(const Model *model, const Interactions *shape)
{
    const NeumfOptions *o = model->options;
    NeumfShape s = NeumfShapeOf(o);
    NeumfNetwork network;
    double examples = (double)shape->count * (double)(o->negatives + 1);
    double epochs = NeumfEpochs(model, shape->held_count > 0);

    NeumfNetworkOf(&s, &network);
    return epochs * examples *
               ((double)network.pack.floats * WEIGHT_NS + (double)NeumfColumns(&s) * NUMBER_NS) +
           ValidationWork(model, shape) * epochs / (double)o->train.evaluate_every;
}
