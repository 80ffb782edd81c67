/*
 * live.h: events that were observed since the last refresh.
 *
 * Each is a row of its own in version 0 of the model's table, under a part that names its user
 * ("event:<user>") and a random block number: so observers never wait for each other, and what
 * serving a user needs is one look into the key.  An item that the model does not know has rows
 * under "item:<item>".  A refresh learns these rows and deletes them.
 */
#ifndef RECADV_LIVE_H
#define RECADV_LIVE_H

#include "pg/dictionary.h"
#include "pg/table.h"

typedef struct LiveEvent {
    Id user;
    Id item;
    int64 time;
} LiveEvent;

typedef struct LiveRows {
    uint32 count; /* events */
    LiveEvent *events;
    uint32 rows; /* rows in the table: events and items */
    ItemPointerData *places;
} LiveRows;

/* Writes an event into the table, and the item if it is `new_item`; needs SPI. */
extern void LiveAdd(ModelTable *table, const LiveEvent *event, bool new_item);

/* Events of one user, in order of time. */
extern LiveRows LiveOfUser(ModelTable *table, const Header *header, Id user);

/* All of them, in no order. */
extern LiveRows LiveAll(ModelTable *table, const Header *header);

/* Items that have been observed and are not in the dictionary; ascending. */
extern IdList LiveItems(ModelTable *table, const Header *header, const Dictionary *items);

/* Deletes rows that were read; needs SPI. */
extern void LiveDelete(Oid relid, const LiveRows *live);

#endif
