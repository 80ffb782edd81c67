/*
 * event_row.h: what the row of an observed event holds.  For pending.c alone, but for the event.
 */
#ifndef RECADV_PG_STREAM_EVENT_ROW_H
#define RECADV_PG_STREAM_EVENT_ROW_H

#include "pg/model/header.h"

/* What the parts of such rows begin with; the rest is the id of the event's user, or of an item. */
#define EVENT_PREFIX "event:"
#define ITEM_PREFIX  "item:"

typedef struct PendingEvent {
    Id user;
    Id item;
    int64 time;
} PendingEvent;

/* The part that stands for an id; and back: false if it cannot be one of the model's ids. */
extern char *PartOfId(const char *prefix, Id id);
extern bool IdOfPart(const char *part, const char *prefix, IdKind kind, Id *id);

/* The data of the row of an event, and of an item that the model does not know. */
extern bytea *EventBlock(const char *part, uint32 number, const PendingEvent *event);
extern bytea *ItemBlock(const char *part, uint32 number);

/* Reads an event: NULL and *event, or what is wrong with the row. */
extern const char *ParseEvent(const Header *header, const char *part, uint32 number, bytea *bytes,
                              PendingEvent *event);

#endif
