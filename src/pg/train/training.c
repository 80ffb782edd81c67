/*
 * training.c: the phases of a training: read the source, start from an earlier version, fit.
 *
 * recadv_train() calls them in one transaction, recadv_train_job() with commits between them, and
 * recadv_fit() on rows that the aggregate has collected.  writer.c stores the result.
 */
#include "pg/train/training.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "algo/choice/choose.h"
#include "algo/learn/loop.h"
#include "pg/base/json.h"
#include "pg/base/settings.h"
#include "pg/train/reader.h"
#include "pg/model/versions.h"

void TrainingInit(Training *t, MemoryContext parent, const char *title)
{
    memset(t, 0, sizeof(*t));
    t->context = AllocSetContextCreate(parent, "recadv training", ALLOCSET_DEFAULT_SIZES);
    t->started = GetCurrentTimestamp();
    t->report.best = -1;
    BackendHostInit(&t->backend, t->context, MemoryContextStrdup(t->context, title));
}

Columns RequestColumns(const TrainRequest *request)
{
    return (request->source.time_column != NULL ? COLUMN_TIME : 0) |
           (request->source.weight_column != NULL ? COLUMN_WEIGHT : 0);
}

/* What is kept of the rows for the algorithm, or for all that may be chosen. */
static CollectFor PurposeOf(const TrainRequest *request, Columns columns)
{
    const Algorithm *algorithm = request->algorithm;
    bool chooses = IsChoosing(algorithm);

    return (CollectFor){.events = chooses ? ChoiceWantsEvents(request->options, columns)
                                          : WantsEvents(algorithm, request->options),
                        .window = chooses ? ChoiceStreams(request->options, columns)
                                          : algorithm->stream != NULL,
                        .lateness = ((const TrainOptions *)request->options)->lateness};
}

void TrainingCollect(Training *t, const TrainRequest *request, Collector *collector)
{
    CheckTime(request, OidIsValid(collector->types.time));
    collector->purpose = PurposeOf(request, CollectorColumns(collector));
    CollectorFinish(collector, &t->backend, &t->collected);
}

static const char *TimeHint(const TrainRequest *request)
{
    return request->model != NULL
               ? "Name the column with time_column => '...'."
               : "Pass the time of each row: recadv_fit(user, item, time, options).";
}

void CheckTime(const TrainRequest *request, bool times)
{
    const Algorithm *algorithm = request->algorithm;

    if (times || (RequiredColumns(algorithm, request->options) & COLUMN_TIME) == 0)
        return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg(algorithm->stream != NULL
                        ? "algorithm \"%s\" learns from a stream and needs times"
                        : "algorithm \"%s\" with these options goes by the order of interactions "
                          "and needs times",
                    algorithm->name),
             errhint("%s", TimeHint(request))));
}

void TrainingRead(Training *t, const TrainRequest *request)
{
    double start = HostClock();
    Collector *collector;

    RunStatusStage(&t->backend.status, "read");
    collector = SourceRead(&request->source, t->context);
    t->phases.read = HostClock() - start;
    RunStatusStage(&t->backend.status, "map");
    t->source_relation = SourceRelation(&request->source);
    if (t->source_relation != NULL)
        t->source_relation = MemoryContextStrdup(t->context, t->source_relation);
    if (collector->count == 0)
        CollectorFailEmpty(collector, request->source.text);
    TrainingCollect(t, request, collector);
    t->phases.map = HostClock() - start - t->phases.read;
}

static void TellAfresh(const TrainRequest *request, int32 version, const char *why)
{
    ereport(NOTICE,
            (errmsg("version %d of model \"%s\" is no start for this training: starting afresh",
                    version, request->model),
             errdetail("%s.", why)));
}

static void LoadStart(Training *t, const TrainRequest *request, ModelTable *table)
{
    int32 version = ModelTableCurrent(table, true).version;
    char *misfit = NULL;

    if (version == 0) {
        ereport(NOTICE, (errmsg("model \"%s\" has no version to start from: starting afresh",
                                request->model)));
        return;
    }
    table->store.version = version;
    t->warm = WarmStartRead(&table->store, request->algorithm, request->options, t->context,
                            &t->base, &misfit);
    if (t->warm == NULL)
        TellAfresh(request, version, misfit);
}

/* A search needs nothing of the version, which may be one that cannot be read. */
static void TellSearch(const TrainRequest *request, ModelTable *table)
{
    Current current;

    if (ModelTableTryCurrent(table, &current) == NULL && current.version > 0)
        TellAfresh(request, current.version, "The algorithm is searched for without it");
}

void TrainingWarm(Training *t, const TrainRequest *request, Oid relid)
{
    ModelTable table;

    if (!((const TrainOptions *)request->options)->warm_start)
        return;
    ModelTableOpenOwned(relid, &table);
    if (IsChoosing(request->algorithm))
        TellSearch(request, &table);
    else
        LoadStart(t, request, &table);
    ModelTableClose(&table);
}

void DescribeMetrics(StringInfo json, const Algorithm *algorithm, const double *metric)
{
    for (int i = 0; i < METRICS; i++)
        JsonReal(json, algorithm->metrics[i].name, metric[i]);
}

void DescribeHoldout(StringInfo json, const Algorithm *algorithm, const Training *t)
{
    if (!t->held_out)
        return;
    JsonString(json, "holdout", HoldoutName(t->held_how));
    if (t->held_how == HOLDOUT_NONE)
        return;
    JsonInteger(json, "k", algorithm->metrics[0].cutoff);
    JsonInteger(json, "held_out_users", (int64)t->held_users);
}

void DescribeFindings(StringInfo json, const TrainReport *report)
{
    for (int i = 0; i < FINDINGS; i++)
        if (report->finding[i].name != NULL)
            JsonReal(json, report->finding[i].name, report->finding[i].value);
}

void DescribeCalibration(StringInfo json, const TrainReport *report)
{
    uint64 answers = 0;

    for (int i = 0; i < CALIBRATION_BINS; i++)
        answers += report->calibration[i].answers;
    if (answers == 0)
        return;
    JsonOpen(json, "calibration", '[');
    for (int i = 0; i < CALIBRATION_BINS; i++) {
        const CalibrationBin *bin = &report->calibration[i];

        JsonOpen(json, NULL, '{');
        JsonInteger(json, "answers", (int64)bin->answers);
        JsonReal(json, "expected", bin->answers > 0 ? bin->expected : NAN);
        JsonReal(json, "seen", bin->answers > 0 ? bin->seen : NAN);
        JsonClose(json, '}');
    }
    JsonClose(json, ']');
}

const Epoch *TrainingBest(const Training *t)
{
    return t->report.best < 0 || t->report.best >= t->report.epochs
               ? NULL
               : &t->report.history[t->report.best];
}

void CheckHoldout(const TrainRequest *request, bool times)
{
    const TrainOptions *options = request->options;

    if (options->holdout == HOLDOUT_LAST && !times)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"holdout\" is \"last\", but there is no time column"),
                        errhint("%s  Without times, use \"random\".", TimeHint(request))));
    if (options->popular_half_life > 0 && !times)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"popular_half_life\" is set, but there is no time column"),
                        errhint("%s", TimeHint(request))));
}

/* Bytes of the collected arrays, by the formula in the documentation. */
static Size CollectedMemory(uint32 users, uint32 items, uint64 interactions, Columns columns)
{
    Size row = sizeof(uint32) + ColumnBytes(columns);
    Size offsets = mul_size((Size)users + items, sizeof(uint64) + 2 * sizeof(int64));

    return SizeAdd(SizeMultiply(interactions, row), offsets);
}

static Size FitMemory(const Model *model, const Interactions *shape, int threads)
{
    return SizeAdd(ModelMemory(model), model->algorithm->memory(model, shape, threads));
}

Size ComparingMemory(const Model *model, const Interactions *shape, int threads)
{
    Size rows = SizeMultiply((Size)model->users + model->items, 2 * sizeof(int64));
    Size lists = SizeMultiply(shape->count, 2 * sizeof(uint32));

    return SizeAdd(SizeAdd(ModelMemory(model), SizeAdd(rows, lists)),
                   ValidationMemory(model, shape, threads));
}

uint64 TrainingHeld(const TrainOptions *train, uint32 users, uint64 interactions)
{
    uint64 most = train->validation_users == 0 ? users : (uint64)train->validation_users;

    return train->holdout == HOLDOUT_NONE ? 0 : Min(Min(most, (uint64)users), interactions);
}

/*
 * The largest of three peaks: reading (rows of 8 to 20 bytes, their sorted copies, the hash
 * tables), comparing with the version that serves, and fitting.
 */
Size TrainingMemory(const Algorithm *algorithm, const void *options, uint32 users, uint32 items,
                    uint64 interactions, Columns columns, int threads)
{
    const TrainOptions *train = options;
    Interactions shape = {.users = users,
                          .items = items,
                          .count = interactions,
                          .columns = columns,
                          .held_count = TrainingHeld(train, users, interactions)};
    Size row = 2 * sizeof(uint32) + ColumnBytes(columns);
    Size hash = mul_size((Size)users + items + 1024, 64); /* the least size of a hash table */
    Size reading, fitting, comparing;
    Model model;

    ModelLayout(&model, algorithm, options, users, items);
    reading = SizeAdd(SizeAdd(SizeMultiply(interactions, row), hash),
                      InteractionsMemory(interactions, users, columns));
    if (WantsEvents(algorithm, options))
        reading = SizeAdd(reading, EventsMemory(interactions, users, columns));
    if (algorithm->stream != NULL)
        reading = SizeAdd(reading, LearntMemory(interactions, users));
    fitting = SizeAdd(CollectedMemory(users, items, interactions, columns),
                      FitMemory(&model, &shape, threads));
    if (WantsEvents(algorithm, options))
        fitting = SizeAdd(fitting, EventsKept(interactions, users, columns));
    if (algorithm->stream != NULL)
        fitting = SizeAdd(fitting, LearntMemory(interactions, users));
    if (train->popular_half_life > 0)
        fitting = SizeAdd(fitting, SizeMultiply(items, sizeof(float)));
    if (train->warm_start) /* about as large as the new one */
        fitting = SizeAdd(fitting, WarmStartMemory(&model));
    comparing = SizeAdd(CollectedMemory(users, items, interactions, columns),
                        ComparingMemory(&model, &shape, threads));
    return Max(reading, train->promote > 0 ? Max(fitting, comparing) : fitting);
}

static void Fit(void *arg)
{
    Training *t = arg;

    t->model.algorithm->train(&t->backend.host, &t->collected.data, &t->model, &t->report);
}

/*
 * The algorithm has learnt the held-out interactions after validation.  Which they were is kept for
 * recadv_robustness(), where the algorithm can be perturbed.
 */
static void TakeBackHeld(Training *t, const Algorithm *algorithm)
{
    Interactions *data = &t->collected.data;

    data->held_learnt = true;
    if (algorithm->perturb != NULL)
        return;
    HostRelease(&t->backend.host, data->held);
    data->held = NULL;
    data->held_count = 0;
}

static uint64 UserKey(void *arg, uint32 user)
{
    return IdKey(IdListGet(&((Collected *)arg)->users, user));
}

static uint64 ItemKey(void *arg, uint32 item)
{
    return IdKey(IdListGet(&((Collected *)arg)->items, item));
}

/* The same for the same ids and seed. */
void TrainingHoldOut(Training *t, const TrainRequest *request)
{
    const TrainOptions *options = request->options;
    Interactions *data = &t->collected.data;
    StableKeys keys = {&t->collected, UserKey, ItemKey};

    if (t->held_out)
        return;
    CheckHoldout(request, data->time != NULL);
    t->held_out = true;
    t->held_how = ResolveHoldout(options, data->time != NULL);
    data->keys = &keys;
    InteractionsHoldOut(&t->backend.host, data, t->held_how, (uint64)options->validation_users,
                        (uint64)options->seed);
    data->keys = NULL;
    t->held_users = data->held_count;
}

void TrainingKeysRun(Training *t, int threads, void (*work)(void *arg), void *arg)
{
    StableKeys keys = {&t->collected, UserKey, ItemKey};

    t->collected.data.keys = &keys;
    BackendHostRun(&t->backend, threads, work, arg);
    t->collected.data.keys = NULL;
}

/* What is held out is lacked: then a user who has everything is one to learn from. */
bool TrainingIsRankable(Training *t, const TrainRequest *request)
{
    MemoryContext caller = MemoryContextSwitchTo(t->context);

    TrainingHoldOut(t, request);
    MemoryContextSwitchTo(caller);
    return IsRankable(&t->collected.data);
}

/* train() gets the columns that its algorithm uses; the choice of what to hold out is made. */
static void ReleaseColumns(Training *t, const Algorithm *algorithm)
{
    Interactions *data = &t->collected.data;

    if ((algorithm->used & COLUMN_TIME) == 0) {
        HostRelease(&t->backend.host, data->time);
        data->time = NULL;
    }
    data->columns &= algorithm->used;
}

/* While times and weights are there. */
static void CountRecent(Training *t, const TrainOptions *options)
{
    if (options->popular_half_life == 0)
        return;
    CheckMemory(SizeAdd(MemoryContextMemAllocated(t->context, true),
                        SizeMultiply(t->collected.data.items, sizeof(float))),
                "training");
    t->recent = RecentOfInteractions(&t->collected.data, options->popular_half_life);
}

static void DropWarm(Training *t)
{
    WarmStartRelease(t->warm);
    t->warm = NULL;
}

/* The model with its popularity counted, and rows of an earlier version if there is one. */
static void PrepareModel(Training *t, const TrainRequest *request)
{
    Interactions *data = &t->collected.data;

    if (t->warm != NULL && !WarmStartSuits(t->warm, &t->collected.users, &t->collected.items,
                                           request->options, &t->known))
        DropWarm(t);
    ModelLayout(&t->model, request->algorithm, request->options, data->users, data->items);
    ModelSettle(&t->model, request->options);
    CheckMemory(SizeAdd(MemoryContextMemAllocated(t->context, true),
                        FitMemory(&t->model, data, request->threads)),
                "training");
    ModelAllocate(&t->backend.host, &t->model);
    ModelCountPopularity(&t->backend.host, data, &t->model);
    if ((request->algorithm->used & COLUMN_WEIGHT) == 0) {
        HostRelease(&t->backend.host, data->weight);
        data->weight = NULL;
    }
    if (t->warm != NULL) {
        WarmStartApply(t->warm, &t->collected.users, &t->collected.items, &t->model);
        DropWarm(t);
    }
}

void CheckModelFinite(const Model *model)
{
    for (int i = 0; i < model->parts; i++)
        if (!PartIsFinite(&model->part[i]))
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                            errmsg("the trained model holds values that are not finite"),
                            errhint("Lower the option learning_rate.")));
}

void TrainingFit(Training *t, const TrainRequest *request)
{
    MemoryContext caller = MemoryContextSwitchTo(t->context);
    double start = HostClock();

    RunStatusStage(&t->backend.status, "fit");
    TrainingHoldOut(t, request);
    CountRecent(t, request->options);
    ReleaseColumns(t, request->algorithm);
    PrepareModel(t, request);
    BackendHostRun(&t->backend, request->threads, Fit, t);
    CheckModelFinite(&t->model);
    if (request->algorithm->learns_held)
        TakeBackHeld(t, request->algorithm);
    t->phases.evaluate = t->report.evaluate_seconds;
    t->phases.fit = HostClock() - start - t->phases.evaluate;
    t->seconds = (double)(GetCurrentTimestamp() - t->started) / USECS_PER_SEC;
    MemoryContextSwitchTo(caller);
}

void TrainingReport(const Training *t)
{
    UnusableReport(&t->collected.unusable);
    CappedReport(&t->collected.capped);
    if (t->report.warning[0] != '\0')
        ereport(WARNING, (errmsg("%s", t->report.warning)));
    if (t->report.note[0] != '\0' && recadv_progress)
        ereport(NOTICE, (errmsg("%s", t->report.note)));
    SkippedReport(t->collected.null_rows, t->collected.weightless_rows);
}
