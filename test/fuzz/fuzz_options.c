/*
 * fuzz_options.c: names and values of options from outside.
 *
 * Input: a selector byte, a type byte, eight bytes of a number, the name up to a zero byte, then
 * the string value.  An unknown name falls back to the selector's option, so that values are tried
 * even before a name is guessed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/algorithm.h"

#define OPTIONS_SIZE 1024
#define TEXT_SIZE    256

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

typedef struct Input {
    uint8_t selector;
    uint8_t type;
    double number;
    char name[TEXT_SIZE];
    char string[TEXT_SIZE];
} Input;

static void TakeText(char *text, const uint8_t **data, size_t *size)
{
    size_t n = 0;

    while (*size > 0 && **data != 0 && n < TEXT_SIZE - 1) {
        text[n++] = (char)*(*data)++;
        (*size)--;
    }
    if (*size > 0) { /* the zero byte, or the first that does not fit */
        (*data)++;
        (*size)--;
    }
    text[n] = '\0';
}

static bool TakeInput(const uint8_t *data, size_t size, Input *input)
{
    if (size < 10)
        return false;
    input->selector = data[0];
    input->type = data[1] % 5;
    memcpy(&input->number, data + 2, sizeof(double));
    data += 10;
    size -= 10;
    TakeText(input->name, &data, &size);
    TakeText(input->string, &data, &size);
    return true;
}

static const OptionSpec *ChooseList(uint8_t selector)
{
    int count = 0;

    while (algorithms[count] != NULL)
        count++;
    selector %= count + 2;
    if (selector > count)
        return policy_options;
    return selector == count ? train_options : algorithms[selector]->options;
}

static const OptionSpec *ChooseOption(const OptionSpec *list, const Input *input)
{
    const OptionSpec *found = OptionFind(list, input->name);
    int count = 0;

    if (found != NULL) {
        REQUIRE(strcmp(found->name, input->name) == 0);
        return found;
    }
    while (list[count].name != NULL)
        count++;
    return count == 0 ? NULL : &list[input->selector / 8 % count];
}

static OptionValue MakeValue(const Input *input)
{
    static const int types[] = {VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_STRING, VALUE_OTHER};
    OptionValue value = {.number = input->number, .string = NULL};

    memcpy(&value.type, &types[input->type], sizeof(int));
    if (value.type == VALUE_BOOL)
        value.number = input->number > 0;
    if (value.type == VALUE_STRING)
        value.string = input->string;
    return value;
}

/* What was accepted lies within the option's range and reads back as it was written. */
static void CheckStored(const OptionSpec *spec, OptionValue value, const void *options)
{
    double stored = OptionRead(spec, options);
    int choices = 0;

    switch (spec->type) {
    case OPTION_BOOL:
        REQUIRE(value.type == VALUE_BOOL && stored == value.number);
        break;
    case OPTION_CHOICE:
        while (spec->choices[choices] != NULL)
            choices++;
        REQUIRE(value.type == VALUE_STRING && stored >= 0 && stored < choices);
        REQUIRE(strcmp(spec->choices[(int)stored], value.string) == 0);
        break;
    case OPTION_LIST:
        REQUIRE(value.type == VALUE_STRING && stored >= 0 && value.string[0] != '\0');
        break;
    case OPTION_INTEGER:
        REQUIRE(stored == floor(stored)); /* and as for a real */
    /* fall through */
    case OPTION_REAL:
        if (value.type == VALUE_STRING && spec->choices != NULL) { /* an end by its name */
            int end = stored == spec->minimum ? 0 : 1;

            REQUIRE(strcmp(spec->choices[end], value.string) == 0);
            REQUIRE(stored == (end == 0 ? spec->minimum : spec->maximum));
            break;
        }
        REQUIRE(value.type == VALUE_NUMBER && stored == value.number);
        REQUIRE(stored >= spec->minimum && stored <= spec->maximum);
        break;
    }
}

static void CheckRefused(const char *expected, size_t size, const char *before, const char *after)
{
    REQUIRE(memcmp(before, after, OPTIONS_SIZE) == 0);
    REQUIRE(memchr(expected, '\0', size) != NULL);
    REQUIRE(size < 8 || expected[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char options[OPTIONS_SIZE], before[OPTIONS_SIZE], *expected;
    const OptionSpec *list, *spec;
    OptionValue value;
    size_t room;
    Input input;

    if (!TakeInput(data, size, &input))
        return 0;
    list = ChooseList(input.selector);
    spec = ChooseOption(list, &input);
    if (spec == NULL)
        return 0;
    memset(options, 0, sizeof(options));
    OptionsDefault(list, options);
    memcpy(before, options, sizeof(options));
    value = MakeValue(&input);
    room = 1 + strlen(input.string) % TEXT_SIZE; /* its own block: overruns show */
    expected = malloc(room);
    if (OptionStore(spec, value, options, expected, room))
        CheckStored(spec, value, options);
    else
        CheckRefused(expected, room, before, options);
    free(expected);
    return 0;
}
