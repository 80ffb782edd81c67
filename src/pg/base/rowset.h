/*
 * rowset.h: rows that functions return: one, or a set that is materialised.
 *
 * A row is filled column by column, in the order of the function's result:
 *     ResultRow row = {0};
 *     ResultText(&row, name);
 *     ResultInt4(&row, version);
 *     RowSetAddRow(&rows, &row);
 */
#ifndef RECADV_PG_BASE_ROWSET_H
#define RECADV_PG_BASE_ROWSET_H

#include "pg/base/compat.h"

#include "fmgr.h"
#include "utils/tuplestore.h"

#define MAX_RESULT_COLUMNS 32

typedef struct ResultRow {
    Datum values[MAX_RESULT_COLUMNS];
    bool nulls[MAX_RESULT_COLUMNS];
    int columns; /* filled so far */
} ResultRow;

extern void ResultDatum(ResultRow *row, Datum value);
extern void ResultNull(ResultRow *row);
extern void ResultInt4(ResultRow *row, int32 value);
extern void ResultInt8(ResultRow *row, int64 value);
extern void ResultFloat4(ResultRow *row, float4 value);
extern void ResultFloat8(ResultRow *row, float8 value);

/* NULL where the text is. */
extern void ResultText(ResultRow *row, const char *value);

/* A double precision that is NULL unless it is known. */
extern void ResultFloat8If(ResultRow *row, bool known, float8 value);

/* The mean of `count` values from their sum; NULL where there are none. */
extern void ResultMean(ResultRow *row, double sum, uint64 count);

/*
 * The row as the result of a function that returns one; fails unless all columns are filled.  A
 * result type of an earlier version, which has fewer, gets the first.
 */
extern Datum ResultRowDatum(FunctionCallInfo fcinfo, ResultRow *row);

typedef struct RowSet {
    Tuplestorestate *store;
    TupleDesc types;
} RowSet;

/* Makes the function's result set; fails where a set cannot be returned. */
extern void RowSetOpen(RowSet *rows, FunctionCallInfo fcinfo);

/* Adds a row; nulls == NULL: no value is NULL. */
extern void RowSetAdd(RowSet *rows, Datum *values, bool *nulls);

/* Adds a row; fails unless all columns are filled. */
extern void RowSetAddRow(RowSet *rows, ResultRow *row);

#endif
