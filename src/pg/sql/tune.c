/* tune.c: recadv_tune(): searches for options, trains what it finds, and tells of every trial. */
#include "pg/base/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/json.h"
#include "pg/base/rowset.h"
#include "pg/model/options.h"
#include "pg/sql/checks.h"
#include "pg/sql/train_request.h"
#include "pg/train/tuning.h"

#define SECONDS_OF_A_DAY   86400.0
#define SECONDS_OF_A_MONTH (30 * SECONDS_OF_A_DAY)

/* --- what is asked */

static List *TakeNames(FunctionCallInfo fcinfo)
{
    Datum *elements;
    bool *nulls;
    List *names = NIL;
    int count;

    if (PG_ARGISNULL(TUNE_ALGORITHMS))
        return NIL;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(TUNE_ALGORITHMS), TEXTOID, -1, false, TYPALIGN_INT,
                      &elements, &nulls, &count);
    if (count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("algorithms must name at least one"),
                        errhint("NULL stands for all that suit the source.")));
    for (int i = 0; i < count; i++) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("algorithms must not contain NULL")));
        names = lappend(names, TextDatumGetCString(elements[i]));
    }
    return names;
}

/* 0: no limit. */
static double TakeSeconds(FunctionCallInfo fcinfo)
{
    const Interval *budget;
    double seconds;

    if (PG_ARGISNULL(TUNE_BUDGET))
        return 0;
    budget = PG_GETARG_INTERVAL_P(TUNE_BUDGET);
    seconds = (double)budget->time / USECS_PER_SEC + budget->day * SECONDS_OF_A_DAY +
              budget->month * SECONDS_OF_A_MONTH;
    if (!(seconds > 0))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("budget must be longer than no time"), errhint("NULL sets no limit.")));
    return seconds;
}

static void __attribute__((noreturn)) FailOwned(const char *key, JsonbValue *value)
{
    Jsonb *json = JsonbValueToJsonb(value);

    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"%s\" is not one of all algorithms, but of %s", key,
                           OptionOwners(key)),
                    errhint("Give it in the argument space: '{\"%s\": %s}'.", key,
                            JsonbToCString(NULL, &json->root, VARSIZE(json)))));
}

/* Options of single algorithms are searched, or set, by the space. */
static void CheckShared(Jsonb *options)
{
    JsonbIterator *iterator = JsonbIteratorInit(&options->root);
    JsonbIteratorToken token;
    JsonbValue value;
    char *key = NULL;

    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
        if (token == WJB_KEY)
            key = pnstrdup(value.val.string.val, value.val.string.len);
        else if (token == WJB_VALUE && key != NULL && OptionFind(train_options, key) == NULL &&
                 OptionOwners(key) != NULL)
            FailOwned(key, &value);
}

/* Options of a choice have arguments of their own here. */
static void CheckOptions(Jsonb *options)
{
    static const char *const others[] = {"candidates", "budget", "effort", "search", PRESET_KEY};

    for (int i = 0; i < (int)lengthof(others); i++)
        if (JB_ROOT_IS_OBJECT(options) && JsonbHas(options, others[i]))
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("option \"%s\" is not one of recadv_tune()", others[i]),
                     errhint("The arguments algorithms, space, budget and trials say what is "
                             "searched.")));
    CheckShared(options);
}

/* What serves has to be at least as good, unless the caller says otherwise. */
static char *TakeOptions(FunctionCallInfo fcinfo)
{
    Jsonb *options =
        PG_ARGISNULL(TRAIN_OPTIONS) ? JsonbParse("{}") : PG_GETARG_JSONB_P(TRAIN_OPTIONS);

    CheckOptions(options);
    if (JB_ROOT_IS_OBJECT(options) && !JsonbHas(options, "promote"))
        options = DatumGetJsonbP(DirectFunctionCall2(
            jsonb_concat, JsonbPGetDatum(JsonbParse("{\"promote\": 1}")), JsonbPGetDatum(options)));
    return JsonbToCString(NULL, &options->root, VARSIZE(options));
}

TrainRequest *TakeTuning(FunctionCallInfo fcinfo, int weight_column)
{
    TrainRequest *request = TakeSource(fcinfo, weight_column);
    Tuning *tuning = palloc0(sizeof(Tuning));
    Jsonb *space;

    CheckNotNull(fcinfo, TUNE_SPACE, "space");
    CheckNotNull(fcinfo, TUNE_TRIALS, "trials");
    space = PG_GETARG_JSONB_P(TUNE_SPACE);
    tuning->space_text = JsonbToCString(NULL, &space->root, VARSIZE(space));
    tuning->names = TakeNames(fcinfo);
    tuning->plan.trials = PG_GETARG_INT32(TUNE_TRIALS);
    tuning->plan.seconds = TakeSeconds(fcinfo);
    request->algorithm_name = choosing.name;
    request->options_text = TakeOptions(fcinfo);
    request->tuning = tuning;
    return request;
}

/* --- what is told */

/* The last trial with the options that were chosen. */
static bool IsChosen(const Choice *choice, int number)
{
    for (int i = number + 1; i < choice->trials; i++)
        if (choice->trial[i].options == choice->options)
            return false;
    return choice->trial[number].options == choice->options;
}

static void AddTrial(RowSet *rows, const Choice *choice, int number)
{
    const Trial *trial = &choice->trial[number];
    bool measured = !isnan(trial->metric), ran = trial->round > 0;
    const char *options = ChangedOptionsToJson(trial->algorithm, trial->options);
    Datum values[] = {Int32GetDatum(number + 1),
                      Int32GetDatum(trial->round),
                      CStringGetTextDatum(trial->algorithm->name),
                      JsonbPGetDatum(JsonbParse(options)),
                      Float8GetDatum(trial->metric),
                      Int32GetDatum(trial->epochs),
                      Float8GetDatum(trial->seconds),
                      BoolGetDatum(IsChosen(choice, number)),
                      trial->problem == NULL ? (Datum)0 : CStringGetTextDatum(trial->problem)};

    RowSetAdd(rows, values,
              (bool[]){false, !ran, false, false, !measured, !measured, !ran, false,
                       trial->problem == NULL});
}

PG_FUNCTION_INFO_V1(recadv_tune);

Datum recadv_tune(PG_FUNCTION_ARGS)
{
    TrainRequest *request;
    Training training;
    RowSet rows;

    CheckCanWrite("recadv_tune()");
    request = TakeTuning(fcinfo, TUNE_WEIGHT_COLUMN);
    RowSetOpen(&rows, fcinfo);
    TrainNow(request, &training);
    for (int i = 0; i < training.made->trials; i++)
        AddTrial(&rows, training.made, i);
    MemoryContextDelete(training.context);
    return (Datum)0;
}
