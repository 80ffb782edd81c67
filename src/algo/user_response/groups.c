/* groups.c: numbers rows, and sorts entries by counting. */
#include "algo/user_response/groups.h"

#include <string.h>

/* There are at most as many numbers as rows, and as entries. */
static uint32_t Numbers(uint32_t rows, uint32_t entries)
{
    return rows < entries ? rows : entries;
}

void GroupsCreate(const Host *host, uint32_t rows, uint32_t entries, Groups *g)
{
    uint32_t numbers = Numbers(rows, entries);

    *g = (Groups){.number = HostAllocateZero(host, rows, sizeof(uint32_t))};
    g->row = HostAllocate(host, numbers, sizeof(uint32_t));
    g->start = HostAllocate(host, (size_t)numbers + 1, sizeof(uint32_t));
    g->entry = HostAllocate(host, entries, sizeof(uint32_t));
    g->of = HostAllocate(host, entries, sizeof(uint32_t));
    g->what = HostAllocate(host, entries, sizeof(uint32_t));
}

void GroupsRelease(const Host *host, Groups *g)
{
    HostRelease(host, g->number);
    HostRelease(host, g->row);
    HostRelease(host, g->start);
    HostRelease(host, g->entry);
    HostRelease(host, g->of);
    HostRelease(host, g->what);
}

size_t GroupsMemory(uint32_t rows, uint32_t entries)
{
    return ((size_t)rows + 2 * (size_t)Numbers(rows, entries) + 1 + 3 * (size_t)entries) *
           sizeof(uint32_t);
}

void GroupsClear(Groups *g)
{
    for (uint32_t n = 0; n < g->count; n++)
        g->number[g->row[n]] = 0;
    g->count = 0;
    g->entries = 0;
}

void GroupsAdd(Groups *g, uint32_t row, uint32_t what)
{
    if (g->number[row] == 0) {
        g->row[g->count] = row;
        g->number[row] = ++g->count;
    }
    g->of[g->entries] = g->number[row] - 1;
    g->what[g->entries++] = what;
}

/* Counts, then ends, which filling from the back makes starts. */
void GroupsSort(Groups *g)
{
    memset(g->start, 0, ((size_t)g->count + 1) * sizeof(uint32_t));
    for (uint32_t e = 0; e < g->entries; e++)
        g->start[g->of[e]]++;
    for (uint32_t n = 1; n <= g->count; n++)
        g->start[n] += g->start[n - 1];
    for (uint32_t e = g->entries; e-- > 0;)
        g->entry[--g->start[g->of[e]]] = g->what[e];
}
