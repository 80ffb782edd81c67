/*
 * choose.c: trials of the candidates, and who goes on to the next round.
 */
#include "algo/choice/choose.h"

#include <math.h>
#include <string.h>

#include "algo/choice/sample.h"
#include "algo/learn/loop.h"

#define FIELD(name) offsetof(ChoiceOptions, name)

static const OptionSpec choice_options[] = {
    {"candidates", OPTION_LIST, FIELD(candidates), 0, 0, 0, algorithm_names,
     "algorithms that are tried; all: those that the columns of the source suffice for, but for "
     "nmrn_gan",
     "recadv"},
    {"search", OPTION_BOOL, FIELD(search), 0, 1, 0, NULL,
     "with warm_start: choose again, where otherwise the algorithm chosen earlier is kept",
     "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const Algorithm choosing = {
    .name = "auto",
    .summary = "the algorithm that ranks held-out interactions best",
    .options = choice_options,
    .options_size = sizeof(ChoiceOptions),
    .metrics = RANKING_METRICS,
};

/* Fewer held-out interactions tell chance from merit no more. */
#define FEWEST_HELD 50

/* Interactions that a round looks at, about, and how much longer than a short training it trains.
 */
static const struct Round {
    uint64_t most;
    int times;
} rounds[] = {{250000, 1}, {1000000, 2}};

#define ROUNDS (int)(sizeof(rounds) / sizeof(rounds[0]))

typedef struct Chooser {
    const Host *host;
    const Interactions *data;
    const ChoiceOptions *options;
    int round;
    int done, planned; /* trials */
    double start;
} Chooser;

/* --- candidates */

static bool IsNamed(const ChoiceOptions *options, int i)
{
    return (options->candidates >> i & 1) != 0;
}

static bool Suffice(Columns columns, const Algorithm *algorithm)
{
    Columns needed = algorithm->required | (algorithm->events ? COLUMN_TIME : 0);

    return (needed & ~columns) == 0;
}

bool IsCandidate(const ChoiceOptions *options, int i, Columns columns)
{
    return options->candidates != 0 ? IsNamed(options, i)
                                    : algorithms[i]->candidate && Suffice(columns, algorithms[i]);
}

bool ChoiceWantsEvents(const ChoiceOptions *options, Columns columns)
{
    for (int i = 0; algorithms[i] != NULL; i++)
        if (algorithms[i]->events && IsCandidate(options, i, columns))
            return true;
    return false;
}

bool ChoiceStreams(const ChoiceOptions *options, Columns columns)
{
    for (int i = 0; algorithms[i] != NULL; i++)
        if (algorithms[i]->stream != NULL && IsCandidate(options, i, columns))
            return true;
    return false;
}

const Algorithm *ChoiceMisfit(const ChoiceOptions *options, Columns columns)
{
    for (int i = 0; algorithms[i] != NULL; i++)
        if (IsNamed(options, i) && !Suffice(columns, algorithms[i]))
            return algorithms[i];
    return NULL;
}

static int CountAlgorithms(void)
{
    int count = 0;

    while (algorithms[count] != NULL)
        count++;
    return count;
}

static int ListCandidates(const ChoiceOptions *options, Columns columns, const Algorithm **list)
{
    int count = 0;

    for (int i = 0; algorithms[i] != NULL; i++)
        if (IsCandidate(options, i, columns))
            list[count++] = algorithms[i];
    return count;
}

/* --- options */

/* Zeros first: an algorithm may share a struct with one that has more options. */
static void FillOptions(const Algorithm *algorithm, const TrainOptions *train, void *options)
{
    memset(options, 0, algorithm->options_size);
    OptionsDefault(train_options, options);
    OptionsDefault(algorithm->options, options);
    memcpy(options, train, sizeof(TrainOptions));
}

/* Bounds on epochs, `times` as many as a short training has, but no more than a whole one. */
static void Shorten(const Algorithm *algorithm, int times, void *options)
{
    for (const struct PresetValue *v = algorithm->trial; v != NULL && v->option != NULL; v++) {
        const OptionSpec *spec = OptionFind(algorithm->options, v->option);
        char expected[64];

        OptionStore(spec, (OptionValue){VALUE_NUMBER, fmin(v->value * times, spec->standard), NULL},
                    options, expected, sizeof(expected));
    }
}

static void *TrialOptions(const Host *host, const Algorithm *algorithm, const TrainOptions *train,
                          int round)
{
    void *options = HostAllocateZero(host, 1, algorithm->options_size);

    FillOptions(algorithm, train, options);
    ((TrainOptions *)options)->warm_start = false;
    Shorten(algorithm, rounds[round].times, options);
    return options;
}

/* --- one trial */

/* What is held out does not count. */
static void CountPopularity(const Host *host, const Interactions *data, Model *model)
{
    ModelCountPopularity(host, data, model);
    ModelUncountHeld(host, data, model);
}

static void ReleaseModel(const Host *host, Model *model)
{
    for (int i = 0; i < model->parts; i++)
        HostRelease(host, model->part[i].data);
    HostRelease(host, (void *)model->options);
}

static double Validate(const Host *host, const Interactions *data, const Model *model)
{
    Validation validation;

    ValidationPrepare(host, data, &validation);
    ValidationRun(host, model, &validation);
    ValidationRelease(host, &validation);
    return validation.ndcg;
}

/* The algorithm's own notices of progress would tell of epochs of a model that nobody gets. */
static void Ignore(void *arg, const Progress *progress)
{
    (void)arg, (void)progress;
}

static double TrainShort(const Chooser *c, const Algorithm *algorithm, const Interactions *sample)
{
    Interactions data = *sample;
    TrainReport report = {.best = -1};
    Host host = *c->host;
    double metric;
    Model model;

    host.progress = Ignore;
    data.columns &= algorithm->used;
    if (!algorithm->events)
        data.events = NULL;
    ModelLayout(&model, algorithm, TrialOptions(&host, algorithm, &c->options->train, c->round),
                data.users, data.items);
    model.trial = true;
    ModelAllocate(&host, &model);
    CountPopularity(&host, &data, &model);
    if ((algorithm->used & COLUMN_WEIGHT) == 0)
        data.weight = NULL;
    algorithm->train(&host, &data, &model, &report);
    metric = Validate(&host, &data, &model);
    HostRelease(&host, report.history);
    ReleaseModel(&host, &model);
    return metric;
}

static void Tell(const Chooser *c, const Trial *trial)
{
    const Host *host = c->host;

    host->progress(host->arg,
                   &(Progress){trial->algorithm->name, c->done, c->planned, NAN,
                               choosing.metrics[0].label, trial->metric, HostClock() - c->start});
}

static void Try(Chooser *c, const Algorithm *algorithm, const Interactions *sample, Trial *trial)
{
    double start = HostClock();

    *trial = (Trial){.algorithm = algorithm, .round = c->round + 1};
    trial->metric = TrainShort(c, algorithm, sample);
    trial->seconds = HostClock() - start;
    c->done++;
    Tell(c, trial);
}

/* --- rounds */

/* What cannot be measured is worst. */
static double Worth(const Trial *trial)
{
    return isnan(trial->metric) ? -1 : trial->metric;
}

/* Those that fewer than `places` are better than, in order; of equals the first. */
static int KeepBest(const Trial *trial, int count, int places, const Algorithm **list)
{
    int kept = 0;

    for (int i = 0; i < count; i++) {
        int before = 0;

        for (int j = 0; j < count; j++)
            before += Worth(&trial[j]) > Worth(&trial[i]) ||
                      (Worth(&trial[j]) == Worth(&trial[i]) && j < i);
        if (before < places)
            list[kept++] = trial[i].algorithm;
    }
    return kept;
}

/* The simplest that tells users apart: what can be said of few interactions. */
static const Algorithm *Simplest(const Algorithm **list, int count, const Interactions *data)
{
    for (int i = 0; i < count && IsRankable(data); i++)
        if (list[i]->history != NULL || list[i]->embedding[AXIS_USER] != 0)
            return list[i];
    return list[0];
}

static const char too_few[] = "too few interactions can be held out to choose by";

static int RunRound(Chooser *c, const Algorithm **list, int count, Choice *choice)
{
    Trial *trial = choice->trial + choice->trials;
    Interactions sample;
    bool last = c->round == ROUNDS - 1;

    SampleUsers(c->host, c->data, rounds[c->round].most, (uint64_t)c->options->train.seed, true,
                &sample);
    if (sample.held_count < FEWEST_HELD || !IsRankable(&sample)) {
        SampleRelease(c->host, c->data, &sample);
        list[0] = Simplest(list, count, c->data);
        choice->untried = too_few;
        return 1;
    }
    for (int i = 0; i < count; i++)
        Try(c, list[i], &sample, &trial[i]);
    SampleRelease(c->host, c->data, &sample);
    choice->trials += count;
    return KeepBest(trial, count, last ? 1 : (count + 1) / 2, list);
}

void Choose(const Host *host, const Interactions *data, const ChoiceOptions *options,
            Choice *choice)
{
    Chooser c = {.host = host, .data = data, .options = options, .start = HostClock()};
    int all = CountAlgorithms(), count;
    const Algorithm **list = HostAllocate(host, (size_t)all, sizeof(*list));

    *choice = (Choice){.trial = HostAllocate(host, (size_t)all * ROUNDS, sizeof(Trial))};
    count = ListCandidates(options, data->columns, list);
    c.planned = count + (count > 2 ? (count + 1) / 2 : 0);
    if (data->held_count < FEWEST_HELD || !IsRankable(data)) {
        list[0] = Simplest(list, count, data);
        choice->untried = too_few;
        count = 1;
    } else if (count == 1) {
        choice->untried = "it is the only candidate";
    }
    for (; c.round < ROUNDS && count > 1; c.round++)
        count = RunRound(&c, list, count, choice);
    choice->algorithm = list[0];
    HostRelease(host, list);
}

/* --- memory */

static size_t TrialMemory(const Algorithm *algorithm, const TrainOptions *train, int round,
                          const Interactions *shape, int threads)
{
    union {
        TrainOptions train;
        char room[2048];
    } options;
    Model model;

    FillOptions(algorithm, train, &options);
    Shorten(algorithm, rounds[round].times, &options);
    ModelLayout(&model, algorithm, &options, shape->users, shape->items);
    model.trial = true;
    return SizeAdd(SizeAdd(ModelMemory(&model), ValidationMemory(&model, shape, threads)),
                   algorithm->memory(&model, shape, threads));
}

/* As many users as there are at most, as if each round had events. */
size_t ChooseSampleMemory(const ChoiceOptions *options, const Interactions *shape)
{
    return SampleMemory(shape, rounds[ROUNDS - 1].most, ChoiceWantsEvents(options, shape->columns));
}

static uint64_t Least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of the greatest trial; users differ, so the sample may come out larger than it is meant to. */
size_t ChooseMemory(const ChoiceOptions *options, const Interactions *shape, int threads)
{
    size_t greatest = 0;

    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; algorithms[i] != NULL; i++) {
            Interactions sample = *shape;
            size_t bytes;

            if (!IsCandidate(options, i, shape->columns))
                continue;
            sample.count = Least(shape->count, 2 * rounds[round].most);
            bytes = TrialMemory(algorithms[i], &options->train, round, &sample, threads);
            greatest = bytes > greatest ? bytes : greatest;
        }
    return SizeAdd(greatest, ChooseSampleMemory(options, shape));
}
