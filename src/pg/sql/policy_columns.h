/* policy_columns.h: the arguments that name the columns of a log of slates. */
#ifndef RECADV_PG_SQL_POLICY_COLUMNS_H
#define RECADV_PG_SQL_POLICY_COLUMNS_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/train/slates.h"

/* session, step, shown, clicked, reward, propensity: they follow each other. */
#define POLICY_COLUMNS 6

/* Fails if one that must be named is NULL, or a column is given for two things. */
extern SlateColumns PolicyColumnsArgument(FunctionCallInfo fcinfo, int first);

/* That of what had been clicked before; may be NULL. */
extern void PolicyHistoryArgument(FunctionCallInfo fcinfo, int argument, SlateColumns *columns);

#endif
