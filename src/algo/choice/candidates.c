/* candidates.c: the options of a choice, and who is a candidate. */
#include "algo/choice/choose.h"

#define FIELD(name) offsetof(ChoiceOptions, name)

enum { EFFORT_FAST, EFFORT_BALANCED, EFFORT_BEST };

const char *const effort_names[] = {"fast", "balanced", "best", NULL};

static const OptionSpec choice_options[] = {
    {"candidates", OPTION_LIST, FIELD(candidates), 0, 0, 0, algorithm_names,
     "algorithms that are tried; all: those that the columns of the source suffice for, but for "
     "nmrn_gan and sasrec",
     "recadv"},
    {"budget", OPTION_REAL, FIELD(budget), 0, 1000, 3, NULL,
     "what the search may cost, about, in trainings of the algorithm that comes out best",
     "recadv"},
    {"effort", OPTION_CHOICE, FIELD(effort), 0, 0, EFFORT_BALANCED, effort_names,
     "preset that candidates are tried and trained with", "recadv"},
    {"search", OPTION_BOOL, FIELD(search), 0, 1, 0, NULL,
     "choose again, where otherwise what was chosen for an earlier version is kept", "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue fast[] = {{"budget", 1}, {"effort", EFFORT_FAST}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"budget", 6}, {"effort", EFFORT_BEST}, {NULL, 0}};

static const Preset presets[] = {
    {"fast", "a short search among narrow models with short trainings", fast},
    {"balanced", "the defaults", balanced},
    {"best", "a longer search among wide models with long trainings", best},
    {NULL, NULL, NULL},
};

const Algorithm choosing = {
    .name = "auto",
    .summary = "the algorithm that ranks held-out interactions best",
    .options = choice_options,
    .presets = presets,
    .options_size = sizeof(ChoiceOptions),
    .metrics = RANKING_METRICS,
};

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

/* With some of its options. */
static bool MayGoByOrder(const Algorithm *algorithm, Columns columns)
{
    return algorithm->events || (algorithm->history != NULL && (columns & COLUMN_TIME) != 0);
}

bool ChoiceWantsEvents(const ChoiceOptions *options, Columns columns)
{
    for (int i = 0; algorithms[i] != NULL; i++)
        if (MayGoByOrder(algorithms[i], columns) && IsCandidate(options, i, columns))
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
