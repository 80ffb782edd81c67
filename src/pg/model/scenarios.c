/*
 * scenarios.c: writes the scenarios of a model into its header, and reads them back.
 */
#include "pg/model/scenarios.h"

#include "utils/builtins.h"

#define FIELD "scenarios"

char *ScenarioName(const IdList *names, uint32 scenario)
{
    return text_to_cstring(IdToText(IdListGet(names, scenario)));
}

void ScenariosDescribe(StringInfo json, const ActShape *shape, const IdList *names)
{
    JsonOpen(json, FIELD, '[');
    for (uint32 s = 0; s < shape->scenarios; s++) {
        JsonOpen(json, NULL, '{');
        JsonString(json, "name", ScenarioName(names, s));
        JsonInteger(json, "observation", shape->scenario[s].observation);
        JsonInteger(json, "action", shape->scenario[s].action);
        JsonClose(json, '}');
    }
    JsonClose(json, ']');
}

static void FailRead(ModelStore *store) __attribute__((noreturn));

static void FailRead(ModelStore *store)
{
    StoreDamaged(store, "header", 0, "its \"" FIELD "\" are missing or out of range");
}

/* What is wider than networks are made for shows when all are read. */
static uint32 ReadWidth(ModelStore *store, Jsonb *scenario, const char *key)
{
    int64 width;

    if (!JsonbGetInteger(scenario, key, &width) || width < 1 || width > PG_INT32_MAX)
        FailRead(store);
    return (uint32)width;
}

static Id ReadName(ModelStore *store, Jsonb *scenario, IdKind kind)
{
    char *name = JsonbGetString(scenario, "name");
    Id id;

    if (name == NULL || !IdConvert(IdOfText(name, (uint32)strlen(name)), kind, &id) ||
        !IdIsUsable(id))
        FailRead(store);
    return id;
}

static void ReadOne(ModelStore *store, Jsonb *json, IdKind kind, Scenarios *scenarios)
{
    Id name = ReadName(store, json, kind);
    ActWidths widths = {ReadWidth(store, json, "observation"), ReadWidth(store, json, "action")};

    if (ScenarioFind(scenarios, name) != UNKNOWN_ID)
        FailRead(store);
    scenarios->shape.scenario[scenarios->shape.scenarios++] = widths;
    IdListAppend(&scenarios->names, name);
}

const Scenarios *ScenariosRead(ModelStore *store, Jsonb *json, IdKind kind)
{
    Jsonb *list = JsonbGetObject(json, FIELD);
    Scenarios *scenarios = palloc0(sizeof(Scenarios));

    if (list == NULL || !JB_ROOT_IS_ARRAY(list) || JB_ROOT_COUNT(list) > MOST_SCENARIOS)
        FailRead(store);
    scenarios->names = IdListCreate(kind, MOST_SCENARIOS);
    for (uint32 s = 0; s < JB_ROOT_COUNT(list); s++) {
        JsonbValue *one = getIthJsonbValueFromContainer(&list->root, s);

        if (one == NULL || one->type != jbvBinary)
            FailRead(store);
        ReadOne(store, JsonbValueToJsonb(one), kind, scenarios);
    }
    if (!ActShapeIsSound(&scenarios->shape))
        FailRead(store);
    return scenarios;
}

static Id CopyId(Id id)
{
    if (id.kind == ID_TEXT)
        id.text = pnstrdup(id.text, id.length);
    return id;
}

const Scenarios *ScenariosCopy(const Scenarios *scenarios)
{
    Scenarios *copy = palloc(sizeof(Scenarios));

    copy->shape = scenarios->shape;
    copy->names = IdListCreate(scenarios->names.kind, scenarios->names.count);
    for (uint32 s = 0; s < scenarios->names.count; s++)
        IdListAppend(&copy->names, CopyId(IdListGet(&scenarios->names, s)));
    return copy;
}

uint32 ScenarioFind(const Scenarios *scenarios, Id id)
{
    if (!IdConvert(id, scenarios->names.kind, &id))
        return UNKNOWN_ID;
    for (uint32 s = 0; s < scenarios->names.count; s++)
        if (CompareIds(IdListGet(&scenarios->names, s), id) == 0)
            return s;
    return UNKNOWN_ID;
}
