/* explore.h: the arguments of functions that explore. */
#ifndef RECADV_PG_SQL_EXPLORE_H
#define RECADV_PG_SQL_EXPLORE_H

#include "pg/base/compat.h"

#include "fmgr.h"

/* explore, a real; fails unless it is from 0 to what makes sense (exploration.h). */
extern double ExploreArgument(FunctionCallInfo fcinfo, int argument);

/* seed, a bigint; NULL: one that nobody can guess. */
extern uint64 SeedArgument(FunctionCallInfo fcinfo, int argument);

#endif
