/*
 * acts.c: checks the rows of a log of acts and keeps those that are whole.
 *
 * Numbers are kept as they come, row after row.  In the end each scenario gets the widths that most
 * of its rows have; rows of others are broken.  What is left goes into matrices as wide as the
 * widest scenario, in order of session and step (session_log.c).
 */
#include "pg/train/acts.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"

#include "core/host.h"
#include "pg/base/settings.h"
#include "pg/base/weights.h"

#define CHECK_MEMORY_EVERY 65536

/* A row that is kept; its observation begins at `first` of the numbers, its action follows. */
typedef struct Act {
    uint64 first;
    uint32 scenario; /* provisional number */
    uint16 observed; /* numbers of each */
    uint16 weights;
    float propensity;
} Act;

/* How many rows of a scenario have these widths. */
typedef struct Widths {
    uint64 key; /* scenario, observed, weights */
    uint64 rows;
} Widths;

struct ActCollector {
    MemoryContext context;
    const ActColumns *columns;
    SessionLog log;
    IdIndex *scenarios;
    ArrayColumn observations, actions;
    Oid observed_type, weight_type; /* of their elements, below any domain */
    Oid propensity_type;            /* likewise; or InvalidOid */
    Size room;
    Act *act; /* of log.entry[i].row */
    Size count, number_room;
    float *number;
    HTAB *widths;
};

/* --- columns */

static void OpenPropensity(ActCollector *c, const ActTypes *types)
{
    if (!OidIsValid(types->propensity))
        return;
    c->propensity_type = getBaseType(types->propensity);
    if (!IsNumberType(c->propensity_type))
        FailColumnType(c->columns->propensity, types->propensity, "a number",
                       "It is the density of the action, as recadv_act() tells it.");
}

static HTAB *CreateWidths(MemoryContext context)
{
    HASHCTL how = {.keysize = sizeof(uint64), .entrysize = sizeof(Widths), .hcxt = context};

    return hash_create("recadv widths", 64, &how, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

ActCollector *ActCollectorCreate(MemoryContext context, const ActColumns *columns,
                                 const ActTypes *types)
{
    ActCollector *c = MemoryContextAllocZero(context, sizeof(ActCollector));

    c->context = context;
    c->columns = columns;
    SessionLogOpen(&c->log, context,
                   &(SessionColumns){columns->session, columns->step, columns->reward},
                   &(SessionTypes){types->session, types->step, types->reward});
    c->observations =
        NumbersColumnOpen(columns->observation, types->observation,
                          "It is what was known when the action was chosen.", &c->observed_type);
    c->actions =
        NumbersColumnOpen(columns->action, types->action,
                          "It has the weight of each feature of the ranking.", &c->weight_type);
    OpenPropensity(c, types);
    c->scenarios = IdIndexCreate(context, types->scenario);
    c->widths = CreateWidths(context);
    return c;
}

/* --- memory */

static Size CollectorMemoryOf(const ActCollector *c)
{
    Size arrays = add_size(mul_size(c->room, sizeof(Act)), mul_size(c->number_room, sizeof(float)));
    Size ids = add_size(SessionLogMemory(&c->log), IdIndexMemory(c->scenarios, 1));
    Size widths = mul_size((Size)hash_get_num_entries(c->widths), 2 * sizeof(Widths));

    return add_size(add_size(arrays, ids), widths);
}

static void CheckReading(const ActCollector *c)
{
    CheckMemoryOfActs(CollectorMemoryOf(c), "reading the acts");
}

static void GrowNumbers(ActCollector *c, Size more)
{
    if (!NeedsRoom(&c->number_room, add_size(c->count, more)))
        return;
    CheckReading(c);
    c->number = ResizeArray(c->context, c->number, c->number_room, sizeof(float));
}

static void GrowActs(ActCollector *c)
{
    if (!NeedsRoom(&c->room, c->log.count + 1))
        return;
    CheckReading(c);
    c->act = ResizeArray(c->context, c->act, c->room, sizeof(Act));
}

/* --- one row.  Functions return what is wrong with it, or NULL. */

/* A row that is being looked at. */
typedef struct Looked {
    const ActRow *row;
    Elements observed, weights;
    float *observation; /* where its numbers will stand */
    float *action;
    float propensity;
} Looked;

static const char *LookAtArrays(const ActCollector *c, Looked *l)
{
    const char *problem =
        ArrayElements(&c->observations, l->row->observation, MOST_OBSERVED, &l->observed);

    if (problem == NULL)
        problem = ArrayElements(&c->actions, l->row->action, MOST_ACTION, &l->weights);
    if (problem == NULL && l->observed.count == 0)
        problem = "nothing was observed";
    if (problem == NULL && l->weights.count == 0)
        problem = "it has no action";
    return problem;
}

static void TakeNumbers(Oid type, const Elements *elements, float *numbers)
{
    for (int i = 0; i < elements->count; i++)
        numbers[i] = (float)RealOf(type, elements->value[i]);
}

static const char *LookAtObservation(const Looked *l)
{
    for (int i = 0; i < l->observed.count; i++)
        if (!isfinite(l->observation[i]))
            return "its observation has a number that is not finite";
    return NULL;
}

static const char *LookAtAction(const Looked *l)
{
    double sum = 0;

    for (int i = 0; i < l->weights.count; i++) {
        if (!isfinite(l->action[i]))
            return "its action has a weight that is not finite";
        sum += l->action[i];
    }
    if (IsDistribution(l->action, (uint32)l->weights.count))
        return NULL;
    for (int i = 0; i < l->weights.count; i++)
        if (l->action[i] < ACTION_LEAST)
            return "its action has a weight below 0";
    return psprintf("the weights of its action have the sum %.6g, not 1", sum);
}

static const char *LookAtPropensity(const ActCollector *c, Looked *l)
{
    l->propensity = NAN;
    if (!OidIsValid(c->propensity_type) || l->row->propensity.isnull)
        return NULL;
    l->propensity = (float)RealOf(c->propensity_type, l->row->propensity.value);
    return l->propensity > 0 && isfinite(l->propensity)
               ? NULL
               : "its propensity is not above 0 and finite";
}

static const char *LookAtNumbers(ActCollector *c, Looked *l)
{
    const char *problem;

    GrowNumbers(c, (Size)l->observed.count + (Size)l->weights.count);
    l->observation = c->number + c->count;
    l->action = l->observation + l->observed.count;
    TakeNumbers(c->observed_type, &l->observed, l->observation);
    TakeNumbers(c->weight_type, &l->weights, l->action);
    problem = LookAtObservation(l);
    if (problem == NULL)
        problem = LookAtAction(l);
    if (problem == NULL)
        problem = LookAtPropensity(c, l);
    return problem;
}

static uint64 KeyOf(const Act *act)
{
    return (uint64)act->scenario << 32 | (uint64)act->observed << 16 | act->weights;
}

static void CountWidths(ActCollector *c, const Act *act)
{
    uint64 key = KeyOf(act);
    bool found;
    Widths *widths = hash_search(c->widths, &key, HASH_ENTER, &found);

    widths->rows = found ? widths->rows + 1 : 1;
}

static void KeepAct(ActCollector *c, const Looked *l, Id scenario)
{
    Act act = {.first = c->count,
               .scenario = IdIndexAdd(c->scenarios, scenario),
               .observed = (uint16)l->observed.count,
               .weights = (uint16)l->weights.count,
               .propensity = l->propensity};

    GrowActs(c);
    c->act[c->log.count] = act;
    c->count += (Size)l->observed.count + (Size)l->weights.count;
    CountWidths(c, &act);
    if ((c->log.count + 1) % CHECK_MEMORY_EVERY == 0)
        CheckReading(c);
}

static const char *TakeAct(void *collector, const void *rest, LoggedStep *step)
{
    ActCollector *c = collector;
    const ActRow *row = rest;
    Looked looked = {.row = row};
    const char *problem = NULL;
    Id scenario;

    if (row->scenario.isnull)
        return "it has no scenario";
    if (isnan(step->reward))
        return "it has no reward";
    scenario = IdIndexIdOf(c->scenarios, row->scenario.value);
    if (!IdIsUsable(scenario))
        return "its scenario has a name that is too long or no text";
    problem = LookAtArrays(c, &looked);
    if (problem == NULL)
        problem = LookAtNumbers(c, &looked);
    if (problem == NULL)
        KeepAct(c, &looked, scenario);
    return problem;
}

void ActCollectorAdd(ActCollector *c, const ActRow *row)
{
    SessionLogAdd(&c->log, &(SessionRow){row->session, row->step, row->reward}, TakeAct, c, row);
}

/* --- widths */

static void CheckScenarios(const ActCollector *c)
{
    uint32 scenarios = IdIndexCount(c->scenarios);

    if (scenarios > MOST_SCENARIOS)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("column \"%s\" has %u scenarios, and there can be %d", c->columns->scenario,
                        scenarios, MOST_SCENARIOS),
                 errhint("A scenario is a place that ranks, such as search or a shop's page, "
                         "not what is looked for there.")));
}

/* best[scenario]: the widths of most of its rows, the greater ones of two that are as frequent. */
static void ChooseWidths(const ActCollector *c, Widths *best)
{
    HASH_SEQ_STATUS scan;
    const Widths *w;

    memset(best, 0, MOST_SCENARIOS * sizeof(Widths));
    hash_seq_init(&scan, c->widths);
    while ((w = hash_seq_search(&scan)) != NULL) {
        Widths *b = &best[w->key >> 32];

        if (w->rows > b->rows || (w->rows == b->rows && w->key > b->key))
            *b = *w;
    }
}

static char *WidthProblem(const ActCollector *c, const Act *act, uint64 usual)
{
    IdList scenarios = IdIndexList(c->scenarios);

    return psprintf("its observation and action have %d and %d numbers, those of scenario \"%s\" "
                    "%d and %d",
                    act->observed, act->weights,
                    text_to_cstring(IdToText(IdListGet(&scenarios, act->scenario))),
                    (int)(usual >> 16 & 0xFFFF), (int)(usual & 0xFFFF));
}

/* Of a scenario that is twice as wide in some rows nothing could be learnt. */
static void BreakOthers(ActCollector *c)
{
    Widths best[MOST_SCENARIOS];

    ChooseWidths(c, best);
    for (Size i = 0; i < c->log.count; i++) {
        const Act *act = &c->act[c->log.entry[i].row];
        uint64 usual = best[act->scenario].key;

        if (KeyOf(act) != usual)
            SessionLogBreak(&c->log, i,
                            c->log.broken.rows == 0 ? WidthProblem(c, act, usual) : NULL);
        PollRow(i);
    }
}

/* --- all rows */

static Size ArraysMemory(const Acts *acts)
{
    Size width = (Size)WidestObservation(&acts->shape) + WidestAction(&acts->shape);
    Size step = SizeMultiply(SizeAdd(width, 2), sizeof(float));

    return SizeAdd(SizeMultiply(acts->steps, SizeAdd(step, sizeof(uint32))),
                   SizeMultiply(acts->sessions, sizeof(uint64)));
}

static void CheckSorting(const ActCollector *c)
{
    CheckMemoryOfActs(SizeAdd(CollectorMemoryOf(c), SessionLogSortMemory(&c->log)),
                      "sorting the acts");
}

static float *AllocateRows(uint64 steps, uint32 width)
{
    Size bytes = SizeMultiply(SizeMultiply(steps + 1, width), sizeof(float));
    float *rows = MemoryContextAllocHuge(CurrentMemoryContext, bytes);

    memset(rows, 0, bytes);
    return rows;
}

static void AllocateActs(Acts *a, bool propensities)
{
    a->session = PallocArray(uint64, (Size)a->sessions + 1);
    a->scenario = PallocArray(uint32, a->steps + 1);
    a->observation = AllocateRows(a->steps, WidestObservation(&a->shape));
    a->action = AllocateRows(a->steps, WidestAction(&a->shape));
    a->reward = PallocArray(float, a->steps + 1);
    a->propensity = propensities ? PallocArray(float, a->steps + 1) : NULL;
}

static void FillStep(const ActCollector *c, const LoggedStep *e, uint32 scenario, uint64 step,
                     Acts *a)
{
    const Act *act = &c->act[e->row];
    const float *numbers = c->number + act->first;

    a->scenario[step] = scenario;
    a->reward[step] = e->reward;
    memcpy(a->observation + step * WidestObservation(&a->shape), numbers,
           act->observed * sizeof(float));
    memcpy(a->action + step * WidestAction(&a->shape), numbers + act->observed,
           act->weights * sizeof(float));
    if (a->propensity != NULL)
        a->propensity[step] = act->propensity;
}

/* Steps are in order; scenario[]: the index of each provisional number. */
static void FillActs(const ActCollector *c, const uint32 *session, const uint32 *scenario, Acts *a)
{
    uint64 step = 0;
    uint32 sessions = 0;

    for (Size i = 0; i < c->log.count; i++) {
        const LoggedStep *e = &c->log.entry[i];

        PollRow(i);
        if (e->dropped)
            continue;
        if (session[e->session] == sessions)
            a->session[sessions++] = step;
        FillStep(c, e, scenario[c->act[e->row].scenario], step++, a);
    }
    a->session[sessions] = step;
}

/* The scenarios that are left, in order of ids; dense[] becomes the index of each among them. */
static void KeepScenarios(const ActCollector *c, uint32 *dense, const IdList *ids,
                          CollectedActs *result)
{
    uint32 *used = PallocArray(uint32, (Size)ids->count + 1);
    Acts *a = &result->acts;

    memset(used, 0, ((Size)ids->count + 1) * sizeof(uint32));
    for (Size i = 0; i < c->log.count; i++) {
        PollRow(i);
        if (c->log.entry[i].dropped)
            continue;
        used[dense[c->act[c->log.entry[i].row].scenario]] = 1;
        a->steps++;
    }
    result->scenarios = KeepUsedIds(ids, used);
    for (uint32 i = 0; i < ids->count; i++)
        dense[i] = used[dense[i]];
    a->shape.scenarios = result->scenarios.count;
    for (Size i = 0; i < c->log.count; i++) {
        const Act *act = &c->act[c->log.entry[i].row];

        PollRow(i);
        if (!c->log.entry[i].dropped)
            a->shape.scenario[dense[act->scenario]] = (ActWidths){act->observed, act->weights};
    }
}

static void CheckWeights(const ActShape *shape)
{
    if (AllActions(shape) > MOST_ALL_ACTIONS)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the actions of all scenarios have %u weights together, and there "
                               "can be %d",
                               AllActions(shape), MOST_ALL_ACTIONS)));
}

/* Rows in order, and what of sessions and scenarios is left of them, in order of ids. */
static void Arrange(ActCollector *c, CollectedActs *result)
{
    Acts *a = &result->acts;
    uint32 *session, *scenario;
    IdList sessions, scenarios;

    IdIndexSort(c->scenarios, &scenarios, &scenario);
    IdIndexRelease(c->scenarios);
    SessionLogSort(&c->log);
    sessions = SessionLogSessions(&c->log, &session);
    a->sessions = sessions.count;
    KeepScenarios(c, scenario, &scenarios, result);
    CheckWeights(&a->shape);
    CheckMemoryOfActs(SizeAdd(MemoryContextMemAllocated(c->context, true), ArraysMemory(a)),
                      "sorting the acts");
    AllocateActs(a, OidIsValid(c->propensity_type));
    FillActs(c, session, scenario, a);
    pfree(session);
    pfree(scenario);
    IdListFree(&sessions);
    IdListFree(&scenarios);
}

static void Summarize(CollectedActs *result)
{
    const Acts *a = &result->acts;
    double reward = 0;

    for (uint64 t = 0; t < a->steps; t++) {
        reward += (double)a->reward[t];
        PollRow(t);
    }
    for (uint32 n = 0; n < a->sessions; n++) {
        result->single_steps += a->session[n + 1] - a->session[n] == 1;
        PollRow(n);
    }
    if (a->sessions == 0)
        return;
    result->logged_reward = reward / a->sessions;
    result->logged_depth = (double)a->steps / a->sessions;
}

static void Release(ActCollector *c)
{
    if (c->act != NULL)
        pfree(c->act);
    if (c->number != NULL)
        pfree(c->number);
    hash_destroy(c->widths);
    SessionLogRelease(&c->log);
}

void ActCollectorFinish(ActCollector *c, CollectedActs *result)
{
    MemoryContext caller = MemoryContextSwitchTo(c->context);

    *result =
        (CollectedActs){.scenario_type = IdIndexType(c->scenarios), .null_rows = c->log.null_rows};
    CheckScenarios(c);
    CheckSorting(c);
    BreakOthers(c);
    Arrange(c, result);
    result->broken = c->log.broken;
    Summarize(result);
    Release(c);
    MemoryContextSwitchTo(caller);
}

void CollectedActsReport(const CollectedActs *collected)
{
    ReportSkippedRows(collected->null_rows, &collected->broken);
}
