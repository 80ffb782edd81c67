/*
 * catalog.h: what the system catalogs know of models: their type, their names, who may read them.
 */
#ifndef RECADV_PG_MODEL_CATALOG_H
#define RECADV_PG_MODEL_CATALOG_H

#include "pg/base/compat.h"

#include "nodes/pg_list.h"

/* The schema of the extension, and its type recadv_model; InvalidOid without the extension. */
extern Oid ExtensionSchema(void);
extern Oid ModelType(void);

/* OID of a named relation, InvalidOid if it does not exist. */
extern Oid ModelLookup(const char *name);

/* OIDs of all models that the caller may read, ascending. */
extern List *ReadableModels(void);

/* Quoted, schema-qualified name. */
extern char *RelationName(Oid relid);

#endif
