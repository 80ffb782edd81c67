/* explore.c: reads the arguments explore and seed. */
#include "pg/sql/explore.h"

#include <math.h>

#include "algo/policy/exploration.h"

double ExploreArgument(FunctionCallInfo fcinfo, int argument)
{
    double explore = PG_GETARG_FLOAT4(argument);

    if (!(explore >= 0 && explore <= MOST_EXPLORE))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("explore must be from 0 to %g, not %g", MOST_EXPLORE, explore),
                 errhint("It is the probability with which each place of a slate is given to "
                         "an item drawn at random.")));
    return explore;
}

/* Noise of ten on a logit leaves nothing of what was learnt. */
#define MOST_NOISE 10.0

double NoiseArgument(FunctionCallInfo fcinfo, int argument)
{
    double explore = PG_GETARG_FLOAT8(argument);

    if (!(explore >= 0 && explore <= MOST_NOISE))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("explore must be from 0 to %g, not %g", MOST_NOISE, explore),
                        errhint("It is the standard deviation of the noise on the logarithms of "
                                "the weights.")));
    return explore;
}

void ResultDensity(ResultRow *row, double density)
{
    float real = (float)density;

    if (isfinite(real) && real > 0)
        ResultFloat4(row, real);
    else
        ResultNull(row);
}

uint64 SeedArgument(FunctionCallInfo fcinfo, int argument)
{
    uint64 seed;

    if (!PG_ARGISNULL(argument))
        return (uint64)PG_GETARG_INT64(argument);
    if (!pg_strong_random(&seed, sizeof(seed)))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes")));
    return seed;
}
