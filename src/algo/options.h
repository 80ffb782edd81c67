/*
 * options.h: hyper-parameters, declared once.
 *
 * An algorithm lists its options with type, range, default, meaning and source.  Parsing, checking,
 * documentation (recadv_options) and the stored header all come from that list.
 */
#ifndef RECADV_ALGO_OPTIONS_H
#define RECADV_ALGO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/interactions.h"

typedef enum OptionType {
    OPTION_BOOL,
    OPTION_INTEGER,
    OPTION_REAL,
    OPTION_CHOICE,
    OPTION_LIST
} OptionType;

/*
 * The field at `offset` is a bool, an int64_t, a double, an int (index into choices), or of a list
 * of choices an int64_t: a bit each; 0: all of them.
 */
typedef struct OptionSpec {
    const char *name;
    OptionType type;
    size_t offset;
    double minimum;             /* least accepted value */
    double maximum;             /* greatest accepted value */
    double standard;            /* default: number, 0/1, or index into choices */
    const char *const *choices; /* NULL-terminated, for OPTION_CHOICE and OPTION_LIST; of an
                                 * OPTION_REAL the names of the least and the greatest value, or
                                 * NULL */
    const char *meaning;
    const char *source; /* paper and section, or "recadv" where the choice is ours */
} OptionSpec;

/* Other defaults for some of an algorithm's options, under one name. */
typedef struct Preset {
    const char *name;
    const char *meaning;
    const struct PresetValue {
        const char *option;
        double value; /* number, 0/1, or index into choices */
    } * values;       /* ends with option == NULL */
} Preset;

/* What an option may be where it is searched for: all between two numbers, or indexes of choices.
 */
typedef struct OptionRange {
    const char *option;
    double least;
    double greatest;
    bool log; /* spread evenly by logarithm */
} OptionRange;

/* A value as a user wrote it. */
typedef struct OptionValue {
    enum { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_STRING, VALUE_OTHER } type;
    double number; /* also 0/1 for VALUE_BOOL */
    const char *string;
} OptionValue;

/* What every algorithm understands; the first member of each algorithm's own struct. */
typedef struct TrainOptions {
    int holdout; /* Holdout */
    int64_t validation_users;
    int64_t evaluate_every;
    int64_t patience;
    int64_t seed;
    int64_t threads;
    int64_t keep_versions;
    bool warm_start;
    double lateness;
    double popular_half_life;
    double promote;
} TrainOptions;

/* What holdout says, with or without times: last, random or none. */
static inline Holdout ResolveHoldout(const TrainOptions *options, bool times)
{
    if (options->holdout == HOLDOUT_AUTO)
        return times ? HOLDOUT_LAST : HOLDOUT_RANDOM;
    return (Holdout)options->holdout;
}

/* What a list is called that names all. */
#define OPTION_ALL "all"

extern const OptionSpec train_options[]; /* ends with name == NULL */

/* Those of algorithms that learn from a log of slates; the other fields are 0. */
extern const OptionSpec policy_options[];

/* Sets every field of a list to its default. */
extern void OptionsDefault(const OptionSpec *list, void *options);

/* NULL: unknown. `presets` may be NULL, or ends with name == NULL. */
extern const Preset *PresetFind(const Preset *presets, const char *name);

/* Sets the fields that the preset names; all of them are in `list`. */
extern void PresetApply(const Preset *preset, const OptionSpec *list, void *options);

extern const OptionSpec *OptionFind(const OptionSpec *list, const char *name);

/*
 * Checks the value and stores it.  False if type or range is wrong; then `expected` (of `size`
 * bytes) tells what is accepted, for an error message.
 */
extern bool OptionStore(const OptionSpec *spec, OptionValue value, void *options, char *expected,
                        size_t size);

/* Writes what is accepted, such as "an integer from 1 to 4096" or "one of: none, last, random". */
extern void OptionDescribe(const OptionSpec *spec, char *text, size_t size);

/* Reads a field back as a number (choice: index, bool: 0/1). */
extern double OptionRead(const OptionSpec *spec, const void *options);

#endif
