/*
 * pending.h: events that were observed since the last refresh.
 *
 * Each is a row of its own in version 0 of the model's table, under a part that names its user
 * ("event:<user>") and a random block number: so observers never wait for each other, and what
 * serving a user needs is a look into the key.  An item that the model does not know has rows
 * under "item:<item>".  Of many events that are written at once, those of a user share a row
 * ("events:<user>"), and many new items, too ("items").  A refresh learns these rows and deletes
 * them.
 */
#ifndef RECADV_PG_STREAM_PENDING_H
#define RECADV_PG_STREAM_PENDING_H

#include "pg/model/dictionary.h"
#include "pg/model/table.h"
#include "pg/stream/event_row.h"

/* Rows under the name of an event that are none: whoever may insert can write them. */
typedef struct PendingDamage {
    uint64 count;
    char *first;  /* which one, and what is wrong */
    uint64 newer; /* of a format that a newer version of recadv knows: these stay in the table */
    char *first_newer;
} PendingDamage;

typedef struct PendingRows {
    uint32 count; /* events */
    PendingEvent *events;
    uint32 rows; /* rows in the table: of events, also damaged ones, and of items */
    ItemPointerData *places;
    uint32 event_room, place_room;
    PendingDamage damage;
} PendingRows;

/*
 * What is to be written: events, and those of `new_items` that are not noted yet.  Keeps the
 * events' memory in use; finds what can be wrong, short of storage that fails.  Needs SPI.
 */
typedef struct PendingBatch PendingBatch;

extern PendingBatch *PendingPrepare(ModelTable *table, const PendingEvent *events, uint32 count,
                                    const IdList *new_items);

/* Writes it into the same table; needs SPI. */
extern void PendingWrite(const ModelTable *table, PendingBatch *batch);

/* Has the item a row of its own?  Also if the present statement has written it. */
extern bool PendingIsNoted(ModelTable *table, Id item);

/* Events of one user, in order of time, but those that cannot be read, with a warning. */
extern PendingRows PendingOfUser(ModelTable *table, const Header *header, Id user);

/* All of them, in no order, but those that cannot be read. */
extern PendingRows PendingAll(ModelTable *table, const Header *header);

/* How many that are; keeps none in memory. */
extern uint64 PendingCount(ModelTable *table, const Header *header);

/* Items that have been observed and are not in the dictionary; ascending.  Names that cannot be
 * ids of the model's kind are passed over. */
extern IdList PendingItems(ModelTable *table, const Header *header, const Dictionary *items);

/* Tells which rows of such items a look into the table sees: where they are the same, so are the
 * items.  Cheaper than reading them. */
typedef struct PendingItemsMark {
    uint64 file; /* of the table: one that was rewritten has rows at other places */
    uint64 rows;
    uint64 hash;
} PendingItemsMark;

extern PendingItemsMark PendingItemsMarkTake(ModelTable *table);

/* What a new version of the model knows. */
typedef struct PendingTests {
    bool (*learnt)(void *arg, const PendingEvent *event);
    bool (*known)(void *arg, Id item);
    void *arg;
} PendingTests;

/*
 * Deletes events that are learnt and the rows of items that are known, also damaged rows, with a
 * warning, but none of a newer format.  Needs SPI and a snapshot.
 */
extern void PendingForget(ModelTable *table, const Header *header, const PendingTests *tests);

/* Deletes rows that were read, also damaged ones, with a warning; needs SPI. */
extern void PendingDelete(Oid relid, const PendingRows *pending);

#endif
