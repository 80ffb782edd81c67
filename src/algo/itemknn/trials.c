/* trials.c: weighting, shrinkage and the number of neighbours, chosen by the held-out interactions.
 */
#include <math.h>

#include "algo/itemknn/itemknn.h"
#include "algo/rank/validation.h"

/* Where nothing can be measured, and where trials begin. */
#define PLAIN_SHRINK 10

/* A trial ranks no more held-out interactions: with many items that takes longer than neighbours.
 */
#define MOST_CASES 2000

/* What is left to choose in one trial. */
typedef struct Trial {
    Weighting weighting; /* WEIGH_CHOSEN: that of the best so far */
    double shrink;       /* below 0: that of the best so far */
    int64_t neighbors;   /* 0: those of the best so far */
    const char *stage;
} Trial;

static const Trial weightings[] = {{WEIGH_TFIDF, -1, 0, "weighting tfidf"},
                                   {WEIGH_NONE, -1, 0, "weighting none"}};
static const Trial plain = {WEIGH_CHOSEN, PLAIN_SHRINK, 0, "shrink 10"};
static const Trial shrinks[] = {{WEIGH_CHOSEN, 0, 0, "shrink 0"},
                                {WEIGH_CHOSEN, 50, 0, "shrink 50"}};
static const Trial few = {WEIGH_CHOSEN, -1, KNN_FEW_NEIGHBORS, "neighbors 100"};
static const Trial many = {WEIGH_CHOSEN, -1, KNN_MANY_NEIGHBORS, "neighbors 200"};

#define COUNT(list) (int)(sizeof(list) / sizeof((list)[0]))

typedef struct Trials {
    const Host *host;
    const Interactions *data;
    Model *model;
    TrainReport *report;
    Validation validation;
    double start;
    KnnOptions best;
    Epoch measured;   /* of the best; metric[0] is -1 where there is none */
    float *each;      /* NDCG@100 of what the trial ranked */
    float *best_each; /* and of what the best one did */
} Trials;

/* The weighting first, with some shrinkage, or what is named; then less and more of that; then more
 * neighbours.  What comes later has to gain. */
static int ListTrials(const KnnOptions *o, Trial list[KNN_MOST_TRIALS])
{
    int n = 0;

    for (int i = 0; i < COUNT(weightings) && o->weighting == WEIGH_CHOSEN; i++)
        list[n++] = weightings[i];
    if (n == 0 && (o->shrink < 0 || o->neighbors == 0))
        list[n++] = o->shrink < 0 ? plain : few;
    for (int i = 0; i < COUNT(shrinks) && o->shrink < 0; i++)
        list[n++] = shrinks[i];
    if (o->neighbors == 0)
        list[n++] = many;
    return n;
}

int KnnTrials(const KnnOptions *o, const Interactions *shape)
{
    Trial list[KNN_MOST_TRIALS];

    return IsEnoughHeld(shape) ? ListTrials(o, list) : 0;
}

uint64_t KnnTrialCases(const Interactions *shape)
{
    return shape->held_count < MOST_CASES ? shape->held_count : MOST_CASES;
}

/*
 * Is the gain over the best so far more than a standard error?  Of more neighbours less will do:
 * most data gain by them, if less than the error of two thousand cases.
 */
static bool Beats(Trials *t, const Trial *trial)
{
    const Validation *v = &t->validation;
    double before = t->measured.metric[0];

    ValidationEach(v, t->each);
    if (before < 0 || trial->neighbors == KNN_MANY_NEIGHBORS)
        return IsGain(v->ndcg, before);
    return v->ndcg > before + DifferenceError(t->each, t->best_each, v->count);
}

static void Keep(Trials *t, const KnnOptions *options, const Epoch *measured)
{
    float *each = t->best_each;

    t->best = *options;
    t->measured = *measured;
    t->best_each = t->each;
    t->each = each;
}

static void Try(Trials *t, const Trial *trial)
{
    Epoch epoch = {.stage = trial->stage, .loss = NAN};
    KnnOptions options = t->best;

    if (trial->weighting != WEIGH_CHOSEN)
        options.weighting = trial->weighting;
    if (trial->shrink >= 0)
        options.shrink = trial->shrink;
    if (trial->neighbors > 0)
        options.neighbors = trial->neighbors;
    KnnBuild(t->host, t->data, t->model, &options, false);
    KnnMeasure(t->host, t->model, &t->validation, t->report, &epoch);
    epoch.seconds = HostClock() - t->start;
    KnnEnter(t->host, t->model, t->report, epoch, KnnTrials(t->model->options, t->data) + 1);
    if (Beats(t, trial))
        Keep(t, &options, &epoch);
}

static void RunTrials(Trials *t, const KnnOptions *o)
{
    Trial list[KNN_MOST_TRIALS];
    int trials = ListTrials(o, list);

    ValidationPrepare(t->host, t->data, &t->validation);
    ValidationThin(&t->validation, KnnTrialCases(t->data));
    t->each = HostAllocate(t->host, t->validation.count, sizeof(float));
    t->best_each = HostAllocate(t->host, t->validation.count, sizeof(float));
    for (int i = 0; i < trials; i++)
        Try(t, &list[i]);
    HostRelease(t->host, t->each);
    HostRelease(t->host, t->best_each);
    ValidationRelease(t->host, &t->validation);
}

/* What was left to choose, for the metrics of the training. */
static void Report(const KnnOptions *open, const KnnOptions *chosen, TrainReport *report)
{
    int n = 0;

    if (open->shrink < 0)
        report->finding[n++] = (Finding){"shrink", chosen->shrink};
    if (open->weighting == WEIGH_CHOSEN)
        report->finding[n++] = (Finding){"tfidf", chosen->weighting == WEIGH_TFIDF};
    if (open->neighbors == 0)
        report->finding[n++] = (Finding){"neighbors", (double)chosen->neighbors};
}

bool KnnValidates(const KnnOptions *o, const Interactions *shape)
{
    return KnnTrials(o, shape) > 0 ? KnnTrialCases(shape) < shape->held_count
                                   : shape->held_count > 0;
}

/* Metrics of the best, where they are those of all that is held out. */
static void Hand(const Trials *t, Epoch *measured)
{
    measured->metric[0] = t->measured.metric[0];
    measured->metric[1] = t->measured.metric[1];
    measured->compared = t->measured.compared;
}

KnnOptions KnnChoose(const Host *host, const Interactions *data, Model *model, TrainReport *report,
                     Epoch *measured)
{
    const KnnOptions *o = model->options;
    Trials t = {.host = host,
                .data = data,
                .model = model,
                .report = report,
                .start = HostClock(),
                .best = *o,
                .measured = {.metric = {-1}}};

    if (o->weighting == WEIGH_CHOSEN)
        t.best.weighting = weightings[0].weighting;
    if (o->shrink < 0)
        t.best.shrink = PLAIN_SHRINK;
    if (o->neighbors == 0)
        t.best.neighbors = KNN_FEW_NEIGHBORS;
    if (KnnTrials(o, data) > 0)
        RunTrials(&t, o);
    if (t.measured.metric[0] >= 0 && !KnnValidates(o, data))
        Hand(&t, measured);
    Report(o, &t.best, report);
    return t.best;
}
