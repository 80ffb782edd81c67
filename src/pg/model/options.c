/*
 * options.c: parses and checks the argument "options", and lists what it may hold.
 *
 * The algorithms declare their options in tables; this file turns a jsonb object into the struct
 * that an algorithm reads, tells what is wrong with it, and is behind recadv_options().
 */
#include "pg/model/options.h"

#include "utils/builtins.h"
#include "utils/varlena.h"

#include "algo/choice/choose.h"

/* A key further away than this is not what was meant. */
#define NEAR_ENOUGH 4

char *AlgorithmNames(bool (*is_one)(const Algorithm *algorithm))
{
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; algorithms[i] != NULL; i++)
        if (is_one(algorithms[i]))
            appendStringInfo(&names, "%s%s", names.len == 0 ? "" : ", ", algorithms[i]->name);
    return names.data;
}

static bool LearnsInteractions(const Algorithm *algorithm)
{
    return !IsPolicy(algorithm);
}

static bool LearnsSessions(const Algorithm *algorithm)
{
    return IsPolicy(algorithm);
}

static bool IsAny(const Algorithm *algorithm)
{
    return true;
}

/* Fails, listing those that are meant, if there is no such algorithm. */
static const Algorithm *CheckKnown(const char *name, bool (*is_meant)(const Algorithm *algorithm))
{
    const Algorithm *algorithm = AlgorithmFind(name);

    if (algorithm != NULL)
        return algorithm;
    if (strcmp(name, choosing.name) == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("algorithm \"%s\" is chosen by recadv_train() and "
                               "recadv_train_job() alone",
                               name),
                        errhint("Name the algorithm here.")));
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown algorithm \"%s\"", name),
             errhint("Known algorithms: %s.", AlgorithmNames(is_meant))));
}

const Algorithm *CheckAlgorithm(const char *name)
{
    const Algorithm *algorithm = CheckKnown(name, LearnsInteractions);

    if (!LearnsInteractions(algorithm))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("algorithm \"%s\" learns from a log of %s, not from interactions", name,
                        ReadsActs(algorithm) ? "acts" : "slates"),
                 errhint("Train it with recadv_train_policy() or recadv_train_policy_job().")));
    return algorithm;
}

const Algorithm *CheckPolicy(const char *name)
{
    const Algorithm *algorithm = CheckKnown(name, LearnsSessions);

    if (!LearnsSessions(algorithm))
        ereport(
            ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("algorithm \"%s\" learns from interactions, not from a log of slates", name),
             errhint("Train it with recadv_train() or recadv_train_job().  From logs of "
                     "sessions learn: %s.",
                     AlgorithmNames(LearnsSessions))));
    return algorithm;
}

const Algorithm *CheckTrainable(const char *name)
{
    return strcmp(name, choosing.name) == 0 ? &choosing : CheckAlgorithm(name);
}

const Algorithm *CheckListed(const char *name)
{
    return strcmp(name, choosing.name) == 0 ? &choosing : CheckKnown(name, IsAny);
}

static const OptionSpec *FindSpec(const Algorithm *algorithm, const char *key)
{
    const OptionSpec *spec = OptionFind(CommonOptions(algorithm), key);

    return spec != NULL ? spec : OptionFind(algorithm->options, key);
}

static void Nearest(const OptionSpec *list, const char *key, const char **best, int *distance)
{
    for (; list->name != NULL; list++) {
        int d = varstr_levenshtein_less_equal(list->name, (int)strlen(list->name), key,
                                              (int)strlen(key), 1, 1, 1, *distance, true);

        if (d < *distance) {
            *distance = d;
            *best = list->name;
        }
    }
}

/* What is wrong with an option, and what to do. */
typedef struct Problem {
    char *message; /* NULL: nothing is wrong */
    char *hint;
    bool unknown; /* an option or a choice that does not exist */
} Problem;

char *PresetNames(const Algorithm *algorithm)
{
    StringInfoData names;

    initStringInfo(&names);
    appendStringInfoString(&names, "one of: " PRESET_STANDARD);
    for (const Preset *p = algorithm->presets; p->name != NULL; p++)
        appendStringInfo(&names, ", %s", p->name);
    return names.data;
}

char *OptionOwners(const char *key)
{
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; algorithms[i] != NULL; i++)
        if (!IsPolicy(algorithms[i]) && OptionFind(algorithms[i]->options, key) != NULL)
            appendStringInfo(&names, "%s%s", names.len == 0 ? "" : ", ", algorithms[i]->name);
    return names.len == 0 ? NULL : names.data;
}

static Problem UnknownOption(const Algorithm *algorithm, const char *key)
{
    Problem problem = {
        psprintf("unknown option \"%s\" for algorithm \"%s\"", key, algorithm->name),
        psprintf("SELECT * FROM recadv_options('%s') lists the options.", algorithm->name), true};
    const char *best = NULL;
    int distance = NEAR_ENOUGH + 1;
    char expected[256];

    /* The distance function refuses long strings. */
    if (strlen(key) < 64) {
        Nearest(CommonOptions(algorithm), key, &best, &distance);
        Nearest(algorithm->options, key, &best, &distance);
    }
    if (IsChoosing(algorithm) && OptionOwners(key) != NULL) {
        problem.hint = psprintf("It is an option of %s: name the algorithm to set its own.",
                                OptionOwners(key));
        return problem;
    }
    if (algorithm->presets != NULL && strlen(key) < 64 &&
        varstr_levenshtein_less_equal(PRESET_KEY, (int)strlen(PRESET_KEY), key, (int)strlen(key), 1,
                                      1, 1, distance, true) < distance)
        problem.hint =
            psprintf("The nearest option is \"%s\": %s.", PRESET_KEY, PresetNames(algorithm));
    else if (best != NULL) {
        OptionDescribe(FindSpec(algorithm, best), expected, sizeof(expected));
        problem.hint = psprintf("The nearest option is \"%s\": %s.", best, expected);
    }
    return problem;
}

OptionValue OptionValueOf(const JsonbValue *json)
{
    switch (json->type) {
    case jbvNull:
        return (OptionValue){VALUE_NULL, 0, NULL};
    case jbvBool:
        return (OptionValue){VALUE_BOOL, json->val.boolean, NULL};
    case jbvNumeric:
        return (OptionValue){VALUE_NUMBER, JsonbNumber(json), NULL};
    case jbvString:
        return (OptionValue){VALUE_STRING, 0, pnstrdup(json->val.string.val, json->val.string.len)};
    default:
        return (OptionValue){VALUE_OTHER, 0, NULL};
    }
}

static Problem SetOption(const Algorithm *algorithm, void *options, const char *key,
                         const JsonbValue *value)
{
    const OptionSpec *spec = FindSpec(algorithm, key);
    char expected[256];

    if (spec == NULL)
        return UnknownOption(algorithm, key);
    if (!OptionStore(spec, OptionValueOf(value), options, expected, sizeof(expected)))
        return (Problem){psprintf("option \"%s\" must be %s", key, expected), NULL,
                         spec->type == OPTION_CHOICE && value->type == jbvString};
    return (Problem){NULL, NULL};
}

static bool HasPresets(const Algorithm *algorithm, const char *key)
{
    return algorithm->presets != NULL && strcmp(key, PRESET_KEY) == 0;
}

/* Other defaults, before any key of the object counts: keys come in an order of their own. */
static Problem SetPreset(const Algorithm *algorithm, void *options, Jsonb *object)
{
    JsonbValue key = {.type = jbvString}, *value;
    const Preset *preset = NULL;

    key.val.string.val = PRESET_KEY;
    key.val.string.len = (int)strlen(PRESET_KEY);
    value = findJsonbValueFromContainer(&object->root, JB_FOBJECT, &key);
    if (value == NULL || algorithm->presets == NULL)
        return (Problem){NULL, NULL};
    if (value->type == jbvString) {
        char *name = pnstrdup(value->val.string.val, value->val.string.len);

        if (strcmp(name, PRESET_STANDARD) == 0)
            return (Problem){NULL, NULL};
        preset = PresetFind(algorithm->presets, name);
    }
    if (preset == NULL)
        return (Problem){psprintf("option \"%s\" must be %s", PRESET_KEY, PresetNames(algorithm)),
                         NULL};
    PresetApply(preset, algorithm->options, options);
    return (Problem){NULL, NULL};
}

static void SetDefaults(const Algorithm *algorithm, void *options)
{
    OptionsDefault(CommonOptions(algorithm), options);
    OptionsDefault(algorithm->options, options);
}

/* On top of what is there. */
static Problem SetOptions(const Algorithm *algorithm, void *options, Jsonb *object)
{
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    Problem problem = {NULL, NULL};
    JsonbValue value;
    char *key = NULL;

    if (object == NULL)
        return problem;
    if (!JB_ROOT_IS_OBJECT(object))
        return (Problem){"options must be a JSON object",
                         "For example: '{\"factors\": 32, \"epochs\": 50}'."};
    problem = SetPreset(algorithm, options, object);
    iterator = JsonbIteratorInit(&object->root);
    while (problem.message == NULL &&
           (token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token == WJB_KEY)
            key = pnstrdup(value.val.string.val, value.val.string.len);
        else if (token == WJB_VALUE && !HasPresets(algorithm, key))
            problem = SetOption(algorithm, options, key, &value);
    }
    return problem;
}

void *OptionsParse(const Algorithm *algorithm, Jsonb *object)
{
    void *options = palloc0(algorithm->options_size);
    Problem problem;

    SetDefaults(algorithm, options);
    problem = SetOptions(algorithm, options, object);
    if (problem.message != NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", problem.message),
                        problem.hint == NULL ? 0 : errhint("%s", problem.hint)));
    return options;
}

void *OptionsReadStored(const Algorithm *algorithm, Jsonb *object, char **message, bool *unknown)
{
    void *options = palloc0(algorithm->options_size);
    Problem problem;

    SetDefaults(algorithm, options);
    if (algorithm->before != NULL)
        PresetApply(&(Preset){.values = algorithm->before}, algorithm->options, options);
    problem = SetOptions(algorithm, options, object);
    *message = problem.message;
    *unknown = problem.unknown;
    return options;
}

char *ListText(const OptionSpec *spec, int64 bits)
{
    StringInfoData text;

    initStringInfo(&text);
    for (int i = 0; spec->choices[i] != NULL; i++)
        if ((bits >> i & 1) != 0)
            appendStringInfo(&text, "%s%s", text.len == 0 ? "" : ", ", spec->choices[i]);
    return text.len == 0 ? pstrdup(OPTION_ALL) : text.data;
}

static void WriteOption(StringInfo json, const OptionSpec *spec, double value)
{
    switch (spec->type) {
    case OPTION_BOOL:
        JsonBool(json, spec->name, value != 0);
        break;
    case OPTION_INTEGER:
        JsonInteger(json, spec->name, (int64)value);
        break;
    case OPTION_REAL:
        JsonReal(json, spec->name, value);
        break;
    case OPTION_CHOICE:
        JsonString(json, spec->name, spec->choices[(int)value]);
        break;
    case OPTION_LIST:
        JsonString(json, spec->name, ListText(spec, (int64)value));
        break;
    }
}

static void WriteOptions(StringInfo json, const OptionSpec *list, const void *options)
{
    for (; list->name != NULL; list++)
        WriteOption(json, list, OptionRead(list, options));
}

char *ChangedOptionsToJson(const Algorithm *algorithm, const void *options)
{
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    for (const OptionSpec *spec = algorithm->options; spec->name != NULL; spec++)
        if (OptionRead(spec, options) != spec->standard)
            WriteOption(&json, spec, OptionRead(spec, options));
    JsonClose(&json, '}');
    return json.data;
}

char *OptionsToJson(const Algorithm *algorithm, const void *options)
{
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    WriteOptions(&json, algorithm->options, options);
    WriteOptions(&json, CommonOptions(algorithm), options);
    JsonClose(&json, '}');
    return json.data;
}
