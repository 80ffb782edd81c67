/* explain.c: recadv_explain. */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/select.h"
#include "pg/serve/user.h"
#include "pg/base/backend.h"
#include "pg/serve/live_source.h"

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
    TargetUser target = TargetUserOpen(served, table, IdArgument(fcinfo, 0, kind));
    uint32 item = ServedItem(served, IdArgument(fcinfo, 1, kind)), k = KArgument(fcinfo, 2);
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
    filter = FilterArguments(fcinfo, 4, served, AXIS_ITEM, kind);
    top = SelectScored(&history, Weigh(served, &target, item, history), &filter, k);
    AddSelected(rows, served, AXIS_ITEM, kind, &top);
}

/* Arguments: user_id, item_id, k, model, candidates, exclude, seen. */
static Datum Explain(FunctionCallInfo fcinfo, IdKind kind)
{
    text *model = ModelArgument(fcinfo, 3);
    IdList items, *live = NULL;
    ModelTable table;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (AnyArgumentNull(fcinfo, 0, 2) || PG_ARGISNULL(6))
        return (Datum)0;
    if (LiveArgument(fcinfo, 6)) {
        items = LiveItems(model, IdArgument(fcinfo, 0, kind));
        live = &items;
    }
    AnswerExplain(fcinfo, ServedOpen(model, &table), &table, live, kind, &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

FOR_BOTH_KINDS(recadv_explain, Explain)
