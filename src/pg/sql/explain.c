/* explain.c: recadv_explain. */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/select.h"
#include "pg/serve/user.h"
#include "pg/base/backend.h"
#include "pg/serve/live_source.h"

/* Arguments of recadv_explain. */
enum {
    EXPLAIN_USER,
    EXPLAIN_ITEM,
    EXPLAIN_K,
    EXPLAIN_MODEL,
    EXPLAIN_CANDIDATES,
    EXPLAIN_EXCLUDE,
    EXPLAIN_SEEN
};

/* What each of a user's items says for an item. */
static float *Weigh(Served *served, const TargetUser *target, uint32 item, RowList history)
{
    Model own = RowsGather(served, AXIS_ITEM, history.rows, history.count);
    Model one = RowsGather(served, AXIS_ITEM, &item, 1);
    float *weights = PallocArray(float, (Size)history.count + 1);
    BackendHost backend;

    BackendHostInit(&backend, CurrentMemoryContext, "recadv_explain");
    served->header.algorithm->explain(&backend.host, &own, TargetUserQuery(served, target), &one,
                                      weights);
    return weights;
}

/* An item does not speak for itself. */
static void AnswerExplain(FunctionCallInfo fcinfo, Served *served, ModelTable *table,
                          const IdList *live, IdKind kind, RowSet *rows)
{
    const Algorithm *algorithm = served->header.algorithm;
    TargetUser target = TargetUserOpen(served, table, IdArgument(fcinfo, EXPLAIN_USER, kind));
    uint32 item = ServedItem(served, IdArgument(fcinfo, EXPLAIN_ITEM, kind)),
           k = KArgument(fcinfo, EXPLAIN_K);
    RowList history;
    Filter filter;
    TopK top;

    CheckAxisKind(served, AXIS_ITEM, kind);
    if (algorithm->explain == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("algorithm \"%s\" of model \"%s\" cannot tell which items speak for "
                               "another",
                               algorithm->name, served->store->name)));
    if (!TargetUserIsKnown(&target) || item == UNKNOWN_ID)
        return;
    history = live != NULL ? RowsOfIds(served, AXIS_ITEM, live) : TargetUserSeen(served, &target);
    history = RowsMinus(history, (RowList){&item, 1});
    if (history.count == 0)
        return;
    filter = FilterArguments(fcinfo, EXPLAIN_CANDIDATES, served, AXIS_ITEM, kind);
    top = SelectScored(&history, Weigh(served, &target, item, history), &filter, k);
    AddSelected(rows, served, AXIS_ITEM, kind, &top);
}

static Datum Explain(FunctionCallInfo fcinfo, IdKind kind)
{
    text *model = ModelArgument(fcinfo, EXPLAIN_MODEL);
    IdList items, *live = NULL;
    ModelTable table;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (AnyArgumentNull(fcinfo, EXPLAIN_USER, EXPLAIN_K) || PG_ARGISNULL(EXPLAIN_SEEN))
        return (Datum)0;
    if (LiveArgument(fcinfo, EXPLAIN_SEEN)) {
        items = LiveItems(model, IdArgument(fcinfo, EXPLAIN_USER, kind));
        live = &items;
    }
    AnswerExplain(fcinfo, ServedOpen(model, &table), &table, live, kind, &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

FOR_BOTH_KINDS(recadv_explain, Explain)
