/* similar.c: recadv_similar_items and recadv_similar_users. */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/select.h"

/* Arguments of recadv_similar_items and recadv_similar_users. */
enum { SIMILAR_ID, SIMILAR_K, SIMILAR_MODEL, SIMILAR_CANDIDATES, SIMILAR_EXCLUDE };

/* Arguments of recadv_image_similar_items. */
enum {
    SIMILAR_IMAGE_IMAGE,
    SIMILAR_IMAGE_ID,
    SIMILAR_IMAGE_K,
    SIMILAR_IMAGE_CANDIDATES,
    SIMILAR_IMAGE_EXCLUDE
};

static void CheckCompares(const Served *served, Axis axis)
{
    const Algorithm *algorithm = served->header.algorithm;

    if (algorithm->similarity == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("algorithm \"%s\" of model \"%s\" cannot compare rows",
                               algorithm->name, served->store->name)));
    if (!algorithm->compares[axis])
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("algorithm \"%s\" of model \"%s\" cannot compare %s", algorithm->name,
                        served->store->name, axis == AXIS_USER ? "users" : "items")));
}

/* An id that the model does not know is like nothing: no rows. */
static void AnswerSimilar(FunctionCallInfo fcinfo, Served *served, Axis axis, Id id, uint32 k,
                          int filter_argument, RowSet *rows)
{
    uint32 row = AxisFind(served, axis, id);
    Filter filter;
    TopK top;

    CheckAxisKind(served, axis, id.kind);
    CheckCompares(served, axis);
    if (row == UNKNOWN_ID)
        return;
    filter = FilterArguments(fcinfo, filter_argument, served, axis, id.kind);
    top = SelectSimilar(served, axis, row, &filter, k);
    AddSelected(rows, served, axis, id.kind, &top);
}

static Datum SimilarOfTable(FunctionCallInfo fcinfo, Axis axis, IdKind kind)
{
    ModelTable table;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (AnyArgumentNull(fcinfo, SIMILAR_ID, SIMILAR_K))
        return (Datum)0;
    AnswerSimilar(fcinfo, ServedOpen(ModelArgument(fcinfo, SIMILAR_MODEL), &table), axis,
                  IdArgument(fcinfo, SIMILAR_ID, kind), KArgument(fcinfo, SIMILAR_K),
                  SIMILAR_CANDIDATES, &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

static Datum SimilarOfImage(FunctionCallInfo fcinfo, IdKind kind)
{
    ImageStore store;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (AnyArgumentNull(fcinfo, SIMILAR_IMAGE_IMAGE, SIMILAR_IMAGE_K))
        return (Datum)0;
    AnswerSimilar(fcinfo, ServedImage(PG_GETARG_BYTEA_P(SIMILAR_IMAGE_IMAGE), &store), AXIS_ITEM,
                  IdArgument(fcinfo, SIMILAR_IMAGE_ID, kind), KArgument(fcinfo, SIMILAR_IMAGE_K),
                  SIMILAR_IMAGE_CANDIDATES, &rows);
    return (Datum)0;
}

static Datum SimilarItems(FunctionCallInfo fcinfo, IdKind kind)
{
    return SimilarOfTable(fcinfo, AXIS_ITEM, kind);
}

static Datum SimilarUsers(FunctionCallInfo fcinfo, IdKind kind)
{
    return SimilarOfTable(fcinfo, AXIS_USER, kind);
}

FOR_BOTH_KINDS(recadv_similar_items, SimilarItems)
FOR_BOTH_KINDS(recadv_image_similar_items, SimilarOfImage)
FOR_BOTH_KINDS(recadv_similar_users, SimilarUsers)
