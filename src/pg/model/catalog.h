/*
 * catalog.h: what the system catalogs know of models: their type, their names, who may read them.
 */
#ifndef RECADV_PG_MODEL_CATALOG_H
#define RECADV_PG_MODEL_CATALOG_H

#include "pg/base/compat.h"

#include "nodes/pg_list.h"
#include "nodes/primnodes.h"

/* The schema of the extension, and its type recadv_model; InvalidOid without the extension. */
extern Oid ExtensionSchema(void);
extern Oid ModelType(void);

/* A possibly qualified name; fails where a part is longer than names can be, rather than cut it. */
extern RangeVar *ParseRelationName(const char *name);

/*
 * The hint for a name that leads nowhere: the quoted name where that leads to a relation, since
 * names without quotes are folded to lower case; `otherwise` if not.
 */
extern const char *NameHint(const char *name, const char *otherwise);

/* OID of a named relation, InvalidOid if it does not exist. */
extern Oid ModelLookup(const char *name);

/* Is there a model of exactly this name in the search path? */
extern bool IsNameOfModel(const char *name);

/* OIDs of all models that the caller may read, ascending. */
extern List *ReadableModels(void);

/* Quoted, schema-qualified name. */
extern char *RelationName(Oid relid);

#endif
