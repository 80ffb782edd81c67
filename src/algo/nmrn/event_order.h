/*
 * event_order.h: the order in which training visits events: users in random order, each user's
 * events in order of time; or all events in order of time.
 */
#ifndef RECADV_ALGO_NMRN_EVENT_ORDER_H
#define RECADV_ALGO_NMRN_EVENT_ORDER_H

#include "algo/nmrn/memory_network.h"

typedef struct EventOrder {
    const Host *host;
    const Events *events;
    uint32_t users;
    TrainOrder kind;
    uint32_t *user; /* users in their order; or the user of each event */
    uint64_t *next; /* ORDER_TIME: each user's next event */
    uint64_t at;    /* events visited */
    uint32_t turn;  /* ORDER_USER: place of the present user */
    uint64_t step;  /* ORDER_USER: the user's next event */
} EventOrder;

typedef struct OrderedEvent {
    Event event;
    uint64_t number; /* position in the events: stable */
    bool first;      /* of its user */
} OrderedEvent;

extern void OrderCreate(const Host *host, const Events *events, uint32_t users, TrainOrder kind,
                        EventOrder *order);
extern void OrderRelease(EventOrder *order);
extern size_t OrderMemory(uint64_t events, uint32_t users, TrainOrder kind);

/* A random order of users, whatever it was before. */
extern void OrderShuffle(EventOrder *order, Random *random);

extern void OrderRewind(EventOrder *order);

/* False after the last event. */
extern bool OrderNext(EventOrder *order, OrderedEvent *event);

#endif
