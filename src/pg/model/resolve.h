/* resolve.h: the model that a call means. */
#ifndef RECADV_PG_MODEL_RESOLVE_H
#define RECADV_PG_MODEL_RESOLVE_H

#include "pg/base/compat.h"

#include "pg/model/table.h"

/*
 * Opens the model that a call means: the name, else the setting recadv.model, else the only model
 * that the caller may read.  Fails with a list of candidates otherwise.  The name is looked up as
 * that of a table in a statement: under the lock, so that it still leads there.
 */
extern void ModelOpen(text *name, ModelUse use, ModelTable *table);

/*
 * The model that ModelOpen would open, without a lock: InvalidOid if nothing has the name.  Fails
 * where no name is given and there is not one model alone.
 */
extern Oid ModelMeant(text *name);

/*
 * OID of a named relation, which is locked for the use, and to which the caller has the rights that
 * it needs; InvalidOid if there is none of that name.
 */
extern Oid ModelLookupFor(const char *name, ModelUse use);

#endif
