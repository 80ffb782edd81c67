/* windows.c: cuts histories into windows. */
#include "algo/sasrec/windows.h"

/* Users between two looks at interrupts. */
#define POLL_USERS 4096

/* Of a user with so many events: a cut at any place makes one more than fit. */
static uint64_t MostWindows(uint64_t events, uint32_t length, bool last)
{
    return events < 2 ? 0 : last ? 1 : (events - 1 + length - 1) / length + 1;
}

/* An estimate where no events are at hand: their number as that of interactions. */
static uint64_t WindowsRoom(const Interactions *data, uint32_t length, bool last)
{
    uint64_t count = data->events == NULL ? data->count : data->events->count, room = 0;

    if (data->events == NULL)
        return last ? data->users : count / length + 2 * (uint64_t)data->users;
    for (uint32_t u = 0; u < data->users; u++)
        room += MostWindows(data->events->offset[u + 1] - data->events->offset[u], length, last);
    return room;
}

size_t WindowsMemory(const Interactions *shape, uint32_t length, bool last)
{
    uint64_t count = shape->events == NULL ? shape->count : shape->events->count;
    size_t total = SizeMultiply(count, sizeof(uint32_t));

    if ((shape->columns & COLUMN_WEIGHT) != 0)
        total = SizeAdd(total, SizeMultiply(count, sizeof(float)));
    total = SizeAdd(total, SizeMultiply((size_t)shape->users + 1, sizeof(uint64_t)));
    return SizeAdd(
        total, SizeMultiply(WindowsRoom(shape, length, last), sizeof(Window) + sizeof(uint32_t)));
}

void WindowsCreate(const Host *host, const Interactions *data, uint32_t length, bool last,
                   Windows *windows)
{
    uint64_t room = WindowsRoom(data, length, last);

    *windows = (Windows){.data = data, .length = length, .last = last};
    windows->item = HostAllocate(host, data->events->count, sizeof(uint32_t));
    if (data->events->weight != NULL)
        windows->weight = HostAllocate(host, data->events->count, sizeof(float));
    windows->offset = HostAllocate(host, (size_t)data->users + 1, sizeof(uint64_t));
    windows->window = HostAllocate(host, room, sizeof(Window));
    windows->order = HostAllocate(host, room, sizeof(uint32_t));
}

void WindowsRelease(const Host *host, Windows *windows)
{
    HostRelease(host, windows->item);
    HostRelease(host, windows->weight);
    HostRelease(host, windows->offset);
    HostRelease(host, windows->window);
    HostRelease(host, windows->order);
}

static void TakeEvent(Windows *windows, uint64_t event, uint64_t at)
{
    const Events *events = windows->data->events;

    windows->item[at] = events->item[event];
    if (windows->weight != NULL)
        windows->weight[at] = (float)((double)events->weight[event] / events->mean_weight);
}

void WindowsTake(const Host *host, Windows *windows, bool held_too)
{
    const Interactions *data = windows->data;
    const Events *events = data->events;
    uint64_t count = 0;

    for (uint32_t u = 0; u < data->users; u++) {
        windows->offset[u] = count;
        for (uint64_t i = events->offset[u]; i < events->offset[u + 1]; i++)
            if (held_too || !IsHeldOut(data, u, events->item[i]))
                TakeEvent(windows, i, count++);
        if (u % POLL_USERS == 0)
            HostPoll(host);
    }
    windows->offset[data->users] = count;
}

static void AddWindow(Windows *windows, uint32_t user, uint64_t first, uint64_t end)
{
    if (first >= end)
        return;
    windows->window[windows->count++] = (Window){first, user, (uint32_t)(end - first)};
    windows->rows += end - first;
}

/* All but the last item are read: the first window is as long as is drawn. */
static void CutUser(Windows *windows, uint32_t user, Random *random)
{
    uint64_t first = windows->offset[user], end = windows->offset[user + 1], cut;
    uint32_t length = windows->length;

    if (end - first < 2)
        return;
    end--;
    if (windows->last) {
        AddWindow(windows, user, end - first > length ? end - length : first, end);
        return;
    }
    cut = first + (end - first <= length ? length : RandomBelow(random, length));
    for (; cut < end; cut += length) {
        AddWindow(windows, user, first, cut);
        first = cut;
    }
    AddWindow(windows, user, first, end);
}

void WindowsCut(const Host *host, Windows *windows, Random *random)
{
    windows->count = 0;
    windows->rows = 0;
    for (uint32_t u = 0; u < windows->data->users; u++) {
        CutUser(windows, u, random);
        if (u % POLL_USERS == 0)
            HostPoll(host);
    }
    for (uint32_t w = 0; w < windows->count; w++)
        windows->order[w] = w;
    RandomShuffle(random, windows->order, windows->count);
}
