/*
 * id_hash.c: creates, doubles and releases the hash table of integer ids.
 *
 * The table of a large source takes gigabytes: each walk over it looks at interrupts on the way.
 * The lookups, which are called for every row, are inline in the header.
 */
#include "pg/ids/id_hash.h"

#define FIRST_SIZE 1024

/* Slots between two looks at interrupts. */
#define POLL_EVERY ((uint64)1 << 18)

/* Slots given back between two looks: the kernel takes 0.1 s for the pages of one GB. */
#define RELEASE_EVERY ((uint64)1 << 24)

static IdSlot *FreeSlots(MemoryContext context, uint64 size)
{
    IdSlot *slots = AllocateArray(context, IdSlot, size);

    for (uint64 at = 0; at < size; at += POLL_EVERY) {
        memset(slots + at, 0xFF, Min(size - at, POLL_EVERY) * sizeof(IdSlot)); /* FREE_SLOT */
        CHECK_FOR_INTERRUPTS();
    }
    return slots;
}

void IdHashCreate(IdHash *table, MemoryContext context)
{
    *table = (IdHash){.context = context, .size = FIRST_SIZE};
    table->slots = FreeSlots(context, table->size);
    if (!pg_strong_random(&table->salt, sizeof(table->salt)))
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random numbers")));
}

static IdSlot *ShrinkSlots(IdSlot *slots, uint64 from, uint64 to)
{
    while (from > to) {
        from -= Min(from - to, RELEASE_EVERY);
        slots = repalloc_huge(slots, mul_size(from, sizeof(IdSlot)));
        CHECK_FOR_INTERRUPTS();
    }
    return slots;
}

void IdSlotsRelease(IdSlot *slots, uint64 size)
{
    pfree(ShrinkSlots(slots, size, Min(size, RELEASE_EVERY)));
}

void IdHashRelease(IdHash *table)
{
    if (table->slots != NULL)
        IdSlotsRelease(table->slots, table->size);
    table->slots = NULL;
    table->size = 0;
}

IdSlot *IdHashCompact(IdHash *table, uint32 count)
{
    uint64 to = 0;

    for (uint64 i = 0; i < table->size; i++) {
        if (table->slots[i].number != FREE_SLOT)
            table->slots[to++] = table->slots[i];
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    Assert(to == count);
    table->slots = ShrinkSlots(table->slots, table->size, (uint64)count + 1);
    table->size = (uint64)count + 1;
    return table->slots;
}

static inline IdSlot *FindFree(const IdHash *table, uint32 hash)
{
    uint64 at = hash & (table->size - 1);

    while (table->slots[at].number != FREE_SLOT)
        at = (at + 1) & (table->size - 1);
    return &table->slots[at];
}

/* Goes through the old slots in order, which fills the new table in two ascending runs. */
static void Double(IdHash *table)
{
    IdSlot *old = table->slots;
    uint64 size = table->size;

    table->slots = FreeSlots(table->context, size * 2);
    table->size = size * 2;
    for (uint64 i = 0; i < size; i++) {
        if (old[i].number != FREE_SLOT)
            *FindFree(table, IdHashOf(table, old[i].id)) = old[i];
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    IdSlotsRelease(old, size);
}

bool IdHashGrow(IdHash *table, uint32 count)
{
    if (!IdHashIsFull(table, count))
        return false;
    Double(table);
    return true;
}
