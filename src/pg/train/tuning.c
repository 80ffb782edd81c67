/*
 * tuning.c: reads the space of options that recadv_tune() searches.
 *
 * A key of the space is an option; its value is one value, an array of values, or an object with
 * min and max and, if they are to be spread by logarithm, log.
 */
#include "pg/train/tuning.h"

#include <math.h>

#include "utils/builtins.h"

#include "pg/base/json.h"
#include "pg/model/options.h"

/* --- algorithms */

static int IndexOf(const Algorithm *algorithm)
{
    int i = 0;

    while (algorithms[i] != algorithm)
        i++;
    return i;
}

static int64 CandidateBits(List *names)
{
    int64 bits = 0;
    ListCell *cell;

    foreach (cell, names)
        bits |= (int64)1 << IndexOf(CheckAlgorithm(lfirst(cell)));
    return bits;
}

/* --- values */

static void __attribute__((noreturn)) FailValue(const OptionSpec *spec)
{
    char expected[256];

    OptionDescribe(spec, expected, sizeof(expected));
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("values of \"%s\" in space must be %s", spec->name, expected),
             errhint("For example: '{\"factors\": [32, 64], \"regularization\": {\"min\": 0.001, "
                     "\"max\": 0.1, \"log\": true}}'.")));
}

/* The number that stands for the value. */
static double TakeValue(const OptionSpec *spec, const JsonbValue *value)
{
    char *options = palloc0(spec->offset + sizeof(int64)), expected[256]; /* no field is wider */

    if (!OptionStore(spec, OptionValueOf(value), options, expected, sizeof(expected)))
        FailValue(spec);
    return OptionRead(spec, options);
}

static void TakeList(TuneAxis *axis, JsonbContainer *array)
{
    axis->count = (int)JsonContainerSize(array);
    axis->values = palloc((Size)(axis->count + 1) * sizeof(double));
    if (axis->count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"%s\" in space has no values", axis->spec->name)));
    for (int i = 0; i < axis->count; i++)
        axis->values[i] = TakeValue(axis->spec, getIthJsonbValueFromContainer(array, (uint32)i));
}

static JsonbValue *Find(JsonbContainer *object, const char *key)
{
    JsonbValue name = {.type = jbvString};

    name.val.string.val = unconstify(char *, key);
    name.val.string.len = (int)strlen(key);
    return findJsonbValueFromContainer(object, JB_FOBJECT, &name);
}

static void __attribute__((noreturn)) FailRange(const OptionSpec *spec, const char *problem)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("range of \"%s\" in space %s", spec->name, problem),
                    errhint("A range has min and max, numbers, and may have log, true or false.")));
}

static double TakeEnd(const OptionSpec *spec, JsonbContainer *object, const char *key)
{
    JsonbValue *value = Find(object, key);

    if (value == NULL || value->type != jbvNumeric)
        FailRange(spec, "needs numbers min and max");
    return TakeValue(spec, value);
}

static void TakeRange(TuneAxis *axis, JsonbContainer *object)
{
    JsonbValue *log = Find(object, "log");

    if (axis->spec->type != OPTION_INTEGER && axis->spec->type != OPTION_REAL)
        FailRange(axis->spec, "is of an option that is no number");
    axis->least = TakeEnd(axis->spec, object, "min");
    axis->greatest = TakeEnd(axis->spec, object, "max");
    if (log != NULL && log->type != jbvBool)
        FailRange(axis->spec, "has a log that is neither true nor false");
    if (JsonContainerSize(object) != (log == NULL ? 2 : 3))
        FailRange(axis->spec, "has other keys than min, max and log");
    axis->log = log != NULL && log->val.boolean;
    if (axis->least > axis->greatest)
        FailRange(axis->spec, "has a min that is greater than its max");
    if (axis->log && axis->least <= 0)
        FailRange(axis->spec, "has no logarithm at its min");
}

static TuneAxis TakeAxis(const OptionSpec *spec, JsonbValue *value)
{
    TuneAxis axis = {.spec = spec};

    if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data)) {
        TakeList(&axis, value->val.binary.data);
    } else if (value->type == jbvBinary) {
        TakeRange(&axis, value->val.binary.data);
    } else {
        axis.values = palloc(sizeof(double));
        axis.values[0] = TakeValue(spec, value);
        axis.count = 1;
    }
    return axis;
}

/* --- spaces */

/* Of those keys of the space that the algorithm has. */
static TuneSpace TakeSpace(const Algorithm *algorithm, Jsonb *space)
{
    TuneSpace result = {.algorithm = algorithm};
    const OptionSpec *spec = algorithm->options;

    result.axes = palloc0((JsonContainerSize(&space->root) + 1) * sizeof(TuneAxis));
    for (; spec->name != NULL; spec++) {
        JsonbValue *value = Find(&space->root, spec->name);

        if (value != NULL)
            result.axes[result.count++] = TakeAxis(spec, value);
    }
    return result;
}

static bool IsSearched(const TunePlan *plan, const char *key)
{
    for (int i = 0; i < plan->count; i++)
        if (OptionFind(plan->spaces[i].algorithm->options, key) != NULL)
            return true;
    return false;
}

static void FailKey(const TunePlan *plan, const char *key)
{
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; i < plan->count; i++)
        appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", plan->spaces[i].algorithm->name);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"%s\" in space is no option of the algorithms that are searched: %s",
                           key, names.data),
                    OptionFind(train_options, key) != NULL
                        ? errhint("All trials share it: give it in the argument options.")
                        : errhint("recadv_options() lists the options of each algorithm.")));
}

static void CheckKeys(const TunePlan *plan, Jsonb *space)
{
    JsonbIterator *iterator = JsonbIteratorInit(&space->root);
    JsonbIteratorToken token;
    JsonbValue value;

    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
        if (token == WJB_KEY) {
            char *key = pnstrdup(value.val.string.val, value.val.string.len);

            if (!IsSearched(plan, key))
                FailKey(plan, key);
        }
}

static void TakeSpaces(TrainRequest *request, Columns columns)
{
    Tuning *tuning = request->tuning;
    Jsonb *space = JsonbParse(tuning->space_text);
    TunePlan *plan = &tuning->plan;
    BackendHost backend;
    int count = 0;

    if (!JB_ROOT_IS_OBJECT(space))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("space must be a JSON object"),
                 errhint("For example: '{\"factors\": [32, 64]}'.")));
    BackendHostInit(&backend, CurrentMemoryContext, "recadv_tune");
    while (algorithms[count] != NULL)
        count++;
    plan->spaces = palloc0((Size)count * sizeof(TuneSpace));
    plan->count = 0;
    for (int i = 0; algorithms[i] != NULL; i++)
        if (IsCandidate(request->options, i, columns))
            plan->spaces[plan->count++] = JB_ROOT_COUNT(space) == 0
                                              ? StandardSpace(&backend.host, algorithms[i])
                                              : TakeSpace(algorithms[i], space);
    CheckKeys(plan, space);
}

void TuningParse(TrainRequest *request)
{
    ChoiceOptions *options = request->options;
    Tuning *tuning = request->tuning;

    if (tuning->plan.trials < 1 || tuning->plan.trials > MOST_TRIALS)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("trials must be from 1 to %d, not %d", MOST_TRIALS, tuning->plan.trials)));
    options->candidates = CandidateBits(tuning->names);
    TakeSpaces(request, RequestColumns(request));
}
