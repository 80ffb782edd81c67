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

#include "utils/relcache.h"

typedef struct ModelTable {
    ModelStore store; /* first: a ModelTable is a ModelStore */
    Relation relation;
    Oid index;
    void (*on_close)(void *closing); /* or NULL */
    void *closing;
} ModelTable;

/* Opens for reading: checks that it is a model, and the caller's right to SELECT. */
extern void ModelTableOpen(Oid relid, ModelTable *table);

/* Opens for writing; only the owner may. */
extern void ModelTableOpenOwned(Oid relid, ModelTable *table);

/* Fails if the table has triggers, rules, check constraints or more than its primary key. */
extern void ModelTableCheckPlain(const ModelTable *table);

/* The lock stays until the end of the transaction. */
extern void ModelTableClose(ModelTable *table);

/* The stored bytes of a block of any version, NULL if there is none. */
extern bytea *ModelTableFetch(ModelTable *table, int32 version, const char *part, uint32 number);

/* Numbers of the blocks of a part, ascending. */
extern List *ModelTableBlocks(ModelTable *table, int32 version, const char *part);

#endif
