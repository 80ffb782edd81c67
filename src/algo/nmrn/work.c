/* work.c: how long a training takes. */
#include "algo/nmrn/memory_network.h"

#include "algo/rank/validation.h"

/* Of one number of an event's rows, slots aside, and of one of a slot's. */
#define NUMBER_NS 60.0
#define SLOT_NS   4.0

double NmrnWork(const Model *model, const Interactions *shape)
{
    const NmrnOptions *o = model->options;
    double event = (double)o->factors * (NUMBER_NS + SLOT_NS * (double)(o->slots - 1));
    double epochs = NmrnEpochs(model, shape->held_count > 0);

    return epochs * (double)shape->count * event +
           ValidationWork(model, shape) * epochs / (double)o->train.evaluate_every;
}
