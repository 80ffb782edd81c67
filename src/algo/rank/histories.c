/*
 * histories.c: makes queries of users from interactions that are in memory, where an algorithm asks
 * for a history.
 *
 * For validations and evaluations; serving reads histories from the table (pg/serve/history.c).
 */
#include "algo/rank/histories.h"

#include <string.h>

static HistoryNeed NeedOf(const Model *model)
{
    return model->algorithm->history(model->options);
}

static uint32_t Longest(const uint64_t *offset, uint32_t users)
{
    uint64_t longest = 0;

    for (uint32_t u = 0; u < users; u++)
        if (offset[u + 1] - offset[u] > longest)
            longest = offset[u + 1] - offset[u];
    return (uint32_t)longest;
}

Histories HistoriesOf(const Model *model, const Interactions *data, bool held)
{
    Histories h = {.data = data, .held = held};
    HistoryNeed need;

    if (model->algorithm->history == NULL)
        return h;
    need = NeedOf(model);
    h.room = need.ordered ? need.limit : Longest(data->offset, data->users);
    return h;
}

size_t HistoriesMemory(const Model *model, int threads)
{
    HistoryNeed need;

    if (model->algorithm->history == NULL)
        return 0;
    need = NeedOf(model);
    return SizeMultiply((size_t)threads * sizeof(uint32_t),
                        need.ordered ? need.limit : model->items);
}

/* All items of the user, ascending, without the held-out one. */
static uint32_t TakeItems(const Histories *h, uint32_t user, uint32_t *items)
{
    const Interactions *data = h->data;
    uint32_t count = 0;

    for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++)
        if (h->held || !IsHeldOut(data, user, data->item[i]))
            items[count++] = data->item[i];
    return count;
}

/* The last `limit` events of the user, from the back, then in order of time. */
static uint32_t TakeLast(const Histories *h, uint32_t user, uint32_t limit, uint32_t *items)
{
    const Events *events = h->data->events;
    uint64_t first = events->offset[user];
    uint32_t count = 0;

    for (uint64_t i = events->offset[user + 1]; i > first && count < limit; i--)
        if (h->held || !IsHeldOut(h->data, user, events->item[i - 1]))
            items[limit - ++count] = events->item[i - 1];
    memmove(items, items + limit - count, count * sizeof(*items));
    return count;
}

void HistoriesQuery(const Histories *h, const Model *model, uint32_t user, uint32_t *scratch,
                    float *query)
{
    QueryInput input = {.row = user};

    if (model->algorithm->history != NULL) {
        HistoryNeed need = NeedOf(model);

        input.items = scratch;
        input.count =
            need.ordered ? TakeLast(h, user, need.limit, scratch) : TakeItems(h, user, scratch);
    }
    model->algorithm->query(model, &input, query);
}
