/* order.h: does the order of a user's interactions carry information? */
#ifndef RECADV_ALGO_CHOICE_ORDER_H
#define RECADV_ALGO_CHOICE_ORDER_H

#include "core/host.h"
#include "core/interactions.h"

/* Needs data->events. */
extern bool OrderInforms(const Host *host, const Interactions *data, uint64_t seed);

/* Bytes that it allocates. */
extern size_t OrderInformsMemory(void);

#endif
