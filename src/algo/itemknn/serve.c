/*
 * serve.c: shape of the model, queries, scores, neighbours and reasons.
 *
 * A query has two sections: with the option `recent`, the items that it is made of, for explain();
 * then the score of each item of the model.  Neighbours are read from a table: what is no item is
 * passed over.
 */
#include <string.h>

#include "algo/itemknn/itemknn.h"
#include "core/vector.h"

#define POLL_EVERY 1024

/* Stands where a query is made of fewer items than `recent`. */
#define NO_SLOT (-1.0f)

void KnnLayout(Model *model)
{
    uint32_t neighbors = (uint32_t)((const KnnOptions *)model->options)->neighbors;

    ModelAddPart(model, "neighbor", AXIS_ITEM, model->items, neighbors);
    ModelAddPart(model, "similarity", AXIS_ITEM, model->items, neighbors);
}

/* Floats of a query before the scores. */
static uint32_t Slots(const Model *model)
{
    return VectorStride((uint32_t)((const KnnOptions *)model->options)->recent);
}

uint32_t KnnQueryWidth(const Model *model)
{
    return Slots(model) + VectorStride(model->items);
}

HistoryNeed KnnHistory(const void *options)
{
    const KnnOptions *o = options;

    return (HistoryNeed){.ordered = o->recent > 0, .limit = (uint32_t)o->recent};
}

/* What an item's row says. */
typedef struct Neighbors {
    const float *item;
    const float *similarity;
    uint32_t count; /* at most */
} Neighbors;

static Neighbors NeighborsOf(const float *item, const float *similarity, const Model *model)
{
    return (Neighbors){item, similarity, model->part[KNN_NEIGHBOR_PART].columns};
}

static Neighbors RowNeighbors(const Model *view, uint32_t row)
{
    return NeighborsOf(PartRow(&view->part[KNN_NEIGHBOR_PART], row),
                       PartRow(&view->part[KNN_SIMILARITY_PART], row), view);
}

/* Is neighbour i one of items first .. first + count - 1?  Then *item is its place there. */
static bool IsAmong(const Neighbors *n, uint32_t i, uint32_t first, uint32_t count, uint32_t *item)
{
    float stored = n->item[i];

    if (!(stored >= (float)first && stored < (float)first + (float)count))
        return false;
    *item = (uint32_t)stored - first;
    return *item < count;
}

static void AddScores(const Neighbors *n, uint32_t items, float *scores)
{
    for (uint32_t i = 0; i < n->count && n->similarity[i] > 0; i++) {
        uint32_t item;

        if (IsAmong(n, i, 0, items, &item))
            scores[item] += n->similarity[i];
    }
}

void KnnQuery(const Model *view, const QueryInput *input, float *query)
{
    uint32_t slots = Slots(view);
    float *scores = query + slots;

    memset(scores, 0, VectorStride(view->items) * sizeof(float));
    for (uint32_t h = 0; h < slots; h++)
        query[h] = h < input->count ? (float)input->items[h] : NO_SLOT;
    for (uint32_t h = 0; h < input->count; h++) {
        Neighbors n = NeighborsOf(InputRow(view, input, KNN_NEIGHBOR_PART, h),
                                  InputRow(view, input, KNN_SIMILARITY_PART, h), view);

        AddScores(&n, view->items, scores);
    }
}

/* Items that nothing speaks for come last, by popularity: from -1 (nobody has it) up to 0. */
void KnnScore(const Model *view, const float *query, float *out)
{
    const float *scores = query + Slots(view), *popularity = view->part[POPULARITY_PART].data;

    for (uint32_t i = 0; i < view->items; i++) {
        float score = scores[ViewItem(view, i)];

        out[i] = score > 0 ? score : -1.0f / (1.0f + popularity[i]);
    }
}

/* How alike the item is, if it is among the neighbours; otherwise 0. */
static float SimilarityTo(const Neighbors *n, uint32_t item)
{
    for (uint32_t i = 0; i < n->count && n->similarity[i] > 0; i++)
        if (n->item[i] == (float)item)
            return n->similarity[i];
    return 0;
}

/* Of a view of items here and there. */
static void CompareEach(const Neighbors *n, const Model *view, float *out)
{
    for (uint32_t r = 0; r < view->items; r++) {
        float similarity = SimilarityTo(n, ViewItem(view, r));

        if (similarity > 0)
            out[r] = similarity;
    }
}

void KnnSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    Neighbors n = RowNeighbors(one, 0);
    uint32_t place;

    (void)axis; /* users are not compared */
    for (uint32_t r = 0; r < view->items; r++)
        out[r] = NOT_ALIKE;
    if (view->item_rows != NULL) {
        CompareEach(&n, view, out);
        return;
    }
    for (uint32_t i = 0; i < n.count && n.similarity[i] > 0; i++)
        if (IsAmong(&n, i, view->first_item, view->items, &place))
            out[place] = n.similarity[i];
}

/* How often the query has taken the item: once, unless it is made of the last few. */
static uint32_t TimesTaken(const Model *view, const float *query, uint32_t item)
{
    uint32_t slots = Slots(view), times = 0;

    for (uint32_t i = 0; i < slots; i++)
        times += query[i] == (float)item;
    return slots == 0 ? 1 : times;
}

void KnnExplain(const Host *host, const Model *history, const float *query, const Model *one,
                float *out)
{
    uint32_t item = ViewItem(one, 0);

    for (uint32_t h = 0; h < history->items; h++) {
        Neighbors n = RowNeighbors(history, h);
        uint32_t times = TimesTaken(history, query, ViewItem(history, h));

        out[h] = times == 0 ? 0 : (float)times * SimilarityTo(&n, item);
        if (h % POLL_EVERY == 0)
            HostPoll(host);
    }
}
