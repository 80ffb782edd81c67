/*
 * history.h: the items that each user has had so far, while events come in.
 *
 * Grows by one pair at a time; a user's items are ascending, so that they can be searched and
 * skipped in a ranking.
 */
#ifndef RECADV_CORE_HISTORY_H
#define RECADV_CORE_HISTORY_H

#include "core/host.h"

typedef struct ItemSet {
    uint32_t *item; /* ascending, distinct */
    uint32_t count;
    uint32_t room;
} ItemSet;

/* The last items of a user's events, with repeats. */
typedef struct RecentItems {
    uint32_t *item; /* oldest first */
    uint32_t count;
} RecentItems;

typedef struct History {
    const Host *host;
    ItemSet *users;
    uint32_t room; /* users */
    uint32_t limit;
    RecentItems *recent; /* of each user the last `limit` items; NULL: nobody asks */
} History;

/* Room for `users` users, none of whom has an item yet; `limit`: see `recent`, 0: not wanted. */
extern void HistoryInit(const Host *host, uint32_t users, uint32_t limit, History *history);

/* Notes an event among the recent ones, where these are wanted. */
extern void HistoryNote(History *history, uint32_t user, uint32_t item);

/* Sets a user's items, which must be ascending and distinct. */
extern void HistorySet(History *history, uint32_t user, const uint32_t *items, uint32_t count);

/* False if the user had the item already. */
extern bool HistoryAdd(History *history, uint32_t user, uint32_t item);

extern bool HistoryContains(const History *history, uint32_t user, uint32_t item);

#endif
