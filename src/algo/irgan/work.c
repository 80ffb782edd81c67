/* work.c: how long a training takes. */
#include "algo/irgan/irgan.h"

#include "algo/rank/validation.h"

/* Of one number of a row in a step; of what is around it; of one item's chance and step. */
#define NUMBER_NS 0.5
#define STEP_NS   150.0
#define CHANCE_NS 10.0

double IrganWork(const Model *model, const Interactions *shape)
{
    const IrganOptions *o = model->options;
    double stride = model->part[IRGAN_USER_PART].stride, pairs = (double)shape->count;
    double step = STEP_NS + NUMBER_NS * stride * (double)(2 + o->candidates);
    double sweep = (double)shape->users * (double)shape->items * (CHANCE_NS + stride * NUMBER_NS);
    double epochs = (double)o->epochs, rounds = (double)o->adv_epochs;

    return 1.25 * (epochs * pairs * step +
                   rounds * (double)o->discriminator_epochs * (pairs * step + sweep / 5) +
                   rounds * (double)o->generator_epochs * sweep) +
           ValidationWork(model, shape) * (epochs + rounds) / (double)o->train.evaluate_every;
}
