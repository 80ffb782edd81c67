/*
 * history.c: what each user has had while events come in: a sorted array that doubles when it is
 * full, and the last items in order.
 */
#include "core/history.h"

#include <string.h>

#include "core/sorted.h"

#define FIRST_ROOM 4

void HistoryInit(const Host *host, uint32_t users, uint32_t limit, History *history)
{
    *history = (History){.host = host, .room = users, .limit = limit};
    history->users = HostAllocateZero(host, users, sizeof(ItemSet));
    if (limit > 0)
        history->recent = HostAllocateZero(host, users, sizeof(RecentItems));
}

void HistoryNote(History *history, uint32_t user, uint32_t item)
{
    RecentItems *recent;

    if (history->recent == NULL)
        return;
    recent = &history->recent[user];
    if (recent->item == NULL)
        recent->item = HostAllocate(history->host, history->limit, sizeof(uint32_t));
    if (recent->count == history->limit)
        memmove(recent->item, recent->item + 1, --recent->count * sizeof(uint32_t));
    recent->item[recent->count++] = item;
}

static void Reserve(const Host *host, ItemSet *set, uint32_t room)
{
    uint32_t *item;

    if (room <= set->room)
        return;
    item = HostAllocate(host, room, sizeof(uint32_t));
    if (set->count > 0)
        memcpy(item, set->item, set->count * sizeof(uint32_t));
    HostRelease(host, set->item);
    set->item = item;
    set->room = room;
}

void HistorySet(History *history, uint32_t user, const uint32_t *items, uint32_t count)
{
    ItemSet *set = &history->users[user];

    set->count = 0;
    Reserve(history->host, set, count);
    if (count > 0)
        memcpy(set->item, items, count * sizeof(uint32_t));
    set->count = count;
}

bool HistoryContains(const History *history, uint32_t user, uint32_t item)
{
    const ItemSet *set = &history->users[user];

    return ContainsSorted(set->item, set->count, item);
}

bool HistoryAdd(History *history, uint32_t user, uint32_t item)
{
    ItemSet *set = &history->users[user];
    uint32_t at = LowerBound(set->item, set->count, item);

    if (at < set->count && set->item[at] == item)
        return false;
    if (set->count == set->room)
        Reserve(history->host, set, set->room == 0 ? FIRST_ROOM : 2 * set->room);
    memmove(set->item + at + 1, set->item + at, (set->count - at) * sizeof(uint32_t));
    set->item[at] = item;
    set->count++;
    return true;
}
