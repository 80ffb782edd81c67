/*
 * compare.c: which users, or items, are alike, and the query of a visitor, whose history the memory
 * has not noted: it is written into a fresh memory for this one question.
 */
#include <string.h>

#include "algo/nmrn/memory_network.h"

static int PartOf(Axis axis)
{
    return axis == AXIS_USER ? NMRN_USER_PART : NMRN_ITEM_PART;
}

/* Minus the distance, as in the score. */
void NmrnSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    const Part *part = &view->part[PartOf(axis)];

    MemoryScore(one->part[PartOf(axis)].data, part->data, NULL, part->rows, part->stride, out);
}

void NmrnExplain(const Host *host, const Model *history, const float *query, const Model *one,
                 float *out)
{
    (void)host, (void)query;
    NmrnSimilarity(one, history, AXIS_ITEM, out);
}

/* A row for a user who has none, and copies of the shared rows that write() changes. */
static Model MakeVisitor(const Host *host, const Model *history)
{
    Model view = *history;

    view.users = 1;
    for (int i = 0; i < view.parts; i++) {
        Part *part = &view.part[i];
        const float *shared = part->data;
        size_t floats = (size_t)part->rows * part->stride;

        if (part->axis == AXIS_USER) {
            part->rows = 1;
            part->data = HostAllocateZero(host, part->stride, sizeof(float));
        } else if (part->axis == AXIS_SHARED && part->written) {
            part->data = HostAllocate(host, floats, sizeof(float));
            memcpy(part->data, shared, floats * sizeof(float));
        }
    }
    return view;
}

static void ReleaseVisitor(const Host *host, Model *view)
{
    for (int i = 0; i < view->parts; i++)
        if (view->part[i].axis == AXIS_USER ||
            (view->part[i].axis == AXIS_SHARED && view->part[i].written))
            HostRelease(host, view->part[i].data);
}

/* The history is noted event by event, as a user's own would be. */
void NmrnFoldIn(const Host *host, const Model *history, const Model *sample, float *query)
{
    Model view = MakeVisitor(host, history);

    (void)sample;
    NmrnStartUser(&view, 0, 0);
    for (uint32_t i = 0; i < history->items; i++) {
        NmrnWrite(&view, &(Event){.user = 0, .item = i, .weight = 1});
        HostPoll(host);
    }
    NmrnQuery(&view, &(QueryInput){.row = 0}, query);
    ReleaseVisitor(host, &view);
}
