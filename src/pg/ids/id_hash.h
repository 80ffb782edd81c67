/*
 * id_hash.h: a hash table from integer ids to their numbers, with open addressing; 16 bytes a slot.
 *
 * The id stands in its slot, so that a lookup in a table larger than the processor's caches waits
 * for one cache line, not for two.
 */
#ifndef RECADV_PG_IDS_ID_HASH_H
#define RECADV_PG_IDS_ID_HASH_H

#include "pg/base/compat.h"

#include "common/hashfn.h"

typedef struct IdSlot {
    int64 id;
    uint32 number; /* FREE_SLOT: none */
} IdSlot;

#define FREE_SLOT PG_UINT32_MAX

typedef struct IdHash {
    MemoryContext context;
    IdSlot *slots;
    uint64 size; /* a power of two, at most 2^32 */
    uint64 salt; /* so that nobody can choose ids that collide */
} IdHash;

/* PostgreSQL 17 brought its own; before there is only the 32-bit form. */
#if PG_VERSION_NUM < 170000
static inline uint64 murmurhash64(uint64 data)
{
    uint64 h = data;

    h ^= h >> 33;
    h *= UINT64CONST(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64CONST(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    return h;
}
#endif

static inline uint32 IdHashOf(const IdHash *table, int64 id)
{
    return (uint32)(murmurhash64((uint64)id ^ table->salt) >> 32);
}

static inline IdSlot *IdHashHome(const IdHash *table, uint32 hash)
{
    return &table->slots[hash & (table->size - 1)];
}

/* The slot of an id, or the free one where it belongs. */
static inline IdSlot *IdHashSeek(const IdHash *table, uint32 hash, int64 id)
{
    uint64 at = hash & (table->size - 1);

    while (table->slots[at].number != FREE_SLOT && table->slots[at].id != id)
        at = (at + 1) & (table->size - 1);
    return &table->slots[at];
}

/* Empty, in that context. */
extern void IdHashCreate(IdHash *table, MemoryContext context);

extern void IdHashRelease(IdHash *table);

/* Like pfree of `size` slots, with looks at interrupts. */
extern void IdSlotsRelease(IdSlot *slots, uint64 size);

/*
 * Moves the `count` slots that are taken to the front, in any order.  After that the table can only
 * be released.
 */
extern IdSlot *IdHashCompact(IdHash *table, uint32 count);

/* To be called before an id is added to `count` others; true if the slots have moved. */
extern bool IdHashGrow(IdHash *table, uint32 count);

/* No model has more than 2^31 ids, so 2^32 slots always do. */
static inline bool IdHashIsFull(const IdHash *table, uint64 count)
{
    return count * 3 >= table->size * 2 && table->size < UINT64CONST(1) << 32;
}

/* Bytes once `count` ids are in the table, few of which are not yet. */
static inline Size IdHashMemory(const IdHash *table, uint64 count)
{
    return mul_size(table->size * (IdHashIsFull(table, count) ? 2 : 1), sizeof(IdSlot));
}

#endif
