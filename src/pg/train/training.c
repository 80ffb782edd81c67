/* training.c: from collected rows to the blocks of a model. */
#include "pg/train/training.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/model/dictionary.h"
#include "pg/model/options.h"
#include "pg/model/parts.h"
#include "pg/model/interactions.h"
#include "pg/base/settings.h"
#include "pg/model/table.h"
#include "pg/model/window.h"
#include "pg/train/reader.h"

void TrainingInit(Training *t, MemoryContext parent, const char *title)
{
    memset(t, 0, sizeof(*t));
    t->context = AllocSetContextCreate(parent, "recadv training", ALLOCSET_DEFAULT_SIZES);
    t->started = GetCurrentTimestamp();
    t->report.best = -1;
    BackendHostInit(&t->backend, t->context, MemoryContextStrdup(t->context, title));
}

void TrainingCollect(Training *t, const TrainRequest *request, Collector *collector)
{
    collector->streams = request->algorithm->stream != NULL;
    collector->lateness = ((const TrainOptions *)request->options)->lateness;
    if (collector->streams && !OidIsValid(collector->time_type))
        FailNoTime(request->algorithm);
    CollectorFinish(collector, &t->backend, &t->collected);
}

void FailNoTime(const Algorithm *algorithm)
{
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("algorithm \"%s\" learns from a stream and needs times", algorithm->name),
             errhint("Name the column with time_column => '...'.")));
}

void TrainingRead(Training *t, const TrainRequest *request)
{
    double start = HostClock();
    Collector *collector = SourceRead(&request->source, t->context);

    t->phases.read = HostClock() - start;
    t->source_relation = SourceRelation(&request->source);
    if (t->source_relation != NULL)
        t->source_relation = MemoryContextStrdup(t->context, t->source_relation);
    if (collector->count == 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("source \"%s\" has no interactions", request->source.text),
                 collector->null_rows == 0 ? 0
                                           : errdetail("All " UINT64_FORMAT " rows have a NULL id.",
                                                       collector->null_rows)));
    TrainingCollect(t, request, collector);
    t->phases.map = HostClock() - start - t->phases.read;
}

/* Embeddings and ids of an earlier version. */
typedef struct WarmStart {
    MemoryContext context; /* of all of it */
    Model model;
    IdList users;
    IdList items;
} WarmStart;

/* Embeddings and ids of a version. */
static Size WarmMemory(const Model *model)
{
    return SizeAdd(ModelMemory(model), ((Size)model->users + model->items) * sizeof(int64));
}

/* Same algorithm, same parts, same widths: rows can be taken over. */
static bool Fits(const Model *model, const TrainRequest *request)
{
    Model wanted;

    if (model->algorithm != request->algorithm)
        return false;
    ModelLayout(&wanted, request->algorithm, request->options, model->users, model->items);
    for (int i = 0; i < wanted.parts; i++)
        if (wanted.part[i].axis != model->part[i].axis ||
            wanted.part[i].columns != model->part[i].columns ||
            wanted.part[i].stride != model->part[i].stride)
            return false;
    return wanted.parts == model->parts;
}

static void LoadWarm(ModelStore *store, const Header *header, WarmStart *warm)
{
    BackendHost backend;
    Dictionary dictionary;

    BackendHostInit(&backend, warm->context, "recadv_train");
    ModelAllocate(&backend.host, &warm->model);
    for (int i = 0; i < warm->model.parts; i++)
        ReadPart(store, &warm->model, &warm->model.part[i]);
    DictionaryOpen(store, header, AXIS_USER, &dictionary);
    warm->users = DictionaryRead(&dictionary, store);
    DictionaryOpen(store, header, AXIS_ITEM, &dictionary);
    warm->items = DictionaryRead(&dictionary, store);
}

/* The current version, or NULL if there is none that fits. */
static WarmStart *ReadWarm(Training *t, const TrainRequest *request, ModelTable *table)
{
    MemoryContext context =
        AllocSetContextCreate(t->context, "recadv warm start", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    WarmStart *warm = palloc0(sizeof(WarmStart));
    Header header = HeaderRead(&table->store);
    bool fits;

    warm->context = context;
    HeaderLayout(&header, &warm->model);
    fits = Fits(&warm->model, request);
    if (fits) {
        CheckMemory(SizeAdd(MemoryContextMemAllocated(t->context, true), WarmMemory(&warm->model)),
                    "loading the embeddings to start from");
        LoadWarm(&table->store, &header, warm);
    }
    MemoryContextSwitchTo(caller);
    if (fits)
        return warm;
    MemoryContextDelete(context);
    return NULL;
}

void TrainingWarm(Training *t, const TrainRequest *request, Oid relid)
{
    ModelTable table;

    if (!((const TrainOptions *)request->options)->warm_start)
        return;
    ModelTableOpenOwned(relid, &table);
    table.store.version = ModelTableCurrent(&table, true).version;
    if (table.store.version > 0)
        t->warm = ReadWarm(t, request, &table);
    ModelTableClose(&table);
    if (t->warm == NULL)
        ereport(NOTICE, (errmsg("no version of model \"%s\" to start from with this algorithm and "
                                "width: starting afresh",
                                request->model)));
}

static uint32 CountKnown(const IdList *ids, const IdList *old)
{
    uint32 known = 0;

    for (uint32 i = 0; i < ids->count; i++) {
        CHECK_FOR_INTERRUPTS();
        known += IdListFind(old, IdListGet(ids, i)) != UNKNOWN_ID;
    }
    return known;
}

static void CopyWarmRows(const Part *from, const IdList *old_ids, Part *to, const IdList *ids)
{
    for (uint32 i = 0; i < ids->count; i++) {
        uint32 old = IdListFind(old_ids, IdListGet(ids, i));

        if (old != UNKNOWN_ID)
            memcpy(to->data + (Size)i * to->stride, from->data + (Size)old * from->stride,
                   to->stride * sizeof(float));
        CHECK_FOR_INTERRUPTS();
    }
}

static void CopyWarmParts(Training *t, const WarmStart *warm)
{
    for (int i = POPULARITY_PART + 1; i < t->model.parts; i++) {
        Part *to = &t->model.part[i];
        const Part *from = &warm->model.part[i];

        if (to->axis == AXIS_USER)
            CopyWarmRows(from, &warm->users, to, &t->collected.users);
        else if (to->axis == AXIS_ITEM)
            CopyWarmRows(from, &warm->items, to, &t->collected.items);
        else if (to->rows == from->rows)
            memcpy(to->data, from->data, (Size)to->rows * to->stride * sizeof(float));
    }
}

/* Rows of known users and items into the new model; too few of them are no start. */
static void ApplyWarm(Training *t)
{
    WarmStart *warm = t->warm;

    t->warm_users = CountKnown(&t->collected.users, &warm->users);
    t->warm_items = CountKnown(&t->collected.items, &warm->items);
    if (t->warm_users >= t->collected.users.count / 2 &&
        t->warm_items >= t->collected.items.count / 2) {
        CopyWarmParts(t, warm);
        t->model.warm = true;
    } else {
        ereport(NOTICE, (errmsg("only %u of %u users and %u of %u items are known to the current "
                                "version: starting afresh",
                                t->warm_users, t->collected.users.count, t->warm_items,
                                t->collected.items.count)));
    }
    MemoryContextDelete(warm->context);
    t->warm = NULL;
}

const Epoch *TrainingBest(const Training *t)
{
    return t->report.best < 0 || t->report.best >= t->report.epochs
               ? NULL
               : &t->report.history[t->report.best];
}

void CheckHoldout(const TrainOptions *options, bool times)
{
    if (options->holdout == HOLDOUT_LAST && !times)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"holdout\" is \"last\", but there is no time column"),
                        errhint("Name one with time_column => '...', or use \"random\".")));
}

static Holdout ResolveHoldout(const TrainOptions *options, bool times)
{
    CheckHoldout(options, times);
    if (options->holdout == HOLDOUT_AUTO)
        return times ? HOLDOUT_LAST : HOLDOUT_RANDOM;
    return (Holdout)options->holdout;
}

/* What the arrays of a collected source take, by the formula that is documented. */
static Size CollectedMemory(uint32 users, uint32 items, uint64 interactions, bool times)
{
    Size row = sizeof(uint32) + (times ? sizeof(int64) : 0);
    Size offsets = mul_size((Size)users + items, sizeof(uint64) + 2 * sizeof(int64));

    return SizeAdd(SizeMultiply(interactions, row), offsets);
}

static Size FitMemory(const Model *model, const Interactions *shape, int threads)
{
    return SizeAdd(ModelMemory(model), model->algorithm->memory(model, shape, threads));
}

/*
 * The larger of two peaks: reading (rows of 8 or 16 bytes, their sorted copies, the hash tables)
 * and fitting.
 */
Size TrainingMemory(const Algorithm *algorithm, const void *options, uint32 users, uint32 items,
                    uint64 interactions, bool times, int threads)
{
    const TrainOptions *train = options;
    Interactions shape = {.users = users, .items = items, .count = interactions};
    Size row = 2 * sizeof(uint32) + (times ? sizeof(int64) : 0);
    Size hash = mul_size((Size)users + items + 1024, 64); /* none is smaller */
    Size reading, fitting;
    Model model;

    if (train->holdout != HOLDOUT_NONE)
        shape.held_count = train->validation_users == 0
                               ? users
                               : Min((uint64)train->validation_users, (uint64)users);
    shape.held_count = Min(shape.held_count, interactions);
    ModelLayout(&model, algorithm, options, users, items);
    reading = SizeAdd(SizeAdd(SizeMultiply(interactions, row), hash),
                      InteractionsMemory(interactions, users, times));
    if (algorithm->stream != NULL)
        reading = SizeAdd(reading, EventsMemory(interactions, users));
    fitting = SizeAdd(CollectedMemory(users, items, interactions, times),
                      FitMemory(&model, &shape, threads));
    if (algorithm->stream != NULL)
        fitting = SizeAdd(fitting, EventsKept(interactions, users));
    if (train->warm_start) /* about as large as the new one */
        fitting = SizeAdd(fitting, WarmMemory(&model));
    return Max(reading, fitting);
}

typedef struct FitJob {
    Training *training;
    const TrainOptions *options;
} FitJob;

static void Fit(void *arg)
{
    FitJob *job = arg;
    Training *t = job->training;

    t->model.algorithm->train(&t->backend.host, &t->collected.data, &t->model, &t->report);
}

/* A model that learns from a stream has learnt the held-out interactions too, after validation. */
static void TakeBackHeld(Training *t)
{
    HostRelease(&t->backend.host, t->collected.data.held);
    t->collected.data.held = NULL;
    t->collected.data.held_count = 0;
}

static uint64 UserKey(void *arg, uint32 user)
{
    return IdKey(IdListGet(&((Collected *)arg)->users, user));
}

static uint64 ItemKey(void *arg, uint32 item)
{
    return IdKey(IdListGet(&((Collected *)arg)->items, item));
}

void TrainingFit(Training *t, const TrainRequest *request)
{
    const TrainOptions *options = request->options;
    Interactions *data = &t->collected.data;
    MemoryContext caller = MemoryContextSwitchTo(t->context);
    FitJob job = {t, options};
    double start = HostClock();
    StableKeys keys = {&t->collected, UserKey, ItemKey};

    data->keys = &keys;
    InteractionsHoldOut(&t->backend.host, data, ResolveHoldout(options, data->time != NULL),
                        (uint64)options->validation_users, (uint64)options->seed);
    data->keys = NULL;
    HostRelease(&t->backend.host, data->time); /* they have done their work */
    data->time = NULL;
    ModelLayout(&t->model, request->algorithm, request->options, data->users, data->items);
    CheckMemory(SizeAdd(MemoryContextMemAllocated(t->context, true),
                        FitMemory(&t->model, data, request->threads)),
                "training");
    ModelAllocate(&t->backend.host, &t->model);
    ModelCountPopularity(&t->backend.host, data, &t->model);
    if (t->warm != NULL)
        ApplyWarm(t);
    BackendHostRun(&t->backend, request->threads, Fit, &job);
    if (data->events != NULL)
        TakeBackHeld(t);
    for (int i = 0; i < t->model.parts; i++)
        if (!PartIsFinite(&t->model.part[i]))
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                            errmsg("the trained model holds values that are not finite"),
                            errhint("Lower the option learning_rate.")));
    t->phases.evaluate = t->report.evaluate_seconds;
    t->phases.fit = HostClock() - start - t->phases.evaluate;
    t->seconds = (double)(GetCurrentTimestamp() - t->started) / USECS_PER_SEC;
    MemoryContextSwitchTo(caller);
}

static void DescribeSeconds(StringInfo json, const char *key, double seconds)
{
    JsonRaw(json, key, psprintf("%.4f", seconds));
}

void DescribePhases(StringInfo json, const TrainPhases *phases)
{
    JsonOpen(json, "phases", '{');
    DescribeSeconds(json, "read", phases->read);
    DescribeSeconds(json, "map", phases->map);
    DescribeSeconds(json, "fit", phases->fit);
    DescribeSeconds(json, "evaluate", phases->evaluate);
    if (phases->write > 0)
        DescribeSeconds(json, "write", phases->write);
    JsonClose(json, '}');
}

static void DescribeTraining(StringInfo json, const Training *t)
{
    const Epoch *best = TrainingBest(t);

    JsonOpen(json, "training", '{');
    JsonTime(json, "started", t->started);
    JsonReal(json, "seconds", t->seconds);
    JsonInteger(json, "rows", (int64)t->collected.rows);
    JsonInteger(json, "null_rows", (int64)t->collected.null_rows);
    JsonInteger(json, "duplicates", (int64)t->collected.duplicates);
    JsonInteger(json, "epochs", t->report.epochs);
    JsonInteger(json, "best_epoch", best == NULL ? 0 : best->epoch);
    JsonReal(json, "loss", best == NULL ? NAN : best->loss);
    JsonReal(json, "ndcg", best == NULL ? NAN : best->ndcg);
    JsonReal(json, "hr", best == NULL ? NAN : best->hr);
    JsonString(json, "stop_reason", t->report.stop_reason);
    JsonBool(json, "warm_start", t->model.warm);
    if (t->model.warm) {
        JsonInteger(json, "warm_users", t->warm_users);
        JsonInteger(json, "warm_items", t->warm_items);
    }
    if (t->report.warning[0] != '\0')
        JsonString(json, "warning", t->report.warning);
    DescribePhases(json, &t->phases);
    JsonClose(json, '}');
}

static char *DescribeModel(const Training *t, const TrainRequest *request)
{
    const Collected *c = &t->collected;
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    JsonInteger(&json, "format", HEADER_FORMAT);
    JsonString(&json, "byte_order", "little-endian");
    JsonString(&json, "algorithm", request->algorithm->name);
    JsonInteger(&json, "users", c->data.users);
    JsonInteger(&json, "items", c->data.items);
    JsonInteger(&json, "interactions", (int64)c->data.count);
    JsonInteger(&json, "held_out", (int64)c->data.held_count);
    JsonString(&json, "user_kind", IdKindName(c->users.kind));
    JsonString(&json, "item_kind", IdKindName(c->items.kind));
    JsonString(&json, "user_type", format_type_be(c->user_type));
    JsonString(&json, "item_type", format_type_be(c->item_type));
    JsonString(&json, "source", request->source.text);
    if (t->source_relation != NULL)
        JsonString(&json, "source_relation", t->source_relation);
    JsonString(&json, "user_column", request->source.user_column);
    JsonString(&json, "item_column", request->source.item_column);
    JsonString(&json, "time_column", request->source.time_column);
    if (c->window != NULL)
        WindowDescribe(&json, c->window, c->rows);
    JsonRaw(&json, "options", OptionsToJson(request->algorithm, request->options));
    DescribeTraining(&json, t);
    JsonClose(&json, '}');
    return json.data;
}

static char *DescribeHistory(const TrainReport *report)
{
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '[');
    for (int i = 0; i < report->epochs; i++) {
        const Epoch *epoch = &report->history[i];

        JsonOpen(&json, NULL, '{');
        JsonInteger(&json, "epoch", epoch->epoch);
        JsonString(&json, "stage", epoch->stage);
        JsonReal(&json, "loss", epoch->loss);
        JsonReal(&json, "ndcg", epoch->ndcg);
        JsonReal(&json, "hr", epoch->hr);
        JsonReal(&json, "seconds", epoch->seconds);
        JsonClose(&json, '}');
    }
    JsonClose(&json, ']');
    return json.data;
}

void TrainingWrite(const Training *t, const TrainRequest *request, ModelSink *sink)
{
    DictionaryWrite(sink, AXIS_USER, &t->collected.users);
    DictionaryWrite(sink, AXIS_ITEM, &t->collected.items);
    WriteInteractions(sink, &t->collected.data);
    WriteModelParts(sink, &t->model);
    if (t->collected.window != NULL)
        WindowWrite(sink, t->collected.window);
    SinkPutJson(sink, PART_HISTORY, 0, DescribeHistory(&t->report));
    SinkPutJson(sink, PART_HEADER, 0, DescribeModel(t, request));
}

void TrainingReport(const Training *t)
{
    if (t->report.warning[0] != '\0')
        ereport(WARNING, (errmsg("%s", t->report.warning)));
    if (t->collected.null_rows > 0)
        ereport(NOTICE, (errmsg_plural("%lld row with a NULL id was skipped",
                                       "%lld rows with a NULL id were skipped",
                                       (unsigned long)t->collected.null_rows,
                                       (long long)t->collected.null_rows)));
}
