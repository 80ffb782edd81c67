/*
 * options.c: the options that all algorithms have, and the checks of type and range that every
 * option goes through.
 *
 * pg/model/options.c feeds it from JSON.
 */
#include "algo/options.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const holdout_choices[] = {"none", "last", "random", "auto", NULL};

/* Of the shares 0 and 1. */
static const char *const promote_choices[] = {"always", "better", NULL};

/* The largest integer that JSON readers keep exactly. */
#define EXACT_INTEGER 9007199254740991.0

#define FIELD(name) offsetof(TrainOptions, name)

const OptionSpec train_options[] = {
    {"holdout", OPTION_CHOICE, FIELD(holdout), 0, 0, HOLDOUT_AUTO, holdout_choices,
     "interaction of each user with at least five, and of a share of those with two to four, that "
     "is held out for validation; auto: last where there is a time column, otherwise random",
     "He et al. 2018, section 4.1.1"},
    {"validation_users", OPTION_INTEGER, FIELD(validation_users), 0, 2147483647, 10000, NULL,
     "hold out for at most this many users, chosen at random; 0: no limit", "recadv"},
    {"evaluate_every", OPTION_INTEGER, FIELD(evaluate_every), 1, 1000000, 5, NULL,
     "epochs between two evaluations on the held-out interactions", "recadv"},
    {"patience", OPTION_INTEGER, FIELD(patience), 0, 1000000, 10, NULL,
     "stop a stage after this many evaluations without a better first metric (NDCG@100); 0: never",
     "recadv"},
    {"seed", OPTION_INTEGER, FIELD(seed), 0, EXACT_INTEGER, 1, NULL,
     "seed of all random numbers; same data, options and seed give the same model", "recadv"},
    {"threads", OPTION_INTEGER, FIELD(threads), 0, 1024, 0, NULL,
     "threads to train with; 0: as many as recadv.max_threads allows", "recadv"},
    {"keep_versions", OPTION_INTEGER, FIELD(keep_versions), 1, 1000, 2, NULL,
     "versions of the model that are kept, the new one included", "recadv"},
    {"warm_start", OPTION_BOOL, FIELD(warm_start), 0, 1, 0, NULL,
     "start from the current version's embeddings where the algorithm and the model's sizes "
     "(factors and the like, but for a width that is left open) are the same; new users and items "
     "start fresh; amf then skips its first stage",
     "recadv"},
    {"lateness", OPTION_REAL, FIELD(lateness), 0, 1e12, 3600, NULL,
     "where recadv_refresh() learns from a stream: seconds (for a number as time: units) behind "
     "the "
     "newest time in which rows may still arrive late",
     "recadv"},
    {"popular_half_life", OPTION_REAL, FIELD(popular_half_life), 0, 1e12, 0, NULL,
     "users of whom nothing is known get what is popular of late: an interaction so many seconds "
     "(for a number as time: units) older counts half; 0: all count alike",
     "recadv"},
    {"promote", OPTION_REAL, FIELD(promote), 0, 1, 0.9, promote_choices,
     "a new version serves if it reaches this share of the NDCG@100 of the one that serves, on "
     "held-out interactions that neither has learnt, and its source and model pass some checks; "
     "always, 0: unchecked; better, 1: at least as good",
     "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const OptionSpec policy_options[] = {
    {"seed", OPTION_INTEGER, FIELD(seed), 0, EXACT_INTEGER, 1, NULL,
     "seed of all random numbers; same data, options and seed give the same model", "recadv"},
    {"threads", OPTION_INTEGER, FIELD(threads), 0, 1024, 0, NULL,
     "threads to train with; 0: as many as recadv.max_threads allows", "recadv"},
    {"keep_versions", OPTION_INTEGER, FIELD(keep_versions), 1, 1000, 2, NULL,
     "versions of the model that are kept, the new one included", "recadv"},
    {"promote", OPTION_REAL, FIELD(promote), 0, 1, 0.9, promote_choices,
     "a new version serves if it reaches this share of what the one that serves does: of its "
     "reward "
     "where both meet the same simulated visitors, otherwise of what its training measured; "
     "always, "
     "0: unchecked; better, 1: at least as good",
     "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static void StoreNumber(const OptionSpec *spec, double number, void *options)
{
    char *field = (char *)options + spec->offset;

    switch (spec->type) {
    case OPTION_BOOL:
        *(bool *)field = number != 0;
        break;
    case OPTION_INTEGER:
    case OPTION_LIST:
        *(int64_t *)field = (int64_t)number;
        break;
    case OPTION_REAL:
        *(double *)field = number;
        break;
    case OPTION_CHOICE:
        *(int *)field = (int)number;
        break;
    }
}

double OptionRead(const OptionSpec *spec, const void *options)
{
    const char *field = (const char *)options + spec->offset;

    switch (spec->type) {
    case OPTION_BOOL:
        return *(const bool *)field;
    case OPTION_INTEGER:
    case OPTION_LIST:
        return (double)*(const int64_t *)field;
    case OPTION_REAL:
        return *(const double *)field;
    case OPTION_CHOICE:
        return *(const int *)field;
    }
    return 0;
}

void OptionsDefault(const OptionSpec *list, void *options)
{
    for (; list->name != NULL; list++)
        StoreNumber(list, list->standard, options);
}

const Preset *PresetFind(const Preset *presets, const char *name)
{
    for (; presets != NULL && presets->name != NULL; presets++)
        if (strcmp(presets->name, name) == 0)
            return presets;
    return NULL;
}

void PresetApply(const Preset *preset, const OptionSpec *list, void *options)
{
    for (const struct PresetValue *v = preset->values; v->option != NULL; v++)
        StoreNumber(OptionFind(list, v->option), v->value, options);
}

const OptionSpec *OptionFind(const OptionSpec *list, const char *name)
{
    for (; list->name != NULL; list++)
        if (strcmp(list->name, name) == 0)
            return list;
    return NULL;
}

static void DescribeChoices(const OptionSpec *spec, const char *kind, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s:", kind);

    for (int i = 0; spec->choices[i] != NULL && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s %s", i == 0 ? "" : ",",
                                 spec->choices[i]);
}

void OptionDescribe(const OptionSpec *spec, char *text, size_t size)
{
    switch (spec->type) {
    case OPTION_BOOL:
        snprintf(text, size, "true or false");
        break;
    case OPTION_INTEGER:
        snprintf(text, size, "an integer from %.0f to %.0f", spec->minimum, spec->maximum);
        break;
    case OPTION_REAL:
        if (spec->choices != NULL)
            snprintf(text, size, "%s, %s or a number from %g to %g", spec->choices[0],
                     spec->choices[1], spec->minimum, spec->maximum);
        else
            snprintf(text, size, "a number from %g to %g", spec->minimum, spec->maximum);
        break;
    case OPTION_CHOICE:
        DescribeChoices(spec, "one of", text, size);
        break;
    case OPTION_LIST:
        DescribeChoices(spec, "\"" OPTION_ALL "\", or one or more, with commas, of", text, size);
        break;
    }
}

static int FindChoice(const OptionSpec *spec, const char *string, size_t length)
{
    for (int i = 0; spec->choices[i] != NULL; i++)
        if (strlen(spec->choices[i]) == length && strncmp(spec->choices[i], string, length) == 0)
            return i;
    return -1;
}

/* The bits of what stands between commas, spaces aside; NaN if one is no choice, or there is none.
 */
static double FindChoices(const OptionSpec *spec, const char *string)
{
    int64_t bits = 0;

    if (strcmp(string, OPTION_ALL) == 0)
        return 0;
    for (;;) {
        size_t length = strcspn(string += strspn(string, " "), " ,");
        int choice = FindChoice(spec, string, length);

        if (choice < 0)
            return NAN;
        bits |= (int64_t)1 << choice;
        string += length + strspn(string + length, " ");
        if (*string == '\0')
            return (double)bits;
        if (*string++ != ',')
            return NAN;
    }
}

/* Least or greatest value by its name; NaN: neither. */
static double FindEnd(const OptionSpec *spec, const char *string)
{
    int end = FindChoice(spec, string, strlen(string));

    return end < 0 ? (double)NAN : end == 0 ? spec->minimum : spec->maximum;
}

/* The number to store for a value of the right type and range; NaN otherwise. */
static double Accept(const OptionSpec *spec, OptionValue value)
{
    switch (spec->type) {
    case OPTION_BOOL:
        return value.type == VALUE_BOOL ? value.number : (double)NAN;
    case OPTION_CHOICE:
        if (value.type == VALUE_STRING) {
            int choice = FindChoice(spec, value.string, strlen(value.string));

            return choice < 0 ? (double)NAN : choice;
        }
        return NAN;
    case OPTION_LIST:
        return value.type == VALUE_STRING ? FindChoices(spec, value.string) : (double)NAN;
    case OPTION_INTEGER:
        if (value.type != VALUE_NUMBER || value.number != floor(value.number))
            return NAN;
        break;
    case OPTION_REAL:
        if (value.type == VALUE_STRING && spec->choices != NULL)
            return FindEnd(spec, value.string);
        if (value.type != VALUE_NUMBER)
            return NAN;
        break;
    }
    return value.number >= spec->minimum && value.number <= spec->maximum ? value.number
                                                                          : (double)NAN;
}

bool OptionStore(const OptionSpec *spec, OptionValue value, void *options, char *expected,
                 size_t size)
{
    double number = Accept(spec, value);

    if (isnan(number)) {
        OptionDescribe(spec, expected, size);
        return false;
    }
    StoreNumber(spec, number, options);
    return true;
}
