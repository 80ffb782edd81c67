/* row_groups.c: groups the entries of a batch by the row that they move. */
#include "algo/learn/row_groups.h"

#include <string.h>

/* Entries, which lie anywhere, between two looks at interrupts. */
#define POLL_EVERY 262144

static uint32_t Touched(uint32_t rows, uint32_t entries)
{
    return rows < entries ? rows : entries;
}

void RowGroupsCreate(const Host *host, uint32_t rows, uint32_t entries, RowGroups *groups)
{
    uint32_t touched = Touched(rows, entries);

    groups->host = host;
    groups->number = HostAllocateZero(host, rows, sizeof(uint32_t));
    groups->row = HostAllocate(host, touched, sizeof(uint32_t));
    groups->start = HostAllocate(host, (size_t)touched + 1, sizeof(uint32_t));
    groups->entry = HostAllocate(host, entries, sizeof(uint32_t));
    groups->count = 0;
}

void RowGroupsRelease(const Host *host, RowGroups *groups)
{
    HostRelease(host, groups->number);
    HostRelease(host, groups->row);
    HostRelease(host, groups->start);
    HostRelease(host, groups->entry);
}

size_t RowGroupsMemory(uint32_t rows, uint32_t entries)
{
    return ((size_t)rows + 2 * (size_t)Touched(rows, entries) + 1 + entries) * sizeof(uint32_t);
}

static void Touch(RowGroups *groups, uint32_t row)
{
    if (groups->number[row] != 0)
        return;
    groups->row[groups->count] = row;
    groups->number[row] = ++groups->count;
}

static void PollAt(const RowGroups *groups, uint32_t entry)
{
    if (entry % POLL_EVERY == POLL_EVERY - 1)
        HostPoll(groups->host);
}

/* First counts, then ends, which filling from the back makes starts. */
void RowGroupsFill(RowGroups *groups, const uint32_t *row_of, uint32_t entries)
{
    for (uint32_t e = 0; e < entries; e++) {
        Touch(groups, row_of[e]);
        PollAt(groups, e);
    }
    memset(groups->start, 0, ((size_t)groups->count + 1) * sizeof(uint32_t));
    for (uint32_t e = 0; e < entries; e++) {
        groups->start[groups->number[row_of[e]] - 1]++;
        PollAt(groups, e);
    }
    for (uint32_t n = 1; n <= groups->count; n++)
        groups->start[n] += groups->start[n - 1];
    for (uint32_t e = entries; e-- > 0;) {
        groups->entry[--groups->start[groups->number[row_of[e]] - 1]] = e;
        PollAt(groups, e);
    }
}

void RowGroupsClear(RowGroups *groups)
{
    for (uint32_t n = 0; n < groups->count; n++) {
        groups->number[groups->row[n]] = 0;
        PollAt(groups, n);
    }
    groups->count = 0;
}
