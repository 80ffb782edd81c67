/* work.c: how long a training takes. */
#include "algo/itemknn/itemknn.h"

/* Of one pair of a user's items, and of one neighbour that is looked at for a score. */
#define PAIR_NS     2.0
#define NEIGHBOR_NS 0.8

/* Active users have most pairs: so many times what equal users would have. */
#define SKEW 3

/* Of all trials, for each interaction that they rank. */
static double TriedNeighbors(const KnnOptions *o, int trials)
{
    if (trials == 0 || o->neighbors > 0)
        return trials * (double)o->neighbors;
    return (trials - 1) * (double)KNN_FEW_NEIGHBORS + KNN_MANY_NEIGHBORS;
}

double KnnWork(const Model *model, const Interactions *shape)
{
    const KnnOptions *o = model->options;
    bool validates = KnnValidates(o, shape);
    int trials = KnnTrials(o, shape);
    double builds = trials + (validates && !model->trial ? 2 : 1);
    double looked = (validates ? (double)shape->held_count * KnnColumns(o) : 0) +
                    (double)KnnTrialCases(shape) * TriedNeighbors(o, trials);
    double pairs = SKEW * (double)shape->count * ((double)shape->count / shape->users);

    return builds * PAIR_NS * pairs + NEIGHBOR_NS * looked * model->items;
}
