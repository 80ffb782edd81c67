/* rowset.h: functions that return a set of rows, materialised. */
#ifndef RECADV_PG_BASE_ROWSET_H
#define RECADV_PG_BASE_ROWSET_H

#include "pg/base/compat.h"

#include "fmgr.h"
#include "utils/tuplestore.h"

typedef struct RowSet {
    Tuplestorestate *store;
    TupleDesc types;
} RowSet;

/* Makes the function's result set; fails where a set cannot be returned. */
extern void RowSetOpen(RowSet *rows, FunctionCallInfo fcinfo);

/* nulls == NULL: no value is NULL. */
extern void RowSetAdd(RowSet *rows, Datum *values, bool *nulls);

#endif
