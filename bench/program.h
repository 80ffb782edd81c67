/* program.h: what the C programs on src/core and src/algo share: a host, and options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algo/algorithm.h"

static void *Allocate(void *arg, size_t size)
{
    (void)arg;
    return malloc(size);
}

static void Release(void *arg, void *pointer)
{
    (void)arg;
    free(pointer);
}

static bool Pending(void *arg)
{
    (void)arg;
    return false;
}

static void Check(void *arg)
{
    (void)arg;
}

/* VERBOSE in the environment: epochs on stderr. */
static void Report(void *arg, const Progress *p)
{
    (void)arg;
    if (getenv("VERBOSE") != NULL)
        fprintf(stderr, "%s %d/%d loss %.4f %s %.4f %.1f s\n", p->stage, p->epoch, p->epochs,
                p->loss, p->metric, p->value, p->seconds);
}

static void Fail(void *arg, const Failure *failure) __attribute__((noreturn));

static void Fail(void *arg, const Failure *failure)
{
    (void)arg;
    fprintf(stderr, "error: %s (%s)\n", failure->message,
            failure->hint == NULL ? "" : failure->hint);
    exit(1);
}

static Host host = {.allocate = Allocate,
                    .release = Release,
                    .pending = Pending,
                    .check = Check,
                    .progress = Report,
                    .fail = Fail};

__attribute__((unused)) static FILE *Open(const char *file)
{
    FILE *in = fopen(file, "r");

    if (in == NULL) {
        perror(file);
        exit(1);
    }
    return in;
}

static OptionValue ParseValue(const char *text)
{
    char *end;
    double number = strtod(text, &end);

    if (*end == '\0')
        return (OptionValue){VALUE_NUMBER, number, NULL};
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return (OptionValue){VALUE_BOOL, text[0] == 't', NULL};
    return (OptionValue){VALUE_STRING, 0, text};
}

static void SetOption(const Algorithm *algorithm, void *options, char *setting)
{
    char *value = strchr(setting, '='), expected[256];
    const OptionSpec *spec;

    if (value != NULL) {
        *value++ = '\0';
        if (strcmp(setting, "preset") == 0 && PresetFind(algorithm->presets, value) != NULL) {
            PresetApply(PresetFind(algorithm->presets, value), algorithm->options, options);
            return;
        }
        spec = OptionFind(train_options, setting);
        if (spec == NULL)
            spec = OptionFind(algorithm->options, setting);
        if (spec != NULL &&
            OptionStore(spec, ParseValue(value), options, expected, sizeof(expected)))
            return;
    }
    fprintf(stderr, "bad option %s\n", setting);
    exit(1);
}

/* "name=value" each; NULL ends the settings. */
static TrainOptions *ReadOptions(const Algorithm *algorithm, char **settings)
{
    TrainOptions *options = calloc(1, algorithm->options_size);

    OptionsDefault(train_options, options);
    OptionsDefault(algorithm->options, options);
    for (; *settings != NULL; settings++)
        SetOption(algorithm, options, strdup(*settings));
    return options;
}

/* Of a list with commas, of which "-" is an empty one, for ReadOptions. */
__attribute__((unused)) static char **Settings(const char *list)
{
    char **settings = calloc(64, sizeof(char *)), *copy = strdup(list);
    int count = 0;

    for (char *s = strtok(copy, ","); s != NULL && count < 63; s = strtok(NULL, ","))
        if (strcmp(s, "-") != 0)
            settings[count++] = s;
    return settings;
}
