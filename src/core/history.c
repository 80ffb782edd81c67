/* history.c: sorted arrays that double. */
#include "core/history.h"

#include <string.h>

#include "core/sorted.h"

#define FIRST_ROOM 4

void HistoryInit(const Host *host, uint32_t users, History *history)
{
    history->host = host;
    history->users = HostAllocateZero(host, users, sizeof(ItemSet));
    history->room = users;
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
