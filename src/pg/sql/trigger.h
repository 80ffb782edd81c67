/* trigger.h: what recadv_attach() tells the trigger that it makes. */
#ifndef RECADV_PG_SQL_TRIGGER_H
#define RECADV_PG_SQL_TRIGGER_H

/* Arguments of the trigger, in this order. */
enum { TRIGGER_MODEL, TRIGGER_USER, TRIGGER_ITEM, TRIGGER_TIME, TRIGGER_ON_ERROR, TRIGGER_ARGS };

#define ON_ERROR_WARN  "warning"
#define ON_ERROR_RAISE "error"

#endif
