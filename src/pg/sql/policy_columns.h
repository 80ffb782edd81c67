/* policy_columns.h: the arguments that name the columns of a log of slates, or of acts. */
#ifndef RECADV_PG_SQL_POLICY_COLUMNS_H
#define RECADV_PG_SQL_POLICY_COLUMNS_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/train/acts.h"
#include "pg/train/slates.h"

/* session, step, shown, clicked, scenario, observation, action, reward, propensity: they follow
 * each other. */
#define POLICY_COLUMNS 9

typedef struct PolicyColumns {
    SlateColumns slates;
    ActColumns acts;
} PolicyColumns;

/* Fails if one that must be named is NULL. */
extern PolicyColumns PolicyColumnsArgument(FunctionCallInfo fcinfo, int first);

/* A column, or NULL. */
extern char *ColumnArgument(FunctionCallInfo fcinfo, int argument);

#endif
