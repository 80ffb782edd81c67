/* act.c: recadv_act: the weights of a scenario's ranking, and what the session has to remember. */
#include "pg/base/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "pg/base/rowset.h"
#include "pg/serve/act_state.h"
#include "pg/serve/acting.h"
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/sql/checks.h"
#include "pg/sql/explore.h"

/* Arguments of recadv_act. */
enum { ACT_MODEL, ACT_SCENARIO, ACT_OBSERVATION, ACT_STATE, ACT_EXPLORE, ACT_SEED };

/* Those of a double precision[]; of one that is NULL there are none. */
static Numbers NumbersArgument(FunctionCallInfo fcinfo, int argument, const char *name)
{
    ArrayType *array;

    if (PG_ARGISNULL(argument))
        return (Numbers){NULL, 0};
    array = PG_GETARG_ARRAYTYPE_P(argument);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("%s must have one dimension, not %d", name, ARR_NDIM(array))));
    if (array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("%s must not have a NULL in it", name)));
    return (Numbers){(const float8 *)ARR_DATA_PTR(array),
                     ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))};
}

static Datum RealArray(const float *numbers, uint32 count)
{
    Datum *values = PallocArray(Datum, (Size)count + 1);

    for (uint32 i = 0; i < count; i++)
        values[i] = Float4GetDatum(numbers[i]);
    return PointerGetDatum(
        construct_array(values, (int)count, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

static Datum Act(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    Numbers observation, state;
    ResultRow row = {0};
    double explore;
    uint64 seed;
    ActAnswer answer;
    Served *served;
    uint32 scenario;

    CheckNotNull(fcinfo, ACT_EXPLORE, "explore");
    explore = NoiseArgument(fcinfo, ACT_EXPLORE);
    seed = explore > 0 ? SeedArgument(fcinfo, ACT_SEED) : 0;
    CheckNotNull(fcinfo, ACT_SCENARIO, "scenario");
    CheckNotNull(fcinfo, ACT_OBSERVATION, "observation");
    observation = NumbersArgument(fcinfo, ACT_OBSERVATION, "observation");
    state = NumbersArgument(fcinfo, ACT_STATE, "state");
    served = ServedOpenActs(ModelArgument(fcinfo, ACT_MODEL), &table);
    scenario = ServedScenario(served, IdArgument(fcinfo, ACT_SCENARIO, kind));
    answer = ServedAct(served, scenario, observation,
                       ActStateRead(served, state.value, state.count), explore, seed);
    ResultDatum(&row, RealArray(answer.action, served->model.acts->scenario[scenario].action));
    ResultDatum(&row, PointerGetDatum(ActStateWrite(served, answer.state)));
    ResultDensity(&row, answer.density);
    ModelTableClose(&table);
    return ResultRowDatum(fcinfo, &row);
}

FOR_BOTH_KINDS(recadv_act, Act)
