/* work.c: how long a training takes. */
#include "algo/itemknn/itemknn.h"

/* Of one pair of a user's items, and of one neighbour that is looked at for a score. */
#define PAIR_NS     2.0
#define NEIGHBOR_NS 0.8

/* Active users have most pairs: so many times what equal users would have. */
#define SKEW 3

double KnnWork(const Model *model, const Interactions *shape)
{
    const KnnOptions *o = model->options;
    bool validates = KnnValidates(o, shape);
    double trials = KnnTrials(o, shape);
    double builds = trials + (validates && !model->trial ? 2 : 1);
    double ranked =
        (validates ? (double)shape->held_count : 0) + trials * (double)KnnTrialCases(shape);
    double pairs = SKEW * (double)shape->count * ((double)shape->count / shape->users);

    return builds * PAIR_NS * pairs + NEIGHBOR_NS * ranked * model->items * (double)o->neighbors;
}
