/* citus.h: tables that Citus has taken over, which no model can be. */
#ifndef RECADV_PG_MODEL_CITUS_H
#define RECADV_PG_MODEL_CITUS_H

#include "pg/base/compat.h"

/* Does Citus keep the rows of this table in shards?  The table is locked. */
extern bool IsCitusTable(Oid relid);

#endif
