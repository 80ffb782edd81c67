/*
 * score.c: scores of queries for all items of a view: from inner products, or as the algorithm
 * makes them.
 *
 * Every other way to a score gives the bytes of this one.
 */
#include "algo/algorithm.h"
#include "core/blas.h"

/* Items whose scalars are derived at a time. */
#define SCALARS_ITEMS 256

/* Without a query, the item's only float stands for the product. */
static void Multiply(const Model *view, const float *queries, uint32_t count, float *out)
{
    const Part *part = &view->part[view->algorithm->items];

    if (view->algorithm->query_width(view) > 0) {
        MultiplyTransposed(queries, part->data, count, view->items, part->stride, out);
        return;
    }
    for (uint32_t q = 0; q < count; q++)
        for (uint32_t i = 0; i < view->items; i++)
            out[(size_t)q * view->items + i] = part->data[(size_t)i * part->stride];
}

/* Scalars are derived for a few items at a time, on the stack: worker threads own no memory. */
static void Finish(const Model *view, const float *queries, uint32_t count, float *out)
{
    const Algorithm *algorithm = view->algorithm;
    uint32_t width = algorithm->query_width(view);
    float scalars[MAX_SCALARS * SCALARS_ITEMS];

    for (uint32_t first = 0; first < view->items; first += SCALARS_ITEMS) {
        uint32_t left = view->items - first, n = left < SCALARS_ITEMS ? left : SCALARS_ITEMS;
        Model part;

        ModelViewItems(view, first, n, &part);
        if (algorithm->scalars > 0)
            algorithm->item_scalars(&part, scalars);
        for (uint32_t q = 0; q < count; q++)
            algorithm->finish(view, queries + (size_t)q * width, scalars, n, n,
                              out + (size_t)q * view->items + first);
    }
}

static void ScoreEach(const Model *view, const float *queries, uint32_t count, float *out)
{
    size_t width = view->algorithm->query_width(view);

    for (uint32_t q = 0; q < count; q++)
        view->algorithm->score(view, queries + q * width, out + (size_t)q * view->items);
}

void ModelScore(const Model *view, const float *queries, uint32_t count, float *out)
{
    if (view->algorithm->score != NULL) {
        ScoreEach(view, queries, count, out);
        return;
    }
    Multiply(view, queries, count, out);
    if (view->algorithm->finish != NULL)
        Finish(view, queries, count, out);
}
