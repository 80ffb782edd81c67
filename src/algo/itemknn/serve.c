/*
 * serve.c: shape of the model, queries, scores, neighbours and reasons.
 *
 * A query says of every item of the model how often it is among those that the query is made of.
 * Before that stands a zero, which is taken for what is no item: neighbours are read from a table.
 */
#include <string.h>

#include "algo/itemknn/itemknn.h"
#include "core/vector.h"

#define POLL_EVERY 1024

/* Where a query has its zero, and where the items begin. */
enum { NO_ITEM_HERE, FIRST_ITEM = VECTOR_LANES };

void KnnLayout(Model *model)
{
    uint32_t columns = KnnColumns(model->options);

    ModelAddPart(model, "neighbor", AXIS_ITEM, model->items, columns);
    ModelAddPart(model, "similarity", AXIS_ITEM, model->items, columns);
}

/* A warm start goes on in the columns that there are; that is all that is settled: how many
 * neighbours fill the usual ones, each training chooses. */
void KnnSettle(void *options, const Model *model)
{
    KnnOptions *o = options;
    uint32_t columns = model->part[KNN_NEIGHBOR_PART].columns;

    if (o->neighbors == 0 && columns != KNN_MANY_NEIGHBORS)
        o->neighbors = columns;
}

uint32_t KnnQueryWidth(const Model *model)
{
    return FIRST_ITEM + VectorStride(model->model_items);
}

HistoryNeed KnnHistory(const void *options)
{
    const KnnOptions *o = options;

    return (HistoryNeed){.ordered = o->recent > 0, .limit = (uint32_t)o->recent};
}

void KnnQuery(const Model *view, const QueryInput *input, float *query)
{
    memset(query, 0, KnnQueryWidth(view) * sizeof(float));
    for (uint32_t h = 0; h < input->count; h++)
        query[FIRST_ITEM + input->items[h]]++;
}

/* How often the query has the item. */
static float TimesTaken(const Model *view, const float *query, uint32_t item)
{
    return item < view->model_items ? query[FIRST_ITEM + item] : 0;
}

/* Floats up to where there are no more neighbours: by whole blocks of lanes, so that forged rows,
 * too, mean the same with any instruction set and to any question. */
static inline size_t Filled(const float *similarity, size_t stride)
{
    size_t end = 0;

    while (end < stride && similarity[end] != 0)
        end += VECTOR_LANES;
    return end;
}

#define VECTOR_KERNELS "algo/itemknn/serve_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(Score, (const Model *view, const float *query, float *out));

void KnnScore(const Model *view, const float *query, float *out)
{
    ScoreVariants[VectorLevel()](view, query, out);
}

/* How alike the item is, if it is among the neighbours of a row; otherwise 0. */
static float SimilarityTo(const Model *view, uint32_t row, uint32_t item)
{
    const Part *part = &view->part[KNN_SIMILARITY_PART];
    const float *neighbor = PartRow(&view->part[KNN_NEIGHBOR_PART], row);
    const float *similarity = PartRow(part, row);
    size_t end = Filled(similarity, part->stride);

    for (size_t i = 0; i < end; i++)
        if (neighbor[i] == (float)item)
            return similarity[i];
    return 0;
}

/* Of a view of items here and there. */
static void CompareEach(const Model *one, const Model *view, float *out)
{
    for (uint32_t r = 0; r < view->items; r++) {
        float similarity = SimilarityTo(one, 0, ViewItem(view, r));

        out[r] = similarity > 0 ? similarity : NOT_ALIKE;
    }
}

/* Of a view of items in a row: those that are neighbours have their place there. */
static void CompareRange(const Model *one, const Model *view, float *out)
{
    const float *neighbor = one->part[KNN_NEIGHBOR_PART].data;
    const float *similarity = one->part[KNN_SIMILARITY_PART].data;
    size_t end = Filled(similarity, one->part[KNN_SIMILARITY_PART].stride);

    for (uint32_t r = 0; r < view->items; r++)
        out[r] = NOT_ALIKE;
    for (size_t i = 0; i < end; i++) {
        bool is_item = neighbor[i] >= 0 && neighbor[i] < KNN_MOST_ITEMS && similarity[i] > 0;
        uint32_t item = is_item ? (uint32_t)neighbor[i] : UINT32_MAX;

        if (item >= view->first_item && item - view->first_item < view->items)
            out[item - view->first_item] = similarity[i];
    }
}

void KnnSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    (void)axis; /* users are not compared */
    if (view->item_rows != NULL)
        CompareEach(one, view, out);
    else
        CompareRange(one, view, out);
}

void KnnExplain(const Host *host, const Model *history, const float *query, const Model *one,
                float *out)
{
    for (uint32_t h = 0; h < history->items; h++) {
        uint32_t item = ViewItem(history, h);

        out[h] = TimesTaken(history, query, item) * SimilarityTo(one, 0, item);
        if (h % POLL_EVERY == 0)
            HostPoll(host);
    }
}
