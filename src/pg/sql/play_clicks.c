/* play_clicks.c: recadv_play_clicks: sessions in a made-up world, of which everything is known. */
#include "pg/base/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "algo/policy/click_policy.h"
#include "algo/policy/model_policy.h"
#include "pg/base/rowset.h"
#include "pg/base/settings.h"
#include "pg/model/catalog.h"
#include "pg/model/resolve.h"
#include "pg/serve/arguments.h"
#include "pg/sql/checks.h"
#include "pg/sql/explore.h"
#include "pg/sql/played.h"

typedef enum Argument {
    ARG_WORLD,
    ARG_POLICY,
    ARG_SESSIONS,
    ARG_K,
    ARG_MAX_CLICKS,
    ARG_SEED,
    ARG_WORLD_SEED
} Argument;

/* Policies that need no model. */
typedef enum Scripted { SCRIPTED_RANDOM, SCRIPTED_MAX, SCRIPTED_MIX, SCRIPTED, A_MODEL } Scripted;

static const char *const scripted_names[SCRIPTED] = {"random", "max", "mix"};

#define MOST_MAX_CLICKS 10000

/* Ids of items and numbers of states in SQL begin with 1. */
#define FIRST_NUMBER 1

typedef struct Playing {
    BackendHost backend;
    ClickWorld world;
    Scripted policy;
    WholeModel *model;  /* A_MODEL */
    uint32 *world_item; /* of the model's items, or NO_ITEM; NULL: they are the world's */
    int32 sessions;
    uint32 k;
    uint32 max_clicks;
    uint64 seed;
    RowSet rows;
    MemoryContext row; /* memory of one of them */
    /* The session whose steps are being told. */
    uint32 state;
    Visitor visitor; /* what was clicked */
} Playing;

/* ---- arguments ---- */

static ClickWorldKind WorldArgument(FunctionCallInfo fcinfo)
{
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_WORLD));

    for (int kind = 0; kind < CLICK_WORLDS; kind++)
        if (strcmp(name, click_world_names[kind]) == 0)
            return (ClickWorldKind)kind;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown world \"%s\"", name),
                    errhint("Worlds are: %s, %s.", click_world_names[WORLD_SUCCESS],
                            click_world_names[WORLD_CLICK_BAIT])));
}

static uint32 MaxClicksArgument(FunctionCallInfo fcinfo)
{
    int32 clicks = PG_GETARG_INT32(ARG_MAX_CLICKS);

    if (clicks < 1 || clicks > MOST_MAX_CLICKS)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("max_clicks must be from 1 to %d, not %d", MOST_MAX_CLICKS, clicks),
                        errhint("Who has clicked so often is not followed any further.")));
    return (uint32)clicks;
}

/* The name of one of them comes before that of a model, which a schema before it tells apart. */
static Scripted PolicyArgument(FunctionCallInfo fcinfo)
{
    char *name;

    if (PG_ARGISNULL(ARG_POLICY))
        return SCRIPTED_RANDOM;
    name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_POLICY));
    for (int policy = 0; policy < SCRIPTED; policy++)
        if (strcmp(name, scripted_names[policy]) == 0)
            return (Scripted)policy;
    if (!OidIsValid(ModelLookupFor(name, MODEL_READ)))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("model \"%s\" does not exist", name),
                 errhint("%s", NameHint(name, "Policies are random, max, mix, and models: SELECT * "
                                              "FROM recadv_models lists them."))));
    return A_MODEL;
}

static void CheckMixed(const Playing *p)
{
    if (p->policy == SCRIPTED_MIX && p->k > MOST_MIXED)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("k must be at most %d for policy \"mix\", not %u", MOST_MIXED, p->k),
                        errhint("It shows either the k best of %d items or as many others.",
                                WORLD_ITEMS)));
}

static void TakeArguments(FunctionCallInfo fcinfo, Playing *p)
{
    ClickWorldMake(&p->world, WorldArgument(fcinfo), (uint64)PG_GETARG_INT64(ARG_WORLD_SEED));
    p->policy = PolicyArgument(fcinfo);
    p->sessions = SessionsArgument(fcinfo, ARG_SESSIONS);
    p->k = Min(KArgument(fcinfo, ARG_K), WORLD_ITEMS);
    p->max_clicks = MaxClicksArgument(fcinfo);
    p->seed = SeedArgument(fcinfo, ARG_SEED);
    CheckMixed(p);
}

/* ---- a model's items ---- */

static bool PlaceItem(Playing *p, uint32 item)
{
    const IdList *ids = &p->model->item_ids;
    uint32 own;
    Id id;

    if (!IdConvert(IdOfInteger((int64)item + FIRST_NUMBER), ids->kind, &id))
        return false;
    own = IdListFind(ids, id);
    if (own == UNKNOWN_ID)
        return false;
    p->world_item[own] = item;
    return true;
}

static void LoadModel(FunctionCallInfo fcinfo, Playing *p)
{
    PlayedName name;
    bool any = false;

    if (p->policy != A_MODEL)
        return;
    p->model = PlayedModel(PG_GETARG_TEXT_PP(ARG_POLICY), true, &p->backend, &name);
    p->world_item = PallocArray(uint32, (Size)p->model->item_ids.count + 1);
    for (uint32 i = 0; i < p->model->item_ids.count; i++)
        p->world_item[i] = NO_ITEM;
    for (uint32 item = 0; item < WORLD_ITEMS; item++)
        any |= PlaceItem(p, item);
    if (!any)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("model \"%s\" has none of the items of the world", name.name),
                        errhint("Those are 1 to %d: train it on rows of recadv_play_clicks().",
                                WORLD_ITEMS)));
}

/* ---- rows ---- */

static Datum NumberOf(uint32 index)
{
    return Int64GetDatum((int64)index + FIRST_NUMBER);
}

/* What was shown, as the world knows it. */
static uint32 *WorldItems(const Playing *p, const RolloutStep *step)
{
    uint32 *items = PallocArray(uint32, step->count);

    for (uint32 i = 0; i < step->count; i++)
        items[i] = p->world_item == NULL ? step->shown[i] : p->world_item[step->shown[i]];
    return items;
}

static void PutSlate(ResultRow *row, const RolloutStep *step, const uint32 *items)
{
    Datum *shown = PallocArray(Datum, step->count), *propensity = PallocArray(Datum, step->count);
    Datum clicked[1];
    uint32 clicks = 0;

    for (uint32 i = 0; i < step->count; i++) {
        shown[i] = NumberOf(items[i]);
        propensity[i] = Float4GetDatum(step->propensity[i]);
        if (step->clicked[i])
            clicked[clicks++] = shown[i];
    }
    ResultDatum(row, PlayedArray(shown, step->count, INT8OID));
    ResultDatum(row, PlayedArray(clicked, clicks, INT8OID));
    ResultFloat4(row, step->reward);
    ResultDatum(row, PlayedArray(propensity, step->count, FLOAT4OID));
}

static Datum HistoryOf(const Visitor *visitor)
{
    Datum items[VISITOR_HISTORY];

    for (uint32 i = 0; i < visitor->clicks; i++)
        items[i] = NumberOf(visitor->history[i]);
    return PlayedArray(items, visitor->clicks, INT8OID);
}

/* Steps come in order: what visitors have in mind is followed by asking the world again. */
static void PutRow(Playing *p, const RolloutStep *step)
{
    uint32 *items = WorldItems(p, step);
    ClickAnswer answer;
    ResultRow row = {0};

    if (step->step == 1) {
        p->state = 0;
        p->visitor = (Visitor){0};
    }
    answer = ClickWorldAnswer(&p->world, p->seed, step->session, step->step - 1, p->state, items,
                              step->count);
    ResultInt8(&row, (int64)step->session);
    ResultInt4(&row, (int32)step->step);
    PutSlate(&row, step, items);
    ResultDatum(&row, BoolGetDatum(!answer.stays));
    ResultDatum(&row, HistoryOf(&p->visitor));
    ResultInt4(&row, (int32)p->state + FIRST_NUMBER);
    ResultFloat4(&row, (float4)ClickWorldStays(&p->world, p->state, items, step->count));
    ResultFloat4(&row, (float4)ClickWorldCoverage(&p->world, p->state, items, step->count, p->k));
    RowSetAddRow(&p->rows, &row);
    p->state = answer.state;
    VisitorRemember(&p->visitor, answer.clicked ? items[answer.place] : NO_ITEM);
}

static void PutStep(void *arg, const RolloutStep *step)
{
    Playing *p = arg;
    MemoryContext caller = MemoryContextSwitchTo(p->row);

    PutRow(p, step);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(p->row);
    CHECK_FOR_INTERRUPTS();
}

/* ---- playing ---- */

static void Play(void *arg)
{
    Playing *p = arg;
    const Host *host = &p->backend.host;
    Environment *environment = EnvironmentOfWorld(host, &p->world, p->max_clicks, p->seed);
    ClickPolicy knows = {&p->world, p->policy == SCRIPTED_MIX, p->seed};
    ModelPolicy shown = {.environment = environment,
                         .model = p->model == NULL ? NULL : &p->model->model,
                         .simulator_item = p->world_item,
                         .seed = p->seed};
    Policy policy;
    Rollout rollout = {.environment = environment,
                       .policy = &policy,
                       .first = 1,
                       .sessions = (uint64)p->sessions,
                       .k = p->k,
                       .arg = p,
                       .step = PutStep};

    CheckPlayingMemory(&p->backend, SizeAdd(ModelPolicyMemory(&shown, p->k, recadv_max_threads),
                                            RolloutMemory(&rollout)));
    policy = p->policy == SCRIPTED_MAX || p->policy == SCRIPTED_MIX
                 ? ClickPolicyOpen(&knows)
                 : ModelPolicyOpen(host, &shown, p->k);
    RolloutRun(host, &rollout);
}

static void OpenPlaying(Playing *p)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv world", ALLOCSET_DEFAULT_SIZES);

    BackendHostInit(&p->backend, context, "recadv_play_clicks");
    p->row = AllocSetContextCreate(CurrentMemoryContext, "recadv step", ALLOCSET_DEFAULT_SIZES);
}

PG_FUNCTION_INFO_V1(recadv_play_clicks);

Datum recadv_play_clicks(PG_FUNCTION_ARGS)
{
    Playing *p = palloc0(sizeof(Playing));

    RowSetOpen(&p->rows, fcinfo);
    CheckNotNull(fcinfo, ARG_WORLD, "world");
    if (AnyArgumentNull(fcinfo, ARG_SESSIONS, ARG_MAX_CLICKS) || PG_ARGISNULL(ARG_WORLD_SEED))
        return (Datum)0;
    TakeArguments(fcinfo, p);
    OpenPlaying(p);
    LoadModel(fcinfo, p);
    BackendHostRun(&p->backend, recadv_max_threads, Play, p);
    MemoryContextDelete(p->backend.context);
    return (Datum)0;
}
