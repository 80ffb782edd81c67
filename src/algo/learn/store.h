/* store.h: memory that is counted before it is taken, by the same code. */
#ifndef RECADV_ALGO_LEARN_STORE_H
#define RECADV_ALGO_LEARN_STORE_H

#include "core/host.h"

/* Before each block, in a cache line of its own: the block that was taken before. */
typedef struct StoreLink {
    void *before;
} __attribute__((aligned(64))) StoreLink;

/* host == NULL: bytes are counted alone. */
typedef struct Store {
    const Host *host;
    size_t bytes;
    void *last;
} Store;

/* Zeroed, 64-byte aligned; NULL where bytes are counted. */
static inline void *StoreTake(Store *store, size_t count, size_t size)
{
    size_t bytes = SizeAdd(SizeMultiply(count, size), sizeof(StoreLink));
    StoreLink *link;

    store->bytes = SizeAdd(store->bytes, bytes);
    if (store->host == NULL)
        return NULL;
    link = HostAllocateZero(store->host, bytes, 1);
    link->before = store->last;
    store->last = link;
    return link + 1;
}

static inline void StoreRelease(Store *store)
{
    while (store->last != NULL) {
        StoreLink *link = store->last;

        store->last = link->before;
        HostRelease(store->host, link);
    }
}

#endif
