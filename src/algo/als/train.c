/* train.c: the weights, the epochs, and what was held out learnt, too. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/als/search.h"
#include "algo/learn/loop.h"

/* Epochs with the held-out interactions, from the best one on: more change nothing. */
#define LAST_EPOCHS 2

#define STAGE_NAME 64

#define ALS_LEARNT (LEARNT(ALS_USER_PART) | LEARNT(ALS_ITEM_PART))

typedef struct Trainer {
    Model *model;
    Solver solver;
} Trainer;

static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;

    (void)number;
    return AlsEpoch(&t->solver, t->model);
}

static int64_t MostEpochs(const Model *model)
{
    const AlsOptions *o = model->options;

    return model->warm && o->warm_epochs < o->epochs ? o->warm_epochs : o->epochs;
}

/* Trials are over before training begins. */
size_t AlsMemory(const Model *model, const Interactions *shape, int threads)
{
    const AlsOptions *o = model->options;
    size_t search = SearchMemory(model, shape, threads);
    size_t train = SizeAdd(SolverMemory(model, shape, threads),
                           LoopMemory(model, shape, threads, ALS_LEARNT, o->epochs));

    return SizeAdd(SizeLarger(search, train), STAGE_NAME);
}

static void LearnHeld(Trainer *t)
{
    if (t->solver.data->held_count == 0 || t->model->trial)
        return;
    t->solver.everything = true;
    for (int e = 0; e < LAST_EPOCHS; e++)
        AlsEpoch(&t->solver, t->model);
}

/* A user's row is the solution that a visitor of the same history would get. */
static void SolveUsers(Trainer *t)
{
    if (t->model->trial)
        return;
    t->solver.exact = true;
    HalfStep(&t->solver, AXIS_USER, &t->model->part[ALS_ITEM_PART], &t->model->part[ALS_USER_PART]);
}

/* What a visitor's row is solved with. */
static void KeepSystem(Trainer *t)
{
    Part *gram = &t->model->part[ALS_GRAM_PART], *setting = &t->model->part[ALS_SETTING_PART];
    const AlsWeights *w = &t->solver.weights;

    SolverGram(&t->solver, &t->model->part[ALS_ITEM_PART]);
    memcpy(gram->data, t->solver.gram, PartFloats(gram) * sizeof(float));
    setting->data[SETTING_UNOBSERVED] = (float)w->unobserved;
    setting->data[SETTING_REGULARIZATION] = (float)w->regularization;
    setting->data[SETTING_SCALING] = (float)w->scaling;
    setting->data[SETTING_ITEMS] = (float)t->model->items;
}

/* Whoever looks at the learning curve sees what was chosen. */
static const char *StageName(const Host *host, const AlsWeights *w)
{
    char *name = HostAllocate(host, STAGE_NAME, 1);

    snprintf(name, STAGE_NAME, "als, unobserved %.3g, regularization %.3g", w->unobserved,
             w->regularization);
    return name;
}

void AlsTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    AlsWeights weights = SearchWeights(host, data, model);
    Trainer t = {.model = model};
    Loop loop = {.host = host,
                 .data = data,
                 .model = model,
                 .report = report,
                 .epochs = (int)MostEpochs(model),
                 .learnt = ALS_LEARNT,
                 .trainer = &t,
                 .epoch = RunEpoch};

    CheckRankable(host, data);
    SolverOpen(host, data, model, &t.solver);
    t.solver.weights = weights;
    LoopOpen(&loop);
    AlsStart(&t.solver, model);
    LoopStage(&loop, StageName(host, &weights), loop.epochs);
    LearnHeld(&t);
    SolveUsers(&t);
    KeepSystem(&t);
    LoopClose(&loop);
    SolverClose(&t.solver);
}
