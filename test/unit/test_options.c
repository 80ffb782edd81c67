/* test_options.c: defaults, types, ranges and messages. */
#include "algo/options.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "algo/choice/choose.h"
#include "check.h"
#include "tests.h"

typedef struct Sample {
    bool flag;
    int64_t integer;
    double real;
    int choice;
    double share;
} Sample;

static const char *const colours[] = {"red", "green", "blue", NULL};

static const char *const ends[] = {"none", "everything", NULL};

static const OptionSpec list[] = {
    {"flag", OPTION_BOOL, offsetof(Sample, flag), 0, 1, 1, NULL, "m", "s"},
    {"integer", OPTION_INTEGER, offsetof(Sample, integer), -5, 4096, 64, NULL, "m", "s"},
    {"real", OPTION_REAL, offsetof(Sample, real), 0, 1000, 0.05, NULL, "m", "s"},
    {"choice", OPTION_CHOICE, offsetof(Sample, choice), 0, 0, 2, colours, "m", "s"},
    {"share", OPTION_REAL, offsetof(Sample, share), 0, 2, 0.5, ends, "m", "s"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static Sample sample;
static char expected[64];

static bool Store(const char *name, OptionValue value)
{
    memset(expected, 'x', sizeof(expected));
    return OptionStore(OptionFind(list, name), value, &sample, expected, sizeof(expected));
}

static bool Number(const char *name, double number)
{
    return Store(name, (OptionValue){VALUE_NUMBER, number, NULL});
}

static bool String(const char *name, const char *string)
{
    return Store(name, (OptionValue){VALUE_STRING, 0, string});
}

static bool Bool(const char *name, bool value)
{
    return Store(name, (OptionValue){VALUE_BOOL, value, NULL});
}

/* Refused, with this text, and nothing changed. */
static bool Refused(bool stored, const Sample *before, const char *text)
{
    return !stored && memcmp(before, &sample, sizeof(sample)) == 0 && strcmp(expected, text) == 0;
}

static void CheckDefaults(void)
{
    memset(&sample, 0, sizeof(sample));
    OptionsDefault(list, &sample);
    CHECK(sample.flag && sample.integer == 64 && sample.real == 0.05 && sample.choice == 2,
          "defaults of every type");
    CHECK(OptionRead(&list[0], &sample) == 1 && OptionRead(&list[1], &sample) == 64 &&
              OptionRead(&list[2], &sample) == 0.05 && OptionRead(&list[3], &sample) == 2,
          "fields read back as numbers");
    CHECK(OptionFind(list, "real") == &list[2], "an option is found by name");
    CHECK(OptionFind(list, "Real") == NULL && OptionFind(list, "") == NULL &&
              OptionFind(list, "reals") == NULL,
          "other names are not");
}

static void CheckAccepted(void)
{
    CHECK(Bool("flag", false) && !sample.flag && Bool("flag", true) && sample.flag, "bool");
    CHECK(Number("integer", -5) && sample.integer == -5 && Number("integer", 4096) &&
              sample.integer == 4096 && Number("integer", -0.0) && sample.integer == 0,
          "integer, up to both ends");
    CHECK(Number("real", 0) && sample.real == 0 && Number("real", 1000) && sample.real == 1000 &&
              Number("real", DBL_MIN) && sample.real == DBL_MIN,
          "real, up to both ends");
    CHECK(String("choice", "red") && sample.choice == 0 && String("choice", "blue") &&
              sample.choice == 2,
          "choice, first and last");
    CHECK(String("share", "none") && sample.share == 0 && String("share", "everything") &&
              sample.share == 2 && Number("share", 0.25) && sample.share == 0.25,
          "real with names for its ends");
}

static void CheckRefused(void)
{
    const char *integer = "an integer from -5 to 4096", *real = "a number from 0 to 1000";
    const char *choice = "one of: red, green, blue", *flag = "true or false";
    Sample before = sample;
    bool right = true;

    right &= Refused(Number("integer", -6), &before, integer);
    right &= Refused(Number("integer", 4097), &before, integer);
    right &= Refused(Number("integer", 1.5), &before, integer);
    right &= Refused(Number("integer", 1e300), &before, integer);
    right &= Refused(Number("real", -1e-9), &before, real);
    right &= Refused(Number("real", 1000.0001), &before, real);
    CHECK(right, "out of range is refused with what is accepted");
    right = Refused(Number("integer", NAN), &before, integer);
    right &= Refused(Number("integer", INFINITY), &before, integer);
    right &= Refused(Number("integer", -INFINITY), &before, integer);
    right &= Refused(Number("real", NAN), &before, real);
    right &= Refused(Number("real", INFINITY), &before, real);
    right &= Refused(Number("real", -INFINITY), &before, real);
    right &= Refused(Store("flag", (OptionValue){VALUE_BOOL, NAN, NULL}), &before, flag);
    CHECK(right, "NaN and infinities are refused");
    right = Refused(String("choice", "Red"), &before, choice);
    right &= Refused(String("choice", ""), &before, choice);
    right &= Refused(String("choice", "red "), &before, choice);
    CHECK(right, "an unknown choice is refused");
    right = Refused(String("share", "half"), &before, "none, everything or a number from 0 to 2");
    right &= Refused(String("share", "1"), &before, "none, everything or a number from 0 to 2");
    right &= Refused(Number("share", 2.5), &before, "none, everything or a number from 0 to 2");
    right &= Refused(Bool("share", true), &before, "none, everything or a number from 0 to 2");
    CHECK(right, "so is another name of a real");
}

static void CheckTypes(void)
{
    static const OptionValue values[] = {{VALUE_NULL, 1, NULL},
                                         {VALUE_BOOL, 1, NULL},
                                         {VALUE_NUMBER, 1, NULL},
                                         {VALUE_STRING, 1, "red"},
                                         {VALUE_OTHER, 1, NULL}};
    static const int right_type[] = {1, 2, 2, 3};
    bool right = true;

    for (int o = 0; o < 4; o++)
        for (int v = 0; v < 5; v++)
            right &= Store(list[o].name, values[v]) == (v == right_type[o]);
    CHECK(right, "each option takes its own type of value only");
}

/* Short buffers get a cut, terminated text, and nothing behind them is touched. */
static void CheckBuffers(void)
{
    bool right = true;

    for (int o = 0; o < 4; o++) {
        char full[128];

        OptionDescribe(&list[o], full, sizeof(full));
        for (size_t size = 1; size < sizeof(full); size++) {
            char text[130];

            memset(text, '!', sizeof(text));
            OptionDescribe(&list[o], text, size);
            right &= memchr(text, '\0', size) != NULL && strncmp(text, full, strlen(text)) == 0;
            right &= strlen(text) == (strlen(full) < size ? strlen(full) : size - 1);
            right &= text[size] == '!';
        }
    }
    CHECK(right, "a description is cut to its buffer");
}

/*
 * The lists of the library: defaults are acceptable, fields lie within their struct, no name stands
 * in `common`, too.
 */
static void CheckList(const char *name, const OptionSpec *options, const OptionSpec *common,
                      size_t size)
{
    bool right = true;
    char text[256];

    for (const OptionSpec *o = options; o->name != NULL; o++) {
        size_t width = o->type == OPTION_BOOL ? 1 : o->type == OPTION_CHOICE ? 4 : 8;
        char field[2048] = {0};
        OptionValue value = {o->type == OPTION_BOOL     ? VALUE_BOOL
                             : o->type == OPTION_CHOICE ? VALUE_STRING
                                                        : VALUE_NUMBER,
                             o->standard, NULL};

        if (o->type == OPTION_CHOICE)
            value.string = o->choices[(int)o->standard];
        if (o->type == OPTION_LIST)
            value = (OptionValue){VALUE_STRING, 0, OPTION_ALL};
        right &= o->offset % width == 0 && o->offset + width <= size && size < sizeof(field);
        right &= OptionStore(o, value, field, text, sizeof(text));
        right &= OptionRead(o, field) == o->standard;
        right &= OptionFind(options, o->name) == o && o->meaning != NULL && o->source != NULL;
        right &= common == NULL || OptionFind(common, o->name) == NULL;
    }
    CHECK(right, "options of %s: names once, defaults in range, sources told", name);
}

static void CheckLimits(void)
{
    TrainOptions options;
    const OptionSpec *seed = OptionFind(train_options, "seed");

    OptionsDefault(train_options, &options);
    CHECK(options.holdout == HOLDOUT_AUTO && options.seed == 1, "defaults of training");
    CHECK(OptionStore(seed, (OptionValue){VALUE_NUMBER, 9007199254740991.0, NULL}, &options,
                      expected, sizeof(expected)) &&
              options.seed == 9007199254740991,
          "the largest seed is kept exactly");
    CHECK(!OptionStore(seed, (OptionValue){VALUE_NUMBER, 9007199254740992.0, NULL}, &options,
                       expected, sizeof(expected)),
          "one more is refused: %s", expected);
}

void TestOptions(void)
{
    CheckDefaults();
    CheckAccepted();
    CheckRefused();
    CheckTypes();
    CheckBuffers();
    CheckLimits();
    CheckList("training", train_options, NULL, sizeof(TrainOptions));
    CheckList("policies", policy_options, NULL, sizeof(TrainOptions));
    CheckList(choosing.name, choosing.options, train_options, choosing.options_size);
    for (int a = 0; algorithms[a] != NULL; a++)
        CheckList(algorithms[a]->name, algorithms[a]->options, CommonOptions(algorithms[a]),
                  algorithms[a]->options_size);
}
