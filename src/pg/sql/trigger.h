/*
 * trigger.h: what recadv_attach() tells the trigger that it makes.
 *
 * A trigger belongs to a model by its OID, which a new name or schema leaves as it is.  Where the
 * table that has it was restored from a dump, models have other OIDs: then the name counts.
 */
#ifndef RECADV_PG_SQL_TRIGGER_H
#define RECADV_PG_SQL_TRIGGER_H

#include "pg/base/compat.h"

#include "utils/reltrigger.h"

/* Arguments of the trigger, in this order; the last since 0.2.0. */
enum {
    TRIGGER_MODEL,
    TRIGGER_USER,
    TRIGGER_ITEM,
    TRIGGER_TIME,
    TRIGGER_ON_ERROR,
    TRIGGER_IDENTITY,
    TRIGGER_ARGS
};

/* What an error does: fail the statement; be a warning where it is foreseen, that is, unless
 * storage fails; be a warning always, which costs each statement a transaction id. */
#define ON_ERROR_RAISE     "error"
#define ON_ERROR_WARN      "warning"
#define ON_ERROR_SAVEPOINT "savepoint"

/* The argument TRIGGER_IDENTITY for a model. */
extern char *TriggerIdentity(Oid model);

/* OID of the model that a trigger of recadv_attach() observes for; InvalidOid if it is gone. */
extern Oid TriggerModel(const Trigger *trigger);

#endif
