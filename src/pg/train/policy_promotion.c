/*
 * policy_promotion.c: compares a new version that was learnt from a log with the one that serves.
 */
#include "pg/train/policy_promotion.h"

#include <math.h>

#include "pg/base/settings.h"
#include "pg/base/subtransaction.h"
#include "pg/model/versions.h"
#include "algo/policy/act_play.h"
#include "pg/train/act_policy.h"
#include "pg/train/promotion.h"

typedef struct Serving {
    Training *training;
    const TrainRequest *request;
    ModelStore *store;
    BackendHost backend;
} Serving;

/* From the header alone. */
static void CheckShrunk(Serving *s, Jsonb *header)
{
    uint64 now = PolicySummary(s->training->policy).steps;
    int64 before;

    if (!JsonbGetInteger(header, "steps", &before) || before <= 0)
        return;
    if (now < (uint64)before / 2 + (uint64)before % 2)
        PromotionRefuse(s->training, psprintf("the source has " UINT64_FORMAT
                                              " steps, less than half of the " INT64_FORMAT
                                              " of version %d, which serves",
                                              now, before, s->training->promotion.serving));
}

static void CheckItems(Serving *s, const IdList *items)
{
    const IdList *now = &s->training->collected.items;

    for (uint32 i = 0; i < now->count; i++) {
        if (IdListFind(items, IdListGet(now, i)) != UNKNOWN_ID)
            return;
        CHECK_FOR_INTERRUPTS();
    }
    PromotionRefuse(s->training, psprintf("the source has no item of version %d, which serves",
                                          s->training->promotion.serving));
}

/* Whoever asks in a scenario of the version that serves must get an answer of the next one. */
static char *LostScenario(const Scenarios *now, const Scenarios *before, int32 version)
{
    for (uint32 i = 0; i < before->names.count; i++) {
        uint32 found = ScenarioFind(now, IdListGet(&before->names, i));
        ActWidths was = before->shape.scenario[i], is;
        char *name = ScenarioName(&before->names, i);

        if (found == UNKNOWN_ID)
            return psprintf("it has no scenario \"%s\", which version %d, which serves, has", name,
                            version);
        is = now->shape.scenario[found];
        if (is.observation != was.observation || is.action != was.action)
            return psprintf("scenario \"%s\" has observations and actions of %u and %u numbers, of "
                            "%u and %u in version %d, which serves",
                            name, is.observation, is.action, was.observation, was.action, version);
    }
    return NULL;
}

static void CheckScenarios(Serving *s, const Scenarios *before)
{
    char *lost =
        LostScenario(&s->training->policy->scenarios, before, s->training->promotion.serving);

    if (lost != NULL)
        PromotionRefuse(s->training, lost);
}

static void TakeRecorded(Serving *s, const Header *header, Jsonb *document)
{
    Jsonb *training = JsonbGetObject(document, "training");
    Promotion *p = &s->training->promotion;
    const Metric *metric = &header->algorithm->metrics[0];

    p->recorded.metric = metric->name;
    if (training == NULL || !JsonbGetReal(training, metric->name, &p->recorded.own.value))
        p->recorded.own.value = NAN;
}

/* The same ones that the new version will meet. */
static void MeetVisitors(Serving *s, const WholeModel *whole)
{
    Training *t = s->training;
    Promotion *p = &t->promotion;

    if (!MemoryAllows(SizeAdd(MemoryContextMemAllocated(t->context, true),
                              SimulateMemory(t, s->request, &whole->model)))) {
        p->problem = "comparing with it needs more memory than recadv.max_memory allows";
        return;
    }
    p->serving_value = PolicySimulate(t, s->request, &whole->model, &whole->item_ids).reward;
}

static bool IsOfOneSort(const Algorithm *a, const Algorithm *b)
{
    return IsPolicy(a) && IsPolicy(b) && Recommends(a) == Recommends(b) &&
           ReadsActs(a) == ReadsActs(b);
}

static char *WhyOfOtherSort(const Algorithm *serving, const Algorithm *now)
{
    if (!IsPolicy(serving))
        return "it learnt from interactions";
    return ReadsActs(serving) != ReadsActs(now) ? "one acts in scenarios, the other shows items"
                                                : "one is a policy, the other a simulator";
}

static const ActEnvironment *WorldOf(const Header *header)
{
    return header->scenarios == NULL
               ? NULL
               : header->algorithm->policy->acts->environment(header->options);
}

/* Two that act. */
static void CompareActs(Serving *s, const Header *header, Jsonb *document)
{
    Training *t = s->training;
    const ActEnvironment *world = t->policy->world;
    WholeModel whole;

    CheckScenarios(s, header->scenarios);
    if (world != WorldOf(header)) {
        if (t->promotion.reason == NULL)
            t->promotion.problem =
                "they did not learn in the same world, or one of them from a log";
        return;
    }
    if (world == NULL)
        CheckShrunk(s, document);
    TakeRecorded(s, header, document);
    if (world == NULL)
        return;
    WholeModelRead(s->store, &s->backend, &whole);
    if (ActFits(&whole.model, world))
        MeetVisitors(s, &whole);
}

static void Compare(void *arg)
{
    Serving *s = arg;
    Training *t = s->training;
    Header header = HeaderRead(s->store);
    Jsonb *document = StoreReadJson(s->store, PART_HEADER, 0);
    WholeModel whole;

    if (!IsOfOneSort(header.algorithm, s->request->algorithm)) {
        t->promotion.problem = WhyOfOtherSort(header.algorithm, s->request->algorithm);
        return;
    }
    if (header.scenarios != NULL) {
        CompareActs(s, &header, document);
        return;
    }
    CheckShrunk(s, document);
    TakeRecorded(s, &header, document);
    WholeModelRead(s->store, &s->backend, &whole);
    CheckItems(s, &whole.item_ids);
    if (t->policy->simulator != NULL)
        MeetVisitors(s, &whole);
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
    if (error->sqlerrcode != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
        p->reason = NULL;
    p->serving_value = p->recorded.own.value = NAN;
    p->problem = error->message;
}

static void LoadAndCompare(Training *t, const TrainRequest *request, ModelStore *store)
{
    MemoryContext scratch =
        AllocSetContextCreate(t->context, "recadv promotion", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(scratch);
    Serving s = {.training = t, .request = request, .store = store};

    BackendHostInit(&s.backend, scratch, t->backend.title);
    TryCompare(&s);
    if (t->promotion.problem != NULL)
        t->promotion.problem = MemoryContextStrdup(t->context, t->promotion.problem);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
}

void PolicyPromotionPrepare(Training *t, const TrainRequest *request, Oid relid)
{
    double start = HostClock();
    ModelTable table;
    Current current = {0};
    bool serves;

    t->promotion = (Promotion){.serving_value = NAN,
                               .value = NAN,
                               .recorded.own.value = NAN,
                               .measure = request->algorithm->metrics[0].name};
    ModelTableOpenOwned(relid, &table);
    serves = ModelTableTryCurrent(&table, &current) == NULL && current.version > 0;
    table.store.version = current.version;
    if (ReadsActs(request->algorithm))
        ActPolicyLineage(t, request, serves ? &table.store : NULL);
    if (serves && ((const TrainOptions *)request->options)->promote > 0) {
        RunStatusStage(&t->backend.status, "compare");
        t->promotion.serving = current.version;
        LoadAndCompare(t, request, &table.store);
        t->phases.compare = HostClock() - start;
    }
    ModelTableClose(&table);
}

/* --- after fitting */

/* Also where what serves earns less than nothing; sums of the same numbers may differ in their last
 * digits. */
static bool IsEnough(double value, double share, double serving)
{
    return value >= serving - (1 - share) * fabs(serving) - 1e-9 * fabs(serving);
}

static void CompareMeasured(Training *t, double share)
{
    Promotion *p = &t->promotion;

    p->value = t->policy->measured.reward;
    p->compared = MEASURED_SESSIONS;
    if (!IsEnough(p->value, share, p->serving_value))
        PromotionRefuse(t, psprintf("its reward of %.4f is less than %g of the %.4f of version %d, "
                                    "which serves, %s %d %s",
                                    p->value, share, p->serving_value, p->serving,
                                    t->policy->world != NULL ? "in the same" : "with the same",
                                    MEASURED_SESSIONS,
                                    t->policy->world != NULL ? "sessions" : "simulated visitors"));
}

static void CompareRecorded(Training *t, const Metric *metric, double share, double value)
{
    Promotion *p = &t->promotion;

    p->value = value;
    if (!IsEnough(value, share, p->recorded.own.value))
        PromotionRefuse(t,
                        psprintf("its %s of %.4f is less than %g of the %.4f that version %d, "
                                 "which serves, had in its own training",
                                 metric->label, value, share, p->recorded.own.value, p->serving));
}

void PolicyPromotionDecide(Training *t, const TrainRequest *request)
{
    const Metric *metric = &request->algorithm->metrics[0];
    double share = ((const TrainOptions *)request->options)->promote;
    const Epoch *best = TrainingBest(t);
    double value = best == NULL ? NAN : best->metric[0];
    Promotion *p = &t->promotion;

    if (p->serving == 0 || p->problem != NULL)
        return;
    if (!isnan(p->serving_value))
        CompareMeasured(t, share);
    else if (!isnan(value) && !isnan(p->recorded.own.value) &&
             strcmp(p->recorded.metric, metric->name) == 0)
        CompareRecorded(t, metric, share, value);
    else
        p->problem = "nothing was measured that both could be compared by";
}
