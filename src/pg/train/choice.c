/*
 * choice.c: turns a request for no algorithm in particular into one for the algorithm that suits
 * the data.
 *
 * recadv_train() and recadv_train_job() call it between their phases; writer.c stores what was
 * tried.
 */
#include "pg/train/choice.h"

#include "algo/choice/choose.h"
#include "pg/base/json.h"
#include "pg/base/settings.h"
#include "pg/model/header.h"
#include "pg/model/options.h"
#include "pg/model/table.h"
#include "pg/model/versions.h"

static Columns RequestColumns(const TrainRequest *request)
{
    return (request->source.time_column != NULL ? COLUMN_TIME : 0) |
           (request->source.weight_column != NULL ? COLUMN_WEIGHT : 0);
}

void ChoiceCheck(const TrainRequest *request)
{
    const ChoiceOptions *options = request->options;
    const Algorithm *misfit;

    if (!IsChoosing(request->algorithm))
        return;
    if (options->train.holdout == HOLDOUT_NONE)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("algorithm \"%s\" chooses by interactions that are held out, but "
                               "option \"holdout\" is \"none\"",
                               request->algorithm->name),
                        errhint("Name the algorithm, or leave the option out.")));
    misfit = ChoiceMisfit(options, RequestColumns(request));
    if (misfit != NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("candidate \"%s\" needs times", misfit->name),
                        errhint("Name the column with time_column => '...', or leave the "
                                "candidate out.")));
}

/* Its own options are the defaults. */
static void Adopt(Training *t, TrainRequest *request, const Algorithm *algorithm)
{
    MemoryContext caller = MemoryContextSwitchTo(t->context);
    TrainOptions *options = OptionsParse(algorithm, NULL);

    *options = *(const TrainOptions *)request->options;
    request->algorithm = algorithm;
    request->algorithm_name = algorithm->name;
    request->options = options;
    MemoryContextSwitchTo(caller);
}

/* --- an earlier choice */

static bool MayBeChosen(const TrainRequest *request, const Algorithm *algorithm)
{
    for (int i = 0; algorithms[i] != NULL; i++)
        if (algorithms[i] == algorithm)
            return IsCandidate(request->options, i, RequestColumns(request));
    return false;
}

static void KeepVersion(Training *t, TrainRequest *request, ModelStore *store)
{
    Jsonb *choice = JsonbGetObject(StoreReadJson(store, PART_HEADER, 0), "choice");
    Header header = HeaderRead(store);

    if (choice == NULL || !MayBeChosen(request, header.algorithm))
        return;
    Adopt(t, request, header.algorithm);
    t->choice =
        MemoryContextStrdup(t->context, JsonbToCString(NULL, &choice->root, VARSIZE(choice)));
    ereport(NOTICE, (errmsg("algorithm \"%s\" was chosen for an earlier version of model \"%s\" "
                            "and is kept",
                            request->algorithm->name, request->model)));
}

void ChoiceKeep(Training *t, TrainRequest *request, Oid relid)
{
    const ChoiceOptions *options = request->options;
    ModelTable table;

    if (!IsChoosing(request->algorithm) || !options->train.warm_start || options->search)
        return;
    ModelTableOpenOwned(relid, &table);
    table.store.version = ModelTableCurrent(&table, true).version;
    if (table.store.version > 0)
        KeepVersion(t, request, &table.store);
    ModelTableClose(&table);
}

/* --- the search */

typedef struct Search {
    Training *training;
    const ChoiceOptions *options;
    Choice choice;
} Search;

static void RunSearch(void *arg)
{
    Search *search = arg;
    Training *t = search->training;

    Choose(&t->backend.host, &t->collected.data, search->options, &search->choice);
}

static void DescribeChoice(Training *t, const Choice *choice)
{
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    JsonString(&json, "algorithm", choice->algorithm->name);
    JsonOpen(&json, "trials", '[');
    for (int i = 0; i < choice->trials; i++) {
        const Trial *trial = &choice->trial[i];

        JsonOpen(&json, NULL, '{');
        JsonString(&json, "algorithm", trial->algorithm->name);
        JsonInteger(&json, "round", trial->round);
        JsonReal(&json, choosing.metrics[0].name, trial->metric);
        JsonReal(&json, "seconds", trial->seconds);
        JsonClose(&json, '}');
    }
    JsonClose(&json, ']');
    JsonClose(&json, '}');
    t->choice = json.data;
}

/* What the last round says of each that came so far. */
static char *DescribeRound(const Choice *choice)
{
    int last = choice->trial[choice->trials - 1].round;
    StringInfoData text;

    initStringInfo(&text);
    for (int i = 0; i < choice->trials; i++)
        if (choice->trial[i].round == last)
            appendStringInfo(&text, "%s %s %.4f", text.len == 0 ? "" : ",",
                             choice->trial[i].algorithm->name, choice->trial[i].metric);
    return text.data;
}

static void TellChoice(const TrainRequest *request, const Choice *choice)
{
    if (choice->untried != NULL)
        ereport(NOTICE, (errmsg("algorithm \"%s\" was chosen for model \"%s\": %s",
                                choice->algorithm->name, request->model, choice->untried)));
    else
        ereport(NOTICE, (errmsg("algorithm \"%s\" was chosen for model \"%s\": %s of held-out "
                                "interactions after short trainings is%s",
                                choice->algorithm->name, request->model, choosing.metrics[0].label,
                                DescribeRound(choice))));
}

/* What was kept of the rows for candidates that were not chosen. */
static void DropUnused(Training *t, const Algorithm *algorithm)
{
    const Host *host = &t->backend.host;
    Collected *c = &t->collected;

    if (algorithm->stream == NULL) {
        c->window = NULL;
        c->learnt = (LearntLists){0};
    }
    if (algorithm->events || c->data.events == NULL)
        return;
    HostRelease(host, c->events.offset);
    HostRelease(host, c->events.item);
    HostRelease(host, c->events.time);
    HostRelease(host, c->events.weight);
    c->events = (Events){0};
    c->data.events = NULL;
}

void ChoiceMake(Training *t, TrainRequest *request)
{
    MemoryContext caller = MemoryContextSwitchTo(t->context);
    Search search = {.training = t, .options = request->options};
    const Interactions *data = &t->collected.data;
    double start = HostClock();

    if (IsChoosing(request->algorithm)) {
        RunStatusStage(&t->backend.status, "choose");
        TrainingHoldOut(t, request->options);
        CheckMemory(SizeAdd(MemoryContextMemAllocated(t->context, true),
                            ChooseMemory(search.options, data, request->threads)),
                    "choosing an algorithm");
        BackendHostRun(&t->backend, request->threads, RunSearch, &search);
        DescribeChoice(t, &search.choice);
        TellChoice(request, &search.choice);
        Adopt(t, request, search.choice.algorithm);
        DropUnused(t, request->algorithm);
        t->phases.choose = HostClock() - start;
    }
    MemoryContextSwitchTo(caller);
}

/* A trial needs no more than the whole training, but the sample. */
Size ChoiceMemory(const void *options, uint32 users, uint32 items, uint64 interactions,
                  Columns columns, int threads)
{
    const ChoiceOptions *choice = options;
    Interactions shape = {
        .users = users, .items = items, .count = interactions, .columns = columns};
    Size greatest = ChooseMemory(choice, &shape, threads);

    for (int i = 0; algorithms[i] != NULL; i++)
        if (IsCandidate(choice, i, columns)) {
            TrainOptions *own = OptionsParse(algorithms[i], NULL);

            *own = choice->train;
            greatest = Max(greatest, TrainingMemory(algorithms[i], own, users, items, interactions,
                                                    columns, threads));
        }
    return SizeAdd(greatest, ChooseSampleMemory(choice, &shape));
}
