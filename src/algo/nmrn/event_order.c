/*
 * event_order.c: hands the events of an epoch to the training one by one: user by user in random
 * order, or merged by time over all users.
 */
#include "algo/nmrn/event_order.h"

#define POLL_EVERY (1 << 16)

/* Does user a's next event come before user b's? */
static bool Earlier(const EventOrder *o, uint32_t a, uint32_t b)
{
    double x = o->events->time[o->next[a]], y = o->events->time[o->next[b]];

    return x != y ? x < y : a < b;
}

static void SiftDown(const EventOrder *o, uint32_t *heap, uint32_t count, uint32_t at)
{
    uint32_t user = heap[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= count)
            break;
        if (child + 1 < count && Earlier(o, heap[child + 1], heap[child]))
            child++;
        if (!Earlier(o, heap[child], user))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = user;
}

static void StartUsers(EventOrder *o)
{
    for (uint32_t u = 0; u < o->users; u++) {
        o->next[u] = o->events->offset[u];
        if (u % POLL_EVERY == 0)
            HostPoll(o->host);
    }
}

/* A heap of users by the time of their next event gives the user of each event. */
static void MergeByTime(EventOrder *o)
{
    uint32_t *heap = HostAllocate(o->host, o->users, sizeof(uint32_t)), count = 0;

    StartUsers(o);
    for (uint32_t u = 0; u < o->users; u++)
        if (o->events->offset[u] < o->events->offset[u + 1])
            heap[count++] = u;
    for (uint32_t i = count / 2; i-- > 0;) {
        SiftDown(o, heap, count, i);
        if (i % POLL_EVERY == 0)
            HostPoll(o->host);
    }
    for (uint64_t n = 0; n < o->events->count; n++) {
        uint32_t user = heap[0];

        o->user[n] = user;
        if (++o->next[user] == o->events->offset[user + 1])
            heap[0] = heap[--count];
        if (count > 0)
            SiftDown(o, heap, count, 0);
        if (n % POLL_EVERY == 0)
            HostPoll(o->host);
    }
    HostRelease(o->host, heap);
}

size_t OrderMemory(uint64_t events, uint32_t users, TrainOrder kind)
{
    if (kind == ORDER_USER)
        return SizeMultiply(users, sizeof(uint32_t));
    return SizeAdd(SizeMultiply(events, sizeof(uint32_t)),
                   SizeMultiply(users, sizeof(uint64_t) + sizeof(uint32_t)));
}

static void ListUsers(EventOrder *order)
{
    for (uint32_t u = 0; u < order->users; u++)
        order->user[u] = u;
}

void OrderCreate(const Host *host, const Events *events, uint32_t users, TrainOrder kind,
                 EventOrder *order)
{
    *order = (EventOrder){.host = host, .events = events, .users = users, .kind = kind};
    if (kind == ORDER_TIME) {
        order->user = HostAllocate(host, events->count, sizeof(uint32_t));
        order->next = HostAllocate(host, users, sizeof(uint64_t));
        MergeByTime(order);
    } else {
        order->user = HostAllocate(host, users, sizeof(uint32_t));
        ListUsers(order);
    }
    OrderRewind(order);
}

void OrderRelease(EventOrder *order)
{
    HostRelease(order->host, order->user);
    HostRelease(order->host, order->next);
}

void OrderShuffle(EventOrder *order, Random *random)
{
    if (order->kind != ORDER_USER)
        return;
    ListUsers(order);
    RandomShufflePolling(order->host, random, order->user, order->users);
}

void OrderRewind(EventOrder *order)
{
    order->at = 0;
    order->turn = 0;
    if (order->kind == ORDER_TIME)
        StartUsers(order);
    else if (order->users > 0)
        order->step = order->events->offset[order->user[0]];
}

/* The user whose turn it is, and the position of the user's next event. */
static uint32_t NextUser(EventOrder *order, uint64_t *number)
{
    const uint64_t *offset = order->events->offset;
    uint32_t user;

    if (order->kind == ORDER_TIME) {
        user = order->user[order->at];
        *number = order->next[user]++;
        return user;
    }
    while (order->step == offset[order->user[order->turn] + 1])
        order->step = offset[order->user[++order->turn]];
    *number = order->step++;
    return order->user[order->turn];
}

bool OrderNext(EventOrder *order, OrderedEvent *next)
{
    const Events *events = order->events;
    uint64_t n;
    uint32_t user;

    if (order->at == events->count)
        return false;
    user = NextUser(order, &n);
    order->at++;
    *next = (OrderedEvent){
        .event = {user, events->item[n], events->time[n], 1},
        .number = n,
        .first = n == events->offset[user],
    };
    if (events->weight != NULL)
        next->event.weight = (float)(events->weight[n] / events->mean_weight);
    return true;
}
