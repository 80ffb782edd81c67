/*
 * topk.c: keeps the k best in a binary heap with the worst of them at its root, which is all that a
 * new score has to beat.
 */
#include "core/topk.h"

static void SiftDown(Scored *entries, uint32_t count, uint32_t parent)
{
    Scored moved = entries[parent];

    for (;;) {
        uint64_t child = 2 * (uint64_t)parent + 1;

        if (child >= count)
            break;
        if (child + 1 < count && ScoredBetter(entries[child], entries[child + 1]))
            child++;
        if (!ScoredBetter(moved, entries[child]))
            break;
        entries[parent] = entries[child];
        parent = (uint32_t)child;
    }
    entries[parent] = moved;
}

static void SiftUp(Scored *entries, uint32_t child)
{
    Scored moved = entries[child];

    while (child > 0) {
        uint32_t parent = (child - 1) / 2;

        if (!ScoredBetter(entries[parent], moved))
            break;
        entries[child] = entries[parent];
        child = parent;
    }
    entries[child] = moved;
}

void TopKAdd(TopK *top, float score, uint32_t item)
{
    Scored entry = {score, item};

    if (score != score || top->limit == 0)
        return;
    if (top->count < top->limit) {
        top->entries[top->count] = entry;
        SiftUp(top->entries, top->count++);
    } else if (ScoredBetter(entry, top->entries[0])) {
        top->entries[0] = entry;
        SiftDown(top->entries, top->count, 0);
    }
}

void TopKFinish(TopK *top)
{
    for (uint32_t last = top->count; last > 1; last--) {
        Scored worst = top->entries[0];

        top->entries[0] = top->entries[last - 1];
        SiftDown(top->entries, last - 1, 0);
        top->entries[last - 1] = worst;
    }
}
