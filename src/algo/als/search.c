/* search.c: trials, and the way from one to the next. */
#include "algo/als/search.h"

#include <math.h>
#include <string.h>

#define MOST_TRIALS 19

/* Of them, in long steps. */
#define MOST_FIRST 10

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

/* Steps of one length, and their trials. */
typedef struct Phase {
    double power; /* of the steps */
    int epochs;   /* of a trial */
    int trials;   /* of the search, until the end of these steps */
} Phase;

static const Phase whole = {1, TRIAL_EPOCHS, MOST_FIRST};
static const Phase half = {0.5, LONG_TRIAL_EPOCHS, MOST_TRIALS};

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
    const Phase *phase;
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
    for (int e = 0; e < s->phase->epochs; e++)
        loss = AlsEpoch(s->solver, s->model);
    ValidationRun(s->host, s->model, s->validation);
    s->trials++;
    Tell(s, loss, s->validation->ndcg);
    return s->validation->ndcg;
}

/* Is the point a better one?  Half a step has to gain half as much as a whole one. */
static bool Improves(Search *s, Point p)
{
    double value;

    if (s->trials >= s->phase->trials)
        return false;
    value = Try(s, p);
    if (value <= s->value * (1 + LEAST_GAIN * s->phase->power))
        return false;
    s->best = p;
    s->value = value;
    return true;
}

/* What a step moves: a bit for each weight. */
enum { SHARE = 1, PENALTY = 2, BOTH = SHARE | PENALTY };

static Point Moved(const Search *s, int what, bool up)
{
    double power = up ? s->phase->power : -s->phase->power;
    Point p = s->best;

    if ((what & SHARE) != 0)
        p.share *= pow(SHARE_STEP, power);
    if ((what & PENALTY) != 0)
        p.penalty *= pow(PENALTY_STEP, power);
    return p;
}

/* Up, or else down, as long as it helps; false: neither did. */
static bool Walk(Search *s, int what)
{
    bool up = Improves(s, Moved(s, what, true));
    bool helped = up || Improves(s, Moved(s, what, false));

    while (helped && Improves(s, Moved(s, what, up)))
        ;
    return helped;
}

static void WalkEach(Search *s, int open)
{
    if (open & PENALTY)
        Walk(s, PENALTY);
    while ((open & SHARE) != 0 && Walk(s, SHARE) && (open & PENALTY) != 0 && Walk(s, PENALTY))
        ;
}

/* From the best point so far. */
static void Begin(Search *s, const Phase *phase)
{
    s->phase = phase;
    s->value = Try(s, s->best);
}

/*
 * In long steps; then, but in a trial of the whole, in ones half as long; at last both at once,
 * since good pairs lie along a ridge on which the penalty rises with the share.  How far along it
 * is best, trials tell that are long enough for a low penalty to take revenge.
 */
static void WalkDown(Search *s, bool trial)
{
    int open = (s->options->unobserved_weight == 0 ? SHARE : 0) |
               (s->options->regularization == 0 ? PENALTY : 0);

    Begin(s, &whole);
    WalkEach(s, open);
    if (trial)
        return;
    Begin(s, &half);
    WalkEach(s, open);
    if (open == BOTH)
        Walk(s, BOTH);
}

/* --- the whole */

/* As the model will be, but narrow. */
static void LayOut(const Model *model, AlsOptions *options, Model *narrow)
{
    *options = *(const AlsOptions *)model->options;
    options->factors = model->part[ALS_USER_PART].columns;
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
    WalkDown(s, model->trial);
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
