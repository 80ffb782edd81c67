/*
 * visitor.c: computes the query of a user from a list of items alone (fold-in), for
 * recadv_topk_for().
 *
 * The algorithm gets the items of the history, and a sample of the others to compare them with.
 */
#include "pg/serve/visitor.h"

#include "pg/base/backend.h"
#include "pg/serve/history.h"

/* Items spread evenly over all, without those of the history. */
static RowList SampleItems(const Served *served, RowList history)
{
    uint32 items = served->header.items, count = Min(items, FOLD_IN_SAMPLE);
    RowList sample = {PallocArray(uint32, count), count};

    for (uint32 i = 0; i < count; i++)
        sample.rows[i] = (uint32)((2 * (uint64)i + 1) * items / (2 * (uint64)count));
    return RowsMinus(sample, history);
}

static Model GatherInOrder(Served *served, const IdList *ids)
{
    uint32 *rows = PallocArray(uint32, (Size)ids->count + 1), known = 0;

    for (uint32 i = 0; i < ids->count; i++) {
        rows[known] = ServedItem(served, IdListGet(ids, i));
        known += rows[known] != UNKNOWN_ID;
    }
    return RowsGatherAny(served, AXIS_ITEM, rows, known);
}

float *VisitorQuery(Served *served, RowList history, const IdList *ids)
{
    const Algorithm *algorithm = served->header.algorithm;
    RowList sample;
    Model own, others;
    BackendHost backend;
    float *query;

    if (MakesQueriesOfHistories(served))
        return history.count == 0 && !IsPolicy(algorithm) ? NULL
                                                          : GivenHistoryQuery(served, history, ids);
    if (algorithm->fold_in == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("algorithm \"%s\" of model \"%s\" cannot place a user by a history",
                               algorithm->name, served->store->name),
                        errhint("It scores all users alike; recadv_topk() tells how.")));
    if (history.count == 0)
        return NULL;
    sample = SampleItems(served, history);
    own = algorithm->stream == NULL ? RowsGather(served, AXIS_ITEM, history.rows, history.count)
                                    : GatherInOrder(served, ids);
    others = RowsGather(served, AXIS_ITEM, sample.rows, sample.count);
    query = ServedQueryRoom(served);
    BackendHostInit(&backend, CurrentMemoryContext, "recadv_topk_for");
    algorithm->fold_in(&backend.host, &own, &others, query);
    return query;
}
