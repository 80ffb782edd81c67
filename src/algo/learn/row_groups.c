/* row_groups.c: groups the entries of a batch by the row that they move. */
#include "algo/learn/row_groups.h"

#include <string.h>

/* Entries, which lie anywhere, between two looks at interrupts. */
#define BLOCK 262144

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

/* The end of the block that begins at `from`, of `count`; looks at interrupts between blocks. */
static uint32_t BlockEnd(const RowGroups *groups, uint32_t from, uint32_t count)
{
    if (from > 0)
        HostPoll(groups->host);
    return count - from < BLOCK ? count : from + BLOCK;
}

static void NumberRows(RowGroups *groups, const uint32_t *row_of, uint32_t entries)
{
    for (uint32_t e = 0; e < entries;)
        for (uint32_t end = BlockEnd(groups, e, entries); e < end; e++)
            Touch(groups, row_of[e]);
}

/* By number, where the entries of each row end. */
static void FindEnds(RowGroups *groups, const uint32_t *row_of, uint32_t entries)
{
    memset(groups->start, 0, ((size_t)groups->count + 1) * sizeof(uint32_t));
    for (uint32_t e = 0; e < entries;)
        for (uint32_t end = BlockEnd(groups, e, entries); e < end; e++)
            groups->start[groups->number[row_of[e]] - 1]++;
    for (uint32_t n = 0; n < groups->count;)
        for (uint32_t end = BlockEnd(groups, n, groups->count); n < end; n++)
            groups->start[n + 1] += groups->start[n];
}

/* Filling from the back makes starts of the ends. */
void RowGroupsFill(RowGroups *groups, const uint32_t *row_of, uint32_t entries)
{
    NumberRows(groups, row_of, entries);
    FindEnds(groups, row_of, entries);
    for (uint32_t done = 0; done < entries;)
        for (uint32_t end = BlockEnd(groups, done, entries); done < end; done++) {
            uint32_t e = entries - 1 - done;

            groups->entry[--groups->start[groups->number[row_of[e]] - 1]] = e;
        }
}

void RowGroupsClear(RowGroups *groups)
{
    for (uint32_t n = 0; n < groups->count;)
        for (uint32_t end = BlockEnd(groups, n, groups->count); n < end; n++)
            groups->number[groups->row[n]] = 0;
    groups->count = 0;
}
