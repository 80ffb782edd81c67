/*
 * table.h: a model's table.
 *
 * Columns as in the type recadv_model: version, part, block, data.  Version 0 holds what belongs
 * to the model as a whole: part "current" names the version that serves, part "run" is the log of
 * training runs.  Versions from 1 hold the models.
 */
#ifndef RECADV_PG_MODEL_TABLE_H
#define RECADV_PG_MODEL_TABLE_H

#include "pg/model/blocks.h"

#include "storage/lockdefs.h"
#include "utils/relcache.h"

typedef struct ModelTable {
    ModelStore store; /* first: a ModelTable is a ModelStore */
    Relation relation;
    Oid index;
    void (*on_close)(void *closing); /* or NULL */
    void *closing;
} ModelTable;

/* What a model is opened for, which decides the rights that the caller needs and the lock. */
typedef enum ModelUse {
    MODEL_READ,    /* SELECT */
    MODEL_OBSERVE, /* SELECT and INSERT */
    MODEL_OWN      /* be its owner, or a member of the owner */
} ModelUse;

/* The lock that a use takes: that of the statements that will follow. */
extern LOCKMODE ModelLock(ModelUse use);

/* Fails unless the caller has the rights that the use needs. */
extern void ModelCheckRights(Oid relid, ModelUse use);

/*
 * Takes the use's lock, and under it checks all that makes the use safe: that it is a model, the
 * caller's rights, and, where rows will be written, that no code of others would run with them.
 */
extern void ModelTableOpenFor(Oid relid, ModelUse use, ModelTable *table);

/* Opens what the transaction has opened for such a use before, whose lock it still holds. */
extern void ModelTableReopen(Oid relid, ModelTable *table);

/* The same as the first for one use. */
extern void ModelTableOpen(Oid relid, ModelTable *table);
extern void ModelTableOpenOwned(Oid relid, ModelTable *table);

/* Opens for reading; false where that would have to wait. */
extern bool ModelTableTryOpen(Oid relid, ModelTable *table);

/* The lock stays until the end of the transaction. */
extern void ModelTableClose(ModelTable *table);

/* Closes what ModelTableTryOpen opened, and releases the lock. */
extern void ModelTableRelease(ModelTable *table);

/*
 * Bytes of a row of version 0.  None that recadv writes comes near it, and whoever may INSERT can
 * write one that unfolds to a gigabyte: such a row is not unfolded.
 */
#define MAX_SHARED_ROW ((Size)8 << 20)

/* The stored bytes of a block of any version, NULL if there is none. */
extern bytea *ModelTableFetch(ModelTable *table, int32 version, const char *part, uint32 number);

/* Numbers of the blocks of a part, ascending. */
extern List *ModelTableBlocks(ModelTable *table, int32 version, const char *part);

/*
 * Is there a row of the version (part == NULL), or a block of the part, be it one that another
 * transaction has not committed yet?  To write there would mean to wait for that transaction.
 */
extern bool ModelTableOccupied(ModelTable *table, int32 version, const char *part, int32 number);

#endif
