/*
 * collapse.c: finds models whose rows have all become the same, or nothing.
 *
 * Training with too large a step, too much regularization or a source without any pattern ends in
 * such a model, though all its numbers are finite.
 */
#include "algo/rank/collapse.h"

/* Users and items that are looked at. */
#define SAMPLE_USERS 64
#define SAMPLE_ITEMS 4096

static bool IsConstant(const float *scores, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (scores[i] != scores[0])
            return false;
    return true;
}

bool ModelIsCollapsed(const Host *host, const Model *model, const Interactions *data)
{
    Histories histories = HistoriesOf(model, data, true);
    uint32_t items = model->items < SAMPLE_ITEMS ? model->items : SAMPLE_ITEMS;
    uint32_t users = model->users < SAMPLE_USERS ? model->users : SAMPLE_USERS;
    bool collapsed = IsPersonal(model) && users > 0 && items > 1;
    float *query = HostAllocate(host, model->algorithm->query_width(model), sizeof(float));
    float *scores = HostAllocate(host, items, sizeof(float));
    uint32_t *had = HostAllocate(host, histories.room, sizeof(uint32_t));
    Model view;

    ModelViewItems(model, 0, items, &view);
    for (uint32_t i = 0; i < users && collapsed; i++) {
        uint32_t user = (uint32_t)((uint64_t)i * model->users / users);

        HistoriesQuery(&histories, model, user, had, query);
        ModelScore(&view, query, 1, scores);
        collapsed = IsConstant(scores, items);
        HostPoll(host);
    }
    HostRelease(host, query);
    HostRelease(host, scores);
    HostRelease(host, had);
    return collapsed;
}
