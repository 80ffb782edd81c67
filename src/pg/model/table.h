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

#define PART_CURRENT "current"
#define PART_RUN     "run"
#define PART_HEADER  "header"
#define PART_HISTORY "history"

/* Which version serves; the stamp is random, so that no two trainings share one. */
typedef struct Current {
    int32 version;  /* 0: none yet */
    int32 previous; /* served before it; 0: none */
    uint32 changes; /* how often it was set: the later of two is greater */
    uint32 stamp[4];
} Current;

typedef struct ModelTable {
    ModelStore store; /* first: a ModelTable is a ModelStore */
    Relation relation;
    Oid index;
    void (*on_close)(void *closing); /* or NULL */
    void *closing;
} ModelTable;

/*
 * The table that a call means: the name, else the setting recadv.model, else the only model that
 * the caller may read.  Fails with a list of candidates otherwise.
 */
extern Oid ModelResolve(text *name);

/* OID of a named relation, InvalidOid if it does not exist. */
extern Oid ModelLookup(const char *name);

/* Opens for reading: checks that it is a model, and the caller's right to SELECT. */
extern void ModelTableOpen(Oid relid, ModelTable *table);

/* Opens for writing; only the owner may. */
extern void ModelTableOpenOwned(Oid relid, ModelTable *table);

/* Fails if the table has triggers, rules, check constraints or more than its primary key. */
extern void ModelTableCheckPlain(const ModelTable *table);

/* The lock stays until the end of the transaction. */
extern void ModelTableClose(ModelTable *table);

/* Numbers of the blocks of a part, ascending. */
extern List *ModelTableBlocks(ModelTable *table, int32 version, const char *part);

/* Creates the table, owned by the caller; needs SPI. */
extern Oid ModelTableCreate(const char *name);

/* The version that serves; fails if there is none unless `missing_ok`. */
extern Current ModelTableCurrent(ModelTable *table, bool missing_ok);

/* Points readers at a version from the commit on; the table is open.  Needs SPI. */
extern void ModelTableSetCurrent(ModelTable *table, int32 version, int32 previous);

/* A version number above all others; needs SPI. */
extern int32 ModelTableNextVersion(Oid relid);

/* Lets a new version serve from the commit on and keeps `keep` versions; needs SPI. */
extern void ModelTablePublish(Oid relid, int32 version, int keep);

/* Versions that have a header, newest first (a list of integers); needs SPI. */
extern List *ModelTableVersions(Oid relid);

/* Inserts blocks of one version, replacing those that exist; needs SPI. */
typedef struct TableSink {
    ModelSink sink;
    struct _SPI_plan *plan;
    MemoryContext scratch;
} TableSink;

extern void TableSinkOpen(Oid relid, int32 version, TableSink *sink);
extern void TableSinkClose(TableSink *sink);

/* Quoted, schema-qualified name. */
extern char *RelationName(Oid relid);

#endif
