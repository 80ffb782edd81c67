/*
 * choice.c: turns a request for no algorithm in particular into one for the algorithm that suits
 * the data.
 *
 * recadv_train() and recadv_train_job() call it between their phases; writer.c stores what was
 * tried.
 */
#include "pg/train/choice.h"

#include <math.h>

#include "algo/choice/choose.h"
#include "algo/choice/trial.h"
#include "pg/base/json.h"
#include "pg/base/settings.h"
#include "pg/model/header.h"
#include "pg/model/options.h"
#include "pg/model/table.h"
#include "pg/model/versions.h"
#include "pg/train/tuning.h"

void ChoiceCheck(const TrainRequest *request)
{
    const ChoiceOptions *options = request->options;
    const Algorithm *misfit;

    if (!IsChoosing(request->algorithm))
        return;
    if (options->train.holdout == HOLDOUT_NONE)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s chooses by interactions that are held out, but option "
                               "\"holdout\" is \"none\"",
                               request->tuning != NULL
                                   ? "recadv_tune()"
                                   : psprintf("algorithm \"%s\"", request->algorithm->name)),
                        errhint(request->tuning != NULL
                                    ? "Leave the option out."
                                    : "Name the algorithm, or leave the option out.")));
    misfit = ChoiceMisfit(options, RequestColumns(request));
    if (misfit != NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("candidate \"%s\" needs times", misfit->name),
                        errhint("Name the column with time_column => '...', or leave the "
                                "candidate out.")));
}

/* What was kept of the rows for candidates that were not chosen. */
static void DropUnused(Training *t, const TrainRequest *request)
{
    const Host *host = &t->backend.host;
    Collected *c = &t->collected;

    if (request->algorithm->stream == NULL) {
        c->window = NULL;
        c->learnt = (LearntLists){0};
    }
    if (WantsEvents(request->algorithm, request->options) || c->data.events == NULL)
        return;
    HostRelease(host, c->events.offset);
    HostRelease(host, c->events.item);
    HostRelease(host, c->events.time);
    HostRelease(host, c->events.weight);
    c->events = (Events){0};
    c->data.events = NULL;
}

/* From here on the request is one for this algorithm; what all algorithms have stays as asked. */
static void Adopt(Training *t, TrainRequest *request, const Algorithm *algorithm,
                  const void *options)
{
    TrainOptions *own = MemoryContextAllocZero(t->context, algorithm->options_size);

    memcpy(own, options, algorithm->options_size);
    *own = *(const TrainOptions *)request->options;
    request->algorithm = algorithm;
    request->algorithm_name = algorithm->name;
    request->options = own;
    DropUnused(t, request);
}

/* --- an earlier choice */

/* Data that have grown or shrunk by more deserve another choice. */
#define MUCH 1.5

static bool MayBeChosen(const TrainRequest *request, const Algorithm *algorithm)
{
    for (int i = 0; algorithms[i] != NULL; i++)
        if (algorithms[i] == algorithm)
            return IsCandidate(request->options, i, RequestColumns(request));
    return false;
}

/* Options that were chosen where there were times may need them. */
static bool HasColumns(const TrainRequest *request, const Algorithm *algorithm, const void *options)
{
    return (RequiredColumns(algorithm, options) & ~RequestColumns(request)) == 0;
}

static bool IsAbout(Jsonb *choice, const char *key, uint64 now)
{
    double then;

    return JsonbGetReal(choice, key, &then) && (double)now <= then * MUCH &&
           (double)now >= then / MUCH;
}

/* Are they the data that the choice was made by, but for a little? */
static bool IsAlike(Jsonb *choice, const Interactions *data)
{
    return IsAbout(choice, "interactions", data->count) && IsAbout(choice, "users", data->users) &&
           IsAbout(choice, "items", data->items);
}

static char *Candidates(const ChoiceOptions *options)
{
    return ListText(OptionFind(choosing.options, "candidates"), options->candidates);
}

static bool HasText(Jsonb *choice, const char *key, const char *text)
{
    const char *stored = JsonbGetString(choice, key);

    return stored != NULL && strcmp(stored, text) == 0;
}

/* Is no more asked for than what the choice was made by?  recadv_tune() stores no candidates. */
static bool IsEnough(Jsonb *choice, const ChoiceOptions *options)
{
    double budget;

    return HasText(choice, "effort", effort_names[options->effort]) &&
           (!JsonbHas(choice, "candidates") ||
            HasText(choice, "candidates", Candidates(options))) &&
           JsonbGetReal(choice, "budget", &budget) && options->budget <= budget;
}

/* Of nothing that was measured, a choice says nothing, unless there is none to make. */
static bool IsFounded(Jsonb *choice, const TrainRequest *request)
{
    int64 measured;
    int candidates = 0;

    if (JsonbGetInteger(choice, "measured", &measured) && measured > 0)
        return true;
    for (int i = 0; algorithms[i] != NULL; i++)
        candidates += IsCandidate(request->options, i, RequestColumns(request));
    return candidates == 1;
}

static Jsonb *ReadObject(Jsonb *header, const char *key)
{
    return header == NULL || !JB_ROOT_IS_OBJECT(header) ? NULL : JsonbGetObject(header, key);
}

static const Algorithm *ReadAlgorithm(Jsonb *header)
{
    char *name =
        header == NULL || !JB_ROOT_IS_OBJECT(header) ? NULL : JsonbGetString(header, "algorithm");

    return name == NULL ? NULL : AlgorithmFind(name);
}

static void KeepVersion(Training *t, TrainRequest *request, ModelStore *store)
{
    Jsonb *header = StoreTryJson(store, PART_HEADER, 0), *choice = ReadObject(header, "choice");
    const Algorithm *algorithm = ReadAlgorithm(header);
    char *problem;
    bool unknown;
    void *options;

    if (choice == NULL || algorithm == NULL || !MayBeChosen(request, algorithm) ||
        !IsEnough(choice, request->options) || !IsFounded(choice, request) ||
        !IsAlike(choice, &t->collected.data))
        return;
    options = OptionsReadStored(algorithm, ReadObject(header, "options"), &problem, &unknown);
    if (problem != NULL || !HasColumns(request, algorithm, options))
        return;
    Adopt(t, request, algorithm, options);
    t->choice =
        MemoryContextStrdup(t->context, JsonbToCString(NULL, &choice->root, VARSIZE(choice)));
    t->chosen = MemoryContextStrdup(t->context, "chosen for an earlier version");
    ereport(NOTICE, (errmsg("algorithm \"%s\" was chosen for an earlier version of model \"%s\" "
                            "and is kept",
                            request->algorithm->name, request->model),
                     errhint("The option search chooses again.")));
}

/* A version that cannot be read must not stop the training that is to replace it. */
void ChoiceKeep(Training *t, TrainRequest *request, Oid relid)
{
    const ChoiceOptions *options = request->options;
    ModelTable table;
    Current current;

    if (!IsChoosing(request->algorithm) || options->search || request->tuning != NULL)
        return;
    ModelTableOpenOwned(relid, &table);
    if (ModelTableTryCurrent(&table, &current) == NULL && current.version > 0) {
        table.store.version = current.version;
        KeepVersion(t, request, &table.store);
    }
    ModelTableClose(&table);
}

/* --- the search */

typedef struct Search {
    Training *training;
    const ChoiceOptions *options;
    const Tuning *tuning;
    Size room;
    Choice *choice;
} Search;

static void RunSearch(void *arg)
{
    Search *s = arg;
    const Host *host = &s->training->backend.host;
    const Interactions *data = &s->training->collected.data;

    if (s->tuning != NULL)
        Tune(host, data, &s->tuning->plan, &s->options->train, s->room, s->choice);
    else
        Choose(host, data, s->options, s->room, s->choice);
}

static void DescribeTrial(StringInfo json, const Trial *trial)
{
    JsonOpen(json, NULL, '{');
    JsonString(json, "algorithm", trial->algorithm->name);
    if (trial->round > 0)
        JsonInteger(json, "round", trial->round);
    JsonReal(json, choosing.metrics[0].name, trial->metric);
    if (trial->problem != NULL)
        JsonString(json, "problem", trial->problem);
    if (trial->round > 0) {
        JsonRaw(json, "options", ChangedOptionsToJson(trial->algorithm, trial->options));
        JsonInteger(json, "epochs", trial->epochs);
        JsonReal(json, "seconds", trial->seconds);
    }
    JsonClose(json, '}');
}

static int Measured(const Choice *choice)
{
    int count = 0;

    for (int i = 0; i < choice->trials; i++)
        count += !isnan(choice->trial[i].metric);
    return count;
}

static void DescribeChoice(Training *t, const TrainRequest *request, const Choice *choice)
{
    const ChoiceOptions *options = request->options;
    const Interactions *data = &t->collected.data;
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    JsonString(&json, "algorithm", choice->algorithm->name);
    JsonString(&json, "reason", t->chosen);
    JsonString(&json, "effort", effort_names[options->effort]);
    if (request->tuning == NULL)
        JsonString(&json, "candidates", Candidates(options));
    JsonReal(&json, "budget", options->budget);
    JsonInteger(&json, "measured", Measured(choice));
    JsonInteger(&json, "interactions", (int64)data->count);
    JsonInteger(&json, "users", data->users);
    JsonInteger(&json, "items", data->items);
    JsonOpen(&json, "trials", '[');
    for (int i = 0; i < choice->trials; i++)
        DescribeTrial(&json, &choice->trial[i]);
    JsonClose(&json, ']');
    JsonClose(&json, '}');
    t->choice = json.data;
}

/* The last trial of what was chosen that was measured. */
static const Trial *BestOf(const Choice *choice)
{
    int i = choice->trials - 1;

    while (i > 0 && (choice->trial[i].options != choice->options || isnan(choice->trial[i].metric)))
        i--;
    return &choice->trial[i];
}

/* What the last round but variants says of each that came so far, and of variants. */
static char *DescribeRounds(const Choice *choice)
{
    int last = choice->trial[choice->trials - 1].round, first = last;
    StringInfoData text;

    for (int i = 0; i < choice->trials; i++)
        if (choice->trial[i].algorithm != choice->algorithm && choice->trial[i].round > 0 &&
            !isnan(choice->trial[i].metric))
            first = choice->trial[i].round;
    initStringInfo(&text);
    for (int i = 0; i < choice->trials; i++) {
        const Trial *trial = &choice->trial[i];
        const char *options = ChangedOptionsToJson(trial->algorithm, trial->options);

        if (trial->round < first || isnan(trial->metric))
            continue;
        appendStringInfo(&text, "%s %s", text.len == 0 ? "" : ",", trial->algorithm->name);
        if (trial->round > first)
            appendStringInfo(&text, " %s", options);
        appendStringInfo(&text, " %.4f", trial->metric);
        if (trial->round > first && trial->metric > BestOf(choice)->metric)
            appendStringInfoString(&text, " (a gain that may be chance)");
    }
    return text.data;
}

static char *Reason(const Choice *choice, bool tuned)
{
    if (choice->untried != NULL)
        return pstrdup(choice->untried);
    if (tuned)
        return psprintf("%s of held-out interactions is %.4f, the best of %d trials, with %s",
                        choosing.metrics[0].label, BestOf(choice)->metric, Measured(choice),
                        ChangedOptionsToJson(choice->algorithm, choice->options));
    return psprintf("%s of held-out interactions after short trainings is%s",
                    choosing.metrics[0].label, DescribeRounds(choice));
}

/* NULL: all were tried to the end. */
static char *DescribeProblems(const Choice *choice)
{
    StringInfoData text;

    initStringInfo(&text);
    for (int i = 0; i < choice->trials; i++)
        if (choice->trial[i].problem != NULL)
            appendStringInfo(&text, "%sLeft out: %s: %s.", text.len == 0 ? "" : "  ",
                             choice->trial[i].algorithm->name, choice->trial[i].problem);
    return text.len == 0 ? NULL : text.data;
}

static void TellChoice(const Training *t, const TrainRequest *request, const Choice *choice)
{
    char *problems = request->tuning != NULL ? NULL : DescribeProblems(choice); /* rows tell */

    ereport(NOTICE, (errmsg("algorithm \"%s\" was chosen for model \"%s\": %s",
                            choice->algorithm->name, request->model, t->chosen),
                     problems == NULL ? 0 : errdetail("%s", problems)));
}

void ChoiceMake(Training *t, TrainRequest *request)
{
    MemoryContext caller = MemoryContextSwitchTo(t->context);
    Search search = {.training = t, .options = request->options, .tuning = request->tuning};
    double start = HostClock();

    if (IsChoosing(request->algorithm)) {
        RunStatusStage(&t->backend.status, "choose");
        TrainingHoldOut(t, request);
        search.room = MemoryLeft(MemoryContextMemAllocated(t->context, true));
        search.choice = palloc0(sizeof(Choice));
        TrainingKeysRun(t, request->threads, RunSearch, &search);
        t->made = search.choice;
        t->chosen = Reason(t->made, request->tuning != NULL);
        DescribeChoice(t, request, t->made);
        TellChoice(t, request, t->made);
        Adopt(t, request, t->made->algorithm, t->made->options);
        t->phases.choose = HostClock() - start;
    }
    MemoryContextSwitchTo(caller);
}

/* Of the algorithm with these options, and of what a search may make of them. */
static Size GreatestMemory(const Algorithm *algorithm, void *options, const Interactions *shape,
                           int threads)
{
    Trial plain = {.algorithm = algorithm, .options = options};
    Trial variant = {.algorithm = algorithm, .options = palloc0(algorithm->options_size)};
    Size greatest = TrainingMemory(algorithm, options, shape->users, shape->items, shape->count,
                                   shape->columns, threads);

    for (int i = 0; i < CountVariants(algorithm); i++) {
        VariantOptions(algorithm, i, options, variant.options);
        if (VariantSuits(&plain, &variant, shape))
            greatest =
                Max(greatest, TrainingMemory(algorithm, variant.options, shape->users, shape->items,
                                             shape->count, shape->columns, threads));
    }
    return greatest;
}

/*
 * No trial needs more than a whole training, and the sample; it may be measured where that is not,
 * as in the comparison with what serves.
 */
Size ChoiceMemory(const void *options, uint32 users, uint32 items, uint64 interactions,
                  Columns columns, int threads)
{
    const ChoiceOptions *choice = options;
    Interactions shape = {.users = users,
                          .items = items,
                          .count = interactions,
                          .columns = columns,
                          .held_count = TrainingHeld(&choice->train, users, interactions)};
    TrainOptions train = choice->train;
    Size greatest = 0;

    train.promote = fmax(train.promote, 0.5);
    for (int i = 0; algorithms[i] != NULL; i++)
        if (IsCandidate(choice, i, columns)) {
            void *own = palloc0(algorithms[i]->options_size);

            TrialDefaults(algorithms[i], effort_names[choice->effort], &train, own);
            greatest = Max(greatest, GreatestMemory(algorithms[i], own, &shape, threads));
        }
    return SizeAdd(greatest, ChooseSampleMemory(choice, &shape));
}
