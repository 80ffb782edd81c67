/*
 * acting.c: one act of a model: its observation checked, the networks asked.
 */
#include "pg/serve/acting.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/varlena.h"

#include "pg/serve/act_state.h"

/* Names in a hint; a name further away than this is not what was meant. */
#define NEAR_ENOUGH 4

static const char *Nearest(const IdList *names, const char *asked)
{
    const char *best = NULL;
    int distance = NEAR_ENOUGH + 1;

    for (uint32 s = 0; s < names->count && strlen(asked) < 64; s++) {
        const char *name = ScenarioName(names, s);
        int d = strlen(name) < 64
                    ? varstr_levenshtein_less_equal(name, (int)strlen(name), asked,
                                                    (int)strlen(asked), 1, 1, 1, distance, true)
                    : distance;

        if (d < distance) {
            distance = d;
            best = name;
        }
    }
    return best;
}

static char *AllNames(const IdList *names)
{
    StringInfoData list;

    initStringInfo(&list);
    for (uint32 s = 0; s < names->count; s++)
        appendStringInfo(&list, "%s\"%s\"", s == 0 ? "" : ", ", IdExcerpt(IdListGet(names, s)));
    return list.data;
}

static void FailScenario(const Served *served, Id name) __attribute__((noreturn));

static void FailScenario(const Served *served, Id name)
{
    const IdList *names = &served->header.scenarios->names;
    const char *nearest = Nearest(names, text_to_cstring(IdToText(name)));

    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("model \"%s\" has no scenario \"%s\"", served->store->name,
                           text_to_cstring(IdToText(name))),
                    nearest == NULL
                        ? errhint("It has: %s.", AllNames(names))
                        : errhint("The nearest is \"%s\"; it has: %s.", nearest, AllNames(names))));
}

uint32 ServedScenario(const Served *served, Id name)
{
    uint32 scenario =
        ScenarioFind(served->header.scenarios, ServedCanonical(served, AXIS_ITEM, name));

    if (scenario == UNKNOWN_ID)
        FailScenario(served, name);
    return scenario;
}

static float *TakeObservation(const Served *served, uint32 scenario, Numbers observation)
{
    const Scenarios *s = served->header.scenarios;
    uint32 width = s->shape.scenario[scenario].observation;
    float *numbers = AllocateFloats(1, width);

    if ((uint32)observation.count != width)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("observation has %d numbers, those of scenario \"%s\" have %u",
                               observation.count, ScenarioName(&s->names, scenario), width),
                        errhint("Observe what the log of the training has.")));
    for (uint32 i = 0; i < width; i++) {
        numbers[i] = (float)observation.value[i];
        if (!isfinite(numbers[i]))
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                            errmsg("observation has a number that is not finite: %g",
                                   observation.value[i])));
    }
    return numbers;
}

static void FailNumbers(const Served *served) __attribute__((noreturn));

static void FailNumbers(const Served *served)
{
    ereport(ERROR,
            (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
             errmsg("model \"%s\" gives weights that are not finite", served->store->name),
             errhint("Observations far from those of the training do that; otherwise train it "
                     "again, or return to another version with recadv_rollback().")));
}

ActAnswer ServedAct(const Served *served, uint32 scenario, Numbers observation, const float *state,
                    double explore, uint64 seed)
{
    const Model *model = &served->model;
    ActAnswer answer = {.action = AllocateFloats(1, model->acts->scenario[scenario].action),
                        .state = AllocateFloats(1, (Size)ActStateWidth(served) + 1)};
    Random random;
    ActInput input = {.scenario = scenario,
                      .observation = TakeObservation(served, scenario, observation),
                      .state = state,
                      .explore = explore,
                      .random = explore > 0 ? &random : NULL};
    ActOutput output = {answer.action, answer.state, (double)NAN};

    RandomSeed(&random, seed, RANDOM_EXPLORE, 0, 0);
    if (!model->algorithm->policy->acts->act(model, &input, &output))
        FailNumbers(served);
    answer.density = output.density;
    return answer;
}
