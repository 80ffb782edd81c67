/*
 * promotion.c: compares a new version with the one that serves, before it takes its place.
 *
 * recadv_train() and recadv_train_job() call it between reading and fitting, when nothing of the
 * new model is in memory yet, and again when it has been fitted.
 */
#include "pg/train/promotion.h"

#include <math.h>

#include "utils/snapmgr.h"

#include "algo/rank/collapse.h"
#include "algo/rank/validation.h"
#include "pg/base/settings.h"
#include "pg/base/subtransaction.h"
#include "pg/model/versions.h"
#include "pg/model/whole_model.h"

/* The version that serves, with the ids of the training in its own numbers. */
typedef struct Serving {
    Training *training;
    const TrainRequest *request;
    ModelStore *store;
    BackendHost backend;
    int threads;
    WholeModel whole;
    uint32 *user; /* of each user of the training; or UNKNOWN_ID */
    uint32 *item;
    Validation validation;
    uint32 missed;       /* of which it does not know the item */
    uint64 interactions; /* that it has learnt, as its header says */
} Serving;

/* --- the source */

/* The numbers that ids have in another list; *known: how many are there. */
static uint32 *Translate(const IdList *ids, const IdList *to, uint32 *known)
{
    uint32 *numbers = PallocArray(uint32, (Size)ids->count + 1);

    *known = 0;
    for (uint32 i = 0; i < ids->count; i++) {
        numbers[i] = IdListFind(to, IdListGet(ids, i));
        *known += numbers[i] != UNKNOWN_ID;
        CHECK_FOR_INTERRUPTS();
    }
    return numbers;
}

void PromotionRefuse(Training *t, const char *reason)
{
    if (t->promotion.reason == NULL)
        t->promotion.reason = MemoryContextStrdup(t->context, reason);
}

/* Takes the header alone, so that it is asked for versions that are not loaded, too. */
static void CheckShrunk(Serving *s)
{
    Training *t = s->training;
    uint64 now = t->collected.data.count;
    int64 before = 0;

    JsonbGetInteger(StoreReadJson(s->store, PART_HEADER, 0), "interactions", &before);
    s->interactions = (uint64)Max(before, 0);
    if (now < s->interactions / 2 + s->interactions % 2)
        PromotionRefuse(t, psprintf("the source has " UINT64_FORMAT
                                    " interactions, less than half of the " UINT64_FORMAT
                                    " of version %d, which serves",
                                    now, s->interactions, t->promotion.serving));
}

static void CheckSource(Serving *s)
{
    Training *t = s->training;
    const Collected *c = &t->collected;
    int32 serving = t->promotion.serving;
    uint32 users, items;

    s->user = Translate(&c->users, &s->whole.user_ids, &users);
    s->item = Translate(&c->items, &s->whole.item_ids, &items);
    if (users == 0 && s->whole.data.users > 0)
        PromotionRefuse(t, psprintf("the source has no user of version %d, which serves", serving));
    if (items == 0 && s->whole.data.items > 0)
        PromotionRefuse(t, psprintf("the source has no item of version %d, which serves", serving));
}

/* --- what both can be measured by */

static bool IsComparable(const Serving *s, uint32 user)
{
    uint32 held = s->training->collected.data.held[user];

    return held != NO_ITEM && s->user[user] != UNKNOWN_ID &&
           (s->item[held] == UNKNOWN_ID || !TrainsOn(&s->whole.data, s->user[user], s->item[held]));
}

static void Mark(Serving *s)
{
    Training *t = s->training;
    Interactions *data = &t->collected.data;
    bool *compared;

    if (data->held == NULL)
        return;
    compared = MemoryContextAllocHuge(t->context, (Size)data->users + 1);
    for (uint32 u = 0; u < data->users; u++) {
        compared[u] = IsComparable(s, u);
        t->promotion.compared += compared[u];
        CHECK_FOR_INTERRUPTS();
    }
    data->compared = compared;
}

/* What the user has had, by what both versions know: no candidates.  Ascending and distinct. */
static uint32 *OwnItems(const Serving *s, uint32 user, uint32 *count)
{
    const Interactions *now = &s->training->collected.data, *then = &s->whole.data;
    uint32 old = s->user[user], n = (uint32)(then->offset[old + 1] - then->offset[old]), kept = 0;
    uint32 *own = PallocArray(uint32, n + (now->offset[user + 1] - now->offset[user]) + 1);

    memcpy(own, then->item + then->offset[old], n * sizeof(uint32));
    for (uint64 i = now->offset[user]; i < now->offset[user + 1]; i++)
        if (s->item[now->item[i]] != UNKNOWN_ID)
            own[n++] = s->item[now->item[i]];
    SortIndexes(own, n);
    for (uint32 i = 0; i < n; i++)
        if (kept == 0 || own[i] != own[kept - 1])
            own[kept++] = own[i];
    *count = kept;
    return own;
}

static RankingCase CaseOf(const Serving *s, uint32 user, uint32 *position)
{
    RankingCase ranked = {.user = s->user[user], .relevant_count = 1, .positions = position};

    ranked.relevant = &s->item[s->training->collected.data.held[user]];
    ranked.excluded = OwnItems(s, user, &ranked.excluded_count);
    return ranked;
}

static void Prepare(Serving *s)
{
    const Interactions *data = &s->training->collected.data;
    uint32 count = s->training->promotion.compared;
    uint32 *positions = PallocArray(uint32, (Size)count + 1);
    Validation *v = &s->validation;

    *v = (Validation){.data = &s->whole.data, .ndcg = NAN};
    v->cases = PallocArray(RankingCase, (Size)count + 1);
    for (uint32 u = 0; u < data->users && data->compared != NULL; u++) {
        CHECK_FOR_INTERRUPTS();
        if (!data->compared[u])
            continue;
        if (s->item[data->held[u]] == UNKNOWN_ID) {
            s->missed++;
            continue;
        }
        v->cases[v->count] = CaseOf(s, u, &positions[v->count]);
        v->count++;
    }
}

static void Rank(void *arg)
{
    Serving *s = arg;

    ValidationRun(&s->backend.host, &s->whole.model, &s->validation);
}

static void MeasureServing(Serving *s)
{
    Promotion *p = &s->training->promotion;
    double found;

    Mark(s);
    if (p->compared < PROMOTION_LEAST)
        return;
    Prepare(s);
    BackendHostRun(&s->backend, s->threads, Rank, s);
    found = s->validation.count;
    p->serving_value = found > 0 ? s->validation.ndcg * (found / (found + s->missed)) : 0;
}

/* --- loading */

static bool HasRoom(const Serving *s, const Header *header)
{
    const Interactions *data = &s->training->collected.data;
    Interactions shape = {.users = header->users,
                          .items = header->items,
                          .count = Max(data->count, s->interactions),
                          .held_count = data->held_count};
    Model model;

    HeaderLayout(header, &model);
    return MemoryAllows(SizeAdd(MemoryContextMemAllocated(s->training->context, true),
                                ComparingMemory(&model, &shape, s->threads)));
}

static void Compare(void *arg)
{
    Serving *s = arg;
    Promotion *p = &s->training->promotion;
    Header header = HeaderRead(s->store);

    if (IsPolicy(header.algorithm)) {
        p->problem = "it learnt from a log of slates";
        return;
    }
    CheckShrunk(s);
    if (header.outdated_ids) {
        p->problem = "its ids are those of an earlier version of recadv";
        return;
    }
    s->whole.header = header;
    p->recorded = RecordedRead(s->store, &header);
    if (!HasRoom(s, &header)) {
        p->problem = "comparing with it needs more memory than recadv.max_memory allows";
        return;
    }
    WholeModelRead(s->store, &s->backend, &s->whole);
    CheckSource(s);
    MeasureServing(s);
}

/* What is wrong with the version that serves, and a good reason to replace it. */
bool PromotionIsItsFault(const ErrorData *error)
{
    return error->sqlerrcode == ERRCODE_DATA_CORRUPTED ||
           error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED ||
           error->sqlerrcode == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE ||
           error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED; /* recadv.max_memory */
}

/* A damaged version must not stop the training that is to replace it. */
static void TryCompare(Serving *s)
{
    Promotion *p = &s->training->promotion;
    ErrorData *error = SubtransactionTry(Compare, s);

    if (error == NULL)
        return;
    if (!PromotionIsItsFault(error))
        ReThrowError(error);
    s->training->collected.data.compared = NULL;
    *p = (Promotion){
        .serving = p->serving,
        .held = p->held,
        .reason = error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED ? p->reason : NULL,
        .serving_value = NAN,
        .value = NAN,
    };
    p->problem = MemoryContextStrdup(s->training->context, error->message);
}

static void LoadAndCompare(Training *t, const TrainRequest *request, ModelStore *store)
{
    MemoryContext scratch =
        AllocSetContextCreate(t->context, "recadv promotion", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(scratch);
    Serving *s = palloc0(sizeof(Serving));

    s->training = t;
    s->request = request;
    s->store = store;
    s->threads = request->threads;
    BackendHostInit(&s->backend, scratch, t->backend.title);
    TryCompare(s);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
}

void PromotionPrepare(Training *t, const TrainRequest *request, Oid relid)
{
    double start = HostClock();
    ModelTable table;
    Current current;

    t->promotion = (Promotion){.serving_value = NAN, .value = NAN};
    if (((const TrainOptions *)request->options)->promote == 0)
        return;
    ModelTableOpenOwned(relid, &table);
    if (ModelTableTryCurrent(&table, &current) == NULL && current.version > 0) {
        RunStatusStage(&t->backend.status, "compare");
        table.store.version = t->promotion.serving = current.version;
        TrainingHoldOut(t, request);
        t->promotion.held = t->collected.data.held_count;
        LoadAndCompare(t, request, &table.store);
        t->phases.compare = HostClock() - start;
    }
    ModelTableClose(&table);
}

/* --- after fitting */

typedef struct Measuring {
    Training *training;
    Validation validation;
} Measuring;

/* The popularity has counted what is held out, which must not speak for itself. */
static void RankNew(void *arg)
{
    Measuring *m = arg;
    Model *model = &m->training->model;
    const Host *host = &m->training->backend.host;
    const Interactions *data = &m->training->collected.data;
    const Part *popularity = &model->part[POPULARITY_PART];
    float *all = HostAllocate(host, PartFloats(popularity), sizeof(float));

    memcpy(all, popularity->data, PartFloats(popularity) * sizeof(float));
    ModelUncountHeld(host, data, model);
    ValidationPrepare(host, data, &m->validation);
    ValidationRun(host, model, &m->validation);
    ValidationRelease(host, &m->validation);
    memcpy(popularity->data, all, PartFloats(popularity) * sizeof(float));
    HostRelease(host, all);
}

/*
 * By validation; where training measures nothing, by the model itself.  Returns NDCG@100 of all
 * that is held out.
 */
static double MeasureNew(Training *t, int threads)
{
    Measuring measuring = {.training = t};
    const Epoch *best = TrainingBest(t);

    if (best != NULL) {
        t->promotion.value = best->compared;
        return best->metric[0];
    }
    if (t->collected.data.held_count == 0)
        return NAN;
    BackendHostRun(&t->backend, threads, RankNew, &measuring);
    t->promotion.value = measuring.validation.compared;
    return measuring.validation.ndcg;
}

/* Sums of the same numbers may differ in their last digits. */
static bool IsEnough(double value, double share, double serving)
{
    return value >= share * serving * (1 - 1e-9);
}

static void CompareMeasured(Training *t, double share)
{
    Promotion *p = &t->promotion;

    if (!IsEnough(p->value, share, p->serving_value))
        PromotionRefuse(
            t, psprintf("its NDCG@100 of %.4f is less than %g of the %.4f of version %d, which "
                        "serves, on %u held-out interactions",
                        p->value, share, p->serving_value, p->serving, p->compared));
}

/* A warm start, which flatters, is compared with what flatters alike. */
static const MeanMetric *Reference(const Training *t)
{
    const Recorded *recorded = &t->promotion.recorded;

    return t->model.warm ? &recorded->own : &recorded->unlearnt;
}

/*
 * By how much two means over different users may differ by chance: two standard errors, since
 * numbers from 0 to 1 vary by m (1 - m) at most.
 */
static double Chance(const MeanMetric *a, const MeanMetric *b)
{
    double mean = fmin(fmax((a->value + b->value) / 2, 0), 1);

    return 2 * sqrt(mean * (1 - mean) * (1 / (double)a->users + 1 / (double)b->users));
}

static void CompareRecorded(Training *t, double share, double value)
{
    Promotion *p = &t->promotion;
    const MeanMetric *then = Reference(t);
    MeanMetric now = {value, (uint32)p->held};

    if (!IsEnough(value + Chance(&now, then), share, then->value))
        PromotionRefuse(t, psprintf("its NDCG@100 of %.4f is less than %g of the %.4f that version "
                                    "%d, which serves, had %s",
                                    value, share, then->value, p->serving,
                                    p->recorded.warm && !t->model.warm ? "on what it had not learnt"
                                                                       : "in its own training"));
}

/* NULL: what both trainings measured can be compared. */
static char *WhyNotByRecord(const Training *t, const TrainRequest *request, double value)
{
    const Promotion *p = &t->promotion;
    uint32 users = Reference(t)->users;

    if (p->held < PROMOTION_LEAST || isnan(value))
        return "there are too few held-out interactions to compare by";
    if (users == 0 && p->recorded.warm)
        return "it is a warm start, of which nothing is known that it had not learnt";
    if (users < PROMOTION_LEAST)
        return "there are too few held-out interactions to compare by";
    if (p->recorded.holdout != t->held_how)
        return "its training held out in another way";
    if (strcmp(p->recorded.metric, request->algorithm->metrics[0].name) != 0)
        return "its training measured something else";
    return NULL;
}

void PromotionDecide(Training *t, const TrainRequest *request)
{
    const TrainOptions *options = request->options;
    double share = options->promote;
    Promotion *p = &t->promotion;
    char *why_not;
    double value;

    if (p->serving == 0)
        return;
    if (ModelIsCollapsed(&t->backend.host, &t->model, &t->collected.data))
        PromotionRefuse(t, "it scores all items alike");
    value = MeasureNew(t, request->threads);
    if (p->compared >= PROMOTION_LEAST && !isnan(p->value) && !isnan(p->serving_value)) {
        CompareMeasured(t, share);
        return;
    }
    why_not = WhyNotByRecord(t, request, value);
    if (why_not == NULL)
        CompareRecorded(t, share, value);
    else if (p->problem == NULL && options->holdout != HOLDOUT_NONE)
        p->problem = why_not;
}

void PromotionReport(const Training *t, const TrainRequest *request, int32 version)
{
    const Promotion *p = &t->promotion;

    if (p->reason != NULL)
        ereport(WARNING,
                (errmsg("version %d of model \"%s\" is kept but does not serve: %s", version,
                        request->model, p->reason),
                 errhint("Version %d serves on.  recadv_rollback() lets version %d serve; the "
                         "option promote tells what a new version must reach.",
                         p->serving, version)));
    else if (p->problem != NULL)
        ereport(NOTICE, (errmsg("version %d serves without having been compared with version %d: "
                                "%s",
                                version, p->serving, p->problem)));
}
