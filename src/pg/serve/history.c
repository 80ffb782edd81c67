/*
 * history.c: gathers the rows of a user's items, of which an algorithm makes the query.
 *
 * Serving has the history of a known user from the model, and that of a visitor from the call.
 */
#include "pg/serve/history.h"

#include "pg/model/interactions.h"

bool MakesQueriesOfHistories(const Served *served)
{
    return served->header.algorithm->history != NULL;
}

static float *QueryOf(Served *served, uint32 user, const uint32 *items, uint32 count)
{
    const Model *model = &served->model;
    Model view = ViewAllocate(model, AXIS_USER, 1), rows;
    QueryInput input = {.row = user == UNKNOWN_ID ? NO_ROW : 0, .items = items, .count = count};
    float *query = ServedQueryRoom(served);

    if (user != UNKNOWN_ID)
        ViewReadRow(served->store, model, AXIS_USER, user, &view);
    rows = RowsGatherAny(served, AXIS_ITEM, items, count);
    input.rows = &rows;
    model->algorithm->query(&view, &input, query);
    return query;
}

float *StoredHistoryQuery(Served *served, uint32 user)
{
    ListReader reader = {
        .store = served->store, .lists = HistoryLists(&served->header), .header = &served->header};
    uint32 count, *items = ListReaderGet(&reader, user, &count);

    return QueryOf(served, user, items, count);
}

/* The last of them, as many as the algorithm wants. */
static RowList LastKnown(Served *served, const IdList *ids, uint32 limit)
{
    RowList last = {PallocArray(uint32, (Size)ids->count + 1), 0};

    for (uint32 i = 0; i < ids->count; i++) {
        last.rows[last.count] = ServedItem(served, IdListGet(ids, i));
        last.count += last.rows[last.count] != UNKNOWN_ID;
    }
    if (last.count > limit) {
        last.rows += last.count - limit;
        last.count = limit;
    }
    return last;
}

float *GivenHistoryQuery(Served *served, RowList items, const IdList *order)
{
    HistoryNeed need = served->header.algorithm->history(served->header.options);

    if (need.ordered)
        items = LastKnown(served, order, need.limit);
    return QueryOf(served, UNKNOWN_ID, items.rows, items.count);
}
