/* rowset.c: a tuplestore in the query's memory, as PostgreSQL 15's InitMaterializedSRF makes. */
#include "pg/base/rowset.h"

#include "funcapi.h"
#include "miscadmin.h"

/* The row type, or a row of the one scalar that is returned. */
static TupleDesc ResultType(FunctionCallInfo fcinfo)
{
    TupleDesc types;
    Oid scalar;

    if (get_call_result_type(fcinfo, &scalar, &types) == TYPEFUNC_COMPOSITE)
        return types;
    types = CreateTemplateTupleDesc(1);
    TupleDescInitEntry(types, 1, "value", scalar, -1, 0);
    return types;
}

void RowSetOpen(RowSet *rows, FunctionCallInfo fcinfo)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    MemoryContext caller;
    TupleDesc types;
    bool random_access;

    if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a set-valued function was called where no set is accepted")));
    types = ResultType(fcinfo); /* in the short-lived context of the call */
    caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
    rows->types = CreateTupleDescCopy(types);
    random_access = (result->allowedModes & SFRM_Materialize_Random) != 0;
    rows->store = tuplestore_begin_heap(random_access, false, work_mem);
    result->returnMode = SFRM_Materialize;
    result->setResult = rows->store;
    result->setDesc = rows->types;
    MemoryContextSwitchTo(caller);
}

void RowSetAdd(RowSet *rows, Datum *values, bool *nulls)
{
    bool none[32] = {false};

    tuplestore_putvalues(rows->store, rows->types, values, nulls == NULL ? none : nulls);
}
