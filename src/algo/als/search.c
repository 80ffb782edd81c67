/* search.c: trials, and the way from one to the next. */
#include "algo/als/search.h"

#include <math.h>
#include <string.h>

#define MOST_TRIALS 12

/*
 * Weights are searched for by what they amount to: all unobserved pairs of a user together, by the
 * observed ones; and the penalty of a user of average activity, by the observed ones.
 */
#define START_SHARE   8.0
#define START_PENALTY 0.1
#define SHARE_STEP    3.0
#define PENALTY_STEP  1.7

typedef struct Point {
    double share;
    double penalty;
} Point;

typedef struct Search {
    const Host *host;
    const AlsOptions *options;
    double activity; /* mean interactions of a user */
    double items;
    Model *model; /* of the trials */
    Solver *solver;
    Validation *validation;
    int trials;
    double start;
    Point best;
    double value;
} Search;

/* --- training, as far as trials share it */

void AlsStart(Solver *solver, Model *model)
{
    const AlsOptions *o = model->options;
    Part *user = &model->part[ALS_USER_PART], *item = &model->part[ALS_ITEM_PART];

    FactorsInit(solver->host, item, RANDOM_INIT_ITEM, (uint64_t)o->train.seed,
                o->init_std / sqrt(item->columns));
    HalfStep(solver, AXIS_USER, item, user);
}

double AlsEpoch(Solver *solver, Model *model)
{
    Part *user = &model->part[ALS_USER_PART], *item = &model->part[ALS_ITEM_PART];
    double loss;

    HalfStep(solver, AXIS_ITEM, user, item);
    loss = HalfStep(solver, AXIS_USER, item, user) + SidePenalty(solver, AXIS_ITEM, item);
    return loss / (double)TrainingCount(solver->data);
}

/* --- trials */

static AlsWeights WeightsAt(const Search *s, Point p)
{
    const AlsOptions *o = s->options;
    double all = s->activity * (1 + p.share);
    AlsWeights w = {.unobserved = p.share * s->activity / s->items,
                    .regularization = p.penalty * s->activity / pow(all, o->frequency_scaling),
                    .scaling = o->frequency_scaling};

    if (o->regularization > 0)
        w.regularization = o->regularization;
    return w;
}

static void Tell(const Search *s, double loss, double value)
{
    const Host *host = s->host;

    host->progress(host->arg, &(Progress){"trial", s->trials, MOST_TRIALS, loss,
                                          s->model->algorithm->metrics[0].label, value,
                                          HostClock() - s->start});
}

static double Try(Search *s, Point p)
{
    double loss = 0;

    s->solver->weights = WeightsAt(s, p);
    PartClear(s->host, &s->model->part[ALS_USER_PART]);
    PartClear(s->host, &s->model->part[ALS_ITEM_PART]);
    AlsStart(s->solver, s->model);
    for (int e = 0; e < TRIAL_EPOCHS; e++)
        loss = AlsEpoch(s->solver, s->model);
    ValidationRun(s->host, s->model, s->validation);
    s->trials++;
    Tell(s, loss, s->validation->ndcg);
    return s->validation->ndcg;
}

/* Is the point a better one? */
static bool Improves(Search *s, Point p)
{
    double value;

    if (s->trials >= MOST_TRIALS)
        return false;
    value = Try(s, p);
    if (!IsGain(value, s->value))
        return false;
    s->best = p;
    s->value = value;
    return true;
}

static Point Moved(Point p, bool share, bool up)
{
    double step = share ? SHARE_STEP : PENALTY_STEP;
    double *number = share ? &p.share : &p.penalty;

    *number = up ? *number * step : *number / step;
    return p;
}

/* Up, or else down, as long as it helps; false: neither did. */
static bool Walk(Search *s, bool share)
{
    bool up = Improves(s, Moved(s->best, share, true));
    bool helped = up || Improves(s, Moved(s->best, share, false));

    while (helped && Improves(s, Moved(s->best, share, up)))
        ;
    return helped;
}

static void WalkBoth(Search *s)
{
    bool shares = s->options->unobserved_weight == 0, penalties = s->options->regularization == 0;

    s->value = Try(s, s->best);
    if (penalties)
        Walk(s, false);
    while (shares && Walk(s, true) && penalties && Walk(s, false))
        ;
}

/* --- the whole */

/* As the model will be, but narrow. */
static void LayOut(const Model *model, AlsOptions *options, Model *narrow)
{
    *options = *(const AlsOptions *)model->options;
    if (options->factors > TRIAL_FACTORS)
        options->factors = TRIAL_FACTORS;
    ModelLayout(narrow, model->algorithm, options, model->users, model->items);
}

static void RunTrials(Search *s, const Interactions *data, const Model *model)
{
    AlsOptions options;
    Validation validation;
    Solver solver;
    Model narrow;

    LayOut(model, &options, &narrow);
    ModelAllocate(s->host, &narrow);
    SolverOpen(s->host, data, &narrow, &solver);
    ValidationPrepare(s->host, data, &validation);
    s->model = &narrow;
    s->solver = &solver;
    s->validation = &validation;
    WalkBoth(s);
    ValidationRelease(s->host, &validation);
    SolverClose(&solver);
    for (int i = 0; i < narrow.parts; i++)
        HostRelease(s->host, narrow.part[i].data);
}

AlsWeights SearchWeights(const Host *host, const Interactions *data, const Model *model)
{
    const AlsOptions *o = model->options;
    Search s = {.host = host,
                .options = o,
                .activity = (double)TrainingCount(data) / data->users,
                .items = data->items,
                .start = HostClock(),
                .best = {START_SHARE, START_PENALTY}};

    if (o->unobserved_weight > 0)
        s.best.share = o->unobserved_weight * s.items / s.activity;
    if (Searches(o, data))
        RunTrials(&s, data, model);
    return WeightsAt(&s, s.best);
}

size_t SearchMemory(const Model *model, const Interactions *shape, int threads)
{
    AlsOptions options;
    Model narrow;

    LayOut(model, &options, &narrow);
    return SizeAdd(SizeAdd(ModelMemory(&narrow), SolverMemory(&narrow, shape, threads)),
                   ValidationMemory(&narrow, shape, threads));
}
