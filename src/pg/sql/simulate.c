/* simulate.c: recadv_simulate: sessions of simulated visitors whom a model recommends to. */
#include "pg/base/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "algo/policy/explorer.h"
#include "pg/base/rowset.h"
#include "pg/base/settings.h"
#include "pg/ids/id_text.h"
#include "pg/model/catalog.h"
#include "pg/model/options.h"
#include "pg/serve/arguments.h"
#include "pg/sql/checks.h"
#include "pg/sql/explore.h"
#include "pg/sql/played.h"
#include "pg/train/simulator.h"

/* Arguments of recadv_simulate, whatever the kind of its ids. */
typedef enum Argument {
    ARG_SIMULATOR,
    ARG_POLICY,
    ARG_SESSIONS,
    ARG_K,
    ARG_EXPLORE,
    ARG_SEED,
    ARG_OPTIONS,
    ARG_CANDIDATES,
    ARGUMENTS
} Argument;

/* Where they stand: the candidates tell text from bigint, so they come before what has defaults. */
static const int place_of[][ARGUMENTS] = {
    [ID_INTEGER] = {0, 1, 2, 3, 4, 5, 6, 7},
    [ID_TEXT] = {0, 1, 3, 4, 5, 6, 7, 2},
};

/* Columns of its rows. */
enum {
    ROW_SESSION,
    ROW_STEP,
    ROW_SHOWN,
    ROW_CLICKED,
    ROW_REWARD,
    ROW_PROPENSITY,
    ROW_ENDED,
    ROW_HISTORY,
    ROW_COLUMNS
};

typedef struct Simulation {
    BackendHost backend;
    Simulator simulator;
    WholeModel *policy; /* NULL: items by chance */
    VisitorRules rules;
    int32 sessions;
    uint32 k;
    double explore;
    uint64 seed;
    IdKind kind; /* of the ids in the rows */
    const int *place;
    bool *may_show; /* of the policy's items; NULL: all may be shown */
    RowSet rows;
    MemoryContext row; /* memory of one of them */
    const Environment *environment;
    Visitor *visitor; /* whose steps are being told */
} Simulation;

/* ---- arguments ---- */

static const OptionSpec rule_options[] = {VISITOR_OPTIONS(0), {.name = NULL}};

static char *RuleNames(void)
{
    StringInfoData names;

    initStringInfo(&names);
    for (const OptionSpec *spec = rule_options; spec->name != NULL; spec++)
        appendStringInfo(&names, "%s%s", names.len == 0 ? "" : ", ", spec->name);
    return names.data;
}

static void SetRule(VisitorRules *rules, const char *key, const JsonbValue *value)
{
    const OptionSpec *spec = OptionFind(rule_options, key);
    char expected[256];

    if (spec == NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("unknown option \"%s\" for visitors", key),
                        errhint("Options of visitors are: %s.", RuleNames())));
    if (!OptionStore(spec, OptionValueOf(value), rules, expected, sizeof(expected)))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"%s\" must be %s", key, expected)));
}

/* Over those that the simulator has. */
static void RulesArgument(FunctionCallInfo fcinfo, const Simulation *s, VisitorRules *rules)
{
    Jsonb *object;
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue key, value;

    if (PG_ARGISNULL(s->place[ARG_OPTIONS]))
        return;
    object = PG_GETARG_JSONB_P(s->place[ARG_OPTIONS]);
    if (!JB_ROOT_IS_OBJECT(object))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("options must be a JSON object")));
    iterator = JsonbIteratorInit(&object->root);
    while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE) {
        if (token != WJB_KEY)
            continue;
        (void)JsonbIteratorNext(&iterator, &value, true);
        SetRule(rules, pnstrdup(key.val.string.val, key.val.string.len), &value);
    }
}

static void TakeArguments(FunctionCallInfo fcinfo, Simulation *s)
{
    s->sessions = SessionsArgument(fcinfo, s->place[ARG_SESSIONS]);
    s->k = KArgument(fcinfo, s->place[ARG_K]);
    s->explore = ExploreArgument(fcinfo, s->place[ARG_EXPLORE]);
    s->seed = SeedArgument(fcinfo, s->place[ARG_SEED]);
    RulesArgument(fcinfo, s, &s->rules); /* a mistake is told before anything is loaded */
}

/* ---- models ---- */

static void LoadSimulator(FunctionCallInfo fcinfo, Simulation *s)
{
    const Header *header;

    SimulatorLoad(text_to_cstring(PG_GETARG_TEXT_PP(s->place[ARG_SIMULATOR])), &s->backend,
                  &s->simulator);
    header = &s->simulator.whole.header;
    if (s->kind == ID_INTEGER && header->item_kind == ID_TEXT)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("items of simulator \"%s\" are not integers", s->simulator.name),
                        errhint("Ask for text: recadv_simulate(simulator, policy, candidates => "
                                "NULL::text[]).")));
    s->rules = SimulatorRules(header->algorithm, header->options);
    RulesArgument(fcinfo, s, &s->rules);
    s->k = Min(s->k, s->simulator.whole.model.items);
}

/* The visitors that a policy has learnt from are of the same model. */
static bool JudgesItself(const Simulation *s, const PlayedName *policy)
{
    return Recommends(s->policy->header.algorithm) && strcmp(policy->full, s->simulator.name) == 0;
}

/* A policy looks better where it was trained than anywhere else. */
static void CheckJudge(const Simulation *s, const PlayedName *policy)
{
    if (SimulatorHasTrained(&s->simulator, &s->policy->header) || JudgesItself(s, policy))
        ereport(NOTICE, (errmsg("model \"%s\" was trained in the simulator \"%s\", which judges it",
                                policy->name, s->simulator.name),
                         errhint("It has learnt the simulator's mistakes, too: judge it in one "
                                 "that was trained on other data.")));
}

static void FindItems(Simulation *s, const char *name)
{
    uint32 known;

    if (s->policy->header.item_kind != s->simulator.whole.header.item_kind)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("model \"%s\" has items whose ids are of the kind %s, simulator "
                               "\"%s\" %s",
                               name, IdKindName(s->policy->header.item_kind), s->simulator.name,
                               IdKindName(s->simulator.whole.header.item_kind))));
    s->simulator.item = SimulatorItems(&s->simulator, &s->policy->item_ids, &known);
    if (known == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("simulator \"%s\" knows none of the items of model \"%s\"",
                               s->simulator.name, name)));
}

static void LoadPolicy(FunctionCallInfo fcinfo, Simulation *s)
{
    PlayedName name;

    if (PG_ARGISNULL(s->place[ARG_POLICY]))
        return;
    s->policy = PlayedModel(PG_GETARG_TEXT_PP(s->place[ARG_POLICY]), true, &s->backend, &name);
    CheckJudge(s, &name);
    FindItems(s, name.name);
}

/* The model whose items are shown. */
static const WholeModel *Shown(const Simulation *s)
{
    return s->policy != NULL ? s->policy : &s->simulator.whole;
}

/* In any text that their type takes.  Candidates that are not known are none. */
static void TakeCandidates(FunctionCallInfo fcinfo, Simulation *s)
{
    const IdList *own = &Shown(s)->item_ids;
    IdList ids;

    if (PG_ARGISNULL(s->place[ARG_CANDIDATES]))
        return;
    ids = IdsArgument(fcinfo, s->place[ARG_CANDIDATES], s->kind);
    s->may_show = PallocArray(bool, (Size)own->count + 1);
    memset(s->may_show, 0, (Size)own->count + 1);
    for (uint32 i = 0; i < ids.count; i++) {
        Id id;
        uint32 item;

        CHECK_FOR_INTERRUPTS();
        if (!IdConvert(IdListGet(&ids, i), own->kind, &id))
            continue;
        item = IdListFind(own, IdCanonical(Shown(s)->header.item_text, id));
        if (item != UNKNOWN_ID)
            s->may_show[item] = true;
    }
}

/* ---- rows ---- */

static void PutItems(const Simulation *s, const RolloutStep *step, Datum *values)
{
    Datum *shown = PallocArray(Datum, step->count), *clicked = PallocArray(Datum, step->count);
    Datum *propensity = PallocArray(Datum, step->count);
    uint32 clicks = 0;
    Oid type = IdTypeOf(s->kind);

    for (uint32 i = 0; i < step->count; i++) {
        shown[i] = IdToDatum(IdListGet(&Shown(s)->item_ids, step->shown[i]), s->kind);
        propensity[i] = Float4GetDatum(step->propensity[i]);
        if (step->clicked[i])
            clicked[clicks++] = shown[i];
    }
    values[ROW_SHOWN] = PlayedArray(shown, step->count, type);
    values[ROW_CLICKED] = PlayedArray(clicked, clicks, type);
    values[ROW_PROPENSITY] = PlayedArray(propensity, step->count, FLOAT4OID);
}

/* What the visitor had clicked, by the simulator's indexes. */
static Datum HistoryOf(const Simulation *s)
{
    const Visitor *visitor = s->visitor;
    Datum *items = PallocArray(Datum, visitor->clicks + 1);

    for (uint32 i = 0; i < visitor->clicks; i++)
        items[i] = IdToDatum(IdListGet(&s->simulator.whole.item_ids, visitor->history[i]), s->kind);
    return PlayedArray(items, visitor->clicks, IdTypeOf(s->kind));
}

/* Visitors remember what they clicked; where a session begins, what its record says. */
static void Remember(Simulation *s, const RolloutStep *step)
{
    for (uint32 i = 0; i < step->count; i++)
        if (step->clicked[i])
            VisitorRemember(s->visitor, s->simulator.item == NULL
                                            ? step->shown[i]
                                            : s->simulator.item[step->shown[i]]);
}

static void PutStep(void *arg, const RolloutStep *step)
{
    Simulation *s = arg;
    MemoryContext caller = MemoryContextSwitchTo(s->row);
    Datum values[ROW_COLUMNS];

    if (step->step == 1)
        VisitorStart(s->environment, step->session, s->visitor);
    values[ROW_HISTORY] = HistoryOf(s);
    values[ROW_SESSION] = Int64GetDatum((int64)(step->session - BEFORE_FIRST));
    values[ROW_STEP] = Int32GetDatum((int32)step->step);
    PutItems(s, step, values);
    values[ROW_REWARD] = Float4GetDatum(step->reward);
    values[ROW_ENDED] = BoolGetDatum(step->ended);
    RowSetAdd(&s->rows, values, NULL);
    Remember(s, step);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(s->row);
    CHECK_FOR_INTERRUPTS();
}

/* ---- playing ---- */

static void CheckPlaying(const Simulation *s, const ModelPolicy *shown, const Rollout *rollout)
{
    int threads = recadv_max_threads;
    Size more = SizeAdd(ModelPolicyMemory(shown, s->k, threads), RolloutMemory(rollout));

    CheckPlayingMemory(&s->backend, SizeAdd(more, ExplorerMemory(s->k, threads)));
}

static void Play(void *arg)
{
    Simulation *s = arg;
    const Host *host = &s->backend.host;
    const Model *simulator = &s->simulator.whole.model;
    Environment *environment = EnvironmentOpen(host, simulator, &s->rules, s->seed);
    ModelPolicy shown = {.environment = environment,
                         .model = s->policy == NULL ? NULL : &s->policy->model,
                         .simulator_item = s->simulator.item,
                         .may_show = s->may_show,
                         .seed = s->seed};
    Explorer explorer = {.explore = s->explore, .seed = s->seed, .k = s->k};
    Policy policy;
    Rollout rollout = {.environment = environment,
                       .policy = &policy,
                       .sessions = (uint64)s->sessions,
                       .first = BEFORE_FIRST + 1,
                       .k = s->k,
                       .arg = s,
                       .step = PutStep};

    CheckPlaying(s, &shown, &rollout);
    s->environment = environment;
    s->visitor = HostAllocate(host, 1, VisitorSize(environment));
    if (s->explore > 0)
        ExplorerOpen(host, &explorer, &shown);
    policy = ModelPolicyOpen(host, &shown, s->k);
    RolloutRun(host, &rollout);
}

static void OpenSimulation(Simulation *s)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv simulation", ALLOCSET_DEFAULT_SIZES);

    BackendHostInit(&s->backend, context, "recadv_simulate");
    s->row = AllocSetContextCreate(CurrentMemoryContext, "recadv step", ALLOCSET_DEFAULT_SIZES);
}

static Datum Simulate(FunctionCallInfo fcinfo, IdKind kind)
{
    Simulation simulation = {.kind = kind, .place = place_of[kind]}, *s = &simulation;

    RowSetOpen(&s->rows, fcinfo);
    CheckNotNull(fcinfo, s->place[ARG_SIMULATOR], "simulator");
    if (AnyArgumentNull(fcinfo, s->place[ARG_SESSIONS], s->place[ARG_EXPLORE]))
        return (Datum)0;
    TakeArguments(fcinfo, s);
    OpenSimulation(s);
    LoadSimulator(fcinfo, s);
    LoadPolicy(fcinfo, s);
    TakeCandidates(fcinfo, s);
    CheckPlayingMemory(&s->backend, EnvironmentMemory(&s->simulator.whole.model, &s->rules));
    BackendHostRun(&s->backend, recadv_max_threads, Play, s);
    MemoryContextDelete(s->backend.context);
    return (Datum)0;
}

FOR_BOTH_KINDS(recadv_simulate, Simulate)
