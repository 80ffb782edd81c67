/*
 * trial.c: lays out a model, trains it for a short while and forgets it again.
 *
 * What an algorithm allocates and how it fails stays in the trial (HostAttempt).
 */
#include "algo/choice/trial.h"

#include <math.h>
#include <string.h>

#include "algo/learn/loop.h"
#include "core/pool.h"

/* Options of a short training. */
typedef union ShortOptions {
    TrainOptions train;
    char room[MOST_OPTIONS];
} ShortOptions;

/* --- options */

/* Zeros first: an algorithm may share a struct with one that has more options. */
void TrialDefaults(const Algorithm *algorithm, const char *preset, const TrainOptions *train,
                   void *options)
{
    const Preset *named = preset == NULL ? NULL : PresetFind(algorithm->presets, preset);

    memset(options, 0, algorithm->options_size);
    OptionsDefault(train_options, options);
    OptionsDefault(algorithm->options, options);
    if (named != NULL)
        PresetApply(named, algorithm->options, options);
    memcpy(options, train, sizeof(TrainOptions));
}

void *TrialOptions(const Host *host, const Algorithm *algorithm, const char *preset,
                   const TrainOptions *train)
{
    void *options = HostAllocate(host, 1, algorithm->options_size);

    TrialDefaults(algorithm, preset, train, options);
    return options;
}

int CountVariants(const Algorithm *algorithm)
{
    int count = 0;

    while (algorithm->variants != NULL && algorithm->variants[count].option != NULL)
        count++;
    return count;
}

void VariantOptions(const Algorithm *algorithm, int i, const void *best, void *options)
{
    const struct PresetValue *value = &algorithm->variants[i];
    char expected[64];

    memcpy(options, best, algorithm->options_size);
    OptionStore(OptionFind(algorithm->options, value->option),
                (OptionValue){VALUE_NUMBER, value->value, NULL}, options, expected,
                sizeof(expected));
}

/*
 * A bound on epochs: `times` as many as a short training has, but no more than a whole one, which
 * may have none.  A number that validation would choose (0, or below) has its value in the shortest
 * trainings alone; one that is named stays as it is.
 */
static double ShortValue(const OptionSpec *spec, const struct PresetValue *value, int times,
                         double whole)
{
    if (spec->type != OPTION_REAL)
        return fmin(value->value * times, whole);
    return whole <= 0 && times == 1 ? value->value : whole;
}

static void Shorten(const Algorithm *algorithm, int times, void *options)
{
    for (const struct PresetValue *v = algorithm->trial;
         times > 0 && v != NULL && v->option != NULL; v++) {
        const OptionSpec *spec = OptionFind(algorithm->options, v->option);
        double value = ShortValue(spec, v, times, OptionRead(spec, options));
        char expected[64];

        OptionStore(spec, (OptionValue){VALUE_NUMBER, value, NULL}, options, expected,
                    sizeof(expected));
    }
}

static void LayOut(const Trial *trial, int times, const Interactions *shape, ShortOptions *options,
                   Model *model)
{
    memcpy(options, trial->options, trial->algorithm->options_size);
    options->train.warm_start = false;
    Shorten(trial->algorithm, times, options);
    ModelLayout(model, trial->algorithm, options, shape->users, shape->items);
    model->trial = true;
}

/* --- estimates */

/* Trainings of the best that one of a variant may take. */
#define DEAREST_VARIANT 2.5

static double Work(const Model *model, const Interactions *shape)
{
    return model->algorithm->work == NULL ? ValidationWork(model, shape)
                                          : model->algorithm->work(model, shape);
}

double TrialWork(const Trial *trial, int times, const Interactions *shape)
{
    ShortOptions options;
    Model model;

    LayOut(trial, times, shape, &options, &model);
    return Work(&model, shape);
}

double TrainingWork(const Trial *trial, const Interactions *shape)
{
    Model model;

    ModelLayout(&model, trial->algorithm, trial->options, shape->users, shape->items);
    return Work(&model, shape);
}

static size_t ModelBytes(const Trial *trial, const Interactions *shape)
{
    Model model;

    ModelLayout(&model, trial->algorithm, trial->options, shape->users, shape->items);
    return ModelMemory(&model);
}

/* A preset or a large catalogue may have asked for a wider model. */
bool VariantSuits(const Trial *best, const Trial *variant, const Interactions *shape)
{
    return memcmp(variant->options, best->options, best->algorithm->options_size) != 0 &&
           ModelBytes(variant, shape) >= ModelBytes(best, shape) &&
           TrainingWork(variant, shape) <= DEAREST_VARIANT * TrainingWork(best, shape);
}

static size_t Memory(const Model *model, const Interactions *shape, int threads)
{
    return SizeAdd(ModelMemory(model), model->algorithm->memory(model, shape, threads));
}

size_t TrialMemory(const Trial *trial, int times, const Interactions *shape, int threads)
{
    ShortOptions options;
    Model model;

    LayOut(trial, times, shape, &options, &model);
    return SizeAdd(Memory(&model, shape, threads), ValidationMemory(&model, shape, threads));
}

size_t TrainingRoom(const Trial *trial, const Interactions *shape, int threads)
{
    Model model;

    ModelLayout(&model, trial->algorithm, trial->options, shape->users, shape->items);
    return Memory(&model, shape, threads);
}

/* --- a trial */

/* What is held out does not count. */
static void CountPopularity(const Host *host, const Interactions *data, Model *model)
{
    ModelCountPopularity(host, data, model);
    ModelUncountHeld(host, data, model);
}

/* What the training measured; where it does not, the model itself. */
static double Measure(const Host *host, const Interactions *data, const Model *model,
                      const TrainReport *report)
{
    Validation validation;

    if (report->best >= 0 && report->best < report->epochs)
        return report->history[report->best].metric[0];
    ValidationPrepare(host, data, &validation);
    ValidationRun(host, model, &validation);
    return validation.ndcg;
}

/* The algorithm's own notices of progress would tell of epochs of a model that nobody gets. */
static void Ignore(void *arg, const Progress *progress)
{
    (void)arg, (void)progress;
}

typedef struct Running {
    const TrialRound *round;
    Trial *trial;
} Running;

/* All that this allocates ends with the attempt. */
static void Train(void *arg)
{
    const Running *r = arg;
    const Algorithm *algorithm = r->trial->algorithm;
    Interactions data = *r->round->data;
    TrainReport report = {.best = -1};
    Host host = *r->round->host;
    ShortOptions options;
    Model model;

    host.progress = Ignore;
    data.columns &= algorithm->used;
    if (!WantsEvents(algorithm, r->trial->options))
        data.events = NULL;
    LayOut(r->trial, r->round->times, &data, &options, &model);
    ModelAllocate(&host, &model);
    CountPopularity(&host, &data, &model);
    if ((algorithm->used & COLUMN_WEIGHT) == 0)
        data.weight = NULL;
    algorithm->train(&host, &data, &model, &report);
    r->trial->metric = Measure(&host, &data, &model, &report);
    r->trial->epochs = report.epochs;
}

static bool HasRoom(const TrialRound *round, const Trial *trial)
{
    return TrialMemory(trial, round->times, round->data, PoolThreads(round->host)) <= round->room;
}

void TrialRun(const TrialRound *round, Trial *trial)
{
    Running running = {round, trial};
    double start = HostClock();

    trial->round = round->round;
    trial->metric = NAN;
    trial->epochs = 0;
    trial->problem = NULL;
    if (!HasRoom(round, trial))
        trial->problem = "its trial needs more memory than is allowed";
    else if (!HostAttempt(round->host, Train, &running, &trial->problem))
        trial->metric = NAN;
    else if (isnan(trial->metric))
        trial->problem = "its ranking could not be measured";
    trial->seconds = HostClock() - start;
}
