/*
 * rowset.c: filling rows that functions return, and sets of them.
 *
 * A set is a tuplestore in the query's memory, as PostgreSQL 15's InitMaterializedSRF makes it.
 */
#include "pg/base/rowset.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

void ResultDatum(ResultRow *row, Datum value)
{
    Assert(row->columns < MAX_RESULT_COLUMNS);
    row->values[row->columns++] = value;
}

void ResultNull(ResultRow *row)
{
    row->nulls[row->columns] = true;
    ResultDatum(row, (Datum)0);
}

void ResultInt4(ResultRow *row, int32 value)
{
    ResultDatum(row, Int32GetDatum(value));
}

void ResultInt8(ResultRow *row, int64 value)
{
    ResultDatum(row, Int64GetDatum(value));
}

void ResultFloat4(ResultRow *row, float4 value)
{
    ResultDatum(row, Float4GetDatum(value));
}

void ResultFloat8(ResultRow *row, float8 value)
{
    ResultDatum(row, Float8GetDatum(value));
}

void ResultText(ResultRow *row, const char *value)
{
    if (value == NULL)
        ResultNull(row);
    else
        ResultDatum(row, CStringGetTextDatum(value));
}

void ResultFloat8If(ResultRow *row, bool known, float8 value)
{
    if (known)
        ResultFloat8(row, value);
    else
        ResultNull(row);
}

void ResultMean(ResultRow *row, double sum, uint64 count)
{
    ResultFloat8If(row, count > 0, count > 0 ? sum / (double)count : 0);
}

/* The SQL of an earlier version knows fewer columns: the first. */
static void CheckColumns(const ResultRow *row, TupleDesc types)
{
    if (row->columns < types->natts)
        elog(ERROR, "a row of %d columns has %d", types->natts, row->columns);
}

Datum ResultRowDatum(FunctionCallInfo fcinfo, ResultRow *row)
{
    TupleDesc types;

    if (get_call_result_type(fcinfo, NULL, &types) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    CheckColumns(row, types);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(types), row->values, row->nulls));
}

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
    bool none[MAX_RESULT_COLUMNS] = {false};

    tuplestore_putvalues(rows->store, rows->types, values, nulls == NULL ? none : nulls);
}

void RowSetAddRow(RowSet *rows, ResultRow *row)
{
    CheckColumns(row, rows->types);
    RowSetAdd(rows, row->values, row->nulls);
}
