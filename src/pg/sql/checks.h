/* checks.h: checks that functions of several files begin with. */
#ifndef RECADV_PG_SQL_CHECKS_H
#define RECADV_PG_SQL_CHECKS_H

#include "pg/base/compat.h"

#include "fmgr.h"

/* Fails if the argument, which SQL calls `name`, is NULL. */
extern void CheckNotNull(FunctionCallInfo fcinfo, int argument, const char *name);

/* Fails where nothing can be written; `function` is for the message: "recadv_train()". */
extern void CheckCanWrite(const char *function);

#endif
