/*
 * event_row.h: what the rows of observed events hold.  For the files of pending.h, but for the
 * event.
 *
 * An event has a row of its own; a bulk load packs those of one user into one, and its new items.
 * Packs have other names than single rows: a version of recadv that does not know them leaves them
 * alone.
 */
#ifndef RECADV_PG_STREAM_EVENT_ROW_H
#define RECADV_PG_STREAM_EVENT_ROW_H

#include "pg/model/header.h"

/* What the parts of such rows begin with; the rest is the id of the event's user, or of an item. */
#define EVENT_PREFIX  "event:"
#define EVENTS_PREFIX "events:"
#define ITEM_PREFIX   "item:"

/* The part of packs of items. */
#define ITEMS_PART "items"

/* Events, or items, of a pack, at most; a row that has more is damaged. */
#define MAX_PACK 1024

/* Bytes of an integer as text, at most. */
#define BIGINT_LENGTH 20

typedef struct PendingEvent {
    Id user;
    Id item;
    int64 time;
} PendingEvent;

/* The part that stands for an id; and back: false if it cannot be one of the model's ids. */
extern char *PartOfId(const char *prefix, Id id);
extern bool IdOfPart(const char *part, const char *prefix, IdKind kind, Id *id);

/* The data of the row of one event or several, of an item that the model does not know, and of
 * a pack of such items. */
extern bytea *EventBlock(const char *part, uint32 number, const PendingEvent **events,
                         uint32 count);
extern bytea *ItemBlock(const char *part, uint32 number);
extern bytea *ItemsBlock(uint32 number, const Id *items, uint32 count);

/* Reads a row of events: NULL and the events, or what is wrong with the row. */
extern const char *ParseEvents(const Header *header, const char *part, uint32 number, bytea *bytes,
                               PendingEvent **events, uint32 *count);

/* Events of a row, whosever they are; those of a damaged row count as one. */
extern uint32 CountEvents(const char *part, uint32 number, bytea *bytes);

/* Reads a pack of items: NULL and those names that can be ids, or what is wrong with the row. */
extern const char *ParseItems(IdKind kind, uint32 number, bytea *bytes, Id **items, uint32 *count);

#endif
