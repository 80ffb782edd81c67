/* play_acts.c: recadv_play_acts: sessions in a made-up world of several scenarios. */
#include "pg/base/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "algo/policy/act_play.h"
#include "algo/policy/act_worlds.h"
#include "pg/base/rowset.h"
#include "pg/model/catalog.h"
#include "pg/model/options.h"
#include "pg/model/resolve.h"
#include "pg/serve/arguments.h"
#include "pg/sql/checks.h"
#include "pg/sql/explore.h"
#include "pg/sql/played.h"

typedef enum Argument { ARG_WORLD, ARG_POLICY, ARG_SESSIONS, ARG_EXPLORE, ARG_SEED } Argument;

typedef struct Playing {
    BackendHost backend;
    const ActEnvironment *world;
    const ActScript *script; /* NULL: a model */
    WholeModel *model;
    uint32 scenario[MOST_SCENARIOS]; /* of the model, by the world's */
    ActPlayer player;
    double explore;
    int32 sessions;
    uint64 seed;
    uint64 session; /* of the steps that are told */
    RowSet rows;
    MemoryContext row; /* memory of one of them */
} Playing;

/* ---- arguments ---- */

static char *WorldNames(void)
{
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; act_environments[i] != NULL; i++)
        appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", act_environments[i]->name);
    return names.data;
}

static const ActEnvironment *WorldArgument(FunctionCallInfo fcinfo)
{
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_WORLD));
    const ActEnvironment *world = ActEnvironmentFind(name);

    if (world == NULL)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown world \"%s\"", name),
                 errhint("There is: %s.", WorldNames())));
    return world;
}

static char *ScriptNames(const ActEnvironment *world)
{
    StringInfoData names;

    initStringInfo(&names);
    for (const ActScript *script = world->scripts; script->name != NULL; script++)
        appendStringInfo(&names, "%s, ", script->name);
    return names.data;
}

/* A player of the world's own comes before a model, which a schema before its name tells apart. */
static const ActScript *PolicyArgument(FunctionCallInfo fcinfo, const ActEnvironment *world)
{
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_POLICY));
    const ActScript *script = ActScriptFind(world, name);

    if (script == NULL && !OidIsValid(ModelLookupFor(name, MODEL_READ)))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("model \"%s\" does not exist", name),
                 errhint("%s", NameHint(name, psprintf("Policies are %sand models: SELECT * FROM "
                                                       "recadv_models lists them.",
                                                       ScriptNames(world))))));
    return script;
}

static void CheckExplores(const Playing *p)
{
    if (p->explore > 0 && p->script != NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("policy \"%s\" does not explore", p->script->name),
                        errhint("Leave explore at 0; it is for models.")));
}

static void TakeArguments(FunctionCallInfo fcinfo, Playing *p)
{
    p->world = WorldArgument(fcinfo);
    p->script = PolicyArgument(fcinfo, p->world);
    p->sessions = SessionsArgument(fcinfo, ARG_SESSIONS);
    p->explore = NoiseArgument(fcinfo, ARG_EXPLORE);
    CheckExplores(p);
    p->seed = SeedArgument(fcinfo, ARG_SEED);
}

/* ---- rows ---- */

static Datum NumbersOf(const float *numbers, uint32 count)
{
    Datum *values = PallocArray(Datum, count);

    for (uint32 i = 0; i < count; i++)
        values[i] = Float4GetDatum(numbers[i]);
    return PlayedArray(values, count, FLOAT4OID);
}

/* What is carried on; a player that carries nothing has none. */
static void PutState(const Playing *p, ResultRow *row, const ActStep *step)
{
    if (p->player.state == 0)
        ResultNull(row);
    else
        ResultDatum(row, NumbersOf(step->after, p->player.state));
}

static void PutStep(void *arg, const ActStep *step)
{
    Playing *p = arg;
    MemoryContext caller = MemoryContextSwitchTo(p->row);
    ActWidths widths = p->world->shape.scenario[step->scenario];
    ResultRow row = {0};

    ResultInt8(&row, (int64)p->session);
    ResultInt4(&row, (int32)step->step + 1);
    ResultText(&row, p->world->scenarios[step->scenario]);
    ResultDatum(&row, NumbersOf(step->observation, widths.observation));
    ResultDatum(&row, NumbersOf(step->action, widths.action));
    ResultFloat4(&row, step->reward);
    ResultDensity(&row, step->density);
    ResultDatum(&row, BoolGetDatum(step->ended));
    PutState(p, &row, step);
    ResultInt4(&row, (int32)step->kind + 1);
    RowSetAddRow(&p->rows, &row);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(p->row);
}

/* ---- playing ---- */

static void Play(Playing *p)
{
    for (p->session = 1; p->session <= (uint64)p->sessions; p->session++) {
        ActEarned earned =
            ActPlaySession(p->world, &p->player, p->seed, BEFORE_FIRST + p->session, PutStep, p);

        if (earned.failed)
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                            errmsg("the model gives actions that are not finite"),
                            errhint("Train the model again, or return to another version with "
                                    "recadv_rollback().")));
        CHECK_FOR_INTERRUPTS();
    }
}

/* The model's number of the scenario is by its name. */
static bool Translated(const void *arg, const ActInput *input, ActOutput *output)
{
    const Playing *p = arg;
    const Model *model = &p->model->model;
    ActInput own = *input;

    own.scenario = p->scenario[input->scenario];
    return model->algorithm->policy->acts->act(model, &own, output);
}

static void CheckActs(const Header *header, const char *name)
{
    if (!ReadsActs(header->algorithm))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("model \"%s\" does not act in scenarios: its algorithm is \"%s\"",
                               name, header->algorithm->name),
                        errhint("recadv_train_policy() trains one that does, with the algorithm "
                                "%s.",
                                AlgorithmNames(ReadsActs))));
}

/* Fails unless the model knows a scenario of the world's, of the same widths. */
static void PlaceScenario(Playing *p, uint32 scenario, const char *model)
{
    const Scenarios *own = p->model->header.scenarios;
    const char *name = p->world->scenarios[scenario];
    ActWidths wanted = p->world->shape.scenario[scenario], have = {0};
    uint32 place = ScenarioFind(own, IdOfText(name, (uint32)strlen(name)));

    if (place != UNKNOWN_ID)
        have = own->shape.scenario[place];
    if (have.observation != wanted.observation || have.action != wanted.action)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("model \"%s\" has no scenario \"%s\" with observations of %u and "
                               "actions of %u numbers",
                               model, name, wanted.observation, wanted.action),
                        errhint("Train it in the world, or on rows of recadv_play_acts().")));
    p->scenario[scenario] = place;
}

static void LoadModel(FunctionCallInfo fcinfo, Playing *p)
{
    PlayedName name;

    p->model = PlayedModel(PG_GETARG_TEXT_PP(ARG_POLICY), false, &p->backend, &name);
    CheckActs(&p->model->header, name.name);
    for (uint32 s = 0; s < p->world->shape.scenarios; s++)
        PlaceScenario(p, s, name.name);
    p->player = ActPlayerOfModel(&p->model->model, p->explore);
    p->player.act = Translated;
    p->player.arg = p;
}

static void OpenPlayer(FunctionCallInfo fcinfo, Playing *p)
{
    if (p->script != NULL)
        p->player = p->script->player;
    else
        LoadModel(fcinfo, p);
}

static void OpenPlaying(Playing *p)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv world", ALLOCSET_DEFAULT_SIZES);

    BackendHostInit(&p->backend, context, "recadv_play_acts");
    p->row = AllocSetContextCreate(CurrentMemoryContext, "recadv step", ALLOCSET_DEFAULT_SIZES);
}

PG_FUNCTION_INFO_V1(recadv_play_acts);

Datum recadv_play_acts(PG_FUNCTION_ARGS)
{
    Playing *p = palloc0(sizeof(Playing));

    RowSetOpen(&p->rows, fcinfo);
    CheckNotNull(fcinfo, ARG_WORLD, "world");
    CheckNotNull(fcinfo, ARG_POLICY, "policy");
    if (AnyArgumentNull(fcinfo, ARG_SESSIONS, ARG_EXPLORE))
        return (Datum)0;
    TakeArguments(fcinfo, p);
    OpenPlaying(p);
    OpenPlayer(fcinfo, p);
    Play(p);
    MemoryContextDelete(p->backend.context);
    return (Datum)0;
}
