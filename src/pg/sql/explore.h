/* explore.h: the arguments of functions that explore. */
#ifndef RECADV_PG_SQL_EXPLORE_H
#define RECADV_PG_SQL_EXPLORE_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/base/rowset.h"

/* explore, a real; fails unless it is from 0 to what makes sense (exploration.h). */
extern double ExploreArgument(FunctionCallInfo fcinfo, int argument);

/* seed, a bigint; NULL: one that nobody can guess. */
extern uint64 SeedArgument(FunctionCallInfo fcinfo, int argument);

/* explore of what acts, a double precision: the deviation of noise. */
extern double NoiseArgument(FunctionCallInfo fcinfo, int argument);

/* Of an action that was drawn: NULL where it was not, and where single precision has no such
 * number. */
extern void ResultDensity(ResultRow *row, double density);

#endif
