/* groups.h: entries of a batch by the row that they are about; rows are numbered in order of first
 * appearance. */
#ifndef RECADV_ALGO_USER_RESPONSE_GROUPS_H
#define RECADV_ALGO_USER_RESPONSE_GROUPS_H

#include "core/host.h"

typedef struct Groups {
    uint32_t *number; /* of each row: number + 1, or 0 */
    uint32_t *row;    /* by number */
    uint32_t *start;  /* numbers + 1: where its entries begin */
    uint32_t *entry;  /* of all numbers, in the order in which they came */
    uint32_t *of;     /* of each entry: number */
    uint32_t *what;   /* of each entry: what was added */
    uint32_t count;   /* numbers */
    uint32_t entries;
} Groups;

extern void GroupsCreate(const Host *host, uint32_t rows, uint32_t entries, Groups *groups);
extern void GroupsRelease(const Host *host, Groups *groups);
extern size_t GroupsMemory(uint32_t rows, uint32_t entries);

/* Empties the groups, takes entries, and puts them in order. */
extern void GroupsClear(Groups *groups);
extern void GroupsAdd(Groups *groups, uint32_t row, uint32_t what);
extern void GroupsSort(Groups *groups);

#endif
