/*
 * row_groups.h: which rows of a part a batch touches, and which entries of the batch move each.
 *
 * Rows are numbered in the order in which the entries name them, and the entries of a row stand in
 * their own order: sums over them are the same however the rows are shared among threads.
 */
#ifndef RECADV_ALGO_LEARN_ROW_GROUPS_H
#define RECADV_ALGO_LEARN_ROW_GROUPS_H

#include "core/host.h"

typedef struct RowGroups {
    const Host *host;
    uint32_t *number; /* per row of the part: its number + 1; 0: it is not touched */
    uint32_t *row;    /* by number */
    uint32_t *start;  /* by number, one more: its entries */
    uint32_t *entry;
    uint32_t count; /* rows that are touched */
} RowGroups;

/* For a part of so many rows, and at most so many entries of a batch. */
extern void RowGroupsCreate(const Host *host, uint32_t rows, uint32_t entries, RowGroups *groups);
extern void RowGroupsRelease(const Host *host, RowGroups *groups);
extern size_t RowGroupsMemory(uint32_t rows, uint32_t entries);

/* row_of: the row of each entry.  Main thread, as it looks at interrupts. */
extern void RowGroupsFill(RowGroups *groups, const uint32_t *row_of, uint32_t entries);

/* Touches nothing any more: before the next RowGroupsFill. */
extern void RowGroupsClear(RowGroups *groups);

#endif
